"""The viscous Burgers equation with a forming shock."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from sciml.conditions import BaseCondition, Dirichlet, Initial
from sciml.domains import Domain, Interval, TimeInterval
from sciml.field import Field
from sciml.pdes.parameters import check_float
from sciml.pdes.references.cole_hopf import cole_hopf
from sciml.problem import PDE


@dataclass(frozen=True, repr=False)
class Burgers(PDE):
    """``u_t + u u_x = nu u_xx + f`` on ``t in [0, 1]``, ``x in [-1, 1]``, ``u(t, ±1) = 0``.

    It starts from ``-sin(πx)``. Both halves run towards the middle; near ``t = 1/π`` they form a standing
    shock at ``x = 0`` of width about ``2 nu``, which most of the work goes into.

    Attributes:
        nu: Viscosity, 1e-5..1. Good values: 0.01/π (the usual benchmark, Raissi et al. 2019); 0.01 and 0.1
            are much easier, 0.001 is hard.

    The exact solution is the Cole-Hopf integral by quadrature. Its relative L2 error at the default nu is
    below 1e-14.
    """

    registry_name: ClassVar[str] = "burgers"

    nu: float = 0.01 / math.pi

    def __post_init__(self) -> None:
        check_float(self, "nu", 1e-5, 1.0)

    @property
    def floor(self) -> float:  # type: ignore[override]
        """Relative L2 error of the quadrature; the exponents of size 1/nu carry the round-off."""
        return max(1e-15, 1e-18 / self.nu)

    @cached_property
    def domain(self) -> Domain:
        """Unit time times ``[-1, 1]``."""
        return TimeInterval(0.0, 1.0) * Interval(-1.0, 1.0)

    @cached_property
    def conditions(self) -> list[BaseCondition]:
        """Zero at both ends; a sine at the start."""
        return [Dirichlet(0.0), Initial(_initial)]

    def residual(self, u: Field, x: Tensor) -> Tensor:
        """``u_t + u u_x - nu u_xx - f``."""
        return u.d("t") + u * u.d("x") - self.nu * u.d("x", "x") - self.source(x)

    def exact(self, x: Tensor) -> Tensor:
        """``u``, ``(n, 1)``, computed in float64 whatever the dtype of x."""
        return cole_hopf(x[:, :1].double(), x[:, 1:].double(), self.nu).to(x.dtype)


def _initial(x: Tensor) -> Tensor:
    return -torch.sin(math.pi * x[:, 1:])
