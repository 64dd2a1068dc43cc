"""div, grad, curl and laplacian of expressions in a residual."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.expressions.traced import Call, Traced, is_traced
from sciml.field import Field


class NotTracedError(ArgumentError):
    """An expression was to be differentiated that does not know how it was made."""


def grad(expression: Any) -> Tensor:
    """Derivatives in space: ``(n, 1) -> (n, d_space)``, ``(n, m) -> (n, m, d_space)``.

    Args:
        expression: Made of the field, the points and functions of both, inside a residual.

    Raises:
        ArgumentError: It is no such expression, or holds an operation that cannot be differentiated.
    """
    if isinstance(expression, Field):
        return expression.grad()
    e = _expression("grad", expression, (2,))
    columns: list[Tensor] = [e.d(i) for i in e._node.trace.space]
    return torch.cat(columns, -1) if e.shape[1] == 1 else torch.stack(columns, -1)


def div(flux: Any) -> Tensor:
    """Divergence in space: ``(n, d_space) -> (n, 1)``, row by row ``(n, m, d_space) -> (n, m)``.

    ``div(k(x) * u.grad())`` applies the product rule; ``k`` is a torch function of the points, of ``u``, or of both.

    Raises:
        ArgumentError: As ``grad``, or the last axis is not that of the space coordinates.
    """
    if isinstance(flux, Field):
        flux_of = flux
        space = flux_of._space
        _check_width("div", flux_of.value, space, flux_of._names)
        return torch.stack([flux_of.d(i)[:, k : k + 1] for k, i in enumerate(space)]).sum(0)
    v = _expression("div", flux, (2, 3))
    trace = v._node.trace
    _check_width("div", v, trace.space, trace.names)
    terms = [_column(v, k).d(i) for k, i in enumerate(trace.space)]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total if v.ndim == 2 else total[..., 0]


def curl(flux: Any) -> Tensor:
    """Curl in space: ``(n, 2) -> (n, 1)``, ``(n, 3) -> (n, 3)``.

    Raises:
        ArgumentError: As ``div``, or the space has neither two nor three coordinates.
    """
    if isinstance(flux, Field):
        space, names = flux._space, flux._names

        def part(k: int, axis: int) -> Tensor:
            return flux.d(axis)[:, k : k + 1]

        values = flux.value
    else:
        v = _expression("curl", flux, (2,))
        space, names, values = v._node.trace.space, v._node.trace.names, v

        def part(k: int, axis: int) -> Tensor:
            return _column(v, k).d(axis)

    if len(space) not in (2, 3):
        raise ArgumentError(f"curl needs two or three space coordinates, got {len(space)}.")
    _check_width("curl", values, space, names)
    if len(space) == 2:
        return part(1, space[0]) - part(0, space[1])
    pairs = ((2, 1), (0, 2), (1, 0))
    return torch.cat([part(a, space[b]) - part(b, space[a]) for a, b in pairs], -1)


def laplacian(expression: Any) -> Tensor:
    """Sum of the second derivatives over the space coordinates, of the shape of ``expression``.

    Raises:
        ArgumentError: As ``grad``.
    """
    if isinstance(expression, Field):
        return expression.laplacian()
    e = _expression("laplacian", expression, (2, 3))
    terms = [e.d(i, i) for i in e._node.trace.space]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _expression(what: str, values: Any, axes: tuple[int, ...]) -> Traced:
    if not isinstance(values, Tensor):
        raise ArgumentTypeError(
            f"{what} needs an expression of the field and the points, got {type(values).__name__}."
        )
    if not is_traced(values):
        raise NotTracedError(
            f"{what} needs an expression made of the field and the points by torch functions inside a residual, got values "
            "that do not know how they were made."
        )
    if values.ndim not in axes:
        raise ArgumentError(f"{what} needs shape (n, m), got {tuple(values.shape)}.")
    return values


def _check_width(what: str, values: Tensor, space: tuple[int, ...], names: tuple[str, ...]) -> None:
    if values.shape[-1] != len(space):
        known = ", ".join(names[i] for i in space)
        raise ArgumentError(
            f"{what} needs one component for each space coordinate ({known}), got shape {tuple(values.shape)}."
        )


# ---- columns: the derivative of one column asks for fewer derivatives than that of all, of which one column is taken

ELEMENTWISE = {
    "add", "sub", "mul", "div", "true_divide", "neg", "negative", "multiply", "subtract", "divide",
    "__add__", "__radd__", "__sub__", "__rsub__", "__mul__", "__rmul__", "__truediv__", "__rtruediv__", "__neg__", "rsub",
}  # fmt: skip


def _column(v: Tensor, k: int) -> Any:
    """Component k along the last axis, which stays with length 1."""
    node = v._node if is_traced(v) else None
    if isinstance(node, Call) and node.part is None and not node.own:
        name = getattr(node.function, "__name__", "")
        if name in ELEMENTWISE and not node.kwargs and all(_fits(a, v.ndim) for a in node.args):
            return node.function(*(_piece(a, k) for a in node.args))
        if name in ("cat", "stack") and _is_last(node, v.ndim):
            for piece in node.args[0]:
                if name == "stack" and k == 0:
                    return piece.unsqueeze(-1)
                width = 1 if name == "stack" else piece.shape[-1]
                if k < width:
                    return _column(piece, k)
                k -= width
    return v[..., k : k + 1]


def _is_last(node: Call, ndim: int) -> bool:
    """Whether tensors were joined along the last axis."""
    dim = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else 0)
    return dim in (-1, ndim - 1) and not node.kwargs.keys() - {"dim"}


def _fits(argument: Any, ndim: int) -> bool:
    """Whether an operand takes part column by column."""
    if not isinstance(argument, Tensor):
        return isinstance(argument, (int, float))
    return argument.ndim in (0, ndim)


def _piece(argument: Any, k: int) -> Any:
    if not isinstance(argument, Tensor) or argument.ndim == 0 or argument.shape[-1] == 1:
        return argument
    return _column(argument, k)
