"""The complex Ginzburg-Landau equation: a system of two unknowns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from sciml.conditions import Condition, Initial, Periodic
from sciml.domains import Domain, Interval, TimeInterval
from sciml.field import Field
from sciml.pdes.parameters import check_float
from sciml.pdes.references.spectral import cosine_galerkin, cosine_values
from sciml.problem import PDE, Reference

END, DURATION = 10.0, 4.0


@dataclass(frozen=True, repr=False)
class GinzburgLandau(PDE):
    """``A_t = A + (1 + iα) A_xx - (1 + iβ) |A|² A + f``, ``A = u + iv``, on ``t in [0, 4]``, ``x in [-10, 10]``, periodic.

    It starts from ``exp(-x²/2)``. Small amplitudes grow, large ones saturate near 1, so the pulse becomes a
    plateau whose edges run outwards and wind the phase up behind them. Plane waves ``√(1 - q²) e^{i(qx -
    ωt)}``, ``ω = β + (α - β) q²``, solve the equation; where ``1 + αβ < 0`` they are unstable, but not within
    this time. The residual is that of the equation as it stands: all terms are of size one.

    Attributes:
        alpha: α, dispersion of a linear wave, -3..3. Good values: 1; 2 (stronger winding).
        beta: β, dispersion by the amplitude, -3..3. Good value: -1.

    Source: Aranson and Kramer (2002), Rev. Mod. Phys. 74.
    """

    registry_name: ClassVar[str] = "ginzburg-landau"
    unknowns = ("u", "v")
    floor = 1e-9

    alpha: float = 1.0
    beta: float = -1.0

    def __post_init__(self) -> None:
        check_float(self, "alpha", -3.0, 3.0)
        check_float(self, "beta", -3.0, 3.0)

    @cached_property
    def domain(self) -> Domain:
        """Four units of time times ``[-10, 10]``."""
        return TimeInterval(0.0, DURATION) * Interval(-END, END)

    @cached_property
    def conditions(self) -> list[Condition]:
        """Periodic in x; a real pulse at the start."""
        return [Periodic("x"), Initial(_pulse, component="u"), Initial(0.0, component="v")]

    def residual(self, u: Field, x: Tensor) -> tuple[Tensor, Tensor]:
        """Real and imaginary part of ``A_t - A - (1 + iα) A_xx + (1 + iβ) |A|² A - f``."""
        a, second, rate = u.value, u.d("x", "x"), u.d("t")
        square = (a**2).sum(dim=1, keepdim=True)
        turned = torch.cat([-1 * a[:, 1:], a[:, :1]], dim=1)  # i A
        turned_second = torch.cat([-1 * second[:, 1:], second[:, :1]], dim=1)
        rest = rate - a - second - self.alpha * turned_second + square * (a + self.beta * turned)
        return rest[:, :1] - self.source(x), rest[:, 1:]

    def reference(self) -> Reference:
        """The solution at 101 times and 256 places; under a second of computing, once for the parameters."""
        t, y = torch.arange(101).double() / 100, torch.arange(-128, 128).double() / 128
        points = torch.cartesian_prod(DURATION * t, END * y)
        values = torch.from_numpy(cosine_values(_series(self.alpha, self.beta), y.numpy())).reshape(-1)
        return Reference(points, torch.view_as_real(values), self.floor, "cosine-Galerkin ETDRK4")


def _pulse(x: Tensor) -> Tensor:
    return torch.exp(-(x[:, 1:] ** 2) / 2)


@lru_cache(maxsize=4)
def _series(alpha: float, beta: float, steps: int = 2000) -> np.ndarray:
    """Complex coefficients of ``cos(kπy)`` at 101 times, ``y = x/10``; the solution is even in y."""
    waves = (np.pi * np.arange(128) / END) ** 2
    return cosine_galerkin(
        lambda y: np.exp(-((END * y) ** 2) / 2) + 0j,
        DURATION * (1 - (1 + 1j * alpha) * waves),
        lambda a: -DURATION * (1 + 1j * beta) * a * (a.real**2 + a.imag**2),
        steps=steps,
        every=steps // 100,
    )
