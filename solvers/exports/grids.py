"""Grids over a domain's bounding box, and the points of it that lie inside what was solved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from sciml.ansatz.march import Chain
from sciml.arguments import integer
from sciml.errors import ArgumentError, ArgumentTypeError

if TYPE_CHECKING:
    from sciml.solvers.answer import Answer

DEFAULT = {1: 401, 2: 101, 3: 41, 4: 17}  # coordinates -> points of each
MOST = 20_000_000  # points


@dataclass(frozen=True)
class Grid:
    """A grid over all coordinates.

    Attributes:
        names: Of the coordinates.
        axes: Values of each, increasing.
    """

    names: tuple[str, ...]
    axes: tuple[np.ndarray, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Points of each coordinate."""
        return tuple(len(axis) for axis in self.axes)

    @property
    def points(self) -> np.ndarray:
        """All of them, ``(n, d)``, the first coordinate slowest."""
        return np.stack(np.meshgrid(*self.axes, indexing="ij"), axis=-1).reshape(-1, len(self.axes))


def grid_of(solution: Answer, grid: Any = None) -> Grid:
    """The grid that an argument describes.

    Args:
        solution: Over whose domain it lies, up to the last time that was solved.
        grid: Points of every coordinate, or a mapping of some coordinates to numbers of points or to values; 401, 101, 41 or
            17 of each in one to four dimensions unless given.

    Raises:
        ArgumentError: An unknown coordinate, values outside of the domain or not increasing, too many points, or none given
            in more than four dimensions.
        ArgumentTypeError: Neither a number nor a mapping.
    """
    domain = solution.problem.domain
    names = tuple(map(str, domain.names))
    low, high = domain.lower.tolist(), domain.upper.tolist()
    if domain.time_axis is not None and isinstance(solution.trial, Chain):
        high[domain.time_axis] = solution.trial.until
    given: Mapping[str, Any]
    if isinstance(grid, Mapping):
        given = grid
    elif grid is None or (isinstance(grid, int) and not isinstance(grid, bool)):
        given = {} if grid is None else dict.fromkeys(names, grid)
    else:
        raise ArgumentTypeError(
            f"grid needs a number of points or a mapping of coordinates, such as {{{names[0]!r}: 51}}, got "
            f"{type(grid).__name__}."
        )
    if unknown := [name for name in given if name not in names]:
        raise ArgumentError(f"grid needs coordinates of {', '.join(names)}, got {unknown[0]!r}.")
    default = DEFAULT.get(len(names))
    if default is None and len(given) < len(names):
        missing = ", ".join(name for name in names if name not in given)
        raise ArgumentError(
            f"grid needs points or values for every one of {len(names)} coordinates, got none for {missing}."
        )
    axes = tuple(
        _axis(name, given.get(name, default), a, b) for name, a, b in zip(names, low, high, strict=True)
    )
    found = Grid(names, axes)
    if (count := int(np.prod([float(n) for n in found.shape]))) > MOST:
        raise ArgumentError(f"grid needs at most {MOST:,} points, got {count:,}.")
    return found


def _axis(name: str, wanted: Any, low: float, high: float) -> np.ndarray:
    if isinstance(wanted, (int, np.integer)):
        return np.linspace(low, high, integer(f"grid[{name!r}]", wanted, least=2))
    values = np.atleast_1d(np.asarray(wanted, dtype=np.float64))
    if values.ndim != 1 or len(values) == 0 or not np.isfinite(values).all() or (np.diff(values) <= 0).any():
        raise ArgumentError(
            f"grid[{name!r}] needs increasing values or a number of points, got {wanted!r:.60}."
        )
    slack = 1e-9 * (high - low)
    if values[0] < low - slack or values[-1] > high + slack:
        raise ArgumentError(
            f"grid[{name!r}] needs values in [{low:g}, {high:g}], got {values[0]:g} to {values[-1]:g}."
        )
    return values.clip(low, high)


def inside(solution: Answer, points: np.ndarray) -> np.ndarray:
    """Which points ``(n, d)`` lie in the domain: ``(n,)`` bool."""
    return solution.problem.domain.contains(torch.from_numpy(points)).numpy()


def values_at(solution: Answer, points: np.ndarray) -> np.ndarray:
    """Values ``(n, m)`` float64 at points ``(n, d)``; nan outside of the domain."""
    like = next(solution.network.parameters())
    there = inside(solution, points)
    values = np.full((len(points), solution.problem.outputs), np.nan)
    if there.any():
        values[there] = solution.values(torch.from_numpy(points[there]).to(like)).double().cpu().numpy()
    return values


def needed(module: str, function: str, extra: str = "export") -> Any:
    """A module of an extra.

    Raises:
        ArgumentError: It is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise ArgumentError(
            f"{function} needs the package {module}, got none installed: pip install 'sciml-kan[{extra}]'."
        ) from error
