"""Plane elasticity: a stretched plate with a round hole."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import ClassVar

import torch
from torch import Tensor

from sciml.conditions import BaseCondition, Condition, Dirichlet
from sciml.domains import Disk, Domain
from sciml.field import Field
from sciml.pdes.parameters import check_float
from sciml.problem import PDE

OUTER = 4.0


@dataclass(frozen=True, repr=False)
class PlateWithHole(PDE):
    """``∇·σ(u, v) = (f, 0)`` on the disc ``r < 4`` without the disc ``r < 1``, whose edge is free: ``σ n = 0``.

    Plane stress: ``σ = 2 G ε + 2 G nu/(1 - nu) (tr ε) I`` with ``G = 1/(2 (1 + nu))``. Lengths in radii of the
    hole, stresses in the stress far away, which pulls along x, displacements ``(u, v)`` in radius times stress
    over Young's modulus. For ``f = 0`` the displacements on the outer circle are those of the infinite plate,
    which is then the solution: at the top of the hole the stress along x is 3, on its side the stress along y
    is -1. The residual is that of the equations times ``1 - nu²``, so that all terms are of the size of the
    second derivatives.

    Attributes:
        nu: Poisson's ratio, 0..0.5. Good values: 0.3 (steel); 0.5 is rubber.

    Source: Kirsch (1898), Zeitschrift des Vereins deutscher Ingenieure 42.
    """

    registry_name: ClassVar[str] = "plate-with-hole"
    unknowns = ("u", "v")

    nu: float = 0.3

    def __post_init__(self) -> None:
        check_float(self, "nu", 0.0, 0.5)

    @cached_property
    def _discs(self) -> tuple[Disk, Disk]:
        return Disk((0.0, 0.0), OUTER), Disk((0.0, 0.0), 1.0)

    @cached_property
    def domain(self) -> Domain:
        """The ring between the hole and the outer circle."""
        outer, hole = self._discs
        return outer - hole

    @cached_property
    def conditions(self) -> list[BaseCondition]:
        """Displacements on the outer circle, no traction on the hole."""
        outer, hole = self._discs
        return [
            Dirichlet(partial(_on_circle, self.nu, 0), on=outer, component="u", name="outer:u"),
            Dirichlet(partial(_on_circle, self.nu, 1), on=outer, component="v", name="outer:v"),
            Condition([hole], partial(_traction, self.nu), name="traction"),
        ]

    def residual(self, u: Field, x: Tensor) -> dict[str, Tensor]:
        """``(1 - nu²) ∇·σ``: ``(1 - nu)/2 Δ(u, v) + (1 + nu)/2 ∇(u_x + v_y) - (f, 0)``."""
        lap, xx, xy, yy = u.laplacian(), u.d("x", "x"), u.d("x", "y"), u.d("y", "y")
        shear, bulk = (1 - self.nu) / 2, (1 + self.nu) / 2
        return {
            "force_x": shear * lap[:, :1] + bulk * (xx[:, :1] + xy[:, 1:]) - self.source(x),
            "force_y": shear * lap[:, 1:] + bulk * (xy[:, :1] + yy[:, 1:]),
        }

    def exact(self, x: Tensor) -> Tensor:
        """``(u, v)``, ``(n, 2)``."""
        return _displacement(self.nu, x)


def _displacement(nu: float, x: Tensor) -> Tensor:
    kappa = (3 - nu) / (1 + nu)
    a, b = x[:, :1], x[:, 1:]
    square = a**2 + b**2
    # cos 3θ/r³ and sin 3θ/r³ times r⁶
    cos3, sin3 = a**3 - 3 * a * b**2, 3 * a**2 * b - b**3
    fall = 2 * (square - 1) / square**3
    u = (kappa + 1) * a + 2 * (kappa + 1) * a / square + fall * cos3
    v = (kappa - 3) * b + 2 * (1 - kappa) * b / square + fall * sin3
    return (1 + nu) / 4 * torch.cat([u, v], dim=1)


def _on_circle(nu: float, component: int, x: Tensor) -> Tensor:
    return _displacement(nu, OUTER * torch.nn.functional.normalize(x, dim=1))[:, component : component + 1]


def _traction(nu: float, u: Field, x: Tensor, n: Tensor) -> dict[str, Tensor]:
    """``σ n`` on the edge, times ``1 - nu²``."""
    first_x, first_y = u.d("x"), u.d("y")
    stretch_x, stretch_y = first_x[:, :1], first_y[:, 1:]
    shear = (1 - nu) / 2 * (first_y[:, :1] + first_x[:, 1:])
    return {
        "x": (stretch_x + nu * stretch_y) * n[:, :1] + shear * n[:, 1:],
        "y": shear * n[:, :1] + (nu * stretch_x + stretch_y) * n[:, 1:],
    }
