"""Van der Pol's oscillator: slow charging, fast discharging."""

from __future__ import annotations

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


@dataclass(frozen=True, repr=False)
class VanDerPol(PDE):
    """``u'' - mu (1 - u²) u' + u = f``, ``u = 2`` at rest at the start, on ``t in [0, duration]``.

    For large ``mu`` u creeps for about ``0.8 mu`` and jumps within ``1/mu``: solve it in windows (``windows="auto"``). The
    residual is that of the equation as it stands.

    Attributes:
        mu: 0.1..100. Good values: 1 (nearly a sine), 10, 100 (layers of a ten-thousandth of the period).
        duration: Last instant, 0.1..400. Good values: 20; 200 for ``mu = 100``.

    Source: van der Pol (1926), Phil. Mag. 2.
    """

    registry_name: ClassVar[str] = "van-der-pol"
    floor = 1e-10

    mu: float = 1.0
    duration: float = 10.0

    def __post_init__(self) -> None:
        check_float(self, "mu", 0.1, 100.0)
        check_float(self, "duration", 0.1, 400.0)

    @cached_property
    def domain(self) -> Domain:
        """Time alone."""
        return TimeInterval(0.0, self.duration)

    @cached_property
    def conditions(self) -> list[BaseCondition]:
        """At rest at 2."""
        return [Initial(2.0), Initial(0.0, order=1)]

    def residual(self, u: Field, t: Tensor) -> Tensor:
        """``u'' - mu (1 - u²) u' + u - f``."""
        return u.d("t", "t") - self.mu * (1 - u**2) * u.d("t") + u - self.source(t)

    def reference(self) -> Reference:
        """The solution at 801 instants."""
        times = np.linspace(0.0, self.duration, 801)
        values = ode_values(
            lambda t, w: [w[1], self.mu * (1 - w[0] ** 2) * w[1] - w[0]],
            [2.0, 0.0],
            times,  # an implicit method of order 5 would take as long for a hundredth of the digits
        )
        points = torch.from_numpy(times)[:, None]
        return Reference(points, torch.from_numpy(values[:, :1].copy()), self.floor, "DOP853")
