"""Rules over pieces of a boundary."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from sciml.domains.pieces import Kept, Piece
from sciml.domains.product import Along
from sciml.domains.quadrature.gauss import Rule, graded, panels, periodic, product, stretched
from sciml.domains.quadrature.inside import inside_rule

LOOKS = 4096  # places at which a kept piece is looked at
CUTS, ROUNDS = 64, 8  # of an interval, again and again
ROUND_OFF = 1e-13  # of the domain's size, by which a point of its boundary may lie beside it
HIGHEST = 3  # dimension of a product rule


def side_rule(piece: Piece, level: int) -> Rule | None:
    """Points ``(n, d)`` and weights ``(n,)`` on a whole piece; None where it has no smooth map from a cube of at most three
    dimensions, and is no product of rules.

    Pieces of lines are graded towards their ends.
    """
    if isinstance(piece, Along):
        own, rest = side_rule(piece.piece, level), inside_rule(piece.other, level)
        if own is None or rest is None:
            return None
        x, w = product([own, rest])
        cut = own[0].shape[1]
        return piece.together(x[:, :cut], x[:, cut:]), w
    if not piece.smooth or piece.cube > HIGHEST:
        return None
    if piece.cube == 0:
        x, _ = piece.place(torch.zeros(1, 0, dtype=torch.float64))
        return x, torch.full((1,), piece.measure, dtype=torch.float64)
    if piece.closed:
        u, w = periodic(level)
    elif piece.cube == 1:
        u, w = graded(level)
    else:
        u, w = product([panels(level)] * piece.cube)
    x, _ = piece.place(u.reshape(len(u), -1))
    return x, piece.measure * w


def kept_rule(kept: Kept, stretches: list[tuple[float, float]] | None, level: int) -> Rule | None:
    """As ``side_rule`` for a piece that is kept in part: a curve's stretches, or a point. None for anything else."""
    piece = whole_piece(kept)
    if stretches is None:
        return None
    if stretches == [(0.0, 1.0)]:
        return side_rule(piece, level)
    parts = [stretched(graded(level), low, high) for low, high in stretches]
    u, w = (torch.cat(column) for column in zip(*parts, strict=True))
    return piece.place(u[:, None])[0], piece.measure * w


def whole_piece(piece: Piece) -> Piece:
    """What a piece is a part of."""
    while isinstance(piece, Kept):
        piece = piece.piece
    return piece


def stretches_of(kept: Kept) -> list[tuple[float, float]] | None:
    """The intervals of the unit interval whose points are kept, by bisection; the whole of it for a point.

    None for what is no curve and no point, or where nothing is found at 4096 places: of a stretch that is shorter
    nothing is seen.
    """
    piece = whole_piece(kept)
    if not piece.smooth or piece.cube > 1:
        return None
    if piece.cube == 0:
        return [(0.0, 1.0)]
    u = (torch.arange(LOOKS, dtype=torch.float64) + 0.5) / LOOKS
    there = _kept(kept, u)
    changes = (there[1:] != there[:-1]).nonzero()[:, 0]
    ends = [_end(kept, float(u[i]), float(u[i + 1]), bool(there[i])) for i in changes]
    marks = [*([0.0] if there[0] else []), *ends, *([1.0] if there[-1] else [])]
    return list(zip(marks[::2], marks[1::2], strict=True)) or None


def _end(kept: Kept, low: float, high: float, first: bool) -> float:
    """Where a stretch begins or ends: where the curve leaves the boundary of the domain, or else where ``keep`` changes,
    which looks to both sides at a distance and is less sharp.
    """
    piece = whole_piece(kept)
    step = 1.0 / LOOKS

    def near(u: Tensor) -> Tensor:
        off = kept.off(piece.place(u[:, None])[0])
        return torch.zeros(len(u), dtype=torch.bool) if off is None else off <= ROUND_OFF

    ends = torch.tensor([max(low - step, 0.0), min(high + step, 1.0)], dtype=torch.float64)
    on = near(ends).tolist()
    if on == [first, not first]:
        return _bisected(near, float(ends[0]), float(ends[1]), first)
    return _bisected(lambda u: _kept(kept, u), low, high, first)


def _bisected(holds: Callable[[Tensor], Tensor], low: float, high: float, first: bool) -> float:
    """Where a condition changes that is ``first`` at ``low`` and not at ``high``."""
    for _ in range(ROUNDS):
        u = torch.linspace(low, high, CUTS + 1, dtype=torch.float64)
        same = (holds(u[1:-1]) == first).tolist()
        k = next((i for i, one in enumerate(same) if not one), CUTS - 1)
        low, high = float(u[k]), float(u[k + 1])
    return (low + high) / 2


def _kept(kept: Kept, u: Tensor) -> Tensor:
    _, keep = kept.place(u[:, None])
    return torch.ones(len(u), dtype=torch.bool) if keep is None else keep
