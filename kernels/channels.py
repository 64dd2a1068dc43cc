"""Which channels a jet has, as plain numbers: what a kernel is compiled for.

``sciml.kernels.orders`` says what the channels mean. Kernels take the weights of all sums as one row of numbers,
those of the second order first.
"""

from __future__ import annotations

from itertools import accumulate
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor

from sciml.kernels.orders import ChannelWeights, Weights


class Channels(NamedTuple):
    """The value, then ``kept[q - 1]`` directions and ``sums[q - 1]`` sums of each order ``q = 1, ..., K``.

    A sum of order ``q`` runs over the first ``kept[q - 2]`` directions. There are no sums of first order.
    """

    kept: tuple[int, ...]
    sums: tuple[int, ...]

    @property
    def order(self) -> int:
        """``K``, the highest derivative of a layer's functions that enters."""
        return len(self.kept)

    @property
    def starts(self) -> tuple[int, ...]:
        """The first channel of each order ``1, ..., K``, and the number of channels."""
        return tuple(accumulate((a + b for a, b in zip(*self, strict=True)), initial=1))

    @property
    def count(self) -> int:
        """Number of channels."""
        return self.starts[-1]

    def of_order(self, q: int) -> range:
        """The channels of one order."""
        return range(*self.starts[q - 1 : q + 1])

    @property
    def curved(self) -> list[tuple[int, int]]:
        """Pairs ``(j, c)``: channel ``c`` sees the derivative ``j >= 2`` of a layer's functions."""
        found = [(j, c) for q in range(2, self.order + 1) for c in self.of_order(q) for j in range(2, q + 1)]
        return sorted(found, key=lambda pair: pair[1])

    def along(self, q: int, k: int) -> int:
        """The channel of order ``q`` along direction ``k``."""
        return self.starts[q - 1] + k

    def terms(self, q: int) -> dict[int, list[tuple[int, int | None]]]:
        """What each channel of order ``q`` is made of: directions, with the place of their weight or None for one."""
        before, kept = self.kept[q - 2], self.kept[q - 1]
        place = sum(self.sums[r] * self.kept[r - 1] for r in range(1, q - 1))
        out: dict[int, list[tuple[int, int | None]]] = {
            c: [(c - self.starts[q - 1], None)] for c in self.of_order(q)[:kept]
        }
        for s, c in enumerate(self.of_order(q)[kept:]):
            out[c] = [(k, place + s * before + k) for k in range(before)]
        return out

    def seen_by(self, q: int, k: int) -> list[tuple[int, int | None]]:
        """The channels of order ``q`` to which direction ``k`` gives, with the place of its weight or None for one."""
        return [(c, place) for c, terms in self.terms(q).items() for at, place in terms if at == k]

    def inner(self, m: int, k: int) -> list[tuple[int, list[tuple[int, int]]]]:
        """The orders that see order ``m`` along direction ``k`` through a product: ``q > m`` and the pairs ``(r, j)``.

        The cotangent of order ``q`` comes to that channel with the factor ``C(q, m) sum_j f^(j + 1) B_rj``, ``r = q - m``.
        """
        orders = [q for q in range(m + 1, self.order + 1) if k < self.kept[q - 2]]
        return [(q, [(q - m, j) for j in range(1, q - m + 1)]) for q in orders]

    def __str__(self) -> str:
        kept, sums = ("-".join(map(str, row)) or "0" for row in self)
        return f"D{kept}_S{sums}"


def channels_of(W: Weights) -> Channels:
    """The channels of a jet with these weights: ``(S, D)`` or a ``ChannelWeights``."""
    if isinstance(W, ChannelWeights):
        return Channels(W.kept, (0, *(rows.shape[0] for rows in W.by_order)))
    S, D = W.shape
    if S:
        return Channels((D, 0), (0, S))
    return Channels((D,), (0,)) if D else Channels((), ())


def as_row(W: Weights, like: Tensor) -> Tensor:
    """All weights one after the other, in the dtype and on the device of ``like``."""
    rows = W.by_order if isinstance(W, ChannelWeights) else (W,)
    return torch.cat([part.reshape(-1) for part in rows]).to(like)


def from_row(row: Tensor, channels: Channels) -> Weights:
    """The weights of a jet from the row of all of them."""
    kept, sums = channels
    if channels.order < 3:
        directions = kept[0] if kept else 0
        return row.reshape(sums[1] if len(sums) > 1 else 0, directions)
    shapes = [(S, N) for S, N in zip(sums[1:], kept, strict=False)]
    parts = row.split([prod(shape) for shape in shapes])
    return ChannelWeights(tuple([part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]))
