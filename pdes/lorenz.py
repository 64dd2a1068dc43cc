"""Lorenz' equations: three modes of convection, chaotic."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from sciml.conditions import BaseCondition, Initial
from sciml.domains import Domain, TimeInterval
from sciml.field import Field
from sciml.pdes.parameters import check_float
from sciml.pdes.references.ode import ode_values
from sciml.problem import PDE, Reference

PRANDTL, RATIO = 10.0, 8.0 / 3.0


@dataclass(frozen=True, repr=False)
class Lorenz(PDE):
    """``x' = 10 (y - x)``, ``y' = x (rayleigh - z) - y``, ``z' = x y - 8 z / 3``, from (1, 1, 1).

    At ``rayleigh = 28`` neighbouring solutions part like ``e^(0.9 t)``: solve long times in windows
    (``windows="auto"``). The residual is that of the equations as they stand.

    Attributes:
        duration: Last instant, 0.1..20. Good values: 2, 10, 20.
        rayleigh: 0.5..60; chaotic from 24.74 on. Good values: 28; 10 (spirals into a steady state).

    Source: Lorenz (1963), J. Atmos. Sci. 20.
    """

    registry_name: ClassVar[str] = "lorenz"
    unknowns = ("x", "y", "z")

    duration: float = 2.0
    rayleigh: float = 28.0

    def __post_init__(self) -> None:
        check_float(self, "duration", 0.1, 20.0)
        check_float(self, "rayleigh", 0.5, 60.0)

    @property
    def floor(self) -> float:  # type: ignore[override]
        """The integrator's error grows as the solution's own: 3e-13 at t = 2, 2e-8 at t = 20, found by a second method."""
        return 1e-13 * math.exp(0.6 * self.duration)

    @cached_property
    def domain(self) -> Domain:
        """Time alone."""
        return TimeInterval(0.0, self.duration)

    @cached_property
    def conditions(self) -> list[BaseCondition]:
        """All three are 1 at the start."""
        return [Initial(1.0, component=name) for name in self.unknowns]

    def residual(self, u: Field, t: Tensor) -> dict[str, Tensor]:
        """The three equations, right-hand sides subtracted; the source belongs to the first."""
        x, y, z = (u.value[:, k : k + 1] for k in range(3))
        rate = u.d("t")
        return {
            "x": rate[:, :1] - PRANDTL * (y - x) - self.source(t),
            "y": rate[:, 1:2] - x * (self.rayleigh - z) + y,
            "z": rate[:, 2:] - x * y + RATIO * z,
        }

    def reference(self) -> Reference:
        """The solution at 401 instants."""
        times = np.linspace(0.0, self.duration, 401)
        values = ode_values(
            lambda t, w: [
                PRANDTL * (w[1] - w[0]),
                w[0] * (self.rayleigh - w[2]) - w[1],
                w[0] * w[1] - RATIO * w[2],
            ],
            [1.0, 1.0, 1.0],
            times,
        )
        return Reference(torch.from_numpy(times)[:, None], torch.from_numpy(values), self.floor, "DOP853")
