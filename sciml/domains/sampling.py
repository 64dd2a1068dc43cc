"""Low-discrepancy points: scrambled Sobol sequences, bounded rejection, shares of several pieces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from sciml.errors import ArgumentError

Place = Callable[[Tensor], tuple[Tensor, "Tensor | None"]]

HALF_CELL = 2.0**-31  # torch's Sobol points are multiples of 2^-30 in [0, 1)
CHUNK = 2**17
KEPT = 2**14  # numbers of a sequence's beginning that are remembered
GIVE_UP_EMPTY = 2**20
GIVE_UP_THIN = 2**26


MOST_SOBOL = 40  # dimensions


class Sobol:
    """A scrambled Sobol sequence in the open unit cube (Matoušek 1998 scrambling, from torch), read chunk by
    chunk.

    In more than ``MOST_SOBOL`` dimensions independent points take its place: no affordable number of points fills a cube
    evenly there, and scrambling takes as long as a step.

    SciPy has the same sequence, but importing ``scipy.stats`` takes longer than a small solve.

    Args:
        dim: Dimension of the cube, at least 1.
        seed: Non-negative integers that fix the scrambling.
    """

    def __init__(self, dim: int, seed: Sequence[int]):
        mixed = int(np.random.SeedSequence(list(seed)).generate_state(1)[0])
        self._random = None
        if dim > MOST_SOBOL:
            self._dim, self._random = dim, np.random.default_rng(mixed)
            return
        with torch._C._DisableFuncTorch():  # the first call may come from inside torch.func.vmap or grad
            self._engine = torch.quasirandom.SobolEngine(dim, scramble=True, seed=mixed)
            # torch keeps the first point in the global default dtype, on which no point may depend
            first = self._engine.quasi.double() / 2**self._engine.MAXBIT
            self._engine._first_point = first.float().reshape(1, -1)

    def draw(self, n: int) -> Tensor:
        """The next n points, (n, dim) float64; balanced when the first n is a power of two."""
        if self._random is not None:
            return torch.from_numpy(self._random.random((n, self._dim))).clamp(min=HALF_CELL)
        # half a cell to the right puts every point strictly inside the cube
        with torch._C._DisableFuncTorch():
            return self._engine.draw(n, dtype=torch.float64) + HALF_CELL


@lru_cache(maxsize=32)
def _beginning(dim: int, seed: tuple[int, ...], n: int) -> Tensor:
    """The first n points of a sequence; not to be changed."""
    return Sobol(dim, seed).draw(n)


def draw(cube: int, n: int, seed: Sequence[int], place: Place, what: object) -> Tensor:
    """n points of a set, by a map from the unit cube and rejection.

    Args:
        cube: Dimension of the cube; 0 for a set that is one point.
        n: Number of points, at least 1.
        seed: Non-negative integers that fix the sequence.
        place: ``u (m, cube) -> (x (m, d), keep (m,) bool or None)``.
        what: The set, shown in the error message.
    Returns:
        (n, d) float64.
    Raises:
        ArgumentError: No point of 2^20, or fewer than n of 2^26, was kept.
    """
    if cube == 0:
        return place(torch.zeros(n, 0, dtype=torch.float64))[0]
    chunk = min(CHUNK, 1 << (n - 1).bit_length())
    # the members of a family are looked at in the same points, and scrambling a sequence takes longer than reading it
    sobol = None if chunk * cube <= KEPT else Sobol(cube, seed)
    points = _beginning(cube, tuple(seed), chunk).clone() if sobol is None else sobol.draw(chunk)
    kept: list[Tensor] = []
    found = drawn = 0
    while True:
        x, keep = place(points)
        kept.append(x if keep is None else x[keep])
        found, drawn = found + len(kept[-1]), drawn + chunk
        if found >= n:
            return torch.cat(kept)[:n]
        if (found == 0 and drawn >= GIVE_UP_EMPTY) or drawn >= GIVE_UP_THIN:
            raise ArgumentError(
                f"cannot sample {what}: {found} of {drawn} tried points lie in it; is it empty?"
            )
        if sobol is None:
            sobol = Sobol(cube, seed)
            sobol.draw(drawn)
        chunk = min(CHUNK, 2 * chunk)
        points = sobol.draw(chunk)


def share(n: int, measures: Sequence[float]) -> list[int]:
    """Split n among pieces by measure: largest remainders, at least one each when n reaches.

    The counts sum to n; ties go to the earlier piece.
    """
    weights = np.asarray(measures, dtype=np.float64)
    floor = 1 if n >= len(weights) else 0
    exact = weights / weights.sum() * n
    counts = np.maximum(np.floor(exact).astype(int), floor)
    while counts.sum() > n:  # the floor of one took too much: take back where most is
        counts[int(np.argmax(np.where(counts > floor, counts - exact, -np.inf)))] -= 1
    order = np.argsort(-(exact - counts), kind="stable")
    counts[order[: n - counts.sum()]] += 1
    return counts.tolist()
