"""Functions along straight lines: values with the first and second derivative in one parameter.

A function that is written with the operations below, on tensors of points, takes an ``Along`` in the place of a tensor. Each
operation then costs a handful of plain ones, where nested forward-mode derivatives of torch cost some hundred microseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from sciml.errors import ArgumentTypeError


class Along:
    """``v + d s + dd s^2 / 2`` and what operations make of it, up to second order in ``s``.

    Args:
        v, d, dd: Value and derivatives, of one shape; ``dd`` of a straight line is 0.
    """

    def __init__(self, v: Tensor, d: Tensor, dd: Tensor):
        self.v, self.d, self.dd = v, d, dd

    @classmethod
    def line(cls, x: Tensor, direction: Tensor) -> Along:
        """Points that move along a direction, both ``(n, k)``."""
        return cls(x, direction, torch.zeros_like(x))

    def _through(self, f: Tensor, slope: Tensor, bend: Tensor) -> Along:
        """The chain rule."""
        return Along(f, slope * self.d, slope * self.dd + bend * self.d**2)

    @staticmethod
    def _still(v: Tensor) -> Along:
        """What does not move."""
        return Along(v, torch.zeros_like(v), torch.zeros_like(v))

    def _each(self, function: Callable[[Tensor], Tensor]) -> Along:
        """A linear operation."""
        return Along(function(self.v), function(self.d), function(self.dd))

    def __add__(self, other: Any) -> Along:
        if isinstance(other, Along):
            return Along(self.v + other.v, self.d + other.d, self.dd + other.dd)
        v = self.v + other
        return Along(v, self.d.expand_as(v), self.dd.expand_as(v))

    __radd__ = __add__

    def __neg__(self) -> Along:
        return self._each(torch.neg)

    def __sub__(self, other: Any) -> Along:
        return self + (-other)

    def __rsub__(self, other: Any) -> Along:
        return -self + other

    def __mul__(self, other: Any) -> Along:
        if isinstance(other, Along):
            a, b = self, other
            return Along(a.v * b.v, a.v * b.d + a.d * b.v, a.v * b.dd + 2 * a.d * b.d + a.dd * b.v)
        return self._each(lambda part: part * other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Along:
        return self * (other**-1 if isinstance(other, Along) else 1 / other)

    def __rtruediv__(self, other: Any) -> Along:
        return self**-1 * other

    def __pow__(self, exponent: float) -> Along:
        a, one = float(exponent), torch.ones_like(self.v)
        # a factor of zero is no infinity of the power behind it
        slope = one if a == 1 else a * self.v ** (a - 1)
        bend = torch.zeros_like(one) if a == 1 else 2 * one if a == 2 else a * (a - 1) * self.v ** (a - 2)
        return self._through(self.v**a, slope, bend)

    def __getitem__(self, key: Any) -> Along:
        return self._each(lambda part: part[key])

    def __lt__(self, other: Any) -> Tensor:
        return self.v < _value(other)

    def __le__(self, other: Any) -> Tensor:
        return self.v <= _value(other)

    def __gt__(self, other: Any) -> Tensor:
        return self.v > _value(other)

    def __ge__(self, other: Any) -> Tensor:
        return self.v >= _value(other)

    def __eq__(self, other: object) -> Tensor:  # type: ignore[override]
        return self.v == _value(other)

    __hash__ = None  # type: ignore[assignment]

    def __len__(self) -> int:
        return len(self.v)

    @property
    def dtype(self) -> torch.dtype:
        """Of the value."""
        return self.v.dtype

    @property
    def device(self) -> torch.device:
        """Of the value."""
        return self.v.device

    @property
    def shape(self) -> torch.Size:
        """Of the value."""
        return self.v.shape

    def new_tensor(self, values: Any) -> Tensor:
        """Numbers of the value's dtype and device."""
        return self.v.new_tensor(values)

    def sum(self, dim: int, keepdim: bool = False) -> Along:
        """Along a dimension."""
        return self._each(lambda part: part.sum(dim, keepdim=keepdim))

    def sqrt(self) -> Along:
        """The square root."""
        return self**0.5

    def log(self) -> Along:
        """The natural logarithm."""
        inverse = 1 / self.v
        return self._through(self.v.log(), inverse, -(inverse**2))

    def abs(self) -> Along:
        """The absolute value."""
        return self * torch.sign(self.v)

    def clamp(self, min: float | None = None, max: float | None = None) -> Along:
        """Constant where a bound holds."""
        v = self.v.clamp(min=min, max=max)
        return Along(v, torch.where(v == self.v, self.d, 0.0), torch.where(v == self.v, self.dd, 0.0))

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function in _OPERATIONS:
            return _OPERATIONS[function](*args, **(kwargs or {}))
        name = _NAMES.get(getattr(function, "__name__", ""))
        if function is Tensor.to and isinstance(args[0], Tensor):
            return args[0].to(args[1].v)
        if name is not None and len(args) == 2 and not isinstance(args[0], Along):
            return getattr(args[1], name)(args[0])  # a tensor stands on the left
        raise ArgumentTypeError(
            f"Along needs one of its operations, got {getattr(function, '__name__', function)}."
        )


def along(function: Callable[[Any], Any], x: Along) -> Any:
    """A function of points ``(n, d) -> (n, 1)`` along lines.

    Raises:
        ArgumentTypeError: It is made of other operations.
    """
    try:
        out = function(x)
    except Exception as error:  # a user's function may do anything with what it takes for a tensor
        raise ArgumentTypeError(
            f"Along needs one of its operations, got {type(error).__name__}: {error}"
        ) from error
    if isinstance(out, (Along, Tensor)) and out.shape == (len(x), 1):
        return out
    raise ArgumentTypeError(f"Along needs a column, got {type(out).__name__}.")


def _value(other: Any) -> Any:
    return other.v if isinstance(other, Along) else other


def _along(other: Any, like: Along) -> Along:
    if isinstance(other, Along):
        return other
    return like._still(torch.as_tensor(other, dtype=like.v.dtype, device=like.v.device).expand_as(like.v))


def _where(condition: Tensor, a: Any, b: Any) -> Along:
    like = a if isinstance(a, Along) else b
    a, b = _along(a, like), _along(b, like)
    return Along(*(torch.where(condition, p, q) for p, q in ((a.v, b.v), (a.d, b.d), (a.dd, b.dd))))


def _joined(join: Callable[..., Tensor]) -> Callable[..., Along]:
    def joined(parts: Sequence[Any], dim: int = 0) -> Along:
        like = next(part for part in parts if isinstance(part, Along))
        every = [part if isinstance(part, Along) else like._still(part) for part in parts]
        return Along(*(join([getattr(part, name) for part in every], dim) for name in ("v", "d", "dd")))

    return joined


def _cos(u: Along) -> Along:
    c = torch.cos(u.v)
    return u._through(c, -torch.sin(u.v), -c)


def _sin(u: Along) -> Along:
    s = torch.sin(u.v)
    return u._through(s, torch.cos(u.v), -s)


def _exp(u: Along) -> Along:
    e = torch.exp(u.v)
    return u._through(e, e, e)


def _atan2(q: Any, p: Any) -> Along:
    like = q if isinstance(q, Along) else p
    q, p = _along(q, like), _along(p, like)
    square = p.v**2 + q.v**2
    turn = (p.v * q.d - q.v * p.d) / square
    bend = (p.v * q.dd - q.v * p.dd) / square - 2 * turn * (p.v * p.d + q.v * q.d) / square
    return Along(torch.atan2(q.v, p.v), turn, bend)


_OPERATIONS: dict[Any, Callable[..., Any]] = {
    torch.cos: _cos,
    torch.sin: _sin,
    torch.atan2: _atan2,
    torch.where: _where,
    torch.stack: _joined(torch.stack),
    torch.cat: _joined(torch.cat),
    torch.exp: _exp,
    torch.full_like: lambda u, value: torch.full_like(u.v, value),
    torch.ones_like: lambda u: torch.ones_like(u.v),
    torch.zeros_like: lambda u: torch.zeros_like(u.v),
}
_NAMES = {
    "add": "__radd__",
    "sub": "__rsub__",
    "rsub": "__rsub__",
    "mul": "__rmul__",
    "div": "__rtruediv__",
    "true_divide": "__rtruediv__",
}
