"""Correcting a Gauss-Newton step for the curvature of the residual, with the factor that is already there.

The damped step ``v = -(JᵀJ + λ I)^-1 Jᵀ r`` minimises ``1/2 |r + J s|^2 + λ/2 |s|^2``. What one would like
to minimise is ``1/2 |r(theta + s)|^2 + λ/2 |s|^2``, an implicit Euler step of length 1/λ along the gradient
flow. *Proximal corrections* iterate towards it with the Jacobian of the starting point,

    s <- v - (JᵀJ + λ I)^-1 Jᵀ (r(theta + s) - r - J s),

one residual and one solve with the same factor each; they end at ``Jᵀ r(theta + s) + λ s = 0``, which is
that minimiser as far as the residual is small. The first of them is *geodesic acceleration* (Transtrum,
Sethna 2012) with a difference quotient over the whole step; going on makes the step as long as the frozen
Jacobian allows. On networks a residual costs a tenth or less of a linearisation with its factor, and these
corrections save most of the linearisations. Going beyond the first is our design: a simplified Newton
method for the implicit step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from sciml.jacobian.protocols import Linearization
from sciml.optim.problems.protocols import LeastSquaresProblem, half_square

CONTRACTION = 0.9  # a correction longer than this share of the one before ends the iteration
ENOUGH = 0.1  # so does a gain below this share of the decrease so far


class DampedModel(NamedTuple):
    """The damped linear model at ``theta``: ``solve(q) = -(JᵀJ + λ I)^-1 Jᵀ q``, its step v, J v, λ, and
    the step that momentum began with (0 without).
    """

    theta: Tensor
    lin: Linearization
    solve: Callable[[Tensor], Tensor]
    v: Tensor
    jv: Tensor
    lam: float
    lead: Tensor | float


class Candidate(NamedTuple):
    """A step (P,), the residual (M,) behind it, how many residuals it took, and how the corrections went:
    the largest ratio of one to the one before, 1 when the last was no gain. Below about a half a smaller λ can
    be tried.
    """

    step: Tensor
    residual: Tensor
    evaluations: int
    contraction: float


def straight(problem: LeastSquaresProblem, model: DampedModel) -> Candidate:
    """The uncorrected step v with its residual."""
    return Candidate(model.v, problem.residual(model.theta + model.v), 1, 0.0)


def proximal(problem: LeastSquaresProblem, model: DampedModel, limit: int) -> Candidate:
    """Up to ``limit`` corrections, as long as they shrink and the proximal objective falls."""
    r = model.lin.residual
    start = half_square(r)
    s, js, ahead = model.v, model.jv, problem.residual(model.theta + model.v)
    count, last, worst = 1, _norm(s), 0.0
    loss = half_square(ahead)
    objective = loss + 0.5 * model.lam * _norm(s - model.lead) ** 2
    for k in range(limit):
        if not math.isfinite(loss):
            break
        other = model.v + model.solve(ahead - r - js)
        length = _norm(other - s)
        if not length <= CONTRACTION * last:
            worst = 1.0
            break
        other_ahead = problem.residual(model.theta + other)
        count += 1
        other_loss = half_square(other_ahead)
        other_objective = other_loss + 0.5 * model.lam * _norm(other - model.lead) ** 2
        if not other_objective < objective:
            worst = 1.0
            break
        gain = objective - other_objective
        # the first ratio is to v, not to a correction
        worst = max(worst, length / last) if k > 0 else 0.0
        s, ahead, loss, objective, last = other, other_ahead, other_loss, other_objective, length
        if gain <= ENOUGH * max(start - loss, 0.0):
            break
        js = model.lin.mv(s)
    return Candidate(s, ahead, count, worst)


def _norm(x: Tensor) -> float:
    return float(torch.linalg.vector_norm(x))
