"""Three dimensions in one picture: a field over a plane as a surface, and a body cut by three planes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sciml.errors import ArgumentError
from sciml.problem import PDE
from sciml.solvers.plots.colours import Scale
from sciml.solvers.plots.meshes import triangles
from sciml.solvers.plots.sampled import SampledSolution
from sciml.solvers.plots.slices import Slice, inside, with_unit

if TYPE_CHECKING:
    from mpl_toolkits.mplot3d.axes3d import Axes3D

SURFACE, CUT = 81, 41  # points an axis
TICKS = 4  # labels of an axis, which stand slanted
SLENDER = 0.3  # least share of the longest side that a side of the frame has


def draw_surface(ax: Axes3D, plane: Slice, layers: SampledSolution, k: int, cmap: Any = None) -> Any:
    """One unknown as a height over a plane; what lies outside of the domain is left out."""
    points, corners = triangles(plane, layers.resolution or SURFACE)
    values = layers.at(points)[:, k]
    scale = Scale.of([values], "plain", cmap)
    across, up = points[:, list(plane.axes)].T
    faces = {"linewidth": 0, "antialiased": False}
    drawn = ax.plot_trisurf(across, up, values, triangles=corners, **faces, **scale.options())
    name = layers.problem.unknowns[k]
    ax.set(xlabel=plane.labels[0], ylabel=plane.labels[1], zlabel=with_unit(layers.problem, name))
    ax.locator_params(nbins=TICKS)
    if plane.spatial:
        (left, right), (bottom, top) = plane.limits
        sides = np.maximum(np.array([right - left, top - bottom]) / max(right - left, top - bottom), SLENDER)
        ax.set_box_aspect((*sides, 0.6))
    return drawn


def draw_cuts(
    ax: Axes3D,
    layers: SampledSolution,
    axes: tuple[int, ...],
    cuts: dict[int, float],
    fixed: dict[int, float],
    k: int,
    cmap: Any = None,
) -> Any:
    """One unknown on three planes through a body, each at right angles to one of its axes.

    Args:
        ax: Axes in three dimensions.
        layers: The solution's values.
        axes: The three coordinates that span the body.
        cuts: Coordinate -> where its plane lies.
        fixed: Coordinate -> value of all others.
        k: The unknown.
        cmap: A colour map; None for the choice by the values.
    """
    from mpl_toolkits.mplot3d.art3d import Poly3DCollection

    problem, count = layers.problem, layers.resolution or CUT
    corners, colours = [], []
    for across in axes:
        plane = Slice(problem, tuple(a for a in axes if a != across), {**fixed, across: cuts[across]})
        points, found = triangles(plane, count)
        if len(found):
            corners.append(points[:, list(axes)][found])
            colours.append(layers.at(points)[:, k][found].mean(1))
    if not corners:
        raise ArgumentError(f"at needs planes that meet the domain, got {cuts!r}.")
    values = np.concatenate(colours)
    options = Scale.of([values], "plain", cmap).options()
    # one collection: its small faces are drawn from back to front, so that planes may cross
    drawn = Poly3DCollection(np.concatenate(corners), linewidth=0, antialiased=False)
    drawn.set(array=values, norm=options["norm"], cmap=options["cmap"])
    ax.add_collection3d(drawn)
    low, high = problem.domain.lower.numpy()[list(axes)], problem.domain.upper.numpy()[list(axes)]
    names = [with_unit(problem, str(problem.domain.names[a])) for a in axes]
    ax.set(xlabel=names[0], ylabel=names[1], zlabel=names[2])
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), zlim=(low[2], high[2]))
    ax.locator_params(nbins=TICKS)
    if problem.domain.time_axis not in axes:
        ax.set_box_aspect(np.maximum((high - low) / (high - low).max(), SLENDER))
    return drawn


def choose_body(
    problem: PDE,
    axes: Sequence[str] | None,
    at: Mapping[str, float] | None,
    times: Sequence[float] | None,
    until: float | None,
) -> tuple[tuple[int, ...], dict[int, float], dict[int, float]]:
    """Three coordinates, where each is cut, and the values of all others.

    Args:
        problem: The problem.
        axes: Names of three coordinates; those of space unless given, and time where space has two.
        at: Where planes cut, and values of other coordinates; the middle of the domain unless given.
        times: One moment, for a problem in time.
        until: Last time that was solved, where that is not the domain's.

    Raises:
        ArgumentError: Fewer than three coordinates, unknown ones, a value outside the domain, or several moments.
    """
    domain = problem.domain
    names, clock = [str(n) for n in domain.names], domain.time_axis
    if axes is None:
        space = domain.space_axes[:3]
        chosen = space if len(space) == 3 or clock is None else (clock, *space)
    else:
        unknown = [name for name in axes if name not in names]
        if unknown or len(set(axes)) != 3 or len(axes) != 3:
            raise ArgumentError(f"axes needs three coordinates of {', '.join(names)}, got {axes!r}.")
        chosen = tuple(names.index(name) for name in axes)
    if len(chosen) != 3:
        raise ArgumentError(f"kind='slices' needs three coordinates, got {', '.join(names)}.")
    if times is not None and (clock is None or clock in chosen or len(times) != 1):
        raise ArgumentError(f"times needs one moment of a body in space for kind='slices', got {times!r}.")
    given = dict(at or {}) | ({names[clock]: times[0]} if times is not None and clock is not None else {})
    if unknown := [name for name in given if name not in names]:
        raise ArgumentError(f"at: unknown coordinate {unknown[0]!r}; the domain has {', '.join(names)}.")
    values = ((domain.lower + domain.upper) / 2).tolist()
    if clock is not None and until is not None:
        values[clock] = (float(domain.lower[clock]) + until) / 2
    for name, value in given.items():
        values[names.index(name)] = inside(domain, name, value, until)
    cuts = {k: values[k] for k in chosen}
    return tuple(chosen), cuts, {k: values[k] for k in range(domain.dim) if k not in chosen}
