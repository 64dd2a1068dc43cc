"""A clamped plate under a uniform load."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import ClassVar

import torch
from torch import Tensor

from sciml.conditions import BaseCondition, Dirichlet, Neumann
from sciml.domains import Box
from sciml.field import Field
from sciml.pdes.parameters import check_float
from sciml.pdes.references.bent_plate import bent_plate, deflection
from sciml.problem import PDE, Reference


@dataclass(frozen=True, repr=False)
class LoadedPlate(PDE):
    """``Δ²u = f`` on ``[0, 1] x [0, aspect]``, ``u = 0`` and ``du/dn = 0`` on the boundary, ``f = 1``.

    u is the deflection of a thin plate in units of load times width⁴ over the flexural rigidity. In the
    middle of a square it is 0.00126532, the number that engineers know; there is no closed form. The residual
    is that of the equation as it stands, in units of the load.

    Attributes:
        aspect: Length over width, 1..2. Good values: 1, 1.5, 2.

    The reference is a Galerkin series in polynomials that are clamped on all sides. In the corners its fourth
    derivatives do not converge, so it is no ``exact``. Source: Timoshenko and
    Woinowsky-Krieger (1959), Theory of Plates and Shells, table 35.
    """

    registry_name: ClassVar[str] = "loaded-plate"
    floor = 1e-9

    aspect: float = 1.0

    def __post_init__(self) -> None:
        check_float(self, "aspect", 1.0, 2.0)

    @cached_property
    def domain(self) -> Box:
        """The plate, width first."""
        return Box([0.0, 0.0], [1.0, self.aspect])

    @cached_property
    def conditions(self) -> list[BaseCondition]:
        """Neither deflection nor slope on the whole boundary."""
        return [Dirichlet(0.0), Neumann(0.0)]

    def residual(self, u: Field, x: Tensor) -> Tensor:
        """``Δ²u - f``."""
        return u.biharmonic() - self.source(x)

    def source(self, x: Tensor) -> Tensor:
        """The load, one."""
        return torch.ones_like(x[:, :1])

    def reference(self) -> Reference:
        """The deflection at 48 x 48 midpoints."""
        s = (torch.arange(48).double() + 0.5) / 48
        points = torch.cartesian_prod(s, self.aspect * s)
        values = deflection(_series(self.aspect), points, self.aspect)
        return Reference(points, values, self.floor, "clamped Legendre-Galerkin series")


@lru_cache(maxsize=8)
def _series(aspect: float, modes: int = 40) -> Tensor:
    return bent_plate(aspect, modes)
