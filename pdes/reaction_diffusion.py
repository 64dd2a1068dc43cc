"""A reaction-diffusion equation that runs into saturation."""

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
from sciml.pdes.parameters import check_float
from sciml.pdes.references.spectral import cosine_galerkin, cosine_values
from sciml.problem import PDE, Reference


@dataclass(frozen=True, repr=False)
class ReactionDiffusion(PDE):
    """``u_t = nu u_xx + rho u (1 - u) + f`` on ``t in [0, 1]``, ``x in [0, 2π]``, periodic.

    Starts from a bell ``exp(-8 (x/π - 1)²)``, which spreads and fills up to ``u = 1``: a sharp start and a
    flat end, another classical failure of plain training (Krishnapriyan et al. 2021, arXiv 2109.01050).

    Attributes:
        nu: Diffusivity, 0.5..10. Good value: 5.
        rho: Rate of growth, 0..10. Good value: 5.
    """

    registry_name: ClassVar[str] = "reaction-diffusion"
    floor = 1e-11

    nu: float = 5.0
    rho: float = 5.0

    def __post_init__(self) -> None:
        check_float(self, "nu", 0.5, 10.0)
        check_float(self, "rho", 0.0, 10.0)

    @cached_property
    def domain(self) -> Domain:
        """Unit time times one turn."""
        return TimeInterval(0.0, 1.0) * Interval(0.0, 2 * math.pi)

    @cached_property
    def conditions(self) -> list[BaseCondition]:
        """Periodic in x; the bell at the start."""
        return [Periodic("x"), Initial(_initial, hard=False)]  # built in, the kink would stay for all times

    def residual(self, u: Field, x: Tensor) -> Tensor:
        """``u_t - nu u_xx - rho u (1 - u) - f``."""
        return u.d("t") - self.nu * u.d("x", "x") - self.rho * u * (1 - u) - self.source(x)

    def reference(self) -> Reference:
        """The solution at 101 times and 256 places; under a second of computing, once for the parameters."""
        t, y = torch.arange(101).double() / 100, torch.arange(-128, 128).double() / 128
        points = torch.cartesian_prod(t, math.pi * (y + 1))
        values = torch.from_numpy(cosine_values(_series(self.nu, self.rho), y.numpy()))
        values[0] = _initial(points[:256])[:, 0]
        return Reference(points, values.reshape(-1, 1), self.floor, "cosine-Galerkin ETDRK4")


def _initial(x: Tensor) -> Tensor:
    return torch.exp(-8 * (x[:, 1:] / math.pi - 1) ** 2)


@lru_cache(maxsize=4)
def _series(nu: float, rho: float, steps: int = 2000) -> np.ndarray:
    """Coefficients of ``cos(kπy)`` at 101 times, ``y = x/π - 1``; the solution is even in y."""
    return cosine_galerkin(
        lambda y: np.exp(-8 * y**2),
        -nu * np.arange(256.0) ** 2,
        lambda u: rho * u * (1 - u),
        steps=steps,
        every=steps // 100,
    )
