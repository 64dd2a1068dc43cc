"""The Helmholtz equation on a square."""

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
from sciml.pdes.parameters import check_float, check_int
from sciml.problem import PDE


@dataclass(frozen=True, repr=False)
class Helmholtz(PDE):
    """``Δu + k² u = f`` on ``[-1, 1]²``, ``u = 0`` on the boundary.

    The default f gives ``u = sin(a1 πx) sin(a2 πy)``: a different frequency in each direction, which an
    isotropic network has to learn. The operator is indefinite for k above π/√2, but f keeps the solution of
    size one.

    Attributes:
        a1: Half-waves per unit length in x, 1..32. Good value: 1.
        a2: The same in y, 1..32. Good values: 4 (the usual benchmark, Wang et al., arXiv 2001.04536); 6 is hard.
        k: Wave number, 0..30. Good value: 1. Where ``k² = (m² + n²) π²/4`` the solution is not unique.
    """

    registry_name: ClassVar[str] = "helmholtz"

    a1: int = 1
    a2: int = 4
    k: float = 1.0

    def __post_init__(self) -> None:
        check_int(self, "a1", 1, 32)
        check_int(self, "a2", 1, 32)
        check_float(self, "k", 0.0, 30.0)

    @cached_property
    def domain(self) -> Box:
        """The square ``[-1, 1]²``."""
        return Box([-1.0, -1.0], [1.0, 1.0], names=("x", "y"))

    @cached_property
    def conditions(self) -> list[Dirichlet]:
        """Zero on the whole boundary."""
        return [Dirichlet(0.0)]

    def residual(self, u: Field, x: Tensor) -> Tensor:
        """``Δu + k² u - f``."""
        return u.laplacian() + self.k**2 * u - self.source(x)

    def source(self, x: Tensor) -> Tensor:
        """``f``, ``(n, 1)``."""
        return (self.k**2 - (self.a1**2 + self.a2**2) * math.pi**2) * Helmholtz.exact(self, x)

    def exact(self, x: Tensor) -> Tensor:
        """``u``, ``(n, 1)``."""
        return torch.sin(self.a1 * math.pi * x[:, :1]) * torch.sin(self.a2 * math.pi * x[:, 1:])
