"""The correction of one window of a march, in counted work and not by the clock."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

import torch

from sciml.ansatz import Trial
from sciml.derivatives import recording_gradients
from sciml.problem import PDE
from sciml.solvers.estimate.correction import Correction, correct
from sciml.solvers.estimate.estimate import ENOUGH
from sciml.solvers.estimate.judgement import BLIND, SEED, ErrorEstimate, is_rounding, judged
from sciml.solvers.estimate.levels import (
    AUTOGRAD_LEVELS,
    MOST,
    POINTS_PER_SPLINE,
    level_work,
)
from sciml.solvers.estimate.polynomials import TimePolynomials
from sciml.solvers.estimate.spectrum import waves_of
from sciml.solvers.terms.build import recorded_terms

NOISE = 1e-8  # of what cancels in the equations: a residual that is smaller and not smooth is rounding, of large weights
LEVELS = ((400, 2000), (700, 3500), (1000, 5000))  # features and points
WORK = 1.0  # seconds of counted work that a window may take; one that is blind may take the highest level


POOL = 2  # candidates for each point: at each of them the corrected end of the window before is asked for with its jets


def estimate_window(
    problem: PDE, trial: Trial, weights: Mapping[str, float], work: float = WORK, rich: bool = False
) -> tuple[ErrorEstimate, Correction]:
    """As ``estimate_error``, for a window, with the correction itself: its start makes a window the only solution.

    Args:
        problem, trial: The window's; on a line, the correction is sought among polynomials of its one input.
        weights: As in ``estimate_error``.
        work: Counted seconds up to which higher levels are taken where much of the residual is left.
        rich: Whether the lowest level left too much in the window before, so that it is not tried.
    """
    began = time.thread_time()
    with recording_gradients():
        terms = recorded_terms(problem, trial)
        own = TimePolynomials(trial) if problem.domain.dim == 1 and problem.inputs == 1 else None
        jets = all(term.plan is not None for term in terms)
        levels = LEVELS[1 if rich else 0 :] if jets else AUTOGRAD_LEVELS
        if own is not None:
            levels = ((own.count, POINTS_PER_SPLINE * own.count),)
        best: Correction | None = None
        waves: torch.Tensor | None = None
        done = 0.0
        for k, (count, points) in enumerate(levels):
            few = count if own is not None else min(count, MOST // problem.outputs)
            if best is not None:
                waves = waves_of(problem, trial, terms[0], weights, SEED)
            found = correct(problem, trial, terms, few, points, weights, SEED, waves, own, POOL)
            best = found if best is None or found.drop < best.drop else best
            done += level_work(problem, few, points)
            if best.drop <= ENOUGH or k + 1 == len(levels):
                break
            following = level_work(problem, min(levels[k + 1][0], MOST // problem.outputs), levels[k + 1][1])
            if done + following > work and best.drop <= BLIND:
                break
        assert best is not None
        if best.drop > BLIND:
            most = None if own is None else NOISE
            best = replace(best, exact=is_rounding(problem, trial, terms, most))
        return judged(problem, trial, best, None, time.thread_time() - began, done), best
