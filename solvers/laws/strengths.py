"""The law of the principal components of snapshots, from which one can draw."""

from __future__ import annotations

import torch
from torch import Tensor

HELD = 0.999  # share of the variance that the components are to hold
MOST = 6  # components that are taken for it
NOTHING = 1e-8  # of the largest singular value: a component that is rounding
NEAR = 4  # neighbours of a snapshot
PAIRS = 10**6  # distances that are held at once


class Strengths:
    """Snapshots as strengths of their principal components, in units of the components' standard deviations.

    A draw is a snapshot, moved towards one of its nearest neighbours by a random share of the way: a mixture whose parts are
    as wide as the snapshots lie apart there. So it has as many modes as they have, and the components go together as in
    them. A smooth function of independent normal numbers would have to be steep between two modes.

    Args:
        known: Snapshots ``(n, m)``.
        latent: Components, at most; None for as many as hold 99.9 % of the variance, up to six.

    Attributes:
        count: Components, ``k``; 0 where the snapshots are all the same.
        held: Share of the variance that they hold.
        pool: Strengths ``(n, k)`` of the snapshots that are drawn from.
    """

    def __init__(self, known: Tensor, latent: int | None):
        self.middle = known.mean(0)
        _, sizes, modes = torch.linalg.svd(known - self.middle, full_matrices=False)
        least = max(NOTHING * float(sizes[0]), NOTHING * float(known.abs().max()))
        shares = torch.where(sizes > least, sizes, 0.0).square()
        there = int((shares > 0).sum())
        held = shares.cumsum(0) / shares.sum().clamp(min=1e-300)
        wanted = min(MOST, int((held < HELD).sum()) + 1) if latent is None else latent
        self.count = min(wanted, there)
        self.held = float(held[self.count - 1]) if self.count else float(there == 0)
        self._modes = sizes[: self.count, None] * modes[: self.count] / len(known) ** 0.5
        self.take(known)

    def take(self, known: Tensor) -> None:
        """Draw from these snapshots ``(n, m)`` from now on."""
        units = self._modes.square().sum(1)
        self.pool = (known - self.middle) @ (self._modes / units[:, None]).T
        near = min(NEAR, len(self.pool) - 1) if self.count else 0
        rows = self.pool.split(max(1, PAIRS // len(self.pool)))
        found = [torch.cdist(part, self.pool).topk(near + 1, largest=False).indices for part in rows]
        self._near = torch.cat(found)  # itself first

    def draw(self, n: int, rng: torch.Generator) -> Tensor:
        """Strengths ``(n, k)``, of all snapshots before one comes again."""
        rounds = -(-n // len(self.pool))
        first = torch.cat([torch.randperm(len(self.pool), generator=rng) for _ in range(rounds)])[:n]
        other = torch.randint(self._near.shape[1], (n,), generator=rng)
        share = torch.rand(n, 1, generator=rng, dtype=self.pool.dtype)
        return torch.lerp(self.pool[first], self.pool[self._near[first, other]], share)

    def values(self, z: Tensor) -> Tensor:
        """What strengths ``(n, k)`` are at the sensors: ``(n, m)``."""
        return self.middle + z @ self._modes
