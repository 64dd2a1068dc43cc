"""Poisson's equation on the unit cube, in any dimension."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from sciml.conditions import Dirichlet
from sciml.domains import Box
from sciml.field import Field
from sciml.pdes.parameters import check_int
from sciml.problem import PDE


@dataclass(frozen=True, repr=False)
class Poisson(PDE):
    """``-Δu = f`` on ``[0, 1]^dim``, ``u = 0`` on the boundary.

    The default right-hand side ``f = dim (kπ)² Π sin(kπ x_i)`` has the solution ``u = Π sin(kπ x_i)``:
    smooth, and the first test of everything. It gets harder with the frequency ``k`` (spectral bias), and
    with the dimension: most of the cube is then near its boundary, where u is small.

    Attributes:
        dim: Space dimension, 1..100. Good values: 1, 2, 3; 5 and 10 for a high-dimensional test.
        frequency: k, 1..64. Good values: 1; 4 is a multiscale test.
    """

    registry_name: ClassVar[str] = "poisson"

    dim: int = 2
    frequency: int = 1

    def __post_init__(self) -> None:
        check_int(self, "dim", 1, 100)
        check_int(self, "frequency", 1, 64)

    @cached_property
    def domain(self) -> Box:
        """The unit cube."""
        return Box([0.0] * self.dim, [1.0] * self.dim)

    @cached_property
    def conditions(self) -> list[Dirichlet]:
        """Zero on the whole boundary."""
        return [Dirichlet(0.0)]

    def residual(self, u: Field, x: Tensor) -> Tensor:
        """``-Δu - f``."""
        return -u.laplacian() - self.source(x)

    def source(self, x: Tensor) -> Tensor:
        """``f``, ``(n, 1)``."""
        return self.dim * (self.frequency * math.pi) ** 2 * Poisson.exact(self, x)

    def exact(self, x: Tensor) -> Tensor:
        """``u``, ``(n, 1)``."""
        return torch.sin(self.frequency * math.pi * x).prod(dim=1, keepdim=True)
