"""A residual at points: as it is where it differentiates the field alone, traced where it differentiates expressions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from sciml.expressions.derivative import derivative
from sciml.expressions.operators import NotTracedError
from sciml.expressions.traced import Traced, plain, trace_of
from sciml.field import Field

PLAIN = (
    "'Tensor' object has no attribute 'd'"  # what a plain tensor says where an expression is differentiated
)


def evaluate_residual(owner: Any, residual: Callable[..., Any], u: Field, x: Tensor, *more: Any) -> Any:
    """``residual(u, x, *more)``, with plain tensors in what it returns.

    It is run as it is first. Where that fails because an expression is differentiated, it is run on traced tensors, from
    then on for this owner at once; all other residuals compute what they always did.

    Args:
        owner: What the residual belongs to; it is marked.
        residual: A user's function.
        u: The field.
        x: Points, ``(n, d)``.
        more: Further arguments, such as normals.
    """
    if not getattr(owner, "_differentiates_expressions", False):
        try:
            return residual(u, x, *more)
        except (AttributeError, NotTracedError) as error:
            if isinstance(error, AttributeError) and PLAIN not in str(error):
                raise
    field, points = trace_of(u, x, derivative)
    out = residual(field, points, *more)
    object.__setattr__(
        owner, "_differentiates_expressions", True
    )  # past the __setattr__ of frozen dataclasses
    return _plain(out)


def _plain(out: Any) -> Any:
    if isinstance(out, Traced):
        return plain(out)
    if isinstance(out, (tuple, list)):
        return [_plain(part) for part in out]
    if isinstance(out, dict):
        return {name: _plain(part) for name, part in out.items()}
    if isinstance(out, Field):
        return plain(out.value)
    return out
