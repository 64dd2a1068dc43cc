"""The Allen-Cahn equation with thin interfaces."""

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
class AllenCahn(PDE):
    """``u_t = D u_xx + 5 (u - u³) + f`` on ``t in [0, 1]``, ``x in [-1, 1]``, periodic in x.

    It starts from ``x² cos(πx)``. The reaction drives u to -1 and +1; what stays between are interfaces of
    width about ``√D``. Plain training likes to stop at ``u = 0``, which solves the equation but not the
    initial condition.

    Attributes:
        D: Diffusivity, 1e-5..1e-2. Good values: 1e-4 (the usual benchmark, Raissi et al. 2019); 1e-3 is
            easier.

    The start has a kink at ``x = ±1``, so a plain 512-mode run carries an error of 1.6e-5, nearly all of it
    there and at small t. The reference projects the start exactly onto cosines, which leaves 2e-12 (8e-12 at
    D = 1e-2).
    """

    registry_name: ClassVar[str] = "allen-cahn"
    floor = 1e-11

    D: float = 1e-4

    def __post_init__(self) -> None:
        check_float(self, "D", 1e-5, 1e-2)

    @cached_property
    def domain(self) -> Domain:
        """Unit time times ``[-1, 1]``."""
        return TimeInterval(0.0, 1.0) * Interval(-1.0, 1.0)

    @cached_property
    def conditions(self) -> list[BaseCondition]:
        """Periodic in x; the given start."""
        return [Periodic("x"), Initial(_initial, hard=False)]  # built in, the kink would stay for all times

    def residual(self, u: Field, x: Tensor) -> Tensor:
        """``u_t - D u_xx - 5 (u - u³) - f``."""
        return u.d("t") - self.D * u.d("x", "x") - 5 * (u - u**3) - self.source(x)

    def reference(self) -> Reference:
        """The solution at 101 times and 256 places; about a second of computing, once for each D."""
        t, x = torch.arange(101).double() / 100, torch.arange(-128, 128).double() / 128
        points = torch.cartesian_prod(t, x)
        values = torch.from_numpy(cosine_values(_series(self.D), x.numpy()))
        values[0] = _initial(points[:256])[:, 0]  # the series converges slowly at the kink
        return Reference(points, values.reshape(-1, 1), self.floor, "cosine-Galerkin ETDRK4")


def _initial(x: Tensor) -> Tensor:
    return x[:, 1:] ** 2 * torch.cos(math.pi * x[:, 1:])


@lru_cache(maxsize=4)
def _series(d: float, steps: int = 1200) -> np.ndarray:
    """Coefficients of ``cos(kπx)`` at 101 times; the solution is even, so ``[0, 1]`` suffices."""
    k = np.arange(max(512, 2 ** math.ceil(math.log2(20 / math.sqrt(d)))))  # 20 to a width of an interface
    return cosine_galerkin(
        lambda y: y**2 * np.cos(np.pi * y),
        -d * (np.pi * k) ** 2,
        lambda u: 5 * (u - u * u * u),
        steps=steps,
        every=steps // 100,
    )
