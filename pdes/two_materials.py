"""Conduction through two materials: a round inclusion in a plate."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import ClassVar

import torch
from torch import Tensor

from sciml.conditions import BaseCondition, Dirichlet, Interface
from sciml.domains import Box, Disk, Domain
from sciml.field import Field
from sciml.pdes.parameters import check_float
from sciml.problem import PDE

RADIUS = 0.5


@dataclass(frozen=True, repr=False)
class TwoMaterials(PDE):
    """``-∇·(k ∇u) = f`` on ``[-1, 1]²`` with ``k`` of the inclusion in the disc ``r < 1/2`` and 1 outside.

    u and ``k u_r`` are continuous across the circle. For ``f = 0`` the values on the sides are those of an inclusion in
    an infinite plate that is warmer to the right, ``u ~ x``: with ``s = (1 - k)/(1 + k)`` it is
    ``u = (1 + s) x`` inside and ``u = (1 + s/(4 r²)) x`` outside. The residual is ``-Δu - f/k``, so that both materials
    count alike.

    Attributes:
        inclusion: k inside, relative to the plate, 0.001..1000. Good values: 10 (a conductor); 0.1 (an insulator).

    Source: Maxwell (1873), A Treatise on Electricity and Magnetism, part II, chapter IX; there with spheres.
    """

    registry_name: ClassVar[str] = "two-materials"

    inclusion: float = 10.0

    def __post_init__(self) -> None:
        check_float(self, "inclusion", 1e-3, 1e3)

    @cached_property
    def domain(self) -> Domain:
        """The plate with its inclusion."""
        return Box([-1.0, -1.0], [1.0, 1.0])

    @cached_property
    def conditions(self) -> list[BaseCondition]:
        """The solution's values on the sides, a continuous flux through the circle."""
        return [
            Dirichlet(partial(_on_sides, self.inclusion)),
            Interface(Disk((0.0, 0.0), RADIUS), partial(_flux, self.inclusion)),
        ]

    def residual(self, u: Field, x: Tensor) -> Tensor:
        """``-Δu - f/k``."""
        return -u.laplacian() - self.source(x) / _conductivity(self.inclusion, x)

    def exact(self, x: Tensor) -> Tensor:
        """``u``, ``(n, 1)``."""
        return _temperature(self.inclusion, x)


def _conductivity(inclusion: float, x: Tensor) -> Tensor:
    inside = x.square().sum(1, keepdim=True) < RADIUS**2
    return torch.where(inside, x.new_tensor(inclusion), x.new_tensor(1.0))


def _flux(inclusion: float, u: Field, x: Tensor) -> Tensor:
    return _conductivity(inclusion, x) * torch.cat([u.d("x"), u.d("y")], 1)


def _on_sides(inclusion: float, x: Tensor) -> Tensor:
    """The solution on the sides, where ``r² = 1 + x² y²``, by a function that is smooth and another one inside."""
    s = (1 - inclusion) / (1 + inclusion)
    return x[:, :1] * (1 + s * RADIUS**2 / (1 + (x[:, :1] * x[:, 1:]).square()))


def _temperature(inclusion: float, x: Tensor) -> Tensor:
    s, square = (1 - inclusion) / (1 + inclusion), x.square().sum(1, keepdim=True)
    # below the radius the other branch is taken: no division by zero in a derivative
    return x[:, :1] * (1 + s * RADIUS**2 / square.clamp(min=RADIUS**2))
