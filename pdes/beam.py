"""A cantilever: the Euler-Bernoulli beam."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from sciml.conditions import BaseCondition, Condition, Dirichlet, Neumann
from sciml.domains import Domain, Interval
from sciml.field import Field
from sciml.pdes.parameters import check_float
from sciml.problem import PDE


@dataclass(frozen=True, repr=False)
class Beam(PDE):
    """``stiffness w'''' = f`` on ``[0, length]``: clamped at 0, free at the other end, under its load.

    ``w = w' = 0`` at the wall, neither moment nor shear force at the end, ``w'' = w''' = 0``. The default f is
    the uniform load, and ``w = load x² (6 length² - 4 length x + x²) / (24 stiffness)``. The residual is that
    of the equation as it stands, in N/m.

    Attributes:
        length: In m, 0.01..100. Good value: 2.
        stiffness: Flexural rigidity EI in N m², 1e-3..1e8. Good value: 20000, a square
            bar of steel of 33 mm.
        load: f, in N/m, 1e-3..1e6. Good value: 500.

    Source: Timoshenko (1955), Strength of Materials, part I, chapter 5.
    """

    registry_name: ClassVar[str] = "beam"
    unknowns = ("w",)

    length: float = 2.0
    stiffness: float = 20000.0
    load: float = 500.0

    def __post_init__(self) -> None:
        check_float(self, "length", 0.01, 100.0)
        check_float(self, "stiffness", 1e-3, 1e8)
        check_float(self, "load", 1e-3, 1e6)

    @cached_property
    def domain(self) -> Domain:
        """From the wall to the free end."""
        return Interval(0.0, self.length)

    @cached_property
    def conditions(self) -> list[BaseCondition]:
        """Clamped at the wall, free at the end."""
        return [
            Dirichlet(0.0, on="x=0"),
            Neumann(0.0, on="x=0"),
            Condition(f"x={self.length:.12g}", _no_force, name="free"),
        ]

    def residual(self, u: Field, x: Tensor) -> Tensor:
        """``stiffness w'''' - f``."""
        return self.stiffness * u.d("x", "x", "x", "x") - self.source(x)

    def source(self, x: Tensor) -> Tensor:
        """The load, uniform."""
        return torch.full_like(x[:, :1], self.load)

    def exact(self, x: Tensor) -> Tensor:
        """``w``, ``(n, 1)``."""
        a = self.length
        return self.load / (24 * self.stiffness) * x**2 * (6 * a**2 - 4 * a * x + x**2)


def _no_force(u: Field, x: Tensor) -> dict[str, Tensor]:
    return {"moment": u.d("x", "x"), "shear": u.d("x", "x", "x")}
