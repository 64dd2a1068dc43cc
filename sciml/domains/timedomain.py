"""Domains with time: TimeInterval, and its product with a domain in space."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from sciml import arguments
from sciml.domains.base import Domain
from sciml.domains.boundary import Boundary
from sciml.domains.pieces import Piece
from sciml.domains.product import Along, Pair
from sciml.errors import ArgumentError


class _TimeSlice(Piece):
    """The domain at one time, times nothing else: a piece whose normal points out of the time interval."""

    def __init__(self, domain: Domain, final: bool):
        self.space = domain.space if domain.dim > 1 else None
        self.final = final
        self.time = domain._high[0] if final else domain._low[0]
        self.name = f"{domain.names[0]}={self.time:.12g}"
        self.cube = 0 if self.space is None else self.space._cube

    @property
    def measure(self) -> float:
        return 1.0 if self.space is None else self.space.measure

    def place(self, u: Tensor) -> tuple[Tensor, Tensor | None]:
        t = u.new_full((len(u), 1), self.time)
        if self.space is None:
            return t, None
        x, keep = self.space._place(u)
        return torch.cat([t, x], -1), keep

    def sample(self, n: int, seed: Sequence[int]) -> Tensor:
        t = torch.full((n, 1), self.time, dtype=torch.float64)
        return t if self.space is None else torch.cat([t, self.space.sample(n, seed[0])], -1)

    def gap(self, x: Tensor) -> Tensor:
        return (x[..., 0] - self.time).abs()

    def on(self, x: Tensor, tol: float) -> Tensor:
        near = self.gap(x) <= tol
        return near if self.space is None else near & (self.space._depth(x[..., 1:]) >= -tol)

    def normal(self, x: Tensor) -> Tensor:
        normal = x.new_zeros(x.shape[-1])
        normal[0] = 1 if self.final else -1
        return normal.expand_as(x)

    def level(self, x: Tensor) -> Tensor:
        return self.time - x[..., 0] if self.final else x[..., 0] - self.time


class TimeEnd(Boundary):
    """The domain at its first or last time, with the share of time since or until then as the distance."""

    def __init__(self, domain: Domain, final: bool):
        self.domain = domain
        self._pieces, self._chosen = (_TimeSlice(domain, final),), ()
        self.parts = (self._pieces[0].name,)
        self.has_distance = True

    def __repr__(self) -> str:
        return f"{self.domain!r}.{'final' if self._pieces[0].final else 'initial'}()"

    def _distance(self, x: Tensor) -> Tensor:
        return self._pieces[0].level(x)

    @cached_property
    def _scale(self) -> float:
        return self.domain._high[0] - self.domain._low[0]


class _Timed(Domain):
    """What TimeInterval and SpaceTime share."""

    time_axis = 0

    def initial(self) -> Boundary:
        """The domain at its first time: samples have t = t0; the distance is ``(t - t0) / (t1 - t0)``."""
        return TimeEnd(self, final=False)

    def final(self) -> Boundary:
        """The domain at its last time."""
        return TimeEnd(self, final=True)

    def _combine(self, kind: str, other: Domain) -> Any:
        raise ArgumentError(
            f"{kind} needs domains without time, got {self!r}; combine in space, then multiply by time."
        )


class TimeInterval(_Timed):
    """An interval of time; ``TimeInterval(0, 1) * Box(...)`` is a domain in time and space, time first.

    Alone it is the domain of an ordinary differential equation: it has an initial and a final time, and no
    boundary in space.

    Args:
        t0: First time.
        t1: Last time, above t0.
        name: Name of the coordinate.
    """

    def __init__(self, t0: float, t1: float, name: str = "t"):
        t0, t1 = arguments.bounds("t0", t0, "t1", t1)
        self._set(_low=(t0,), _high=(t1,), names=(arguments.coordinate_name("name", name),), _cube=1)

    def __mul__(self, space: Domain) -> SpaceTime:
        return SpaceTime(self, space) if isinstance(space, Domain) else NotImplemented

    def __rmul__(self, space: Any) -> Any:
        if not isinstance(space, Domain):
            return NotImplemented
        raise ArgumentError(f"time comes first: write {self!r} * {space!r}.")

    def _fields(self) -> dict[str, Any]:
        return {"t0": self._low[0], "t1": self._high[0], "name": self.names[0]}

    @property
    def measure(self) -> float:
        """The duration."""
        return self._high[0] - self._low[0]

    @property
    def space(self) -> Domain:
        """Time alone has none.

        Raises:
            ArgumentError: Always.
        """
        raise ArgumentError(f"{self!r} has no space; multiply it by a domain: TimeInterval(0, 1) * Box(...).")

    def _place(self, u: Tensor) -> tuple[Tensor, Tensor | None]:
        return self._low[0] + self.measure * u, None

    def _depth(self, x: Tensor) -> Tensor:
        return torch.minimum(x[..., 0] - self._low[0], self._high[0] - x[..., 0])

    def _level(self, x: Tensor) -> Tensor:
        return (x[..., 0] - self._low[0]) * (self._high[0] - x[..., 0]) / self.measure

    @property
    def _pieces(self) -> tuple[Piece, ...]:
        return ()


class SpaceTime(_Timed, Pair):
    """The product of a time interval and a domain in space; written ``TimeInterval(t0, t1) * space``.

    Its boundary is that of the space at all times, with the same parts; see also ``initial()`` and
    ``final()``.

    Args:
        time: The time interval.
        space: A domain without time, with other coordinate names.
    """

    time: TimeInterval
    _space: Domain

    def __init__(self, time: TimeInterval, space: Domain):
        if not isinstance(time, TimeInterval):
            raise ArgumentError(f"time needs a TimeInterval, got {time!r}.")
        if not isinstance(space, Domain) or space.time_axis is not None:
            raise ArgumentError(f"space needs a domain without time, got {space!r}.")
        if time.names[0] in space.names:
            raise ArgumentError(
                f"time needs a name that space does not use, got {time.names[0]!r} in {space.names!r}."
            )
        self._join(time, space, time=time, _space=space)

    def __mul__(self, other: Any) -> Any:
        """``time * a * b`` is ``time * (a * b)``."""
        return self.time * (self._space * other) if isinstance(other, Domain) else NotImplemented

    def _fields(self) -> dict[str, Any]:
        return {"time": self.time, "space": self._space}

    def __repr__(self) -> str:
        space = f"({self._space!r})" if self._space._compound else repr(self._space)
        return f"{self.time!r} * {space}"

    @property
    def space(self) -> Domain:
        """The domain in space."""
        return self._space

    def _level(self, x: Tensor) -> Tensor:
        return self._space._level(x[..., 1:])

    @cached_property
    def _pieces(self) -> tuple[Piece, ...]:
        return tuple(Along(piece, self.time, first=False) for piece in self._space._pieces)

    def _on_pieces(self, x: Tensor, chosen: Sequence[int], tol: float) -> Tensor:
        t = x[..., 0] - self.time._low[0]
        during = (t >= -tol) & (t <= self.time.measure + tol)
        return during & self._space._on_pieces(x[..., 1:], chosen, tol)

    def _find(self, on: str | Domain) -> tuple[int, ...] | None:
        return tuple(range(len(self._pieces))) if on == self else self._space._find(on)

    @property
    def _has_distance(self) -> bool:
        return self._space._has_distance

    def _distance(self, x: Tensor, chosen: Sequence[int]) -> Tensor:
        return self._space._distance(x[..., 1:], chosen)

    def _even_distance(self, x: Tensor, chosen: Sequence[int]) -> Tensor:
        return self._space._even_distance(x[..., 1:], chosen)

    def _even_scale(self, chosen: Sequence[int]) -> float:
        return self._space._even_scale(chosen)

    def _distance_scale(self, chosen: Sequence[int]) -> float:
        return self._space._distance_scale(chosen)
