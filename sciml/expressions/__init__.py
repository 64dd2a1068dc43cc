"""Derivatives of expressions: ``div(k(x) * u.grad())``, ``(u**2).d("x")``.

A residual that differentiates an expression is run on tensors that remember how they were made (``traced``). The derivative
of one is its pushforward along a coordinate: forward mode through the recorded operations, with the next higher derivative
of the field where the field enters (``derivative``). ``operators`` holds div, grad, curl and laplacian, ``residuals``
decides when a residual is traced.
"""

from sciml.expressions.operators import curl, div, grad, laplacian
from sciml.expressions.residuals import evaluate_residual

__all__ = ["curl", "div", "evaluate_residual", "grad", "laplacian"]
