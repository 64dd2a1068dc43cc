"""Where the pieces of a boundary meet: the corners of a plane domain, points on the edges of a solid one."""

from __future__ import annotations

import torch
from torch import Tensor

from sciml.domains.base import Domain
from sciml.domains.pieces import Piece

FINE = 257  # looks along a piece; of stretches between two of them nothing is seen
HALVINGS = 32
ACROSS = 3  # lines each way over a piece with two coordinates
TOUCH = 1e-7  # of the size: pieces this close meet
SHARP = 1e-6  # difference of unit normals below which pieces go on smoothly


def vertices(space: Domain) -> Tensor:
    """Points where two pieces meet at an angle: (k, d) float64; none in one dimension, and beyond three.

    Args:
        space: A domain without time.
    """
    pieces = space._pieces
    ends = [torch.zeros(0, space.dim, dtype=torch.float64)]
    for piece in pieces:
        ends += ends_of(piece)
    x = torch.cat(ends)
    if len(x) == 0:
        return x
    touching = torch.stack([p.gap(x) <= TOUCH * space._size for p in pieces])
    normals = torch.stack([p.normal(x) for p in pieces])
    sharp = torch.zeros(len(x), dtype=torch.bool)
    for i in range(len(pieces)):
        for j in range(i):
            apart = torch.linalg.vector_norm(normals[i] - normals[j], dim=-1) > SHARP
            sharp |= touching[i] & touching[j] & apart
    x = x[sharp & (space._depth(x).abs() <= TOUCH * space._size)]
    # each corner ends two pieces
    return x[first_of_each((x / space._size / (10 * TOUCH)).round())]


def ends_of(piece: Piece) -> list[Tensor]:
    """Where the part of a piece that is kept begins and ends, along lines over it: ``(k, d)`` each."""
    return [_ends(piece, row) for row in _tracks(piece)]


def first_of_each(keys: Tensor) -> Tensor:
    """Rows ``(k, d)`` in which a key stands for the first time."""
    seen: set[tuple[float, ...]] = set()
    rows = [i for i, key in enumerate(keys.tolist()) if not (tuple(key) in seen or seen.add(tuple(key)))]
    return torch.tensor(rows, dtype=torch.long)


def _tracks(piece: Piece) -> list[Tensor]:
    """Lines over a piece's unit cube, (FINE, cube) each."""
    t = torch.linspace(0, 1, FINE, dtype=torch.float64)
    if piece.cube == 1:
        return [t[:, None]]
    if piece.cube != 2:
        return []
    fixed = (torch.arange(ACROSS, dtype=torch.float64) + 0.5) / ACROSS
    one = [torch.stack([t, t.new_full((FINE,), float(s))], 1) for s in fixed]
    return one + [row.flip(1) for row in one]


def _ends(piece: Piece, u: Tensor) -> Tensor:
    """Where the part of a piece that is kept begins and ends along a line (FINE, cube)."""
    x, keep = piece.place(u)
    if keep is None:
        return x[[0, -1]]
    found = [x[k : k + 1] for k in (0, -1) if keep[k]]
    changes = (keep[1:] != keep[:-1]).nonzero()[:, 0]
    if len(changes):
        low, high, kept = u[changes], u[changes + 1], keep[changes]
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            there = piece.place(middle)[1]
            assert there is not None
            same = (there == kept)[:, None]
            low, high = torch.where(same, middle, low), torch.where(same, high, middle)
        found.append(piece.meeting(piece.place(torch.where(kept[:, None], low, high))[0]))
    return torch.cat(found) if found else x[:0]
