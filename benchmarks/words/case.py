"""One problem in words: how to state it, how wrong an answer is, and what was reached before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sciml
from sciml.ansatz import Trial


@dataclass(frozen=True)
class Words:
    """A problem as somebody would put it, with nothing tuned for it.

    Attributes:
        name: Key.
        said: The problem in words.
        problem: Makes it.
        before: Error of a default solve before there were estimates and other attempts; None where it ended by no limit.
        best: Error that the best variant of the library reached then; that of the default where none was better.
        error: Measures a solution; the relative L2 error against the problem's answer unless given.
        measure: What ``error`` is, in words.
    """

    name: str
    said: str
    problem: Callable[[], sciml.PDE]
    before: float | None
    best: float
    error: Callable[[Any], float] = lambda solution: solution.error()
    measure: str = "relative L2"


def of_trial(answer: Callable[[], Callable[[Trial], float]]) -> Callable[[Any], float]:
    """The measure of a ``benchmarks.rows`` case for solutions."""
    return lambda solution: answer()(solution.trial)
