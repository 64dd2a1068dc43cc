"""Tangent kernels of problems: what gradient descent will do, before it is tried."""
