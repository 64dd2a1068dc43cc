"""Solve, fine-tune, keep and look at solutions."""

if __name__ == "solvers":
    raise ImportError("solvers is part of sciml: write `from sciml import solvers` or `import sciml.solvers`")
