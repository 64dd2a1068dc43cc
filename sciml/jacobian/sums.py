"""Rows of a residual that add up several points: differences of pairs, and means."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Sums:
    """Weighted sums over groups of consecutive points: one row a group.

    What is summed depends on its own point alone, so its Jacobian has one row a point, and the sum of the residuals has the
    sum of these rows.

    Attributes:
        weights: Of the points of each group, ``(g,)``.
    """

    weights: Tensor

    def rows(self, points: int) -> int:
        """Rows for so many points."""
        return points // len(self.weights)

    def of(self, values: Tensor) -> Tensor:
        """``(n, ...) -> (n / g, ...)``."""
        groups = values.reshape(-1, len(self.weights), *values.shape[1:])
        return groups.movedim(1, -1) @ self.weights.to(values)

    def spread(self, rows: Tensor) -> Tensor:
        """The transpose of ``of``: ``(n / g,) -> (n,)``."""
        return (rows[:, None] * self.weights.to(rows)).reshape(-1)


DIFFERENCES = Sums(torch.tensor([-1.0, 1.0], dtype=torch.float64))  # of pairs: the second less the first
