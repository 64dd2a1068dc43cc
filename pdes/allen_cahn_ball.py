"""A family of Allen-Cahn equations in the ball, made for transfer from one right-hand side to another."""

from __future__ import annotations

import math
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

A = math.pi / 2


@dataclass(frozen=True, repr=False)
class AllenCahnBall(PDE):
    """``u_t - Δu - u + u³ = f`` on ``t in [0, 1]``, ``|x| <= 1``, ``u = 0`` for ``|x| = 1``.

    With ``s = 1 - |x|`` the solution is ``u = e^{-t} [sin(π/2 s^{5/2}) + eps sin(π/2 s)]``: a peak in the
    middle, and in high dimension nearly all of the ball's volume lies where u is small. That is why
    ``sample`` draws the radius uniformly, as the authors do for training and for their error. The residual
    is that of the equation times ``|x|``: whatever slope a network has at the middle enters its Laplacian as
    ``(dim - 1)/|x|`` times that slope, and without the factor a few points there outweigh all others.

    Attributes:
        eps: The family's parameter, -100..100. Pre-train at 0; transfer to 0.5, 2 and 50.
        dim: Space dimension, 1..100. Good value: 10.

    Source: Gao, Cheung and Ng (2022), SVD-PINNs, arXiv 2211.08760, with the authors' code. They report the
        SQUARED relative L2 error.
    """

    registry_name: ClassVar[str] = "allen-cahn-ball"

    eps: float = 0.0
    dim: int = 10

    def __post_init__(self) -> None:
        check_float(self, "eps", -100.0, 100.0)
        check_int(self, "dim", 1, 100)

    @cached_property
    def domain(self) -> Domain:
        """Unit time times the unit ball."""
        return TimeInterval(0.0, 1.0) * Ball([0.0] * self.dim, 1.0)

    @cached_property
    def conditions(self) -> list[BaseCondition]:
        """Zero on the sphere; the solution at ``t = 0``."""
        return [Dirichlet(0.0), Initial(partial(AllenCahnBall.exact, self))]

    def sample(self, n: int, seed: int = 0) -> Tensor:
        """``(n, dim + 1)`` points with ``|x|`` uniform on [0, 1]."""
        return uniform_radius(self.domain.sample(n, seed=seed))

    def residual(self, u: Field, x: Tensor) -> Tensor:
        """``|x| (u_t - Δu - u + u³ - f)``."""
        return radius(x) * (u.d("t") - u.laplacian() - u + u**3 - self.source(x))

    def source(self, x: Tensor) -> Tensor:
        """``f = u³ - 2u - Δu``, ``(n, 1)``, since ``u_t = -u``."""
        u, r = AllenCahnBall.exact(self, x), radius(x)
        s = (1 - r).clamp(min=0)
        # cos(A s^p) = sin(A (1 - s^p)) vanishes at r = 0, which keeps cos(A s^p) / r finite there
        wide = torch.cos(A * s**2.5)
        wide_r = _over_r(-torch.expm1(2.5 * torch.log1p(-r.clamp(max=1))), r, 2.5)
        narrow_r = _over_r(r, r, 1.0)
        lap = 3.75 * A * s**0.5 * wide - (2.5 * A * s**1.5) ** 2 * torch.sin(A * s**2.5)
        lap = lap - 2.5 * A * s**1.5 * (self.dim - 1) * wide_r
        lap = lap - self.eps * A * (A * torch.sin(A * s) + (self.dim - 1) * narrow_r)
        return u**3 - 2 * u - torch.exp(-x[:, :1]) * lap

    def exact(self, x: Tensor) -> Tensor:
        """``u``, ``(n, 1)``."""
        s = (1 - radius(x)).clamp(min=0)
        return torch.exp(-x[:, :1]) * (torch.sin(A * s**2.5) + self.eps * torch.sin(A * s))


def _over_r(gap: Tensor, r: Tensor, slope: float) -> Tensor:
    """``sin(A gap) / r`` with its limit at ``r = 0``, where the gap is ``slope * r``."""
    ratio = torch.where(r > 0, gap / r.clamp(min=torch.finfo(r.dtype).tiny), slope)
    return A * ratio * torch.sinc(A * gap / math.pi)
