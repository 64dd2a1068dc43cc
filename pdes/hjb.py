"""A Hamilton-Jacobi-Bellman equation in many dimensions: control at a quadratic cost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, partial
from typing import ClassVar

import torch
from torch import Tensor

from sciml.conditions import Condition, Dirichlet, Initial
from sciml.domains import Ball, Domain, TimeInterval
from sciml.field import Field
from sciml.pdes.parameters import check_int
from sciml.pdes.radial import uniform_radius
from sciml.pdes.references.log_expectation import log_expectation
from sciml.problem import PDE

R = 4.0


@dataclass(frozen=True, repr=False)
class HJB(PDE):
    """``u_t = Δu - |∇u|² + f`` on ``t in [0, 1]``, ``|x| <= 4``, from ``u = ln((1 + |x|²)/2)`` at ``t = 0``.

    u is the least expected cost ``E[∫ |m|² + ln((1 + |X|²)/2)]`` of a particle ``dX = 2m dt + √2 dW`` that
    is steered by m; t is the time LEFT. For ``f = 0`` the Cole-Hopf transform makes it linear:
    ``u = -ln E[2 / (1 + |x + √(2t) Z|²)]`` with Z normal. The usual problem is posed on all of space and asks
    for ``u(0)`` alone; here the values on the sphere ``|x| = 4`` are given, which are functions of time, and
    the error is over the ball. ``sample`` draws the radius uniformly: of points uniform in the volume of 20
    dimensions hardly any see the middle. There the start's low cost is gone after ``t = 1/(2 dim)``, which a
    solve has to resolve. The residual is that of the equation as it stands: everything is smooth at the
    middle, and no term outweighs the others.

    Attributes:
        dim: Space dimension, 1..100. Good values: 2, 20; the usual benchmark has 100.

    The expectation is an integral over one variable, for a quadrature: no samples, error 1e-14. Source: Han,
    Jentzen and E (2018), PNAS 115, who give 4.5901 at ``x = 0``, ``t = 1``, ``dim=100`` from samples.
    """

    registry_name: ClassVar[str] = "hjb"
    floor = 1e-14

    dim: int = 20

    def __post_init__(self) -> None:
        check_int(self, "dim", 1, 100)

    @cached_property
    def domain(self) -> Domain:
        """Unit time times a ball of radius 4."""
        return TimeInterval(0.0, 1.0) * Ball([0.0] * self.dim, R)

    @cached_property
    def conditions(self) -> list[Condition]:
        """The solution on the sphere; the cost at the end of the control, where no time is left."""
        return [Dirichlet(partial(_on_sphere, self.dim)), Initial(_last_cost)]

    def sample(self, n: int, seed: int = 0) -> Tensor:
        """``(n, dim + 1)`` points with ``|x|`` uniform on [0, 4]."""
        x = self.domain.sample(n, seed=seed)
        unit = uniform_radius(torch.cat([x[:, :1], x[:, 1:] / R], dim=1))
        return torch.cat([x[:, :1], R * unit[:, 1:]], dim=1)

    def residual(self, u: Field, x: Tensor) -> Tensor:
        """``u_t - Δu + |∇u|² - f``."""
        return u.d("t") - u.laplacian() + (u.grad() ** 2).sum(dim=1, keepdim=True) - self.source(x)

    def exact(self, x: Tensor) -> Tensor:
        """``u``, ``(n, 1)``, computed in float64 whatever the dtype of x."""
        square = (x[:, 1:].double() ** 2).sum(dim=1, keepdim=True)
        return -log_expectation(x[:, :1].double(), square, self.dim).to(x.dtype)


def _last_cost(x: Tensor) -> Tensor:
    return torch.log1p((x[:, 1:] ** 2).sum(dim=1, keepdim=True)) - math.log(2)


def _on_sphere(dim: int, x: Tensor) -> Tensor:
    t = x[:, :1].double()
    return -log_expectation(t, torch.full_like(t, R**2), dim).to(x.dtype)
