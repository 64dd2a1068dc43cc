"""A nonlinear Klein-Gordon equation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from sciml.conditions import BaseCondition, Dirichlet, Initial
from sciml.domains import Domain, Interval, TimeInterval
from sciml.field import Field
from sciml.problem import PDE


@dataclass(frozen=True, repr=False)
class KleinGordon(PDE):
    """``u_tt - u_xx + u³ = f`` on ``t, x in [0, 1]``, values given at both ends.

    It starts from ``u = x`` at rest. The default f gives ``u = x cos(5πt) + (xt)³``: an oscillation on top of
    a growing cubic (Wang, Teng and Perdikaris 2021, arXiv 2001.04536).
    """

    registry_name: ClassVar[str] = "klein-gordon"

    @cached_property
    def domain(self) -> Domain:
        """Unit time times the unit interval."""
        return TimeInterval(0.0, 1.0) * Interval(0.0, 1.0)

    @cached_property
    def conditions(self) -> list[BaseCondition]:
        """Values at both ends; shape and zero velocity at the start."""
        return [
            Dirichlet(0.0, on="x=0"),
            Dirichlet(_right, on="x=1"),
            Initial(_initial),
            Initial(0.0, order=1),
        ]

    def residual(self, u: Field, x: Tensor) -> Tensor:
        """``u_tt - u_xx + u³ - f``."""
        return u.d("t", "t") - u.d("x", "x") + u**3 - self.source(x)

    def source(self, x: Tensor) -> Tensor:
        """``f``, ``(n, 1)``."""
        t, s = x[:, :1], x[:, 1:]
        u_tt = -25 * math.pi**2 * s * torch.cos(5 * math.pi * t) + 6 * s**3 * t
        return u_tt - 6 * s * t**3 + KleinGordon.exact(self, x) ** 3

    def exact(self, x: Tensor) -> Tensor:
        """``u``, ``(n, 1)``."""
        t, s = x[:, :1], x[:, 1:]
        return s * torch.cos(5 * math.pi * t) + (s * t) ** 3


def _initial(x: Tensor) -> Tensor:
    return x[:, 1:]


def _right(x: Tensor) -> Tensor:
    return torch.cos(5 * math.pi * x[:, :1]) + x[:, :1] ** 3
