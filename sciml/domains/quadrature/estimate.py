"""Integrals with a figure of their error: two levels of a rule compared, or several sets of quasi-random points."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from sciml.domains.base import Domain, volume
from sciml.domains.csg import CSG
from sciml.domains.pieces import Kept, Piece
from sciml.domains.quadrature.gauss import Rule, panels, product, stretched
from sciml.domains.quadrature.inside import inside_rule
from sciml.domains.quadrature.sides import kept_rule, side_rule, stretches_of
from sciml.domains.sampling import Sobol
from sciml.domains.timedomain import SpaceTime, TimeInterval
from sciml.errors import ArgumentError

MOST_POINTS = 2**18  # of one level
LEVELS = 9
SETS = 8  # of quasi-random points
STUDENT = 2.36  # 95 % of a t-distribution of seven degrees of freedom
SET_POINTS = (2**10, 2**15)  # of one set: at first and at last
SEED = 20_241_127
ROUNDING = 8 * torch.finfo(torch.float64).eps
ENDS = 1e-12

Integrand = Callable[[Tensor, Tensor | None], Tensor]


@dataclass(frozen=True)
class Estimate:
    """A number, how far it may be off, and at how many points the function was asked for it."""

    value: float
    error: float
    points: int


@dataclass(frozen=True)
class Part:
    """What is integrated over: the inside of a domain in space, or a piece of its boundary; None for time alone."""

    place: Domain | Piece | None

    def rule(self, level: int) -> Rule | None:
        """Points and weights of a level; None where there is no rule."""
        if self.place is None:
            return torch.zeros(1, 0).double(), torch.ones(1).double()
        if isinstance(self.place, Domain):
            return inside_rule(self.place, level)
        if isinstance(self.place, Kept):
            return kept_rule(self.place, self.stretches, level)
        return side_rule(self.place, level)

    @cached_property
    def stretches(self) -> list[tuple[float, float]] | None:
        """What is kept of a curve; None where the piece is no curve."""
        return stretches_of(self.place) if isinstance(self.place, Kept) else None

    @property
    def cube(self) -> int:
        """Dimension of the cube that quasi-random points come from."""
        if self.place is None:
            return 0
        return self.place._cube if isinstance(self.place, Domain) else self.place.cube

    def scattered(self, u: Tensor) -> tuple[Tensor, float, Tensor]:
        """Points that come from ``u (n, cube)``, the weight of each, and which of them to keep."""
        place = self.place
        assert place is not None
        if isinstance(place, Domain):
            x, keep = place._place(u)
            whole = volume(place._low, place._high) if isinstance(place, CSG) else place.measure
            if keep is not None and not isinstance(place, CSG):  # the share that is kept is estimated, too
                whole = whole / max(float(keep.double().mean()), 1 / len(u))
        else:
            x, keep = place.place(u)
            while isinstance(place, Kept):
                place = place.piece
            whole = place.measure
        return x, whole / len(u), torch.ones(len(u), dtype=torch.bool) if keep is None else keep

    def normal(self, x: Tensor) -> Tensor | None:
        """Outward normals at ``x (n, d)``; None inside."""
        return self.place.normal(x) if isinstance(self.place, Piece) else None


def integral(
    domain: Domain,
    function: Integrand,
    *,
    on: Any = None,
    inside: bool = True,
    time: float | None = None,
    until: float | None = None,
    accuracy: float = 1e-8,
) -> Estimate:
    """The integral of a function over a domain, or over a part of its boundary.

    Args:
        domain: The domain; with time the integral runs over time, too.
        function: Points ``(n, d)`` and outward normals ``(n, d)``, or None inside, to numbers ``(n,)``.
        on: A part of the boundary, as ``Domain.boundary`` takes it.
        inside: Whether to integrate over the inside; else over ``on``, None for all of the boundary.
        time: One moment, at which the integral runs over space alone.
        until: Where time ends, if that is not the domain's end.
        accuracy: The relative error to stop at, of the integral of the absolute value.

    Raises:
        ArgumentError: No such part, a domain without an inside, or a function that is no finite number somewhere.
    """
    clock = domain.time_axis is not None
    span = None
    if clock and time is None:
        span = (domain._low[0], domain._high[0] if until is None else until)
    parts = _parts(domain, on, inside, clock)

    def sample(rule: Rule, part: Part) -> Tensor:
        x, w = rule
        if len(x) == 0:
            return w
        if clock and time is not None:
            x = torch.cat([torch.full_like(w, time)[:, None], x], 1)
        space = x[:, 1:] if clock else x
        normal = part.normal(space) if len(x) and part.place is not None else None
        if normal is not None and clock:
            normal = torch.cat([torch.zeros_like(normal[:, :1]), normal], 1)
        values = function(x, normal)
        if not torch.isfinite(values).all():
            first = [round(v, 6) for v in x[~torch.isfinite(values)][0].tolist()]
            raise ArgumentError(f"f needs a finite number at every point, got none at {first}.")
        return w * values

    def at_level(level: int) -> tuple[list[Tensor], int] | None:
        terms, count = [], 0
        for part in parts:
            rule = part.rule(level)
            if rule is None:
                return None
            if span is not None:
                rule = product([stretched(panels(level), *span), rule])
            count += len(rule[1])
            if count > MOST_POINTS and level > 1:
                return None
            terms.append(sample(rule, part))
        return terms, count

    # the ends of what is kept of a curve are known to a little less than rounding
    cut = any(isinstance(part.place, Kept) for part in parts)
    found = _by_levels(at_level, accuracy, ENDS if cut else ROUNDING)
    return found or _by_sets(parts, sample, span, accuracy)


def _parts(domain: Domain, on: Any, inside: bool, clock: bool) -> list[Part]:
    if isinstance(domain, TimeInterval):
        if not inside:
            raise ArgumentError(f"on needs a domain in space, got {domain!r}.")
        return [Part(None)]
    space = domain.space if isinstance(domain, SpaceTime) else domain
    if not space._has_inside:
        raise ArgumentError(
            f"integrals need a domain with an inside and a boundary of pieces, got {space!r}."
        )
    if inside:
        return [Part(space)]
    # a mask of a domain in time sees time, too, and has no part in space
    if clock and callable(on):
        raise ArgumentError("on needs the name of a side for a problem in time, got a function.")
    return [Part(piece) for piece in space.boundary(on).pieces]


def _by_levels(at_level: Callable[[int], Any], accuracy: float, least: float) -> Estimate | None:
    """Finer and finer rules, until two in a row agree; None where there is no rule."""
    before, points, best = None, 0, None
    for level in range(LEVELS):
        found = at_level(level)
        if found is None:
            break
        terms, count = found
        points += count
        value = math.fsum(float(t.sum()) for t in terms)
        size = math.fsum(float(t.abs().sum()) for t in terms)
        if before is not None:
            best = Estimate(value, max(abs(value - before), least * size), points)
            if best.error <= max(accuracy, least) * size:
                break
        before = value
    return best


def _by_sets(
    parts: Sequence[Part], sample: Any, span: tuple[float, float] | None, accuracy: float
) -> Estimate:
    """Means over several sets of quasi-random points, whose scatter tells the error with 95 % confidence."""
    n, most = SET_POINTS
    points = 0
    while True:
        sums = torch.zeros(SETS, dtype=torch.float64)
        size = 0.0
        for k, part in enumerate(parts):
            for j in range(SETS):
                u = Sobol(part.cube + (span is not None), (SEED, k, j)).draw(n)
                x, weight, keep = part.scattered(u[:, 1:] if span is not None else u)
                if span is not None:
                    weight *= span[1] - span[0]
                    x = torch.cat([span[0] + (span[1] - span[0]) * u[:, :1], x], 1)
                x = x[keep]
                terms = sample((x, torch.full((len(x),), weight, dtype=torch.float64)), part)
                sums[j] += terms.sum()
                size += float(terms.abs().sum()) / SETS
                points += len(x)
        error = STUDENT * float(sums.std()) / math.sqrt(SETS)
        if error <= accuracy * size or n >= most:
            return Estimate(float(sums.mean()), max(error, ROUNDING * size), points)
        n *= 4
