"""Points in the forms that a user may give them, and values at many points in little memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sciml.derivatives import AutogradSource, Pairs, Sum
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.problem import PDE


@dataclass(frozen=True)
class Request:
    """Points that were asked for, and the form that the answer takes.

    Attributes:
        points: ``(n, d)``, dtype and device of the network.
        shape: Of the points as they were given, without the axis of the coordinates: values get shape ``(*shape, m)``.
        tensor: What was given, where it was a tensor.
    """

    points: Tensor
    shape: tuple[int, ...]
    tensor: Tensor | None

    @property
    def wants_gradient(self) -> bool:
        """Whether the answer is to be differentiated by the points."""
        return self.tensor is not None and self.tensor.requires_grad and torch.is_grad_enabled()

    def answer(self, values: Tensor) -> Any:
        """Values ``(n, m)`` in the form of the question: a tensor for a tensor, else a float64 array.

        Floating tensors keep their dtype; for integer ones the network's is taken.
        """
        values = values.reshape(*self.shape, values.shape[1])
        if self.tensor is None:
            return values.detach().double().cpu().numpy()
        dtype = self.tensor.dtype if self.tensor.is_floating_point() else values.dtype
        return values.to(device=self.tensor.device, dtype=dtype)


def request(problem: PDE, like: Tensor, x: tuple[Any, ...]) -> Request:
    """Read points as ``(..., d)``, as ``d`` arrays of coordinates, or, in one dimension, as a vector of them.

    Args:
        problem: Whose coordinates they are.
        like: A tensor of the dtype and device to compute with.
        x: One array or tensor ``(..., d)``, or ``d`` of them that broadcast together.

    Raises:
        ArgumentTypeError: No array of real numbers.
        ArgumentError: Another width than the domain's.
    """
    names, d = tuple(problem.domain.names), problem.domain.dim
    if len(x) == 1:
        given = _tensor(x[0], "x")
        # in one dimension a vector is a list of points; else it is one point
        points = given[..., None] if d == 1 and given.ndim < 2 else given
    elif len(x) == d:
        given = None
        parts = [_tensor(part, name) for part, name in zip(x, names, strict=True)]
        try:
            points = torch.stack(torch.broadcast_tensors(*parts), dim=-1)
        except RuntimeError:
            shapes = ", ".join(str(tuple(p.shape)) for p in parts)
            raise ArgumentError(
                f"x needs coordinates that broadcast together, got shapes {shapes}."
            ) from None
        given = points
    else:
        raise ArgumentError(f"x needs one array (n, {d}) or {d} arrays ({', '.join(names)}), got {len(x)}.")
    if points.ndim == 0 or points.shape[-1] != d:
        hint = (
            " A column x[:, None] is one coordinate of n points."
            if given is not None and given.ndim == 1
            else ""
        )
        raise ArgumentError(
            f"x needs shape (n, {d}) with columns {', '.join(names)}, got {tuple(points.shape)}.{hint}"
        )
    flat = points.reshape(-1, d).to(device=like.device, dtype=like.dtype)
    tensor = next((part for part in x if isinstance(part, Tensor)), None)
    if tensor is not None and any(isinstance(part, Tensor) and part.requires_grad for part in x):
        tensor = points
    return Request(flat, tuple(points.shape[:-1]), tensor)


def _tensor(value: Any, name: str) -> Tensor:
    """The numbers as a tensor; a tensor as it is."""
    if isinstance(value, Tensor):
        if value.is_complex() or value.dtype == torch.bool:
            raise ArgumentTypeError(f"{name} needs real numbers, got a tensor of {value.dtype}.")
        return value
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ArgumentTypeError(
            f"{name} needs an array of numbers, got a ragged {type(value).__name__}."
        ) from error
    if array.dtype.kind not in "iuf":
        raise ArgumentTypeError(f"{name} needs a tensor or an array of numbers, got {type(value).__name__}.")
    return torch.from_numpy(array.astype(np.float64))


class ChunkedSource:
    """Derivatives by autograd, some points at a time and without their graph: memory does not grow with the request.

    Args:
        function: Maps ``(n, d)`` to ``(n, m)``.
        x: Points ``(n, d)``.
        chunk: Points at a time.
    """

    def __init__(self, function: Callable[[Tensor], Tensor], x: Tensor, chunk: int):
        self._function, self._parts = function, x.detach().split(chunk)
        self._known: dict[Any, Tensor] = {}

    @property
    def value(self) -> Tensor:
        return self._each("value", lambda source: source.value)

    def first(self, i: int) -> Tensor:
        return self._each((i,), lambda source: source.first(i))

    def second(self, pairs: Pairs) -> Tensor:
        return self._each(pairs, lambda source: source.second(pairs))

    def higher(self, axes: tuple[int, ...]) -> Tensor:
        return self._each(axes, lambda source: source.higher(axes))

    def total(self, terms: Sum) -> Tensor:
        return self._each(terms, lambda source: source.total(terms))

    def _each(self, key: Any, ask: Callable[[AutogradSource], Tensor]) -> Tensor:
        if key not in self._known:
            values = [ask(AutogradSource(self._function, part)).detach() for part in self._parts]
            self._known[key] = torch.cat(values)
        return self._known[key]
