"""A heat equation in the ball, heated through its surface."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from sciml.conditions import BaseCondition, Initial, Neumann
from sciml.domains import Ball, Domain, TimeInterval
from sciml.field import Field
from sciml.pdes.parameters import check_int
from sciml.problem import PDE


@dataclass(frozen=True, repr=False)
class HeatBall(PDE):
    """``u_t = Δu/dim + f`` on ``t in [0, 1]``, ``|x| <= 1``, ``du/dn = e^{t + 1/2}`` for ``|x| = 1``.

    With the default f the solution is ``u = exp(|x|²/2 + t)``: smooth and growing, with a flux instead of
    values on the boundary (PINNacle's HeatND, arXiv 2306.08827, at ``dim=5``).

    Attributes:
        dim: Space dimension, 1..100. Good values: 2, 5.
    """

    registry_name: ClassVar[str] = "heat-ball"

    dim: int = 5

    def __post_init__(self) -> None:
        check_int(self, "dim", 1, 100)

    @cached_property
    def domain(self) -> Domain:
        """Unit time times the unit ball."""
        return TimeInterval(0.0, 1.0) * Ball([0.0] * self.dim, 1.0)

    @cached_property
    def conditions(self) -> list[BaseCondition]:
        """The flux through the sphere; the solution at ``t = 0``."""
        return [Neumann(_flux), Initial(_initial)]

    def residual(self, u: Field, x: Tensor) -> Tensor:
        """``u_t - Δu/dim - f``."""
        return u.d("t") - u.laplacian() / self.dim - self.source(x)

    def source(self, x: Tensor) -> Tensor:
        """``f``, ``(n, 1)``."""
        return -_square(x) / self.dim * HeatBall.exact(self, x)

    def exact(self, x: Tensor) -> Tensor:
        """``u``, ``(n, 1)``."""
        return torch.exp(_square(x) / 2 + x[:, :1])


def _square(x: Tensor) -> Tensor:
    return (x[:, 1:] ** 2).sum(dim=1, keepdim=True)


def _initial(x: Tensor) -> Tensor:
    return torch.exp(_square(x) / 2)


def _flux(x: Tensor) -> Tensor:
    return math.exp(0.5) * torch.exp(x[:, :1])
