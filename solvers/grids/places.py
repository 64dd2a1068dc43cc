"""Where the splines of a network want knots: in the cells that hold most of the squared residual.

A point counts in every layer, in the cell that its value falls into there. The cell with the most is cut, one
after the other, so that every cell comes to hold about as much of the residual (de Boor 1974 for the error of
one spline; on hidden layers our own design).
"""

from __future__ import annotations

import torch
from torch import Tensor

from sciml.nn import KAN

MIDDLE = 0.25  # of a cell, at either end, that no knot is put into
NARROW = 1e-6  # of the values' range: narrower cells are not cut


@torch.no_grad()
def follow(network: KAN, z: Tensor, squares: Tensor, share: float) -> None:
    """Put knots into the grids of all layers, in place; the function stays the same everywhere, to rounding.

    Args:
        network: Of B-splines.
        z: Inputs, ``(n, n_0)``, spread evenly over the domain.
        squares: Squared residual at them, ``(n,)``, ``>= 0``.
        share: Of its cells by which the grid of each layer grows, at least one.
    """
    for layer in network._spline_layers():
        below = layer.jet(z[:, None], z.new_zeros(0, 0))[:, 0]
        seen, count = layer.seen(z), max(1, round(share * layer.grid))
        layer.take(
            [with_knots(s, column, squares, count) for s, column in zip(layer.sets(), seen.T, strict=True)]
        )
        z = below


def with_knots(knots: Tensor, values: Tensor, squares: Tensor, count: int) -> Tensor:
    """``knots (K,)`` and ``count`` more where the ``squares (n,)`` of ``values (n,)`` add up to most.

    One after the other: the cell with the largest sum is cut. Beyond the outermost knot the values lie in one cell. Fewer
    knots come where all cells are narrow.
    """
    order = values.argsort()
    values, squares = values[order].contiguous(), squares[order]
    low, high = values[0], values[-1]
    more: list[Tensor] = []
    for _ in range(count):
        known = torch.cat([knots, *more])
        ends = torch.cat([low[None], known[(known > low) & (known < high)], high[None]]).unique()
        cell = torch.bucketize(values, ends[1:-1])
        wide = ends.diff() > NARROW * (high - low)
        if not bool(wide.any()):
            break
        mass = torch.zeros_like(ends[1:]).scatter_add(0, cell, squares)
        k = int(torch.where(wide, mass, -1.0).argmax())
        inside = cell == k
        more.append(_cut(values[inside], squares[inside], ends[k], ends[k + 1])[None])
    return torch.cat([knots, *more]).sort().values


def _cut(values: Tensor, squares: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """Where half of the squares lie on either side, but not near an end of the cell; ``values`` increase."""
    room = MIDDLE * (right - left)
    sums = squares.cumsum(0)
    if not len(sums) or not float(sums[-1]) > 0:
        return (left + right) / 2
    half = values[int(torch.searchsorted(sums, sums[-1] / 2).clamp(max=len(sums) - 1))]
    return torch.maximum(torch.minimum(half, right - room), left + room)
