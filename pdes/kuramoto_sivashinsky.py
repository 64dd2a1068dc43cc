"""The Kuramoto-Sivashinsky equation: chaos in one space dimension."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from sciml.conditions import BaseCondition, Initial, Periodic
from sciml.domains import Domain, Interval, TimeInterval
from sciml.field import Field
from sciml.pdes.references.spectral import fourier_galerkin, fourier_values
from sciml.problem import PDE, Reference

ALPHA, BETA, GAMMA = 100 / 16, 100 / 16**2, 100 / 16**4


@dataclass(frozen=True, repr=False)
class KuramotoSivashinsky(PDE):
    """``u_t + α u u_x + β u_xx + γ u_xxxx = f`` on ``t in [0, 1]``, ``x in [0, 2π]``, periodic.

    ``α = 100/16``, ``β = 100/16²``, ``γ = 100/16⁴``, start ``cos x (1 + sin x)``. Long waves grow, short ones
    are damped, and from about ``t = 0.4`` on the solution is chaotic: small errors grow a millionfold until
    ``t = 1``. Few methods get through it in one piece (PINNacle's KS, arXiv 2306.08827, after Wang et al.).
    """

    registry_name: ClassVar[str] = "kuramoto-sivashinsky"
    floor = 3e-7

    @cached_property
    def domain(self) -> Domain:
        """Unit time times one turn."""
        return TimeInterval(0.0, 1.0) * Interval(0.0, 2 * math.pi)

    @cached_property
    def conditions(self) -> list[BaseCondition]:
        """Periodic in x; the given start."""
        return [Periodic("x"), Initial(_initial)]

    def residual(self, u: Field, x: Tensor) -> Tensor:
        """``u_t + α u u_x + β u_xx + γ u_xxxx - f``."""
        second, fourth = u.d("x", "x"), u.d("x", "x", "x", "x")
        return u.d("t") + ALPHA * u * u.d("x") + BETA * second + GAMMA * fourth - self.source(x)

    def reference(self) -> Reference:
        """The solution at 101 times and 256 places; about a second of computing, once."""
        t, y = torch.arange(101).double() / 100, torch.arange(256).double() / 256
        points = torch.cartesian_prod(t, 2 * math.pi * y)
        values = torch.from_numpy(fourier_values(_series(), y.numpy())).reshape(-1, 1)
        return Reference(points, values, self.floor, "Fourier-Galerkin ETDRK4")


def _initial(x: Tensor) -> Tensor:
    return torch.cos(x[:, 1:]) * (1 + torch.sin(x[:, 1:]))


@lru_cache(maxsize=1)
def _series(modes: int = 128, steps: int = 8000) -> np.ndarray:
    """Coefficients of ``exp(ikx)`` at 101 times."""
    k, x = np.arange(float(modes)), 2 * np.pi * np.arange(2 * modes) / (2 * modes)
    return fourier_galerkin(
        np.cos(x) * (1 + np.sin(x)),
        BETA * k**2 - GAMMA * k**4,
        -0.5j * ALPHA * k,
        steps=steps,
        every=steps // 100,
    )
