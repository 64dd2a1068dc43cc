"""A linear Poisson-Boltzmann equation on a square with four round holes of different sizes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sciml.field import Field
from sciml.pdes.holes import SquareWithHoles
from sciml.pdes.references.screened_series import fit_on_boundary
from sciml.problem import Reference

KAPPA = 8.0
DISCS = ((0.5, 0.5, 0.2), (0.4, -0.4, 0.4), (-0.2, -0.7, 0.1), (-0.6, 0.5, 0.3))
OUTER, INNER = 0.2, 1.0


@dataclass(frozen=True, repr=False)
class PoissonBoltzmann(SquareWithHoles):
    """``-Δu + 64 u = f`` on ``[-1, 1]²`` minus four discs of radius 0.1 to 0.4; u = 0.2 outside, 1 on the circles.

    The default ``f = 10 (17 + x² + y²) sin(πx) sin(4πy)``. Layers of width 1/8 surround the holes, two of
    which come close to the sides (PINNacle's PoissonBoltzmann2D, arXiv 2306.08827).

    The reference is a particular solution plus a fit of decaying waves on the boundary, where its error is
    largest, by the maximum principle.
    """

    registry_name: ClassVar[str] = "poisson-boltzmann"
    floor = 1e-11

    half = 1.0
    discs = DISCS
    outer, inner = OUTER, INNER

    def residual(self, u: Field, x: Tensor) -> Tensor:
        """``-Δu + 64 u - f``."""
        return -u.laplacian() + KAPPA**2 * u - self.source(x)

    def source(self, x: Tensor) -> Tensor:
        """``f``, ``(n, 1)``."""
        square = (x**2).sum(dim=1, keepdim=True)
        return 10 * (17 + square) * torch.sin(math.pi * x[:, :1]) * torch.sin(4 * math.pi * x[:, 1:])

    def reference(self) -> Reference:
        """The solution at 4000 points of the domain; a few seconds of computing, once."""
        points = self.domain.sample(4000)
        return Reference(points, _solution(points), self.floor, "series of decaying waves")


@lru_cache(maxsize=1)
def _fit():
    def data(x: NDArray, y: NDArray) -> NDArray:
        outside = np.maximum(abs(x), abs(y)) == 1.0
        return np.where(outside, OUTER, INNER) - _particular(x, y)

    return fit_on_boundary(KAPPA, DISCS, data)


def _solution(points: Tensor) -> Tensor:
    """``u``, ``(n, 2) -> (n, 1)``."""
    x, y = points.numpy().T
    return torch.from_numpy(_particular(x, y) + _fit()(x, y))[:, None]


def _particular(x: NDArray, y: NDArray) -> NDArray:
    """A solution of the equation without regard to the boundary, by undetermined coefficients."""
    mu = 17 * math.pi**2 + KAPPA**2
    b = 10 / mu
    c, d = 4 * math.pi * b / mu, 16 * math.pi * b / mu
    a = (170 + 4 * b - 2 * math.pi * c - 8 * math.pi * d) / mu
    sx, cx, sy, cy = (
        np.sin(math.pi * x),
        np.cos(math.pi * x),
        np.sin(4 * math.pi * y),
        np.cos(4 * math.pi * y),
    )
    return (a + b * (x**2 + y**2)) * sx * sy + c * x * cx * sy + d * y * sx * cy
