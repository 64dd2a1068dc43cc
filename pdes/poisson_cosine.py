"""Poisson's equation with a sum of cosines, in any dimension."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, partial
from typing import ClassVar

import torch
from torch import Tensor

from sciml.conditions import Dirichlet
from sciml.domains import Box
from sciml.field import Field
from sciml.pdes.parameters import check_int
from sciml.problem import PDE


@dataclass(frozen=True, repr=False)
class PoissonCosine(PDE):
    """``-Δu = f`` on ``[0, 1]^dim`` with ``u = Σ cos(π x_i)``, whose values are given on the boundary.

    Unlike a product of sines u keeps its size ``√(dim/2)`` in high dimension, so it tells optimisers apart
    there: the usual test of natural-gradient methods (arXiv 2505.12149) at ``dim=5``. The boundary values are
    a penalty term, as in those tests; built into the trial function, they would hand over the solution.

    Attributes:
        dim: Space dimension, 1..100. Good values: 2, 5, 10.
    """

    registry_name: ClassVar[str] = "poisson-cosine"

    dim: int = 5

    def __post_init__(self) -> None:
        check_int(self, "dim", 1, 100)

    @cached_property
    def domain(self) -> Box:
        """The unit cube."""
        return Box([0.0] * self.dim, [1.0] * self.dim)

    @cached_property
    def conditions(self) -> list[Dirichlet]:
        """The solution's values on the whole boundary."""
        return [Dirichlet(partial(PoissonCosine.exact, self), hard=False)]

    def residual(self, u: Field, x: Tensor) -> Tensor:
        """``-Δu - f``."""
        return -u.laplacian() - self.source(x)

    def source(self, x: Tensor) -> Tensor:
        """``f``, ``(n, 1)``."""
        return math.pi**2 * PoissonCosine.exact(self, x)

    def exact(self, x: Tensor) -> Tensor:
        """``u``, ``(n, 1)``."""
        return torch.cos(math.pi * x).sum(dim=1, keepdim=True)
