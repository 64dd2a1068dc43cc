"""The error of a fit to measurements, in the form of other estimates of errors.

A correction that lessens the residual in more functions would follow the noise, so what such a solution is off by is told by
its posterior: what the measurements leave open, and what the fit has still to go.
"""

from __future__ import annotations

import math
import time

import torch
from torch import Tensor

from sciml.ansatz import Trial
from sciml.conditions import Data
from sciml.solvers.estimate.judgement import ErrorEstimate
from sciml.solvers.posterior.posterior import Posterior

POINTS = 1000
SEED = 60_013


def is_fit(trial: Trial, coefficients: bool) -> bool:
    """Whether measurements have noise, or are to tell unknown coefficients; others are conditions like any other."""
    return any(isinstance(c, Data) and (coefficients or c.noise is not None) for c in trial.ansatz.soft)


def estimate_fit(trial: Trial, posterior: Posterior) -> ErrorEstimate:
    """The relative L2 error that a fit is likely to have.

    Returns:
        The estimate; ``features`` are the network's parameters, ``points`` the measurements, and ``drop`` the share of the
        misfit that one more step would leave. Its ``correction`` is the root mean square by which the solution is likely
        to be off, and has no sign.
    """
    began = time.thread_time()
    problem, gaussian = trial.problem, posterior.gaussian
    like = next(trial.network.parameters()).detach()
    x = problem.sample(POINTS, seed=SEED).to(like)
    with torch.no_grad():
        u = trial(x).double()
    off = posterior.off(x)
    size, error = float(u.norm()), float(off.norm())
    value, reason = None, None
    if not math.isfinite(error):
        reason = "the measurements do not determine the solution"
    elif not math.isfinite(size) or size == 0.0:
        reason = "the solution is zero, so a relative error means nothing"
    else:
        value = error / size
    parts = zip(problem.unknowns, off.T, u.T, strict=True)
    unknowns = {
        name: float(part.norm() / whole.norm()) for name, part, whole in parts if float(whole.norm()) > 0.0
    }
    left = 1.0 - gaussian.fall / max(gaussian.c * gaussian.misfit, 1e-300)

    def correction(points: Tensor) -> Tensor:
        return posterior.off(points).to(points)

    return ErrorEstimate(
        value,
        reason,
        {} if value is None else unknowns,
        math.sqrt(min(max(left, 0.0), 1.0)),
        len(gaussian.V),
        gaussian.rows,
        time.thread_time() - began,
        0.0,
        correction,
    )
