"""Which points are whose, and in which order the rows of all processes make those of one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def cuts(count: int, processes: int, together: int = 1) -> list[int]:
    """Where consecutive shares of ``count`` points begin and end, ``processes + 1`` numbers.

    Args:
        count: Of the points; a multiple of ``together``.
        processes: How many shares.
        together: Points that add up to one row, and stay in one share.
    """
    groups = count // together
    return [together * (groups * k // processes) for k in range(processes + 1)]


class Layout:
    """Rows that one process would have, block by block, against those of each process.

    Args:
        blocks: Of each block of rows, how many each process has of it.

    Attributes:
        rows: How many rows each process has.
    """

    def __init__(self, blocks: Sequence[Sequence[int]]):
        self._blocks = [list(block) for block in blocks]
        self.rows = [sum(block[rank] for block in self._blocks) for rank in range(len(self._blocks[0]))]

    def join(self, parts: Sequence[Tensor]) -> Tensor:
        """All rows ``(M, ...)`` from those of each process."""
        pieces, starts = [], [0] * len(parts)
        for block in self._blocks:
            for rank, count in enumerate(block):
                pieces.append(parts[rank][starts[rank] : starts[rank] + count])
                starts[rank] += count
        return torch.cat(pieces)

    def split(self, rows: Tensor) -> list[Tensor]:
        """The rows of each process from all of them ``(M, ...)``."""
        parts: list[list[Tensor]] = [[] for _ in self.rows]
        pieces = iter(rows.split([count for block in self._blocks for count in block]))
        for block in self._blocks:
            for rank in range(len(block)):
                parts[rank].append(next(pieces))
        return [torch.cat(part) for part in parts]
