"""The Taylor-Green vortex: decaying flow in two periodic dimensions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, partial
from typing import ClassVar

import torch
from torch import Tensor

from sciml.conditions import Condition, Data, Initial, Periodic
from sciml.domains import Box, Domain, TimeInterval
from sciml.field import Field
from sciml.pdes.parameters import check_float
from sciml.problem import PDE

INSTANTS = 21


@dataclass(frozen=True, repr=False)
class TaylorGreen(PDE):
    """``u_t + u·∇u + ∇p - nu Δu = (f, 0)``, ``∇·u = 0`` on ``t in [0, 1]``, ``x, y in [0, 2π]``, periodic.

    Four vortices that turn against each other, decay, and keep their shape: for ``f = 0``
    ``u = cos x sin y e^{-2 nu t}``, ``v = -sin x cos y e^{-2 nu t}``,
    ``p = -(cos 2x + cos 2y)/4 e^{-4 nu t}``. The pressure is free up to a function of time; that is fixed
    by ``p = 0`` at ``(π/4, π/4)`` at 21 instants. The residual is that of the equations as they stand: all
    terms are of size one or ``nu``.

    Attributes:
        nu: Viscosity, the inverse of the Reynolds number of one vortex, 1e-4..1. Good value: 0.1; at 0.01 the
            start alone is within 1 % of the answer.

    Source: Taylor and Green (1937), Proc. R. Soc. A 158.
    """

    registry_name: ClassVar[str] = "taylor-green"
    unknowns = ("u", "v", "p")

    nu: float = 0.1

    def __post_init__(self) -> None:
        check_float(self, "nu", 1e-4, 1.0)

    @cached_property
    def domain(self) -> Domain:
        """Unit time times one period in each direction."""
        return TimeInterval(0.0, 1.0) * Box([0.0, 0.0], [2 * math.pi, 2 * math.pi])

    @cached_property
    def conditions(self) -> list[Condition]:
        """Periodic in x and y; the velocity at the start; the pressure's free function of time."""
        instants = [[k / (INSTANTS - 1), math.pi / 4, math.pi / 4] for k in range(INSTANTS)]
        return [
            Periodic("x"),
            Periodic("y"),
            Initial(partial(_initial, 0), component="u"),
            Initial(partial(_initial, 1), component="v"),
            Data(points=instants, values=[0.0] * INSTANTS, component="p"),
        ]

    def residual(self, u: Field, x: Tensor) -> dict[str, Tensor]:
        """The two momentum equations and the continuity equation; f pushes along x."""
        rate, first_x, first_y, lap = u.d("t"), u.d("x"), u.d("y"), u.laplacian()
        w = u.value
        carried = rate[:, :2] + w[:, :1] * first_x[:, :2] + w[:, 1:2] * first_y[:, :2] - self.nu * lap[:, :2]
        return {
            "momentum_x": carried[:, :1] + first_x[:, 2:] - self.source(x),
            "momentum_y": carried[:, 1:] + first_y[:, 2:],
            "continuity": first_x[:, :1] + first_y[:, 1:2],
        }

    def exact(self, x: Tensor) -> Tensor:
        """``(u, v, p)``, ``(n, 3)``."""
        decay = torch.exp(-2 * self.nu * x[:, :1])
        pressure = -torch.cos(2 * x[:, 1:]).sum(dim=1, keepdim=True) / 4
        return torch.cat([_initial(0, x) * decay, _initial(1, x) * decay, pressure * decay**2], dim=1)


def _initial(component: int, x: Tensor) -> Tensor:
    a, b = x[:, 1:2], x[:, 2:]
    return torch.cos(a) * torch.sin(b) if component == 0 else -torch.sin(a) * torch.cos(b)
