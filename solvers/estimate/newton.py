"""Whether Newton's method goes on from where a correction has led: an equation may tell a shape of its solution by little.

A front far from its place makes next to no residual. Its equation then looks solved after one step of the linearised
equation, and each further step moves the front by as much as the last, without end.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sciml.ansatz import Trial
from sciml.problem import PDE
from sciml.solvers.estimate.correction import Correction
from sciml.solvers.estimate.linearised import Jets, evaluated
from sciml.solvers.terms.term import Term

POINTS = 500
SEED = 31_337
BENT = 0.2  # of the residual may be left after the correction
STEPS = 5  # after it, with the same derivative
DRIFT = 1e-4  # of the correction: shorter steps are not looked at
FALLS = 0.5  # ratio of two steps from which they do not end
KEPT = 1e-8  # of the largest singular value


def leads_on(problem: PDE, trial: Trial, term: Term, found: Correction) -> bool:
    """Whether the equation is not linear over so large a change, so that the correction is not the error.

    Either its residual does not fall as predicted, or the steps of Newton's simplified method that follow do not get
    shorter.

    Args:
        problem, trial: What is solved, and by what.
        term: The equations.
        found: The correction.
    """
    like = next(trial.network.parameters()).detach()
    function = evaluated(problem, trial, term, problem.sample(POINTS, seed=SEED).to(like))
    if not isinstance(function, Jets):
        return False
    before, after = function.residual().norm(), function.corrected(found.features, found.w).norm()
    if float(after) > max(BENT, 2.0 * found.drop) * float(before):
        return True
    sizes = _steps(problem, trial, function, found)
    return sizes[-1] > max(DRIFT * sizes[0], FALLS * sizes[-2])


def _steps(problem: PDE, trial: Trial, function: Jets, found: Correction) -> list[float]:
    """Sizes of the correction and of the steps after it."""
    features, w = found.features, found.w
    x = function.x
    factor = trial.scaled(torch.ones_like(x[:, :1])) if trial.ansatz.trivial else trial.factor(x)
    with torch.no_grad():
        phi = features.values(x)

    def size(w: Tensor) -> float:
        return float((factor * (phi @ w)).norm())

    J = torch.cat([matrix for _, matrix, _ in function.rows(features)]).double()
    columns = J.norm(dim=0).clamp(min=1e-300)
    U, s, Vh = torch.linalg.svd(J / columns, full_matrices=False)
    kept = int((s > KEPT * s[0]).sum())
    sizes = [size(w)]
    for _ in range(STEPS):
        left = function.corrected(features, w).T.reshape(-1).double()
        step = -(Vh[:kept].T @ (U[:, :kept].T @ left / s[:kept])) / columns
        step = step.reshape(problem.outputs, -1).T.to(w)
        sizes.append(size(step))
        w = w + step
    return sizes
