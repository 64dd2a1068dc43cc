"""Interval and Box: products of intervals in any dimension."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property, reduce
from typing import Any

import torch
from torch import Tensor

from sciml import arguments
from sciml.domains.base import Domain, different_names, volume
from sciml.domains.closed_form import ClosedForm
from sciml.domains.distances.rfunctions import conjunction_of, within
from sciml.domains.pieces import Piece
from sciml.errors import ArgumentError

MANY = 12  # coordinates from which sums over them are made in one go
ALIASES = {"left": (0, 0), "right": (0, 1), "bottom": (1, 0), "top": (1, 1)}  # (axis, side), in 1-D and 2-D


def slab(x: Tensor, low: float, high: float) -> Tensor:
    """Positive between low and high, slope one at both ends."""
    return within((x - (low + high) / 2) ** 2, (high - low) / 2)


class _Face(Piece):
    """The face of a box where one coordinate has its lower (side 0) or upper (side 1) value."""

    def __init__(self, box: Box, axis: int, side: int):
        self.axis, self.side = axis, side
        self.low, self.high = box._low, box._high
        self.value = self.high[axis] if side else self.low[axis]
        self.others = [k for k in range(box.dim) if k != axis]
        self._bounds = (
            torch.tensor(
                [[float(b[k]) for k in self.others] for b in (self.low, self.high)], dtype=torch.float64
            )
            if len(self.others) > MANY
            else None
        )
        self.name = f"{box.names[axis]}={self.value:.12g}"
        self.cube, self.smooth = box.dim - 1, True
        self.measure = volume([self.low[k] for k in self.others], [self.high[k] for k in self.others])
        self.size = max(b - a for a, b in zip(self.low, self.high, strict=True))

    def place(self, u: Tensor) -> tuple[Tensor, Tensor | None]:
        columns = [u.new_full((len(u),), self.value)] * (self.cube + 1)
        for j, k in enumerate(self.others):
            columns[k] = self.low[k] + (self.high[k] - self.low[k]) * u[:, j]
        return torch.stack(columns, -1), None

    def gap(self, x: Tensor) -> Tensor:
        square = (x[..., self.axis] - self.value) ** 2
        if self._bounds is not None:
            others = torch.cat([x[..., : self.axis], x[..., self.axis + 1 :]], -1)
            low, high = self._bounds.to(x)
            return (square + (others - others.clamp(low, high)).square().sum(-1)).sqrt()
        for k in self.others:
            square = square + (x[..., k] - x[..., k].clamp(self.low[k], self.high[k])) ** 2
        return square.sqrt()

    def on(self, x: Tensor, tol: float) -> Tensor:
        # a box of 100 dimensions has 200 faces, most of which are far from most points
        near = (x[..., self.axis] - self.value).abs() <= tol
        return self.gap(x) <= tol if near.any() else near

    def normal(self, x: Tensor) -> Tensor:
        normal = x.new_zeros(x.shape[-1])
        normal[self.axis] = 1 if self.side else -1
        return normal.expand_as(x)

    def level(self, x: Tensor) -> Tensor:
        return self.value - x[..., self.axis] if self.side else x[..., self.axis] - self.value

    def trim(self, x: Tensor) -> Tensor | None:
        if not self.others:
            return None
        return conjunction_of(slab(x[..., k], self.low[k], self.high[k]) for k in self.others)


class Box(ClosedForm):
    """An axis-parallel box.

    Its boundary's parts are the faces, ``"x=0"``, ``"x=1"``, ``"y=0"``, ... (the value may be given to six
    digits), also ``"x=min"``, ``"x=max"``, and in one and two dimensions ``"left"``, ``"right"``,
    ``"bottom"``, ``"top"``. The distance is a product: ``4 (x - a)(b - x) / (b - a)^2`` over the axes for all
    of it, ``(x - a) / (b - a)`` for a face.

    Args:
        lower: Lower corner, d numbers.
        upper: Upper corner, each above the lower one.
        names: Coordinate names; by default x, y, z, and x1 ... xd beyond three dimensions.
    """

    def __init__(self, lower: Sequence[float], upper: Sequence[float], names: Sequence[str] | None = None):
        low = arguments.vector("lower", lower)
        high = arguments.vector("upper", upper, len(low))
        for k, (a, b) in enumerate(zip(low, high, strict=True)):
            arguments.bounds(f"lower[{k}]", a, f"upper[{k}]", b)
            if math.isinf(b - a):
                raise ArgumentError(f"upper[{k}] - lower[{k}] needs to be finite, got {b!r} - {a!r}.")
        self._set(_low=low, _high=high, names=arguments.coordinate_names(names, len(low)), _cube=len(low))

    def __mul__(self, other: Any) -> Any:
        if not isinstance(other, Box):
            return super().__mul__(other)
        different_names(self, other)
        return Box(self._low + other._low, self._high + other._high, self.names + other.names)

    def _fields(self) -> dict[str, Any]:
        return {"lower": self._low, "upper": self._high, "names": self.names}

    @property
    def measure(self) -> float:
        """Length, area or volume."""
        return volume(self._low, self._high)

    def _place(self, u: Tensor) -> tuple[Tensor, Tensor | None]:
        return self.lower + (self.upper - self.lower) * u, None

    def _depth(self, x: Tensor) -> Tensor:
        low, high = self.lower.to(x), self.upper.to(x)
        return torch.minimum(x - low, high - x).amin(-1)

    def _level(self, x: Tensor) -> Tensor:
        return conjunction_of(
            slab(x[..., k], a, b) for k, (a, b) in enumerate(zip(self._low, self._high, strict=True))
        )

    def _tree(self) -> Any:
        trees = [
            ("and", low.level, high.level)
            for low, high in zip(self._pieces[::2], self._pieces[1::2], strict=True)
        ]
        return reduce(lambda a, b: ("and", a, b), trees)

    @cached_property
    def _pieces(self) -> tuple[Piece, ...]:
        return tuple(_Face(self, k, side) for k in range(self.dim) for side in (0, 1))

    def _find(self, on: str | Domain) -> tuple[int, ...] | None:
        if isinstance(on, Domain):
            return super()._find(on)
        if on in ALIASES and ALIASES[on][0] < self.dim <= 2:
            axis, side = ALIASES[on]
            return (2 * axis + side,)
        name, equals, value = (part.strip() for part in on.partition("="))
        if not equals or name not in self.names:
            return None
        axis = self.names.index(name)
        if value in ("min", "max"):
            return (2 * axis + (value == "max"),)
        try:
            wanted = float(value)
        except ValueError:
            return None
        for side, at in enumerate((self._low[axis], self._high[axis])):
            # six digits, as "%g" prints them, are enough
            if abs(wanted - at) <= 1e-6 * (self._high[axis] - self._low[axis]) + 1e-9 * abs(at):
                return (2 * axis + side,)
        return None

    def _on_pieces(self, x: Tensor, chosen: Sequence[int], tol: float) -> Tensor:
        # all faces at once: one after the other, each with its d - 1 other coordinates, costs the square of d
        ends = torch.stack([self.lower, self.upper]).to(x)
        outside = (x - x.clamp(ends[0], ends[1])).square()
        gap = (x.unsqueeze(-2) - ends).square() + (outside.sum(-1, keepdim=True) - outside).unsqueeze(-2)
        wanted = torch.zeros(self.dim, 2, dtype=torch.bool, device=x.device)
        wanted.view(-1)[list(chosen)] = True
        return ((gap.sqrt() <= tol) & wanted.T).flatten(-2).any(-1)

    def _distance(self, x: Tensor, chosen: Sequence[int]) -> Tensor:
        product = None
        for k, (a, b) in enumerate(zip(self._low, self._high, strict=True)):
            sides = (2 * k in chosen, 2 * k + 1 in chosen)
            if not any(sides):
                continue
            from_low, from_high = (x[..., k] - a) / (b - a), (b - x[..., k]) / (b - a)
            factor = 4 * from_low * from_high if all(sides) else from_low if sides[0] else from_high
            product = factor if product is None else product * factor
        assert product is not None
        return product


class Interval(Box):
    """The interval ``[a, b]``; its boundary is the two ends, ``"x=a"`` (``"left"``) and ``"x=b"``
    (``"right"``).

    Args:
        a: Lower end.
        b: Upper end, above a.
        name: Name of the coordinate.
    """

    def __init__(self, a: float, b: float, name: str = "x"):
        a, b = arguments.bounds("a", a, "b", b)
        super().__init__([a], [b], [arguments.coordinate_name("name", name)])

    def _fields(self) -> dict[str, Any]:
        return {"a": self._low[0], "b": self._high[0], "name": self.names[0]}
