"""The unknown function as a residual sees it: a value tensor that knows its derivatives."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any, TypeAlias

import torch
from torch import Tensor

from sciml.derivatives import DerivativeSource
from sciml.errors import ArgumentError, ArgumentTypeError

TWICE = 'A second derivative is u.d("x", "x").'
Operation: TypeAlias = Callable[["Field", Any], Tensor]


def _binary(function: Callable[..., Any], swapped: bool = False) -> Operation:
    def method(self: Field, other: Any) -> Tensor:
        other = _value_of(other)
        return function(other, self.value) if swapped else function(self.value, other)

    return method


def _both(function: Callable[..., Any]) -> tuple[Operation, Operation]:
    return _binary(function), _binary(function, swapped=True)


class Field:
    """Values ``(n, m)`` of the unknowns at ``n`` points, with derivatives on request.

    In arithmetic and in torch functions a Field behaves like its value tensor. ``u["v"]`` is the Field of one
    named unknown, with values ``(n, 1)``.

    Args:
        source: Answers the questions for values and derivatives.
        names: Coordinate names, in the order of the points' columns.
        space_axes: Indices of the coordinates that ``laplacian`` and ``grad`` run over.
        unknowns: Names of the ``m`` components.
    """

    def __init__(
        self,
        source: DerivativeSource,
        names: Sequence[str],
        space_axes: Sequence[int],
        unknowns: Sequence[str] = ("u",),
        component: int | None = None,
    ):
        self._source = source
        self._names = tuple(names)
        self._space = tuple(space_axes)
        self._unknowns = tuple(unknowns)
        self._component = component

    @property
    def value(self) -> Tensor:
        """The values, ``(n, m)``."""
        return self._pick(self._source.value)

    def d(self, *coordinates: str | int) -> Tensor:
        """A partial derivative of any order, ``(n, m)``: ``u.d("t")``, ``u.d("x", "x", "x")``, ``u.d(0, 1)``.

        Raises:
            ArgumentError: No coordinate, or a name or index that the domain does not have.
        """
        axes = tuple(sorted(axis_of(self._names, c) for c in coordinates))
        if not axes:
            raise ArgumentError(
                f"d() needs at least one coordinate out of {', '.join(self._names)}, got none."
            )
        if len(axes) == 1:
            return self._pick(self._source.first(axes[0]))
        if len(axes) == 2:
            return self._pick(self._source.second(((axes[0], axes[1]),)))
        return self._pick(self._source.higher(axes))

    def grad(self) -> Tensor:
        """First derivatives in space: ``(n, d_space)`` for one unknown, ``(n, m, d_space)`` for several."""
        columns = [self._pick(self._source.first(i)) for i in self._space]
        gradient = torch.stack(columns, dim=-1)  # (n, m, d_space)
        return gradient[:, 0] if gradient.shape[1] == 1 else gradient

    def laplacian(self) -> Tensor:
        """Sum of the pure second derivatives over the space coordinates, ``(n, m)``."""
        return self._pick(self._source.second(tuple((i, i) for i in self._space)))

    def biharmonic(self) -> Tensor:
        """The Laplacian of the Laplacian over the space coordinates, ``(n, m)``."""
        terms = [tuple(sorted((i, i, j, j))) for i in self._space for j in self._space]
        return self._pick(self._source.total(tuple(sorted(terms))))

    def _pick(self, values: Tensor) -> Tensor:
        return values if self._component is None else values[:, self._component : self._component + 1]

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, str):
            if isinstance(key, Integral) and self.value.shape[1] > 1:
                raise ArgumentError(
                    f"component needs one of {', '.join(self._unknowns)}, got {key!r}: write u[{self._unknowns[0]!r}], or "
                    "u.value for all values."
                )
            return self.value[key]
        if key not in self._unknowns:
            raise ArgumentError(f"component needs one of {', '.join(self._unknowns)}, got {key!r}.")
        return type(self)(self._source, self._names, self._space, self._unknowns, self._unknowns.index(key))

    def __getattr__(self, name: str) -> Any:
        # only reached for what Field itself lacks: shape, dtype, sin(), square(), ... of the value tensor
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.value, name)

    __add__, __radd__ = _both(operator.add)
    __sub__, __rsub__ = _both(operator.sub)
    __mul__, __rmul__ = _both(operator.mul)
    __truediv__, __rtruediv__ = _both(operator.truediv)
    __pow__, __rpow__ = _both(operator.pow)
    __matmul__, __rmatmul__ = _both(operator.matmul)
    __mod__, __rmod__ = _both(operator.mod)
    __lt__, __le__ = _binary(operator.lt), _binary(operator.le)
    __gt__, __ge__ = _binary(operator.gt), _binary(operator.ge)

    def __neg__(self) -> Tensor:
        return -self.value

    def __abs__(self) -> Tensor:
        return abs(self.value)

    def __repr__(self) -> str:
        return f"Field({', '.join(self._unknowns)} on {', '.join(self._names)}, value={self.value!r})"

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*_value_of(args), **_value_of(kwargs or {}))


def axis_of(names: Sequence[str], coordinate: str | int) -> int:
    """Index of a coordinate, given by its name or index.

    Raises:
        ArgumentError, ArgumentTypeError: None of ``names``.
    """
    known = ", ".join(names)
    if isinstance(coordinate, str):
        if coordinate not in names:
            twice = f" {TWICE}" if all(part in names for part in coordinate) else ""
            raise ArgumentError(f"coordinate needs one of {known}, got {coordinate!r}.{twice}")
        return list(names).index(coordinate)
    if isinstance(coordinate, bool) or not isinstance(coordinate, Integral):
        raise ArgumentTypeError(f"coordinate needs a name or an index, got {coordinate!r}.")
    if not 0 <= coordinate < len(names):
        raise ArgumentError(
            f"coordinate needs an index from 0 to {len(names) - 1} ({known}), got {coordinate}. {TWICE}"
        )
    return int(coordinate)


def _value_of(tree: Any) -> Any:
    if isinstance(tree, Field):
        return tree.value
    if isinstance(tree, (tuple, list)):
        return type(tree)(_value_of(t) for t in tree)
    if isinstance(tree, dict):
        return {k: _value_of(v) for k, v in tree.items()}
    return tree
