"""One row of a table: a problem, its answer, and what a solve of it has to reach."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor

import sciml
from sciml.ansatz import Trial
from sciml.solvers.comparison import relative_error


@dataclass(frozen=True)
class Case:
    """One problem of ``benchmarks.equations`` or ``benchmarks.geometry``.

    Attributes:
        name: Key of the row.
        problem: Makes it.
        answer: Makes the measure of the error: a function of a trial function.
        bars: Pairs of an error and the CPU-seconds in which it has to be reached.
        options: Arguments of ``sciml.solve``; none is the default solve.
        today: What was there before, in words.
        without: Arguments of ``sciml.solve`` that switch off what the row is about; None where it has no switch.
        reference: Where the answer comes from, in words.
        floor: Relative error of the answer itself.
    """

    name: str
    problem: Callable[[], sciml.PDE]
    answer: Callable[[], Callable[[Trial], float]]
    bars: tuple[tuple[float, float], ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    today: str = ""
    without: Mapping[str, Any] | None = None
    reference: str = "closed form"
    floor: float = 1e-15


def table(points: Tensor, values: Tensor) -> Callable[[Trial], float]:
    """Relative L2 error against values ``(n, m)`` at points ``(n, d)``."""
    return partial(relative_error, x=points, expected=values)


def closed_form(domain: sciml.domains.Domain, exact: Callable[[Tensor], Tensor]) -> Callable[[Trial], float]:
    """Relative L2 error against a formula at points of the domain."""
    x = domain.sample(4000, seed=987_654)
    return table(x, exact(x))


def at_point(point: tuple[float, ...], value: float) -> Callable[[Trial], float]:
    """Relative error of the first unknown at one point."""

    def error(trial: Trial) -> float:
        like = next(trial.network.parameters())
        with torch.no_grad():
            return abs(float(trial(torch.tensor([point]).to(like))[0, 0]) / value - 1.0)

    return error
