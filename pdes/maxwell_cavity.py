"""Maxwell's equations in a closed cavity: one transverse magnetic mode."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, partial
from typing import ClassVar

import torch
from torch import Tensor

from sciml.conditions import Condition, Dirichlet, Initial
from sciml.domains import Box, Domain, TimeInterval
from sciml.field import Field
from sciml.pdes.parameters import check_int
from sciml.problem import PDE


@dataclass(frozen=True, repr=False)
class MaxwellCavity(PDE):
    """``E_t - Hy_x + Hx_y = f``, ``Hx_t + E_y = 0``, ``Hy_t - E_x = 0`` on ``t in [0, 1]``, ``[0, 1]²``.

    E is the electric field along z, which vanishes on the perfectly conducting walls; ``(Hx, Hy)`` is the
    magnetic field in the plane. Units: the side of the cavity, the time light takes along it, and the
    vacuum's impedance in H. The start is the mode ``sin mπx sin nπy`` of E without a magnetic field; for
    ``f = 0`` it swings with ``ω = π √(m² + n²)``. The equations are of first order, which is how they stand,
    and all terms are of size ω.

    Attributes:
        m: Half-waves along x, 1..16. Good values: 1, 2.
        n: Half-waves along y, 1..16. Good values: 1, 2, 4.

    Source: Jackson (1999), Classical Electrodynamics, section 8.7.
    """

    registry_name: ClassVar[str] = "maxwell-cavity"
    unknowns = ("E", "Hx", "Hy")

    m: int = 1
    n: int = 2

    def __post_init__(self) -> None:
        check_int(self, "m", 1, 16)
        check_int(self, "n", 1, 16)

    @cached_property
    def domain(self) -> Domain:
        """Unit time times the unit square."""
        return TimeInterval(0.0, 1.0) * Box([0.0, 0.0], [1.0, 1.0])

    @cached_property
    def conditions(self) -> list[Condition]:
        """Conducting walls; the mode at the start."""
        return [
            Dirichlet(0.0, component="E"),
            Initial(partial(_mode, self.m, self.n), component="E"),
            Initial(0.0, component="Hx"),
            Initial(0.0, component="Hy"),
        ]

    def residual(self, u: Field, x: Tensor) -> dict[str, Tensor]:
        """Ampère's law, with f a current against z, and the two parts of Faraday's."""
        rate, first_x, first_y = u.d("t"), u.d("x"), u.d("y")
        return {
            "ampere": rate[:, :1] - first_x[:, 2:] + first_y[:, 1:2] - self.source(x),
            "faraday_x": rate[:, 1:2] + first_y[:, :1],
            "faraday_y": rate[:, 2:] - first_x[:, :1],
        }

    def exact(self, x: Tensor) -> Tensor:
        """``(E, Hx, Hy)``, ``(k, 3)`` at k points."""
        p, q = self.m * math.pi, self.n * math.pi
        omega = math.hypot(p, q)
        t, a, b = omega * x[:, :1], p * x[:, 1:2], q * x[:, 2:]
        e = torch.sin(a) * torch.sin(b) * torch.cos(t)
        hx = -q / omega * torch.sin(a) * torch.cos(b) * torch.sin(t)
        hy = p / omega * torch.cos(a) * torch.sin(b) * torch.sin(t)
        return torch.cat([e, hx, hy], dim=1)


def _mode(m: int, n: int, x: Tensor) -> Tensor:
    return torch.sin(m * math.pi * x[:, 1:2]) * torch.sin(n * math.pi * x[:, 2:])
