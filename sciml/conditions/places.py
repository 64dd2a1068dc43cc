"""Where a condition may hold: on the boundary, at the first or last instant, inside, at points."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sciml import arguments
from sciml.domains import Boundary, Box, Domain, Interval
from sciml.domains.pieces import Kept
from sciml.errors import ArgumentError, SciMLError

START, END, INSIDE, POINTS, BOUNDARY = "start", "end", "inside", "points", "boundary"
ORDERS = {0: 1, 1: 48, 2: 24, 3: 10}  # Gauss-Legendre points along each of so many coordinates
MANY = 4096  # quasi-random points of a mean where there is no such rule


@dataclass(frozen=True, eq=False)
class Place:
    """Points of one kind, drawn anew or fixed.

    Attributes:
        domain: The domain.
        kind: ``"boundary"``, ``"start"``, ``"end"``, ``"inside"`` or ``"points"``.
        boundary: The part of the boundary, or the instant; None inside and at points.
        points: The fixed points, ``(k, d)``; None elsewhere.
    """

    domain: Domain
    kind: str
    boundary: Boundary | None = None
    points: Tensor | None = None

    def draw(self, n: int, seed: int) -> Tensor:
        """About n points, ``(n, d)``; the fixed ones all at once unless n is less."""
        if self.points is not None:
            return self.points[:n] if n < len(self.points) else self.points
        return (self.boundary or self.domain).sample(n, seed=seed)

    @property
    def has_normal(self) -> bool:
        """Whether there is an outward normal: on the boundary and at the two instants."""
        return self.boundary is not None

    def normal(self, x: Tensor) -> Tensor:
        """Outward unit normals, ``(n, d)``; that of the last instant points along time, of the first against it."""
        assert self.boundary is not None
        return self.boundary.normal(x)

    def nodes(self) -> tuple[Tensor, Tensor]:
        """Points ``(k, d)`` and weights ``(k,)``, of sum 1, of a mean over the place.

        Gauss-Legendre rules on boxes and on each smooth piece of a boundary; quasi-random points elsewhere.
        """
        if self.points is not None:
            return self.points, torch.full((len(self.points),), 1.0 / len(self.points), dtype=torch.float64)
        if self.boundary is None:
            if _is_box(self.domain) and self.domain._cube in ORDERS:
                u, weights = _gauss(self.domain._cube)
                return self.domain._place(u)[0], weights
            return self.domain.sample(MANY), torch.full((MANY,), 1.0 / MANY, dtype=torch.float64)
        found, total = [], sum(p.measure for p in self.boundary.pieces)
        for k, piece in enumerate(self.boundary.pieces):
            whole = not isinstance(piece, Kept) and (self.kind == BOUNDARY or _is_box(self.domain))
            placed = None
            if whole and piece.cube in ORDERS:
                u, weights = _gauss(piece.cube)
                x, keep = piece.place(u)
                placed = (x, weights) if keep is None else None
            if placed is None:
                x = piece.sample(MANY, (0, k))
                placed = x, torch.full((len(x),), 1.0 / len(x), dtype=torch.float64)
            found.append((placed[0], placed[1] * piece.measure / total))
        return torch.cat([x for x, _ in found]), torch.cat([w for _, w in found])

    def covers(self, x: Tensor) -> Tensor:
        """Whether points ``(n, d)`` of the boundary belong to it: ``(n,)`` bool."""
        if self.boundary is None:
            return torch.zeros(len(x), dtype=torch.bool)
        return self.boundary.contains(x)


def place_of(domain: Domain, on: Any) -> Place:
    """What the ``on`` of a condition means.

    Args:
        domain: The domain.
        on: None, a part of the boundary, a mask or a list, as in ``Domain.boundary``; ``"start"`` or ``"end"`` (or their
            names, such as ``"t=0"``); ``"inside"``; or an array of points ``(k, d)``.

    Raises:
        ArgumentError: No such part, no time, points of another width or outside the domain.
    """
    if isinstance(on, str) and on not in domain.parts:
        if on == INSIDE:
            return Place(domain, INSIDE)
        if domain.time_axis is not None:
            for kind, end in ((START, domain.initial()), (END, domain.final())):
                if on == kind or on in end.parts:
                    return Place(domain, kind, end)
        elif on in (START, END):
            raise ArgumentError(
                f"on={on!r} needs a domain with time, such as TimeInterval(0, 1) * Interval(0, 1), got {domain!r}."
            )
    if _is_points(on):
        return Place(domain, POINTS, points=_points(domain, on))
    return Place(domain, BOUNDARY, domain.boundary(on))


def check_on(on: Any) -> Any:
    """The ``on`` of a condition, arrays of points as float64 tensors of their own.

    Raises:
        ArgumentError, ArgumentTypeError: Points that are no numbers or of another shape.
    """
    return arguments.points("on", on) if _is_points(on) else on


def _is_points(on: Any) -> bool:
    """Whether it holds coordinates and not names, masks or domains."""
    if isinstance(on, (np.ndarray, Tensor)):
        return True
    nested = isinstance(on, (list, tuple)) and len(on) > 0
    return nested and all(isinstance(row, (list, tuple, np.ndarray, Tensor, float, int)) for row in on)


def _points(domain: Domain, on: Any) -> Tensor:
    names = ", ".join(domain.names)
    try:
        points = arguments.points("on", on, domain.dim)
    except SciMLError as error:
        raise type(error)(f"{error} A row holds {names}.") from None
    span = domain.upper - domain.lower
    grown = 1e-9 * span
    outside = ((points < domain.lower - grown) | (points > domain.upper + grown)).any(1)
    outside |= domain._depth(points) < -1e-6 * float(span.max())
    if outside.any():
        first = points[int(outside.nonzero()[0])]
        raise ArgumentError(
            f"on needs points of the domain, got {int(outside.sum())} of {len(points)} outside it, e.g. {first.tolist()}."
        )
    return points


def _is_box(domain: Domain) -> bool:
    if domain.time_axis is not None and domain.dim == 1:
        return True
    return isinstance(domain.space, (Box, Interval))


def _gauss(cube: int) -> tuple[Tensor, Tensor]:
    """The Gauss-Legendre rule on the unit cube: points ``(k, cube)`` and weights ``(k,)`` of sum 1."""
    s, w = np.polynomial.legendre.leggauss(ORDERS[cube])
    axis = ((s + 1) / 2, w / 2)
    points = np.array(list(itertools.product(axis[0], repeat=cube))).reshape(ORDERS[cube] ** cube, cube)
    weights = np.array([np.prod(ws) for ws in itertools.product(axis[1], repeat=cube)])
    return torch.from_numpy(points), torch.from_numpy(weights)
