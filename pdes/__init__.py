"""The catalogue: particular equations with exact or reference solutions."""

if __name__ == "pdes":
    raise ImportError("pdes is part of sciml: write `from sciml import pdes` or `import sciml.pdes`")
