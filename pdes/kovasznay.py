"""Kovasznay flow: a steady wake behind a grid, in closed form."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, partial
from typing import ClassVar

import torch
from torch import Tensor

from sciml.conditions import Condition, Data, Dirichlet
from sciml.domains import Box
from sciml.field import Field
from sciml.pdes.parameters import check_float
from sciml.problem import PDE

LOW, HIGH = (-0.5, -0.5), (1.0, 1.5)


@dataclass(frozen=True, repr=False)
class Kovasznay(PDE):
    """``u u_x + v u_y + p_x - Δu/Re = f``, ``u v_x + v v_y + p_y - Δv/Re = 0``, ``u_x + v_y = 0``, steady.

    On ``[-½, 1] x [-½, 3/2]``, lengths in mesh widths of the grid, speeds in the mean speed. With
    ``λ = Re/2 - √(Re²/4 + 4π²)`` the solution for ``f = 0`` is ``u = 1 - e^{λx} cos 2πy``,
    ``v = λ/(2π) e^{λx} sin 2πy``, ``p = (1 - e^{2λx})/2``. The velocity is given on all four sides, each side
    by a function of the coordinate along it; the pressure's constant is fixed by ``p(0, 0) = 0``. The
    residual is that of the equations as they stand: all terms are of size one to ten.

    Attributes:
        reynolds: Reynolds number Re, 1..200. Good values: 40 (the usual benchmark), 20 and 100.

    Source: Kovasznay (1948), Math. Proc. Camb. Phil. Soc. 44; as a test of networks Jin et al. (2021),
        NSFnets, J. Comput. Phys. 426.
    """

    registry_name: ClassVar[str] = "kovasznay"
    unknowns = ("u", "v", "p")

    reynolds: float = 40.0

    def __post_init__(self) -> None:
        check_float(self, "reynolds", 1.0, 200.0)

    @cached_property
    def domain(self) -> Box:
        """One and a half mesh widths along the flow, two across."""
        return Box(LOW, HIGH)

    @cached_property
    def conditions(self) -> list[Condition]:
        """The solution's velocity side by side; the pressure at one point."""
        sides = [(axis, end) for axis in (0, 1) for end in (LOW[axis], HIGH[axis])]
        velocity: list[Condition] = [
            Dirichlet(
                partial(_on_side, self.reynolds, axis, end, k), on=f"{'xy'[axis]}={end:g}", component=name
            )
            for k, name in enumerate(("u", "v"))
            for axis, end in sides
        ]
        return [*velocity, Data(points=[[0.0, 0.0]], values=[0.0], component="p")]

    def residual(self, u: Field, x: Tensor) -> dict[str, Tensor]:
        """The two momentum equations and the continuity equation; f pushes along x."""
        first_x, first_y, lap = u.d("x"), u.d("y"), u.laplacian()
        w = u.value
        carried = w[:, :1] * first_x[:, :2] + w[:, 1:2] * first_y[:, :2] - lap[:, :2] / self.reynolds
        return {
            "momentum_x": carried[:, :1] + first_x[:, 2:] - self.source(x),
            "momentum_y": carried[:, 1:] + first_y[:, 2:],
            "continuity": first_x[:, :1] + first_y[:, 1:2],
        }

    def exact(self, x: Tensor) -> Tensor:
        """``(u, v, p)``, ``(n, 3)``."""
        return _flow(self.reynolds, x)


def _flow(reynolds: float, x: Tensor) -> Tensor:
    rate = reynolds / 2 - math.hypot(reynolds / 2, 2 * math.pi)
    decay, y = torch.exp(rate * x[:, :1]), 2 * math.pi * x[:, 1:]
    v = rate / (2 * math.pi) * decay * torch.sin(y)
    return torch.cat([1 - decay * torch.cos(y), v, (1 - decay**2) / 2], dim=1)


def _on_side(reynolds: float, axis: int, end: float, component: int, x: Tensor) -> Tensor:
    across = torch.full_like(x[:, :1], end)
    side = torch.cat([across, x[:, 1:]] if axis == 0 else [x[:, :1], across], dim=1)
    return _flow(reynolds, side)[:, component : component + 1]
