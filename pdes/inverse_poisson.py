"""Poisson's equation with an unknown coefficient that varies in space."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from sciml.conditions import BaseCondition, Dirichlet
from sciml.domains import Domain, Interval
from sciml.field import Field
from sciml.pdes.measurements import check_measurements, measured
from sciml.problem import PDE


@dataclass(frozen=True, repr=False)
class InversePoisson(PDE):
    """``-(a u')' = f`` on ``[0, 1]`` with ``a(x)`` as a second unknown, ``u(0) = 0``, ``u(1) = 1``, ``a(0) = a(1) = 1``.

    The measurements are of ``u = x + sin(πx)/(2π)``; ``a = 1 + sin(2πx)/4`` is to be found. It is given at the ends:
    with the flux unknown, the equation holds for more than one ``a``.

    Attributes:
        count: Number of measurements of u, 3..10000, evenly spread.
        noise: Standard deviation over the root mean square of the values, 0..1.
        draw: Seed of the noise, 0..1000000.
    """

    registry_name: ClassVar[str] = "inverse-poisson"
    unknowns: ClassVar[tuple[str, ...]] = ("u", "a")

    count: int = 200
    noise: float = 0.01
    draw: int = 0

    def __post_init__(self) -> None:
        check_measurements(self)

    @cached_property
    def domain(self) -> Domain:
        """The unit interval."""
        return Interval(0.0, 1.0)

    @cached_property
    def conditions(self) -> list[BaseCondition]:
        """Both ends of u and of a, and the measurements of u."""
        points = self.domain.sample(self.count, seed=1)
        return [
            Dirichlet(0.0, "x=0", component="u"),
            Dirichlet(1.0, "x=1", component="u"),
            Dirichlet(1.0, component="a"),
            measured(
                points,
                InversePoisson.exact(self, points)[:, :1],
                self.noise,
                self.draw,
                component="u",
                told=True,
            ),
        ]

    def residual(self, u: Field, x: Tensor) -> Tensor:
        """``-(a u')' - f``."""
        a, v = u["a"], u["u"]
        return -(a.d("x") * v.d("x") + a * v.d("x", "x")) - self.source(x)

    def source(self, x: Tensor) -> Tensor:
        """``f``, ``(n, 1)``."""
        a, slope = 1 + 0.25 * torch.sin(2 * math.pi * x), 1 + 0.5 * torch.cos(math.pi * x)
        return -(
            0.5 * math.pi * torch.cos(2 * math.pi * x) * slope - a * 0.5 * math.pi * torch.sin(math.pi * x)
        )

    def exact(self, x: Tensor) -> Tensor:
        """``u`` and ``a``, ``(n, 2)``."""
        u = x + torch.sin(math.pi * x) / (2 * math.pi)
        return torch.cat([u, 1 + 0.25 * torch.sin(2 * math.pi * x)], dim=1)
