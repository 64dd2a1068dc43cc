"""The wave equation on a string."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, partial
from typing import ClassVar

import torch
from torch import Tensor

from sciml.conditions import BaseCondition, Dirichlet, Initial
from sciml.domains import Domain, Interval, TimeInterval
from sciml.field import Field
from sciml.pdes.parameters import check_float
from sciml.problem import PDE


@dataclass(frozen=True, repr=False)
class Wave(PDE):
    """``u_tt = c² u_xx + f`` on ``t, x in [0, 1]``, ends held at zero, starting at rest.

    Two standing modes, ``u = sin(πx) cos(cπt) + ½ sin(4πx) cos(4cπt)``. The fast one makes four full turns at
    ``c = 2``; networks tend to find the slow one first and to lose the fast one with growing t.

    Attributes:
        speed: c, 0.1..10. Good value: 2, as in PINNacle's Wave1D (arXiv 2306.08827).
    """

    registry_name: ClassVar[str] = "wave"

    speed: float = 2.0

    def __post_init__(self) -> None:
        check_float(self, "speed", 0.1, 10.0)

    @cached_property
    def domain(self) -> Domain:
        """Unit time times the unit interval."""
        return TimeInterval(0.0, 1.0) * Interval(0.0, 1.0)

    @cached_property
    def conditions(self) -> list[BaseCondition]:
        """Fixed ends; shape and zero velocity at the start."""
        return [Dirichlet(0.0), Initial(partial(Wave.exact, self)), Initial(0.0, order=1)]

    def residual(self, u: Field, x: Tensor) -> Tensor:
        """``u_tt - c² u_xx - f``."""
        return u.d("t", "t") - self.speed**2 * u.d("x", "x") - self.source(x)

    def exact(self, x: Tensor) -> Tensor:
        """``u``, ``(n, 1)``."""
        t, s = math.pi * self.speed * x[:, :1], math.pi * x[:, 1:]
        return torch.sin(s) * torch.cos(t) + 0.5 * torch.sin(4 * s) * torch.cos(4 * t)
