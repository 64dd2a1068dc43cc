"""A clamped plate: the biharmonic equation with a smooth answer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from sciml.conditions import Condition, Dirichlet, Neumann
from sciml.domains import Box
from sciml.field import Field
from sciml.pdes.parameters import check_int
from sciml.problem import PDE


@dataclass(frozen=True, repr=False)
class ClampedPlate(PDE):
    """``Δ²u = f`` on ``[0, 1]²``, ``u = 0`` and ``du/dn = 0`` on the boundary.

    u is the deflection of a thin plate under the load f, in units of load times side⁴ over the flexural
    rigidity. The default f gives ``u = sin²(mπx) sin²(nπy)``. The residual is that of the equation as it stands, in
    units of the load; four derivatives make 1e3 to 1e6 of a deflection of one, by which a solve divides.

    Attributes:
        m: Half-waves along x, 1..8. Good values: 1, 2.
        n: Half-waves along y, 1..8. Good values: 1, 3.

    Source: Timoshenko and Woinowsky-Krieger (1959), Theory of Plates and Shells, chapter 4, for the equation.
    """

    registry_name: ClassVar[str] = "clamped-plate"

    m: int = 1
    n: int = 1

    def __post_init__(self) -> None:
        check_int(self, "m", 1, 8)
        check_int(self, "n", 1, 8)

    @cached_property
    def domain(self) -> Box:
        """The unit square."""
        return Box([0.0, 0.0], [1.0, 1.0])

    @cached_property
    def conditions(self) -> list[Condition]:
        """Neither deflection nor slope on the whole boundary."""
        return [Dirichlet(0.0), Neumann(0.0)]

    def residual(self, u: Field, x: Tensor) -> Tensor:
        """``Δ²u - f``."""
        return u.biharmonic() - self.source(x)

    def source(self, x: Tensor) -> Tensor:
        """``f``, ``(n, 1)``; with ``sin² = (1 - cos)/2`` every factor has one frequency."""
        a, b = 2 * math.pi * self.m, 2 * math.pi * self.n
        p, q = torch.cos(a * x[:, :1]), torch.cos(b * x[:, 1:])
        return (-(a**4) * p * (1 - q) + 2 * (a * b) ** 2 * p * q - b**4 * (1 - p) * q) / 4

    def exact(self, x: Tensor) -> Tensor:
        """``u``, ``(n, 1)``."""
        return torch.sin(self.m * math.pi * x[:, :1]) ** 2 * torch.sin(self.n * math.pi * x[:, 1:]) ** 2
