"""Which knots a spline gets when it is given more: sets that hold the old ones, so that the spline stays what it is.

A set of knots is a vector ``(K,)``, float64, non-decreasing: ``degree`` cells, the grid's cells, ``degree`` cells.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import torch
from torch import Tensor


def grid_of(knots: Tensor, degree: int) -> Tensor:
    """The knots that bound the grid's cells, ends included."""
    return knots[degree : knots.shape[0] - degree]


def split_cells(knots: Tensor, degree: int, grid: int) -> Tensor:
    """``knots`` with the grid's cells cut into equal pieces, ``grid`` of them in all.

    Every cell gets as many pieces, or one more; a repeated knot, whose cell is empty, stays. ``grid`` is at least the
    number of cells there are.
    """
    inner = grid_of(knots, degree)
    width = inner.diff()
    full = (width > 0).nonzero()[:, 0]
    pieces = grid - (width.shape[0] - full.shape[0])
    n = torch.arange(full.shape[0] + 1)
    count = (pieces * n // full.shape[0]).diff()  # of each cell that is not empty
    cell = torch.arange(full.shape[0]).repeat_interleave(count - 1)
    place = torch.arange(cell.shape[0]) - ((count - 1).cumsum(0) - (count - 1))[cell] + 1
    more = inner[full][cell] + width[full][cell] * place / count[cell]
    return torch.cat([knots, more]).sort().values


def raise_multiplicity(knots: Tensor, places: Sequence[float], multiplicity: int, rounding: float) -> Tensor:
    """``knots`` with each of ``places`` at least ``multiplicity`` times.

    A knot within ``rounding`` of a place counts as that place.
    """
    known = knots.tolist()
    for place in places:
        n = bisect_left(known, place)
        beside = known[max(n - 1, 0) : n + 1]
        nearest = min(beside, key=lambda knot: abs(knot - place))
        if abs(nearest - place) > rounding:
            nearest = place
        n = bisect_left(known, nearest)
        known[n:n] = [nearest] * max(multiplicity - (bisect_right(known, nearest) - n), 0)
    return knots.new_tensor(known)


def reach(knots: Tensor, degree: int, lower: float, upper: float) -> Tensor:
    """``knots`` with cells appended until the grid holds ``[lower, upper]``.

    They are as wide as the others on the average, or wider where that would take more cells than the grid has.
    """
    inner = grid_of(knots, degree)
    cells, first, last = inner.shape[0] - 1, float(inner[0]), float(inner[-1])
    usual = (last - first) / int((inner.diff() > 0).sum())
    right = _steps(usual, upper - last, cells)
    left = _steps(usual, first - lower, cells)
    while float(knots[-1 - degree]) < upper:
        knots = torch.cat([knots, knots[-1:] + right])
    while float(knots[degree]) > lower:
        knots = torch.cat([knots[:1] - left, knots])
    return knots


def _steps(usual: float, distance: float, cells: int) -> float:
    return max(usual, distance / cells)


def far_from(places: Tensor, knots: Tensor) -> list[float]:
    """Those of the increasing ``places (p,)``, p >= 2, that no knot comes nearer to than half the gap beside them."""
    gap = places.diff()
    room = torch.minimum(torch.cat([gap[:1], gap]), torch.cat([gap, gap[-1:]])) / 2
    nearest = (places[:, None] - knots).abs().amin(1)
    return places[nearest > room].tolist()


def as_rows(sets: Sequence[Tensor], degree: int) -> Tensor:
    """The sets as rows ``(i, K)`` of the longest one's length: cells of the shorter ones are split."""
    most = max(knots.shape[0] for knots in sets)
    return torch.stack([split_cells(knots, degree, most - 2 * degree - 1) for knots in sets])
