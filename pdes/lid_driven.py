"""Steady flow in a lid-driven cavity: a system of three unknowns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import ClassVar

import torch
from torch import Tensor

from sciml.conditions import BaseCondition, Data, Dirichlet
from sciml.domains import Box
from sciml.field import Field
from sciml.pdes.parameters import check_float
from sciml.pdes.references.cavity_flow import CavityFlow, cavity_flow
from sciml.problem import PDE, Reference

NU = 0.01


@dataclass(frozen=True, repr=False)
class LidDriven(PDE):
    """``u u_x + v u_y + p_x - nu Δu = f``, ``u v_x + v v_y + p_y - nu Δv = 0``, ``u_x + v_y = 0`` on ``[0, 1]²``.

    ``nu = 0.01``; the lid ``y = 1`` moves with ``u = lid x (1 - x)``, the walls stand still, and ``p(0, 0) =
    0``. One large vortex turns in the middle, with weak ones in the lower corners; in the upper corners the
    pressure grows without bound, like a logarithm (PINNacle's NS2d-C, arXiv 2306.08827). The lid's speed
    makes a family.

    Attributes:
        lid: Speed, 0.1..16; the Reynolds number is ``25 lid``. Good values: 4 (the usual benchmark); 2, 8 and
            16.
    """

    registry_name: ClassVar[str] = "lid-driven"
    unknowns = ("u", "v", "p")
    floor = 2e-6

    lid: float = 4.0

    def __post_init__(self) -> None:
        check_float(self, "lid", 0.1, 16.0)

    @cached_property
    def domain(self) -> Box:
        """The unit square."""
        return Box([0.0, 0.0], [1.0, 1.0])

    @cached_property
    def conditions(self) -> list[BaseCondition]:
        """The lid's velocity, no slip, and the pressure's free constant."""
        return [
            Dirichlet(partial(_lid, self.lid), on="y=1", component="u", name="lid:u"),
            Dirichlet(0.0, on=["x=0", "x=1", "y=0"], component="u", name="walls:u"),
            Dirichlet(0.0, component="v"),
            Data(points=[[0.0, 0.0]], values=[0.0], component="p"),
        ]

    def residual(self, u: Field, x: Tensor) -> dict[str, Tensor]:
        """The two momentum equations and the continuity equation; f pushes along x."""
        first_x, first_y, lap = u.d("x"), u.d("y"), u.laplacian()
        w = u.value
        carried = w[:, :1] * first_x[:, :2] + w[:, 1:2] * first_y[:, :2] - NU * lap[:, :2]
        return {
            "momentum_x": carried[:, :1] + first_x[:, 2:] - self.source(x),
            "momentum_y": carried[:, 1:] + first_y[:, 2:],
            "continuity": first_x[:, :1] + first_y[:, 1:2],
        }

    def reference(self) -> Reference:
        """The flow at 48 × 48 midpoints; a second or two of computing, once for each lid."""
        s = (torch.arange(48).double() + 0.5) / 48
        points = torch.cartesian_prod(s, s)
        return Reference(
            points, _flow(self.lid)(points).detach(), self.floor, "Legendre-Galerkin stream function"
        )


def _lid(speed: float, x: Tensor) -> Tensor:
    return speed * x[:, :1] * (1 - x[:, :1])


@lru_cache(maxsize=8)
def _flow(lid: float, modes: int = 40) -> CavityFlow:
    return cavity_flow(lid, NU, modes)
