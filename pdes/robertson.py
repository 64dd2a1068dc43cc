"""Robertson's reaction: rate constants over nine orders of magnitude."""

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

SLOW, FAST, PAIR = 0.04, 1e4, 3e7  # rate constants


@dataclass(frozen=True, repr=False)
class Robertson(PDE):
    """``a' = -0.04 a + 1e4 b c``, ``b' = 0.04 a - 1e4 b c - 3e7 b²``, ``c' = 3e7 b²``, from (1, 0, 0).

    Three species of sum 1, of which b stays below 4e-5. Its first change takes a thousandth of a second, the reaction days:
    solve it in windows (``windows="auto"``), which take to the logarithm of time. In place of c' the conserved sum would
    serve; the residual is that of the equations as they stand.

    Attributes:
        duration: Last instant in seconds, 0.01..1e6. Good values: 40, 1e5.

    Source: Robertson (1966), in Walsh (ed.), Numerical Analysis, an Introduction; the numbers are those of
        Hairer and Wanner, Solving Ordinary Differential Equations II.
    """

    registry_name: ClassVar[str] = "robertson"
    unknowns = ("a", "b", "c")
    floor = 1e-10

    duration: float = 40.0

    def __post_init__(self) -> None:
        check_float(self, "duration", 0.01, 1e6)

    @cached_property
    def domain(self) -> Domain:
        """Time alone."""
        return TimeInterval(0.0, self.duration)

    @cached_property
    def conditions(self) -> list[BaseCondition]:
        """a alone is there at the start."""
        return [
            Initial(1.0, component="a"),
            Initial(0.0, component="b"),
            Initial(0.0, component="c"),
        ]

    def residual(self, u: Field, t: Tensor) -> dict[str, Tensor]:
        """The three equations, right-hand sides subtracted; the source belongs to the first."""
        a, b, c = (u.value[:, k : k + 1] for k in range(3))
        rate, back, pair = u.d("t"), FAST * b * c, PAIR * b**2
        return {
            "a": rate[:, :1] + SLOW * a - back - self.source(t),
            "b": rate[:, 1:2] - SLOW * a + back + pair,
            "c": rate[:, 2:] - pair,
        }

    def reference(self) -> Reference:
        """The solution at the start and at 400 instants, evenly in the logarithm of time."""
        times = np.concatenate([[0.0], np.geomspace(1e-5 * self.duration, self.duration, 400)])

        def rates(t: float, w: np.ndarray) -> list[float]:
            back, pair = FAST * w[1] * w[2], PAIR * w[1] ** 2
            return [-SLOW * w[0] + back, SLOW * w[0] - back - pair, pair]

        values = ode_values(rates, [1.0, 0.0, 0.0], times, stiff=True, rtol=1e-11)
        return Reference(torch.from_numpy(times)[:, None], torch.from_numpy(values), self.floor, "Radau")
