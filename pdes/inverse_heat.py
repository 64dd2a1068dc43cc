"""The heat equation with measurements, to find the diffusivity."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from torch import Tensor

from sciml.conditions import BaseCondition
from sciml.pdes.heat import Heat
from sciml.pdes.measurements import check_measurements, measured


@dataclass(frozen=True, repr=False)
class InverseHeat(Heat):
    """``Heat`` with measurements at diffusivity 0.3: leave it open, ``InverseHeat(diffusivity=Unknown(1.0))``.

    ``exact`` is the solution that was measured, whatever the diffusivity of the problem.

    Attributes:
        dim: Space dimension, 1..100.
        diffusivity: 1e-4..10. The measurements know it: 0.3.
        count: Number of measurements, 3..10000, evenly spread over space and time.
        noise: Standard deviation over the root mean square of the values, 0..1.
        draw: Seed of the noise, 0..1000000.
    """

    registry_name: ClassVar[str] = "inverse-heat"
    truth: ClassVar[float] = 0.3

    diffusivity: float = 0.3
    count: int = 50
    noise: float = 0.01
    draw: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_measurements(self)

    @cached_property
    def conditions(self) -> list[BaseCondition]:
        """Those of ``Heat``, and the measurements."""
        points = self.domain.sample(self.count, seed=1)
        data = measured(points, InverseHeat.exact(self, points), self.noise, self.draw)
        return [*Heat(self.dim, self.truth).conditions, data]

    def exact(self, x: Tensor) -> Tensor:
        """``u`` at the diffusivity of the measurements, ``(n, 1)``."""
        return Heat(self.dim, self.truth).exact(x)
