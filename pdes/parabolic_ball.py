"""A family of parabolic equations in the ball, made for transfer from one right-hand side to another."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import ClassVar

import torch
from torch import Tensor

from sciml.conditions import BaseCondition, Dirichlet, Initial
from sciml.domains import Ball, Domain, TimeInterval
from sciml.field import Field
from sciml.pdes.parameters import check_float, check_int
from sciml.pdes.radial import radius, uniform_radius
from sciml.problem import PDE

SMALLEST = 1e-3


@dataclass(frozen=True, repr=False)
class ParabolicBall(PDE):
    """``u_t - div(a grad u) = f`` with ``a = 1 + |x|/2``, on ``t in [0, 0.5]``, ``|x| <= 1``.

    The solution ``u = exp(|x| K)``, ``K = √(1-t) + eps (1-t)``, has the tip of a cone at ``x = 0``, where f
    behaves like ``-(dim - 1) K/|x|``. Points closer than 1e-3 are therefore left out by ``sample``, as
    the authors do, and f is held constant along the radius in there. The residual is that of the equation
    times ``|x|``, which is bounded: without the factor a few points at the tip, where no network is right,
    outweigh all others.

    Attributes:
        eps: The family's parameter, -5..5. Pre-train at 0.
        dim: Space dimension, 1..100. Good value: 10.

    Source: Gao, Cheung and Ng (2022), SVD-PINNs, arXiv 2211.08760, with the authors' code. The right-hand
        side there takes ``u_t = -u |x| (1/√(1-t) + eps)``; the derivative is ``-u |x| (1/(2√(1-t)) + eps)``,
        used here.
    """

    registry_name: ClassVar[str] = "parabolic-ball"

    eps: float = 0.0
    dim: int = 10

    def __post_init__(self) -> None:
        check_float(self, "eps", -5.0, 5.0)
        check_int(self, "dim", 1, 100)

    @cached_property
    def domain(self) -> Domain:
        """Half a unit of time times the unit ball."""
        return TimeInterval(0.0, 0.5) * Ball([0.0] * self.dim, 1.0)

    @cached_property
    def conditions(self) -> list[BaseCondition]:
        """The solution on the sphere and at ``t = 0``."""
        return [Dirichlet(partial(_on_sphere, self.eps)), Initial(partial(ParabolicBall.exact, self))]

    def sample(self, n: int, seed: int = 0) -> Tensor:
        """``(n, dim + 1)`` points with ``|x|`` uniform on [1e-3, 1]."""
        return uniform_radius(self.domain.sample(n, seed=seed), SMALLEST)

    def residual(self, u: Field, x: Tensor) -> Tensor:
        """``|x| (u_t - a Δu - grad a · grad u - f)``."""
        r = radius(x)
        slope = (x[:, 1:] * u.grad()).sum(dim=1, keepdim=True) / (2 * r.clamp(min=SMALLEST))
        return r * (u.d("t") - (1 + r / 2) * u.laplacian() - slope - self.source(x))

    def source(self, x: Tensor) -> Tensor:
        """``f``, ``(n, 1)``."""
        r, left = radius(x).clamp(min=SMALLEST), 1 - x[:, :1]
        k = left.sqrt() + self.eps * left
        flux = (1 + r / 2) * (k**2 + k * (self.dim - 1) / r) + k / 2
        return -torch.exp(r * k) * (r * (0.5 / left.sqrt() + self.eps) + flux)

    def exact(self, x: Tensor) -> Tensor:
        """``u``, ``(n, 1)``."""
        left = 1 - x[:, :1]
        return torch.exp(radius(x) * (left.sqrt() + self.eps * left))


def _on_sphere(eps: float, x: Tensor) -> Tensor:
    # constant in space: built into a trial function, the solution itself would be handed over
    left = 1 - x[:, :1]
    return torch.exp(left.sqrt() + eps * left)
