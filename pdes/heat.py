"""The heat equation on the unit cube."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, partial
from typing import ClassVar

import torch
from torch import Tensor

from sciml.conditions import BaseCondition, Dirichlet, Initial
from sciml.domains import Box, Domain, TimeInterval
from sciml.field import Field
from sciml.pdes.parameters import check_float, check_int
from sciml.problem import PDE


@dataclass(frozen=True, repr=False)
class Heat(PDE):
    """``u_t = a Δu + f`` on ``t in [0, 1]``, ``x in [0, 1]^dim``, ``u = 0`` on the walls.

    Starts from ``Π sin(π x_i)`` and, with the default ``f = 0``, decays without changing shape:
    ``u = exp(-a dim π² t) Π sin(π x_i)``.

    Attributes:
        dim: Space dimension, 1..100. Good values: 1, 2, 3.
        diffusivity: a, 1e-4..10. At the default 0.1 and ``dim=1`` a third of the heat is left at ``t = 1``;
            values above 1 leave nearly nothing, and the relative error then speaks of small t only.
    """

    registry_name: ClassVar[str] = "heat"

    dim: int = 1
    diffusivity: float = 0.1

    def __post_init__(self) -> None:
        check_int(self, "dim", 1, 100)
        check_float(self, "diffusivity", 1e-4, 10.0)

    @cached_property
    def domain(self) -> Domain:
        """Unit time times the unit cube."""
        return TimeInterval(0.0, 1.0) * Box([0.0] * self.dim, [1.0] * self.dim)

    @cached_property
    def conditions(self) -> list[BaseCondition]:
        """Zero on the walls; the sine at the start."""
        return [Dirichlet(0.0), Initial(partial(Heat.exact, self))]

    def residual(self, u: Field, x: Tensor) -> Tensor:
        """``u_t - a Δu - f``."""
        return u.d("t") - self.diffusivity * u.laplacian() - self.source(x)

    def exact(self, x: Tensor) -> Tensor:
        """``u``, ``(n, 1)``."""
        decay = torch.exp(-self.diffusivity * self.dim * math.pi**2 * x[:, :1])
        return decay * torch.sin(math.pi * x[:, 1:]).prod(dim=1, keepdim=True)
