"""The law of a solution: samples of it, and what they say."""

from __future__ import annotations

import abc
import math
from typing import Any

import torch
from torch import Tensor

from sciml.arguments import integer, number, samples
from sciml.arguments import points as points_of
from sciml.errors import ArgumentError
from sciml.stats import wasserstein1

MANY = 2000  # samples for moments
FEW = 0.5  # of the spread that is known, below which a law is said to have too little of it
CLOSE = 0.02  # of the mean, up to which another is not noted
ROUNDING = 1e-9
OFF = 3.0  # times the distance that two samples of one law have


class Law(abc.ABC):
    """A random function ``u(x)``, from which one can sample.

    Attributes:
        method: ``"sampling"`` or ``"generator"``.
        notes: What a user should know.
    """

    method: str

    def __init__(self, dim: int):
        self.dim = dim
        self.notes: list[str] = []

    @abc.abstractmethod
    def _sample(self, x: Tensor, n: int, seed: int) -> Tensor:
        """``n`` draws of ``u`` at ``x (m, d)``: ``(n, m)``."""

    def sample(self, x: Any, n: int = MANY, seed: int = 0) -> Tensor:
        """Draws of the whole function at points.

        Args:
            x: Points ``(m, d)``.
            n: Draws, at least 1.
            seed: Of the draws; at other points the same draws with the same seed.

        Returns:
            ``(n, m)``.

        Raises:
            ArgumentError: Points of another dimension, or ``n < 1``.
        """
        x = points_of("x", x, self.dim)
        with torch.no_grad():
            return self._sample(x, integer("n", n, least=1), integer("seed", seed))

    def mean(self, x: Any, n: int = MANY, seed: int = 0) -> Tensor:
        """The mean of ``n`` draws, ``(m,)``."""
        return self.sample(x, n, seed).mean(0)

    def std(self, x: Any, n: int = MANY, seed: int = 0) -> Tensor:
        """The standard deviation of ``n`` draws, ``(m,)``."""
        return self.sample(x, integer("n", n, least=2), seed).std(0)

    def quantile(self, x: Any, q: float, n: int = MANY, seed: int = 0) -> Tensor:
        """The value that a share ``q`` of ``n`` draws stays below, ``(m,)``.

        Raises:
            ArgumentError: ``q`` is no number from 0 to 1.
        """
        return self.sample(x, n, seed).quantile(number("q", q, 0, 1), dim=0)

    def compare(self, x: Any, values: Any, seed: int = 0) -> list[str]:
        """What is wrong with this law beside draws that are known, by name; nothing if they agree.

        Three tests, since each alone passes laws that are wrong: the mean, which a law without any spread passes; the
        spread; and the Wasserstein-1 distance at every point, against the one that two halves of the known draws have.

        Args:
            x: Points ``(m, d)``.
            values: Draws of the function at them, ``(n, m)``, ``n >= 20``.

        Raises:
            ArgumentError: Other shapes.
        """
        x = points_of("x", x, self.dim)
        known = samples("values", values)
        if known.shape[1] != len(x) or len(known) < 20:
            raise ArgumentError(f"values needs shape (n, {len(x)}) with n >= 20, got {tuple(known.shape)}.")
        own = self.sample(x, len(known), seed)
        found = []
        spread, nothing = float(known.std(0).norm()), ROUNDING * float(known.norm(dim=1).max())
        middle = float(known.mean(0).norm())
        error = float((own.mean(0) - known.mean(0)).norm())
        if error > OFF * math.sqrt(2.0 / len(known)) * spread + CLOSE * middle:
            found.append(f"mean: off by {error / max(middle, nothing, 1e-300):.1%}.")
        has = float(own.std(0).norm())
        if spread <= nothing:  # the draws are all the same
            if has > CLOSE * middle:
                found.append(f"spread: its standard deviation is {has:.2g}, and the draws have none.")
            return found
        ratio = has / spread
        if not FEW <= ratio <= 1 / FEW:
            found.append(f"spread: its standard deviation is {ratio:.2g} times that of the draws.")
        half = len(known) // 2
        between = sum(wasserstein1(known[:half, k], known[half:, k]) for k in range(len(x)))
        away = sum(wasserstein1(own[:, k], known[:, k]) for k in range(len(x)))
        if away > OFF * between:
            found.append(
                f"law: its Wasserstein-1 distance is {away / max(between, 1e-300):.1f} times that of two halves."
            )
        return found

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {' '.join(self.notes) or 'no notes'}>"
