"""The numbers behind a picture: a solution, its reference, error and residual on slices of the domain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from sciml.errors import ArgumentError
from sciml.problem import Reference
from sciml.solvers.comparison import known_at
from sciml.solvers.plots.panels import Samples
from sciml.solvers.plots.slices import Slice

if TYPE_CHECKING:
    from sciml.solvers.answer import Answer

PIXELS = 161  # points an axis of a map
COARSE = 81  # of a map of the residual, whose derivatives cost more
POINTS = 401  # points of a curve
FEW = 4  # rows of a table that make a picture


class SampledSolution:
    """SampledSolution of a solution by slice and kind, each computed once.

    Args:
        solution: The solution.
        unknown: One unknown; all of them unless given.
        resolution: Points an axis; ``PIXELS`` or ``POINTS`` unless given.
    """

    def __init__(self, solution: Answer, unknown: str | None = None, resolution: int | None = None):
        self.solution, self.resolution = solution, resolution
        self.problem = solution.problem
        self.unknowns = [k for k, name in enumerate(self.problem.unknowns) if unknown in (None, name)]
        self._cache: dict[tuple[Slice, str], np.ndarray] = {}
        self.table: Reference | None = None if self.problem.has_exact else self.problem.reference()

    def count(self, slice_: Slice, kind: str) -> int:
        """Points an axis."""
        plane = COARSE if kind == "residual" else PIXELS
        return self.resolution or (plane if len(slice_.axes) == 2 else POINTS)

    def compares(self, slices: Sequence[Slice]) -> bool:
        """Whether there is something to compare with on all of these slices."""
        if self.problem.has_exact:
            return True
        return self.table is not None and all(int(self._rows(s).sum()) >= FEW for s in slices)

    def layer(self, slice_: Slice, kind: str, unknown: int = 0) -> Samples:
        """``kind`` as in ``sciml.solvers.plots.plotting.plot``; what lies outside the domain is nan."""
        if kind == "residual":
            return Samples(self._values(slice_, kind)[:, 0])
        if kind == "estimate":
            return Samples(np.abs(self._values(slice_, kind)[:, unknown]))
        if kind == "solution" or self.problem.has_exact:
            values = self._values(slice_, "solution")[:, unknown]
            if kind == "solution":
                return Samples(values)
            exact = self._values(slice_, "exact")[:, unknown]
            return Samples(_compared(kind, values, exact))
        assert self.table is not None
        rows = self._rows(slice_)
        points, expected = self.table.points.numpy()[rows], self.table.values.numpy()[rows, unknown]
        layer = _compared(kind, self.at(points)[:, unknown], expected)
        flat = points[:, list(slice_.axes)]
        on_grid = _resample(flat, layer, slice_, self.count(slice_, kind))
        return Samples(layer, flat) if on_grid is None else Samples(on_grid)

    def inside(self, slice_: Slice, layer: Samples) -> np.ndarray:
        """The layer's values inside the domain, which a colour scale is made of."""
        if layer.points is not None:
            return layer.values
        side = round(len(layer.values) ** (1 / len(slice_.axes)))
        key = (slice_, f"inside {side}")
        if key not in self._cache:
            self._cache[key] = slice_.inside(side)
        return layer.values[self._cache[key]]

    def at(self, x: np.ndarray) -> np.ndarray:
        """Values at ``x (n, d)``; a grid over the bounding box leaves the domain, and no picture shows that part."""
        like = next(self.solution.network.parameters())
        return self.solution.values(torch.from_numpy(x).to(like)).double().cpu().numpy()

    def _correction(self, x: np.ndarray) -> np.ndarray:
        """What the estimate of the error would move the solution by.

        Raises:
            ArgumentError: Nothing is known about the error.
        """
        found = self.solution.error_estimate()
        if found.value is None:
            raise ArgumentError(f"kind='estimate' needs an error estimate, got none: {found.reason}.")
        like = next(self.solution.network.parameters())
        return found.correction(torch.from_numpy(x).to(like)).double().cpu().numpy()

    def _rows(self, slice_: Slice) -> np.ndarray:
        assert self.table is not None
        return slice_.rows(self.table.points.numpy())

    def _values(self, slice_: Slice, kind: str) -> np.ndarray:
        key = (slice_, kind)
        if key not in self._cache:
            x = slice_.points(self.count(slice_, kind))
            if kind == "solution":
                values = self.at(x)
            elif kind == "estimate":
                values = self._correction(x)
            elif kind == "residual":
                values = np.linalg.norm(self.solution.residual(x), axis=1, keepdims=True)
            else:
                with torch.no_grad():
                    values = known_at(self.problem, torch.from_numpy(x)).double().numpy()
            self._cache[key] = values
        return self._cache[key]


def _compared(kind: str, values: np.ndarray, expected: np.ndarray) -> np.ndarray:
    if kind == "reference":
        return expected
    return values - expected if kind == "difference" else np.abs(values - expected)


def _resample(points: np.ndarray, values: np.ndarray, slice_: Slice, count: int) -> np.ndarray | None:
    """A table on a tensor grid, linearly interpolated to the picture's grid; None for any other table."""
    if points.shape[1] != 2:
        return None
    across, up = np.unique(points[:, 0]), np.unique(points[:, 1])
    if len(across) * len(up) != len(points) or min(len(across), len(up)) < 2:
        return None
    order = np.lexsort((points[:, 1], points[:, 0]))
    table = values[order].reshape(len(across), len(up))
    x, y = slice_.coordinates(count)
    rows = np.stack([np.interp(y, up, row) for row in table])
    return np.stack([np.interp(x, across, column) for column in rows.T], axis=1).ravel()
