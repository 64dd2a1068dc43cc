"""Reaction and diffusion with measurements, to find the rate of growth."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch

from sciml.conditions import BaseCondition
from sciml.pdes.measurements import check_measurements, measured
from sciml.pdes.reaction_diffusion import ReactionDiffusion
from sciml.problem import Reference


@dataclass(frozen=True, repr=False)
class InverseReaction(ReactionDiffusion):
    """``ReactionDiffusion`` with measurements at nu 2 and rate 3: leave one open, ``InverseReaction(rho=Unknown(1.0))``.

    The range of a parameter bounds what is found. ``reference`` is the solution that was measured, whatever the parameters
    of the problem.

    Attributes:
        nu: Diffusivity, 0.5..10. The measurements know it: 2.
        rho: Rate of growth, 0..10. The measurements know it: 3.
        count: Number of measurements, 3..10000, at times and places of the reference.
        noise: Standard deviation over the root mean square of the values, 0..1.
        draw: Seed of the noise, 0..1000000.
    """

    registry_name: ClassVar[str] = "inverse-reaction"
    truth: ClassVar[tuple[float, float]] = (2.0, 3.0)

    nu: float = 2.0
    rho: float = 3.0
    count: int = 100
    noise: float = 0.01
    draw: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_measurements(self)

    @cached_property
    def conditions(self) -> list[BaseCondition]:
        """Those of ``ReactionDiffusion``, and the measurements."""
        known = InverseReaction.reference(self)
        chosen = torch.randperm(len(known.points), generator=torch.Generator().manual_seed(1))[: self.count]
        data = measured(known.points[chosen], known.values[chosen], self.noise, self.draw)
        return [*ReactionDiffusion(*self.truth).conditions, data]

    def reference(self) -> Reference:
        """The solution at the parameters of the measurements."""
        return ReactionDiffusion(*self.truth).reference()
