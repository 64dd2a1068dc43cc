"""What a picture shows of a domain: one or two coordinates that vary, all others at fixed values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.problem import PDE

if TYPE_CHECKING:
    from matplotlib.path import Path

    from sciml.domains import Domain

FRAMES = 4  # snapshots over the time
OUTLINE = 401  # cells an axis at which a domain's outline is traced


@dataclass(frozen=True, eq=False)
class Slice:
    """A line or a plane through a problem's domain.

    Attributes:
        problem: The problem.
        axes: The coordinates that vary, one or two, horizontal first.
        fixed: Coordinate -> value for all others.
        until: Last time that was solved, where that is not the domain's.
    """

    problem: PDE
    axes: tuple[int, ...]
    fixed: Mapping[int, float]
    until: float | None = None

    @property
    def names(self) -> list[str]:
        """Names of the coordinates that vary."""
        return [str(self.problem.domain.names[k]) for k in self.axes]

    @property
    def labels(self) -> list[str]:
        """The names, with their units where the problem has them."""
        return [with_unit(self.problem, name) for name in self.names]

    @property
    def label(self) -> str:
        """Values of the coordinates that do not vary, as ``t = 0.5, z = 0``; many equal ones as ``x3 = … = x10 = 0``."""
        names, time = self.problem.domain.names, self.problem.domain.time_axis
        parts = []
        for (_, value), run in groupby(
            sorted(self.fixed.items()), lambda item: (item[0] == time, f"{item[1]:.3g}")
        ):
            equal = [str(names[k]) for k, _ in run]
            if len(equal) > 2:
                parts.append(f"{equal[0]} = … = {equal[-1]} = {value}")
            else:
                parts += [f"{name} = {value}" for name in equal]
        return ", ".join(parts)

    @property
    def limits(self) -> list[tuple[float, float]]:
        """Lower and upper end of each axis."""
        domain = self.problem.domain
        ends = [(float(domain.lower[k]), float(domain.upper[k])) for k in self.axes]
        if self.until is not None and domain.time_axis in self.axes:
            k = self.axes.index(domain.time_axis)
            ends[k] = (ends[k][0], self.until)
        return ends

    @property
    def spatial(self) -> bool:
        """Whether both axes are lengths, to be drawn to the same scale."""
        return len(self.axes) == 2 and self.problem.domain.time_axis not in self.axes

    def coordinates(self, count: int) -> list[np.ndarray]:
        """``count`` even values for each axis."""
        return [np.linspace(low, high, count) for low, high in self.limits]

    def points(self, count: int) -> np.ndarray:
        """The grid of ``coordinates`` as points ``(count^k, d)``, first axis slowest."""
        mesh = np.meshgrid(*self.coordinates(count), indexing="ij")
        x = np.zeros((mesh[0].size, self.problem.domain.dim))
        for k, value in self.fixed.items():
            x[:, k] = value
        for k, values in zip(self.axes, mesh, strict=True):
            x[:, k] = values.ravel()
        return x

    def inside(self, count: int) -> np.ndarray:
        """Which points of the grid lie in the domain."""
        import torch

        return self.problem.domain.contains(torch.from_numpy(self.points(count))).numpy()

    @cached_property
    def outline(self) -> Path | None:
        """The domain's shape in this plane; None where it fills the frame."""
        if len(self.axes) < 2:
            return None
        mask = self.inside(OUTLINE).reshape(OUTLINE, OUTLINE)
        if mask.all():
            return None
        from contourpy import contour_generator
        from matplotlib.path import Path

        across, up = (np.linspace(low, high, OUTLINE) for low, high in self.limits)
        # a ring of zeros around, so that the shape is closed where it touches the frame
        padded = np.pad(mask.T.astype(float), 1)
        across = np.concatenate([[2 * across[0] - across[1]], across, [2 * across[-1] - across[-2]]])
        up = np.concatenate([[2 * up[0] - up[1]], up, [2 * up[-1] - up[-2]]])
        filled: Any = contour_generator(across, up, padded, fill_type="OuterCode").filled(0.5, 2.0)
        shapes, codes = filled
        if not shapes:
            return Path(np.zeros((0, 2)))
        return Path(np.concatenate(shapes), np.concatenate(codes))

    def rows(self, points: np.ndarray) -> np.ndarray:
        """Which of scattered points ``(n, d)`` lie in this slice: ``(n,)`` bool."""
        near = np.ones(len(points), dtype=bool)
        span = (self.problem.domain.upper - self.problem.domain.lower).numpy()
        for k, value in self.fixed.items():
            near &= np.abs(points[:, k] - value) <= 1e-6 * span[k]
        return near


def choose_slices(
    problem: PDE,
    axes: Sequence[str] | None = None,
    at: Mapping[str, float] | None = None,
    times: Sequence[float] | None = None,
    until: float | None = None,
) -> list[Slice]:
    """The slices that a picture of a problem shows: one, or one for each time.

    Args:
        problem: The problem.
        axes: Names of the coordinates to draw over, one or two; the first ones that ``at`` leaves free
            unless given. A space of one dimension is drawn over time and space.
        at: Values of other coordinates; the middle of the domain unless given.
        times: Moments to draw, for a problem in time; some even ones where a plane of space is drawn.
        until: Last time that was solved, where that is not the domain's.

    Raises:
        ArgumentError: An unknown coordinate, a value outside the domain, or nothing left to draw over.
        ArgumentTypeError: Arguments of another type.
    """
    domain = problem.domain
    names, clock = [str(n) for n in domain.names], domain.time_axis
    fixed = {_axis(name, names, "at"): inside(domain, name, value, until) for name, value in _items(at)}
    if times is not None and clock is None:
        raise ArgumentError(f"times need a problem in time; {type(problem).__name__} has {', '.join(names)}.")
    if isinstance(axes, str):
        axes = (axes,)
    if axes is not None:
        drawn = [_axis(name, names, "axes") for name in axes]
        if not 1 <= len(set(drawn)) == len(drawn) <= 2:
            raise ArgumentError(f"axes needs one or two coordinates of {', '.join(names)}, got {axes!r}.")
        if twice := [names[k] for k in drawn if k in fixed]:
            raise ArgumentError(f"at fixes {twice[0]!r}, which axes draw over; leave it out of one of them.")
    else:
        drawn = _free(domain, fixed, times)
    if clock is not None and times is not None:
        if clock in drawn or clock in fixed:
            raise ArgumentError(f"times fix {names[clock]!r}; leave it out of axes and at.")
        times = [inside(domain, names[clock], t, until) for t in times]
    middle = ((domain.lower + domain.upper) / 2).tolist()
    if clock is not None and until is not None:
        middle[clock] = (float(domain.lower[clock]) + until) / 2
    others = {k: fixed[k] if k in fixed else middle[k] for k in range(domain.dim) if k not in drawn}
    if clock is None or clock in drawn or clock in fixed:
        return [Slice(problem, tuple(drawn), others, until)]
    moments = times if times is not None else _moments(problem, until)
    if len(moments) == 0:
        raise ArgumentError("times needs at least one moment, got none.")
    return [Slice(problem, tuple(drawn), {**others, clock: float(t)}, until) for t in moments]


def _free(domain, fixed: Mapping[int, float], times: Sequence[float] | None) -> list[int]:
    clock = domain.time_axis
    space = [k for k in domain.space_axes if k not in fixed]
    moving = clock is not None and clock not in fixed and times is None
    drawn = [clock, *space] if moving and len(space) < 2 else space[:2]
    if not drawn:
        raise ArgumentError(
            f"at fixes every coordinate ({', '.join(map(str, domain.names))}); leave one free."
        )
    return drawn


def _moments(problem: PDE, until: float | None) -> list[float]:
    """Even moments, or those of the problem's own table that come nearest to them."""
    clock = problem.domain.time_axis
    low, high = float(problem.domain.lower[clock]), float(problem.domain.upper[clock])
    high = high if until is None else until
    even = np.linspace(low, high, FRAMES)
    table = None if problem.has_exact else problem.reference()
    if table is None:
        return even.tolist()
    known = np.unique(table.points[:, clock].numpy())
    known = known[known <= high]
    if known.size == 0:
        return even.tolist()
    return sorted({float(known[np.abs(known - t).argmin()]) for t in even})


def _items(at: Mapping[str, float] | None) -> list[tuple[str, float]]:
    if at is None:
        return []
    if not isinstance(at, Mapping):
        raise ArgumentTypeError(
            f'at needs a mapping of coordinates to values, as in at={{"z": 0.5}}, got {at!r}.'
        )
    return list(at.items())


def _axis(name: object, names: list[str], argument: str) -> int:
    if name not in names:
        raise ArgumentError(f"{argument}: unknown coordinate {name!r}; the domain has {', '.join(names)}.")
    return names.index(str(name))


def with_unit(problem: PDE, name: str) -> str:
    """A coordinate or an unknown as an axis names it, such as ``x [m]``."""
    unit = problem.units.get(name)
    return f"{name} [{unit}]" if unit else name


def inside(domain: Domain, name: str, value: float, until: float | None = None) -> float:
    """A coordinate's value, as a number within the domain and, of time, within what was solved.

    Raises:
        ArgumentError: It lies outside.
        ArgumentTypeError: No number.
    """
    k = [str(n) for n in domain.names].index(name)
    low, high = float(domain.lower[k]), float(domain.upper[k])
    if until is not None and k == domain.time_axis:
        high = min(high, until)
    if isinstance(value, bool) or not isinstance(value, (int, float, np.floating, np.integer)):
        raise ArgumentTypeError(f"{name} needs a number in [{low:g}, {high:g}], got {value!r}.")
    if not (math.isfinite(value) and low <= value <= high):
        raise ArgumentError(f"{name} needs a number in [{low:g}, {high:g}], got {value!r}.")
    return float(value)
