"""Jets above second order: which channels there are, and the chain rule on them.

Along a direction ``v_k`` a jet holds the derivatives ``z_1, ..., z_p`` up to an order of its own. Directions come with
falling orders, so that order ``q`` is there for the first ``N_q`` of them. Sums of order ``q`` come beside these: channel
``s`` holds ``sum_k W_q[s, k] d^q/dv_k^q`` over the first ``N_(q-1)`` directions, whose own channels may end one order below.
The channels, in their order: the value, order 1 (``N_1``), order 2 (``N_2`` and the sums), ..., order K (sums alone).

For ``y = f(z)`` Faa di Bruno's formula holds along each direction, and is linear in what has the highest order:

    y_q = f'(z_0) z_q + sum_(j >= 2) f^(j)(z_0) B_qj(z_1, ..., z_(q-1))

with the partial Bell polynomials ``B_qj``. With K = 2 these are the jets of ``sciml.jets``.

Reference: Griewank, Utke and Walther (2000), Evaluating higher derivative tensors by forward propagation of univariate
Taylor series, Math. Comp. 69; collapsing the highest order after Dangel et al. (2025), Collapsing Taylor mode.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from torch import Tensor

Bell = list[list[Tensor]]  # [q - 2][j - 2]: B_qj over the first N_(q-1) directions, (n, N_(q-1), i)


@dataclass(frozen=True, eq=False)
class ChannelWeights:
    """The weights of the sums of each order: what ``W (S, D)`` is to jets of second order.

    Attributes:
        by_order: ``(W_2, ..., W_K)``, ``W_q`` of shape ``(S_q, N_(q-1))`` with ``N_1 >= N_2 >= ...``, ``K >= 2``.
    """

    by_order: tuple[Tensor, ...]

    @property
    def order(self) -> int:
        """``K``."""
        return len(self.by_order) + 1

    @cached_property
    def kept(self) -> tuple[int, ...]:
        """``N_1, ..., N_K``: directions that have a channel of their own; ``N_K = 0``."""
        return (*(W.shape[1] for W in self.by_order), 0)

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """The first channel of each order ``1, ..., K``, and the number of channels."""
        starts = [1, 1 + self.kept[0]]
        for W, kept in zip(self.by_order, self.kept[1:], strict=True):
            starts.append(starts[-1] + kept + W.shape[0])
        return tuple(starts)

    @property
    def channels(self) -> int:
        """``C``."""
        return self.starts[-1]

    def to(self, like: Tensor) -> ChannelWeights:
        """The same in the dtype and on the device of ``like``."""
        return ChannelWeights(tuple([W.to(like) for W in self.by_order]))

    def along(self, z: Tensor, q: int, directions: int) -> Tensor:
        """Order ``q`` along the first directions, ``(n, directions, i)``."""
        start = self.starts[q - 1]
        return z[:, start : start + directions]

    def combine(self, q: int, rows: Tensor) -> Tensor:
        """From order ``q`` along the first ``N_(q-1)`` directions to the channels of that order.

        ``(n, N_(q-1), ...)`` to ``(n, N_q + S_q, ...)``.
        """
        W, kept = self.by_order[q - 2], self.kept[q - 1]
        if W.shape[0] == 0:
            return rows[:, :kept]
        sums = torch.einsum("sk,nk...->ns...", W, rows)
        return torch.cat([rows[:, :kept], sums], 1) if kept else sums

    def spread(self, q: int, channels: Tensor) -> Tensor:
        """The transpose of ``combine``: ``(n, N_q + S_q, ...)`` to ``(n, N_(q-1), ...)``."""
        W, kept = self.by_order[q - 2], self.kept[q - 1]
        own = channels[:, :kept]
        if W.shape[0] == 0:
            return padded(own, W.shape[1])
        rows = torch.einsum("sk,ns...->nk...", W, channels[:, kept:])
        return rows + padded(own, W.shape[1]) if kept else rows


def padded(rows: Tensor, count: int) -> Tensor:
    """Rows of zeros after those of ``(n, k, i)``, ``count`` in all."""
    if rows.shape[1] == count:
        return rows
    return torch.nn.functional.pad(rows, (0, 0, 0, count - rows.shape[1]))


Weights = Tensor | ChannelWeights  # (S, D) up to second order


@lru_cache
def bell_terms(q: int, j: int) -> tuple[tuple[int, tuple[int, ...]], ...]:
    """``B_qj`` as a sum of ``c z_1^a_1 z_2^a_2 ...``: pairs of ``c`` and ``(a_1, a_2, ...)``.

    The exponents run over the partitions of ``q`` into ``j`` parts.
    """
    found = []

    def split(left: int, parts: int, most: int, chosen: tuple[int, ...]) -> None:
        if parts == 0:
            if left == 0:
                powers = tuple(chosen.count(r) for r in range(1, q + 1))
                ways = math.factorial(q)
                for r, a in enumerate(powers, 1):
                    ways //= math.factorial(r) ** a * math.factorial(a)
                found.append((ways, powers))
            return
        for part in range(min(left, most), 0, -1):
            split(left - part, parts - 1, part, (*chosen, part))

    split(q, j, q, ())
    return tuple(found)


def bell(z: Tensor, weights: ChannelWeights) -> Bell:
    """The Bell polynomials of a jet that the chain rule needs, ``2 <= j <= q <= K``."""
    powers: dict[tuple[int, int], Tensor] = {}

    def power(r: int, a: int) -> Tensor:
        if (r, a) not in powers:
            base = weights.along(z, r, weights.kept[r - 1])
            powers[r, a] = base if a == 1 else power(r, a - 1) * base
        return powers[r, a]

    def polynomial(q: int, j: int) -> Tensor:
        directions = weights.kept[q - 2]
        total = None
        for ways, exponents in bell_terms(q, j):
            term = None
            for r, a in enumerate(exponents, 1):
                if a:
                    factor = power(r, a)[:, :directions]
                    term = factor if term is None else term * factor
            assert term is not None
            term = term if ways == 1 else ways * term
            total = term if total is None else total + term
        assert total is not None
        return total

    return [[polynomial(q, j) for j in range(2, q + 1)] for q in range(2, weights.order + 1)]


def outer_parts(z: Tensor, weights: ChannelWeights) -> list[Tensor]:
    """What each derivative of an outer function is multiplied by in ``f(z)``.

    Returns:
        For each ``j = 1, ..., K`` a tensor ``(n, C - start_j, i)`` over the channels from the first of order ``j`` on: a
        channel ``c`` of ``f(z)`` is ``sum_j f^(j)(z_0) parts_j[c]``.
    """
    table = bell(z, weights)
    parts = [z[:, 1:]]
    for j in range(2, weights.order + 1):
        pieces = [weights.combine(q, table[q - 2][j - 2]) for q in range(j, weights.order + 1)]
        parts.append(torch.cat(pieces, 1))
    return parts


def sigmoid_coefficients(order: int, a: float, b: float) -> list[float]:
    """The polynomial in ``c``, lowest power first, by which ``g`` is multiplied in derivative ``order >= 1`` of
    ``sigmoid_slopes``.
    """
    coefficients = [1.0]
    for _ in range(1, order):
        # (P g)' = (P' a (1 - c^2) + b c P) g
        following = [0.0] * (len(coefficients) + 1)
        for p, value in enumerate(coefficients):
            following[p + 1] += b * value - a * p * value
            if p:
                following[p - 1] += a * p * value
        coefficients = following
    return coefficients


def sigmoid_slopes(c: Tensor, slope: Tensor, a: float, b: float, order: int) -> list[Tensor]:
    """Derivatives of orders 1 to ``order`` of a function with slope ``g``, where ``g' = b c g`` and ``c' = a (1 - c^2)``.

    ``tanh``: ``c`` is its value, ``a = 1, b = -2``. The logistic function ``s``: ``c = 1 - 2 s``, ``a = -1/2, b = 1``.
    Each derivative is ``g`` times a polynomial in ``c``, so it vanishes as ``g`` does, without cancellation.
    """
    out = [slope]
    for r in range(2, order + 1):
        coefficients = sigmoid_coefficients(r, a, b)
        total = torch.full_like(c, coefficients[-1])
        for value in reversed(coefficients[:-1]):
            total = total * c + value if value else total * c
        out.append(slope * total)
    return out
