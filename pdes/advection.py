"""Transport around a circle."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from sciml.conditions import BaseCondition, Initial, Periodic
from sciml.domains import Domain, Interval, TimeInterval
from sciml.field import Field
from sciml.pdes.parameters import check_float
from sciml.problem import PDE


@dataclass(frozen=True, repr=False)
class Advection(PDE):
    """``u_t + c u_x = f`` on ``t in [0, 1]``, ``x in [0, 2π]``, periodic, ``u(0, x) = sin x``.

    With the default ``f = 0`` the sine travels: ``u = sin(x - ct)``. Large c is a classical failure of plain
    training, which forgets the initial values with growing t (Krishnapriyan et al. 2021, arXiv 2109.01050).

    Attributes:
        speed: c, -100..100. Good values: 30 and 50 (the usual failures); 80 is hard; 1 is easy.
    """

    registry_name: ClassVar[str] = "advection"

    speed: float = 30.0

    def __post_init__(self) -> None:
        check_float(self, "speed", -100.0, 100.0)

    @cached_property
    def domain(self) -> Domain:
        """Unit time times one turn."""
        return TimeInterval(0.0, 1.0) * Interval(0.0, 2 * math.pi)

    @cached_property
    def conditions(self) -> list[BaseCondition]:
        """Periodic in x; a sine at the start."""
        return [Periodic("x", order=0), Initial(_initial)]

    def residual(self, u: Field, x: Tensor) -> Tensor:
        """``u_t + c u_x - f``."""
        return u.d("t") + self.speed * u.d("x") - self.source(x)

    def exact(self, x: Tensor) -> Tensor:
        """``u``, ``(n, 1)``."""
        return torch.sin(x[:, 1:] - self.speed * x[:, :1])


def _initial(x: Tensor) -> Tensor:
    return torch.sin(x[:, 1:])
