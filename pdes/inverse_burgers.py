"""The Burgers equation with measurements, to find the viscosity."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from torch import Tensor

from sciml.conditions import BaseCondition
from sciml.pdes.burgers import Burgers
from sciml.pdes.measurements import check_measurements, measured


@dataclass(frozen=True, repr=False)
class InverseBurgers(Burgers):
    """``Burgers`` with measurements of the solution at viscosity 0.05: leave it open, ``InverseBurgers(nu=Unknown(0.2))``.

    ``exact`` is the solution that was measured, whatever the viscosity of the problem. The viscosity shows at the shock
    alone, so that few of the measurements tell it.

    Attributes:
        nu: Viscosity, 1e-5..1. The measurements know it: 0.05.
        count: Number of measurements, 3..10000, evenly spread over space and time.
        noise: Standard deviation over the root mean square of the values, 0..1.
        draw: Seed of the noise, 0..1000000.
    """

    registry_name: ClassVar[str] = "inverse-burgers"
    truth: ClassVar[float] = 0.05

    nu: float = 0.05
    count: int = 200
    noise: float = 0.01
    draw: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_measurements(self)

    @property
    def floor(self) -> float:  # type: ignore[override]
        """That of ``Burgers`` at the viscosity of the measurements."""
        return Burgers(self.truth).floor

    @cached_property
    def conditions(self) -> list[BaseCondition]:
        """Those of ``Burgers``, and the measurements."""
        points = self.domain.sample(self.count, seed=1)
        return [
            *Burgers(self.truth).conditions,
            measured(points, InverseBurgers.exact(self, points), self.noise, self.draw),
        ]

    def exact(self, x: Tensor) -> Tensor:
        """``u`` at the viscosity of the measurements, ``(n, 1)``."""
        return Burgers(self.truth).exact(x)
