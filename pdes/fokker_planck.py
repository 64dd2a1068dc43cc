"""The Fokker-Planck equation of a particle that drifts back to the middle."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, partial
from typing import ClassVar

import torch
from torch import Tensor

from sciml.conditions import Condition, Dirichlet, Initial
from sciml.domains import Domain, Interval, TimeInterval
from sciml.field import Field
from sciml.pdes.parameters import check_float
from sciml.problem import PDE

START, WIDTH, END = 1.0, 0.25, 4.0


@dataclass(frozen=True, repr=False)
class FokkerPlanck(PDE):
    """``p_t = (theta x p)_x + D p_xx + f`` on ``t in [0, 1]``, ``x in [-4, 4]``: the density of dX = -theta X dt + √(2D) dW.

    The particle starts near 1, with a normal density of standard deviation 1/4. For ``f = 0`` p stays normal:
    its mean is ``e^{-theta t}``, its variance ``D/theta + (1/16 - D/theta) e^{-2 theta t}``. The solution is
    that on the whole line, and gives the values at both ends, about 1e-6 at the defaults. The residual is that
    of the equation as it stands; most of it lies around the start, where p is steep.

    Attributes:
        theta: Rate of the drift, per unit time, 0.1..5. Good value: 1.
        D: Diffusivity, 0.01..1. Good values: 0.5; 0.05 keeps the density narrow.

    Source of the solution: Uhlenbeck and Ornstein (1930), Phys. Rev. 36.
    """

    registry_name: ClassVar[str] = "fokker-planck"
    unknowns = ("p",)

    theta: float = 1.0
    D: float = 0.5

    def __post_init__(self) -> None:
        check_float(self, "theta", 0.1, 5.0)
        check_float(self, "D", 0.01, 1.0)

    @cached_property
    def domain(self) -> Domain:
        """Unit time times ``[-4, 4]``."""
        return TimeInterval(0.0, 1.0) * Interval(-END, END)

    @cached_property
    def conditions(self) -> list[Condition]:
        """The density at both ends and at the start."""
        ends = [Dirichlet(partial(_at_end, self.theta, self.D, end), on=f"x={end:g}") for end in (-END, END)]
        return [*ends, Initial(partial(_density, self.theta, 0.0, self.D))]

    def residual(self, u: Field, x: Tensor) -> Tensor:
        """``p_t - theta (p + x p_x) - D p_xx - f``."""
        drift = self.theta * (u + x[:, 1:] * u.d("x"))
        return u.d("t") - drift - self.D * u.d("x", "x") - self.source(x)

    def exact(self, x: Tensor) -> Tensor:
        """``p``, ``(n, 1)``."""
        return _density(self.theta, x[:, :1], self.D, x)


def _density(theta: float, t: Tensor | float, d: float, x: Tensor) -> Tensor:
    t = torch.as_tensor(t, dtype=x.dtype, device=x.device)
    fade = torch.exp(-2 * theta * t)
    variance = WIDTH**2 * fade - d / theta * torch.expm1(-2 * theta * t)
    distance = x[:, 1:] - START * torch.exp(-theta * t)
    return torch.exp(-(distance**2) / (2 * variance)) / torch.sqrt(2 * math.pi * variance)


def _at_end(theta: float, d: float, end: float, x: Tensor) -> Tensor:
    return _density(theta, x[:, :1], d, torch.cat([x[:, :1], torch.full_like(x[:, 1:], end)], dim=1))
