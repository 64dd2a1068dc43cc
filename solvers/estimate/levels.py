"""From few functions to many: the levels of a correction, what each takes, and how far an estimate may go."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sciml.ansatz import Trial
from sciml.problem import PDE
from sciml.solvers.estimate.splines import SplineFeatures
from sciml.solvers.terms.places import cells_of
from sciml.solvers.terms.term import Term

LEVELS = ((100, 500), (400, 2000), (1000, 5000))  # features and points
MOST = 1000  # columns, of all unknowns together
POINTS_PER_FUNCTION = 5
RICHER = 1.5  # times as many functions has a level than the one before, where MOST holds them
POINTS_PER_SPLINE = 6
FLOPS, JETS = 4e10, 4e-4  # multiplications and additions a second; seconds for the jets of a function
AUTOGRAD_LEVELS = ((100, 300),)  # where a row of the Jacobian is a backward pass through nested derivatives
DOUBTFUL = 0.6  # of an evolution's residual left: higher levels are taken whatever they are counted as
PATIENCE = 2.0  # times the seconds given, where more than DOUBTFUL is left
ALIKE = 0.95  # of a number of functions: rounding in their shares makes it one more or less


class Level(NamedTuple):
    """Functions of each unknown, points of the equations, and the counted seconds of a correction in them."""

    functions: int
    points: int
    work: float


def level_work(problem: PDE, features: int, points: int) -> float:
    """Seconds that a correction in so many functions takes on a usual core, as counted, not as measured."""
    columns, rows = features * problem.outputs, points * problem.outputs
    algebra = 2.0 * rows * columns**2 + 16.0 * columns**3  # a triangular factor and its singular values
    dim = problem.domain.dim
    return algebra / FLOPS + JETS * features * (1.0 + dim / 4.0 + dim**2 / 40.0)


def levels_of(
    problem: PDE, trial: Trial, terms: Sequence[Term], least: int = 0
) -> tuple[list[Level], SplineFeatures | None, int]:
    """The levels in their order, the only functions where these are chosen already, and how many levels were passed over.

    Args:
        problem, trial: What is solved, and by what.
        terms: Recorded for them.
        least: Functions for each unknown: levels with fewer are not tried.
    """
    own = None if cells_of(trial) is None else SplineFeatures(trial, MOST // problem.outputs)
    if own is not None:
        return [_level(problem, own.count, POINTS_PER_SPLINE * own.count)], own, 0
    listed = LEVELS if all(term.plan is not None for term in terms) else AUTOGRAD_LEVELS
    levels = []
    for k, (count, points) in enumerate(listed):
        few = min(count, MOST // problem.outputs)
        if k + 1 < len(listed) and min(listed[k + 1][0], MOST // problem.outputs) < RICHER * few:
            continue  # the next one tells all that this one does
        levels.append(_level(problem, few, points if few == count else POINTS_PER_FUNCTION * few))
    skipped = sum(level.functions < ALIKE * least for level in levels[:-1])
    return levels[skipped:], None, skipped


def _level(problem: PDE, functions: int, points: int) -> Level:
    return Level(functions, points, level_work(problem, functions, points))


@dataclass
class Allowance:
    """What an estimate may take, and what it has taken.

    Attributes:
        seconds: Of the clock; ``PATIENCE`` times as many where more than ``DOUBTFUL`` of the residual is left.
        work: The same as counted work.
        began: When it began, by the thread's clock.
        done: Counted work so far.
    """

    seconds: float = math.inf
    work: float = math.inf
    began: float = field(default_factory=time.thread_time)
    done: float = 0.0

    def elapsed(self) -> float:
        """Seconds so far."""
        return time.thread_time() - self.began

    def reaches(self, last: Level, took: float, following: Level, drop: float, needed: bool) -> bool:
        """Whether another level may be entered.

        Args:
            last: The level before, and ``took``, its seconds.
            took: See ``last``.
            following: The other one.
            drop: Of the residual is left.
            needed: Whether it is entered whatever it is counted as, where more than ``DOUBTFUL`` is left.
        """
        doubtful = drop > DOUBTFUL
        # what is not counted, such as the jets of exact conditions, grows with the points
        uncounted = max(0.0, took - last.work) * following.points / last.points
        in_time = (
            self.elapsed() + following.work + uncounted <= (PATIENCE if doubtful else 1.0) * self.seconds
        )
        return in_time and (self.done + following.work <= self.work or (doubtful and needed))
