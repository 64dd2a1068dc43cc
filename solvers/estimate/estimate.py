"""An estimate of a solution's error: how far it moves when the linearised equation of its error is solved.

Around the solution ``u0`` the residual of ``u0 + B Phi w`` is ``r + J w`` to first order, with ``B`` the factor of the exact
conditions (so these stay exact) and ``Phi`` random features that training never saw. The least-squares ``w`` on fresh points
moves the solution by ``d = B Phi w``; what it leaves of the residual on other fresh points, ``drop``, tells how much of the
error it has found:

    estimate = |d| / |u0 + d|        value = estimate / sqrt(1 - drop^2)

Errors that grow with time are followed step by step beside it (``marched``). Where the equation at ``u0 + d`` is another one
than at ``u0``, as early in a solve, twice the value is said (``newton.bends``).

Our own design; linearised error equations are known from the a-posteriori analysis of finite elements, and random features
from extreme learning machines for PDEs (Dong & Li 2021). It cannot see a fault that lets the residual vanish for a wrong
function: the checks of the statement and of the exact conditions are there for that.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from sciml.ansatz import Trial
from sciml.checks.findings import undetermined
from sciml.derivatives import recording_gradients
from sciml.problem import PDE
from sciml.solvers.estimate.correction import Correction, correct
from sciml.solvers.estimate.free import Weak, fallen
from sciml.solvers.estimate.judgement import (
    SEED,
    ErrorEstimate,
    blind,
    clearer,
    exceeds,
    is_rounding,
    judged,
    weak_of,
)
from sciml.solvers.estimate.levels import Allowance, Level, levels_of
from sciml.solvers.estimate.marched import grown, refined
from sciml.solvers.estimate.newton import bends, leads_on
from sciml.solvers.estimate.spectrum import waves_of
from sciml.solvers.terms.build import recorded_terms
from sciml.solvers.terms.places import cells_of

ENOUGH = 0.3  # of the residual left: the estimate is right within some per cent
LARGE = 0.1  # an estimated error over which an equation may bend
SHARP = 0.05  # of the residual left at most: whatever grows has been found, too
UNSEEN = 0.9  # of the residual left: an evolution's error is looked for step by step, too
SWINGS = "errors swing in time faster than the steps that find more of them than a correction for all times at once"
CLEARLY = 3.0  # times an error that was asked about: more functions do not bring the estimate below it
NOT_LINEAR = (
    "the equation is not linear over so large a correction as its residual asks for: the residual does not fall as "
    "predicted, or the steps of Newton's method that follow do not get shorter"
)
NOISE = 0.1  # of an estimate may be what the residual at so many points leaves open


def estimate_error(
    problem: PDE,
    trial: Trial,
    weights: Mapping[str, float] | None = None,
    *,
    seconds: float = 3.0,
    work: float = math.inf,
    seed: int = 0,
    asked: float | None = None,
    least: int = 0,
) -> ErrorEstimate:
    """Estimate the relative L2 error of a trained trial function.

    Args:
        problem: What it solves.
        trial: The trial function; it is not changed.
        weights: Weight of each equation in the loss, by the name of its part; 1 unless given. Conditions that are penalty
            terms are balanced against the equations anew.
        seconds: What it may take: the next level is entered where much of the residual is left and the time allows it;
            ``PATIENCE`` times as long where more than ``DOUBTFUL`` is left.
        work: The same as counted work (``level_work``), which does not depend on the clock; an evolution of which more than
            ``DOUBTFUL`` is left takes the next level nevertheless.
        seed: Of features and points.
        asked: An error to compare with, where nothing else is of interest: no other level is entered once the estimate is
            ``CLEARLY`` above it.
        least: Functions for each unknown: levels with fewer are not tried.

    Returns:
        The estimate; its ``value`` is None where the correction finds nothing, and where the problem may have other
        solutions: what they differ by leaves no residual.
    """
    allowance = Allowance(seconds, work)
    with recording_gradients():
        return _Estimate(problem, trial, weights or {}, seed, asked, allowance).made(least)


class _Estimate:
    """Corrections in more and more functions, until one tells enough or the allowance is spent, and what they stand for."""

    def __init__(
        self,
        problem: PDE,
        trial: Trial,
        weights: Mapping[str, float],
        seed: int,
        asked: float | None,
        allowance: Allowance,
    ):
        self.problem, self.trial, self.weights = problem, trial, weights
        self.seed, self.asked, self.allowance = seed, asked, allowance
        self.terms = recorded_terms(problem, trial)
        self.weak: list[Weak] = []

    def made(self, least: int) -> ErrorEstimate:
        """As ``estimate_error``."""
        best, complete = self._best(least)
        placed = cells_of(self.trial) is not None
        free = undetermined(self.problem, placed) or self._left_free(best)
        if best.drop > blind(best.features) and is_rounding(self.problem, self.trial, self.terms):
            best = replace(best, exact=True)
        spent = self.allowance
        found = judged(self.problem, self.trial, best, free, spent.elapsed(), spent.done)
        found = self._widened(self._without_growth(found), best)
        return replace(found, complete=complete, seconds=spent.elapsed())

    def _best(self, least: int) -> tuple[Correction, bool]:
        """The clearest correction of all levels that are entered, and whether another level would not have changed it."""
        levels, own, skipped = levels_of(self.problem, self.trial, self.terms, least)
        best: Correction | None = None
        for level, following in zip(levels, [*levels[1:], None], strict=True):
            start = time.thread_time()
            waves = None
            if best is not None or skipped:  # one level was not enough
                waves = self._waves()
            found = correct(
                self.problem,
                self.trial,
                self.terms,
                level.functions,
                level.points,
                self.weights,
                SEED + self.seed,
                waves,
                own,
            )
            took = time.thread_time() - start
            best = found if best is None or clearer(found, best) else best
            self.allowance.done += level.work
            if best.drop <= ENOUGH:
                self.weak.append(weak_of(self.problem, self.trial, found))
            if following is None or self._tells(found):
                return best, True
            if not self._goes_on(level, took, following, best):
                return best, False
        raise AssertionError("there is a last level")

    def _waves(self) -> Tensor | None:
        """What the equations' residual swings with, if it does."""
        return waves_of(self.problem, self.trial, self.terms[0], self.weights, SEED + self.seed)

    def _tells(self, found: Correction) -> bool:
        """Whether a correction tells enough: no noise, and no shape that more functions may tell by less."""
        if not self.weak or (self.weak[-1].alone is not None and len(self.weak) == 1):
            return False
        noise = found.drop * found.size / found.points**0.5 * self.weak[-1].gain
        return noise <= NOISE * (judged(self.problem, self.trial, found).value or 0.0)

    def _goes_on(self, level: Level, took: float, following: Level, best: Correction) -> bool:
        """Whether another level is worth what it takes."""
        asked = self.asked
        if asked is not None and exceeds(self.problem, self.trial, best, CLEARLY * asked):
            return False
        # of a soliton in the wrong place few functions see little, and an evolution carries on what the rest holds
        evolves = self.problem.domain.time_axis is not None
        needed = evolves or (asked is not None and best.drop > blind(best.features))
        return self.allowance.reaches(level, took, following, best.drop, needed)

    def _left_free(self, best: Correction) -> str | None:
        """Why the residual does not tell the solution."""
        last = fallen(self.weak or [weak_of(self.problem, self.trial, best)])
        why = last.why()
        if why is None and last.alone is not None:
            moves = leads_on(self.problem, self.trial, self.terms, self.weights, best)
            return NOT_LINEAR if moves else None
        return why

    def _without_growth(self, found: ErrorEstimate) -> ErrorEstimate:
        """Unknown where step by step far more than the estimate is found; what is found where little is seen at once."""
        above = self.asked is not None and found.value is not None and found.value > self.asked
        if found.value is None or found.drop <= SHARP or above:
            return found
        evolution = self.problem, self.trial, self.terms, self.weights
        if (why := grown(*evolution, found.value)) is not None:
            return found.unknown(why)
        if found.drop <= UNSEEN:
            return found
        size, settled = refined(*evolution)
        if size is None or size <= found.value:
            return found
        return found.raised(size) if settled else found.unknown(SWINGS)

    def _widened(self, found: ErrorEstimate, best: Correction) -> ErrorEstimate:
        """Wider where the equation bends over the correction."""
        if found.value is None or self.asked is not None or best.exact or not LARGE < found.value < 1.0:
            return found
        bent = bends(self.problem, self.trial, self.terms, self.weights, best)
        return found.widened() if bent else found
