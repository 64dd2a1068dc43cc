"""Points for a spline on uneven knots: as many in each cell, since points that are drawn evenly miss the narrow ones."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from sciml.ansatz import Trial
from sciml.nn import KAN
from sciml.nn.knots import grid_of
from sciml.nn.splines import SplineLayer
from sciml.problem import PDE

UNEVEN = 10.0  # the widest cell over the narrowest one, from which points follow the cells


def cells_of(trial: Trial) -> Tensor | None:
    """Ends of a spline's cells in [-1, 1], increasing; None where points need not follow them.

    They do for a KAN of one layer on a line whose knots are uneven, or repeated inside.
    """
    network = trial.network
    if not isinstance(network, KAN) or len(network.layers) != 1 or trial.problem.domain.dim != 1:
        return None
    layer = network.layers[0]
    if not isinstance(layer, SplineLayer) or trial.problem.periodic_axes:
        return None
    knots = layer.knots[0].detach().double().cpu()
    inner = grid_of(knots, network.degree)
    ends = torch.cat([inner, knots.new_tensor([-1.0, 1.0])]).clamp(-1.0, 1.0).unique()
    widths, inside = ends.diff(), inner[(inner > -1.0) & (inner < 1.0)]
    repeated = len(inside.unique()) < len(inside)
    return ends if repeated or float(widths.max()) > UNEVEN * float(widths.min()) else None


def felt(layer: SplineLayer) -> Tensor:
    """Which of the coordinate's B-splines differ from zero in [-1, 1], ``(m,)``."""
    knots, degree = layer.knots[0].detach().double().cpu(), layer.degree
    return (knots[degree + 1 :] > -1.0) & (knots[: -degree - 1] < 1.0)


def points_of(problem: PDE, trial: Trial) -> Callable[[int, int], Tensor]:
    """What draws a problem's interior points, ``(n, seed) -> (n, d)``."""
    ends = cells_of(trial) if type(problem).sample is PDE.sample else None
    return problem.sample if ends is None else in_cells(problem, ends)


def in_cells(problem: PDE, ends: Tensor) -> Callable[[int, int], Tensor]:
    """Points of a line, as many in each cell: ``(n, seed) -> (n, 1)``, cell by cell.

    Args:
        problem: On the line.
        ends: Of the cells of [-1, 1], increasing.
    """
    low, high = problem.domain.lower, problem.domain.upper
    cells = len(ends) - 1

    def draw(n: int, seed: int) -> Tensor:
        rng = torch.Generator().manual_seed(seed)
        t = (torch.arange(n, dtype=torch.float64) + torch.rand(n, generator=rng, dtype=torch.float64)) / n
        if n < cells:  # one cell in so many, anywhere in it
            t = (torch.floor(t * cells) + torch.rand(n, generator=rng, dtype=torch.float64)) / cells
        k = (t * cells).long().clamp(max=cells - 1)
        z = ends[k] + (ends[k + 1] - ends[k]) * (t * cells - k).clamp(1e-9, 1 - 1e-9)
        return low + (high - low) * ((z + 1) / 2)[:, None]

    return draw
