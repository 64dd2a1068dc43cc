"""The Cahn-Hilliard equation: a mixture that separates."""

from __future__ import annotations

import math
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

MOBILITY = 0.01


@dataclass(frozen=True, repr=False)
class CahnHilliard(PDE):
    """``u_t = 0.01 (u³ - u - eps² u_xx)_xx + f`` on ``t in [0, 1]``, ``x in [-1, 1]``, periodic.

    u is the difference of two concentrations. It starts from ``-cos 2πx``; both phases grow purer, to -1 and
    +1, and what stays between are interfaces of width about ``eps``. The mean of u is kept. The residual is
    that of the equation as it stands, which is of fourth order.

    Attributes:
        eps: Width of an interface, 0.01..0.2. Good values: 0.05; 0.02 is hard, 0.01 the usual benchmark.

    Source: Cahn and Hilliard (1958), J. Chem. Phys. 28; as a test of networks Wight and Zhao (2021), Commun.
        Comput. Phys. 29.
    """

    registry_name: ClassVar[str] = "cahn-hilliard"
    floor = 5e-9

    eps: float = 0.05

    def __post_init__(self) -> None:
        check_float(self, "eps", 0.01, 0.2)

    @cached_property
    def domain(self) -> Domain:
        """Unit time times ``[-1, 1]``."""
        return TimeInterval(0.0, 1.0) * Interval(-1.0, 1.0)

    @cached_property
    def conditions(self) -> list[Condition]:
        """Periodic in x; the given start."""
        return [Periodic("x"), Initial(_initial)]

    def residual(self, u: Field, x: Tensor) -> Tensor:
        """``u_t - 0.01 ((3u² - 1) u_xx + 6 u u_x² - eps² u_xxxx) - f``."""
        second, fourth = u.d("x", "x"), u.d("x", "x", "x", "x")
        flow = (3 * u**2 - 1) * second + 6 * u * u.d("x") ** 2 - self.eps**2 * fourth
        return u.d("t") - MOBILITY * flow - self.source(x)

    def reference(self) -> Reference:
        """The solution at 101 times and 256 places; about a second of computing, once for each eps."""
        t, x = torch.arange(101).double() / 100, torch.arange(-128, 128).double() / 128
        points = torch.cartesian_prod(t, x)
        values = torch.from_numpy(cosine_values(_series(self.eps), x.numpy()))
        return Reference(points, values.reshape(-1, 1), self.floor, "cosine-Galerkin ETDRK4")


def _initial(x: Tensor) -> Tensor:
    return -torch.cos(2 * math.pi * x[:, 1:])


@lru_cache(maxsize=4)
def _series(eps: float, steps: int = 2000) -> np.ndarray:
    """Coefficients of ``cos(kπx)`` at 101 times; the solution is even in x."""
    waves = (np.pi * np.arange(512)) ** 2
    return cosine_galerkin(
        lambda y: -np.cos(2 * np.pi * y),
        MOBILITY * waves * (1 - eps**2 * waves),
        lambda u: u * u * u,
        steps=steps,
        every=steps // 100,
        outer=-MOBILITY * waves,
    )
