"""Heat flow with two very different diffusivities."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from sciml.conditions import BaseCondition, Dirichlet, Initial
from sciml.domains import Box, Domain, TimeInterval
from sciml.field import Field
from sciml.problem import PDE


@dataclass(frozen=True, repr=False)
class HeatMultiscale(PDE):
    """``u_t = u_xx/(500π)² + u_yy/π² + f`` on ``t in [0, 5]``, ``x, y in [0, 1]``, ``u = 0`` on the walls.

    Starts from ``sin(20πx) sin(πy)``, twenty stripes, and decays: with the default ``f = 0``
    ``u = exp(-(1 + 0.04²) t) sin(20πx) sin(πy)``. Networks miss the stripes (PINNacle's Heat2D-Multiscale,
    arXiv 2306.08827; its tabulated reference is 1.3e-2 away from this formula).
    """

    registry_name: ClassVar[str] = "heat-multiscale"

    @cached_property
    def domain(self) -> Domain:
        """Five units of time times the unit square."""
        return TimeInterval(0.0, 5.0) * Box([0.0, 0.0], [1.0, 1.0])

    @cached_property
    def conditions(self) -> list[BaseCondition]:
        """Zero on the walls; the stripes at the start."""
        return [Dirichlet(0.0), Initial(_stripes)]

    def residual(self, u: Field, x: Tensor) -> Tensor:
        """``u_t - u_xx/(500π)² - u_yy/π² - f``."""
        return u.d("t") - u.d("x", "x") / (500 * math.pi) ** 2 - u.d("y", "y") / math.pi**2 - self.source(x)

    def exact(self, x: Tensor) -> Tensor:
        """``u``, ``(n, 1)``."""
        return torch.exp(-(1 + 0.04**2) * x[:, :1]) * _stripes(x)


def _stripes(x: Tensor) -> Tensor:
    return torch.sin(20 * math.pi * x[:, 1:2]) * torch.sin(math.pi * x[:, 2:])
