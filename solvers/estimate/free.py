"""Whether the linearised equation leaves a shape of the solution free, as at a resonance.

Of all changes ``B Phi w`` that move the solution by as much as itself, the singular values of ``J`` tell how much of the
residual each makes. A shape that makes a thousand times less than the next one is a solution of the homogeneous equation,
as far as the features can tell: adding any multiple of it leaves the residual as small as it is.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sciml.ansatz import Trial
from sciml.problem import PDE
from sciml.solvers.estimate.features import Features
from sciml.solvers.estimate.polynomials import TimePolynomials
from sciml.solvers.estimate.splines import SplineFeatures

MOST = 200  # columns that are looked at
POINTS = 1000
SHAPES = 4  # that may be free together
GAP = 1e-3  # of the residual that the next shape makes
KEPT = 1e-9  # of the largest singular value of the features: below it they are one another's sums
SEED = 271_828


def free_shapes(
    problem: PDE, trial: Trial, features: Features | SplineFeatures | TimePolynomials, R: Tensor, u: Tensor
) -> int:
    """How many shapes of the solution the equation leaves free.

    Args:
        problem, trial: What is solved, and by what.
        features: Phi.
        R: Triangular factor of ``J``, ``(p, p)`` with a column for each feature of the first unknown, then the next.
        u: Size of each unknown, ``(m,)``.
    """
    like = next(trial.network.parameters()).detach()
    x = problem.sample(POINTS, seed=SEED).to(like)
    count, m = features.count, problem.outputs
    chosen = torch.arange(0, count, max(1, -(-count * m // MOST)))
    with torch.no_grad():
        phi = features.values(x)[:, chosen]
        one = torch.ones(len(x), m).to(like)
        size = trial.scaled(one) if trial.ansatz.trivial else trial.factor(x)
    moved = [(phi * size[:, [j]]).double() / u[j] for j in range(m)]
    spans = [_orthogonal(part / len(x) ** 0.5) for part in moved]
    columns = [R[:, j * count + chosen] @ span for j, span in enumerate(spans)]
    made = torch.linalg.svdvals(torch.cat(columns, 1)).flip(0)
    for k in range(min(SHAPES, len(made) - 1), 0, -1):
        if float(made[k - 1]) < GAP * float(made[k]):
            return k
    return 0


def _orthogonal(values: Tensor) -> Tensor:
    """What makes the columns of ``values`` orthonormal, without those that others make up."""
    _, s, Vh = torch.linalg.svd(values, full_matrices=False)
    kept = int((s > KEPT * s[0]).sum())
    return Vh[:kept].T / s[:kept]
