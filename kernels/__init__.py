"""Fast evaluation of splines and KAN layers: tensors in, tensors out."""

if __name__ == "kernels":
    raise ImportError("kernels is part of sciml: write `from sciml import kernels` or `import sciml.kernels`")
