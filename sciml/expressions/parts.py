"""What a residual returns, as named parts with one row a point."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.field import Field

Parts = dict[str, Tensor]  # name -> (n, k), what must vanish


def parts_of(what: str, out: Any, rows: int, single: str = "pde", several: str = "pde_") -> Parts:
    """Named parts ``(n, k)`` of what a residual returned: a tensor, or a tuple, list or dict of tensors.

    Args:
        what: Name of the residual for messages.
        out: What it returned.
        rows: n.
        single, several: Names of a part that comes alone, and of one of several, which its number follows.

    Raises:
        ArgumentError, ArgumentTypeError: A part that is no tensor of real numbers, has another number of rows, or is empty.
    """
    if isinstance(out, dict):
        parts = out
    elif isinstance(out, (tuple, list)):
        parts = {f"{several}{k}": part for k, part in enumerate(out)}
    else:
        parts = {single: out}
    named: Parts = {}
    for name, part in parts.items():
        if isinstance(part, Field):
            part = part.value
        if not isinstance(part, Tensor):
            raise ArgumentTypeError(
                f"{what} needs to return tensors, got {type(part).__name__} for {name!r}."
            )
        if part.is_complex():
            raise ArgumentTypeError(
                f"{what} needs to return real numbers, got {part.dtype} for {name!r}: write the real and the imaginary part "
                "as two terms of two unknowns."
            )
        if part.ndim == 1:
            part = part[:, None]
        if part.ndim != 2 or part.shape[0] != rows or part.shape[1] == 0:
            raise ArgumentError(
                f"{what} needs to return one row a point, for {name!r} shape ({rows}, k), got {tuple(part.shape)}."
            )
        named[name] = part
    if not named:
        raise ArgumentError(f"{what} needs to return at least one term, got none.")
    return named
