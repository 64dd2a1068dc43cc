"""Whether the linearised equation leaves a shape of the solution free, as at a resonance.

Of all changes ``B Phi w`` that move the solution by as much as itself, the singular values of ``J`` tell how much of the
residual each makes. A shape that makes a thousand times less than the next one is a solution of the homogeneous equation,
as far as the features can tell: adding any multiple of it leaves the residual as small as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

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
ALONE, FALLS = (
    0.1,
    0.5,
)  # of the next shape's residual, and of its own in fewer functions: a shape that is not resolved
KEPT = 1e-9  # of the largest singular value of the features: below it they are one another's sums
SEED = 271_828


class Weak(NamedTuple):
    """What the smallest singular values say.

    Attributes:
        free: How many shapes of the solution the equation leaves free.
        gain: By how much noise in the residual is amplified, over all shapes: the root of the sum of their squared inverses.
        alone: The residual that one shape makes, where it alone makes far less than the next one; else None.
        falls: Whether it makes far less in all functions than in a part of them, or elsewhere on the way of a correction: it
            may make still less, and how far the solution lies off along it is not known.
    """

    free: int = 0
    gain: float = 0.0
    alone: float | None = None
    falls: bool = False

    def why(self) -> str | None:
        """Why the residual does not tell the solution, as one sentence without its full stop."""
        if self.falls:
            return (
                "the equation tells one shape of the solution, such as where a front stands, by next to nothing of its "
                "residual, and by how little is not resolved"
            )
        if not self.free:
            return None
        shapes = "a shape" if self.free == 1 else f"{self.free} shapes"
        return (
            f"the equation leaves {shapes} of the solution free, as at a resonance: any multiple of it can be added, and "
            "the residual stays as small"
        )


def weak_shapes(
    problem: PDE, trial: Trial, features: Features | SplineFeatures | TimePolynomials, R: Tensor, u: Tensor
) -> Weak:
    """The shapes of the solution that make the least of the residual.

    Args:
        problem, trial: What is solved, and by what.
        features: Phi.
        R: Triangular factor of ``J``, ``(p, p)`` with a column for each feature of the first unknown, then the next.
        u: Size of each unknown, ``(m,)``.
    """
    like = next(trial.network.parameters()).detach()
    x = problem.sample(POINTS, seed=SEED).to(like)
    count, m = features.count, problem.outputs
    # splines are not thinned out, since what is left would not be smooth
    every = 1 if isinstance(features, SplineFeatures) else max(1, -(-count * m // MOST))
    chosen = torch.arange(0, count, every)
    with torch.no_grad():
        values = features.values(x)
        phi = values[:, chosen].double()
        one = torch.ones(len(x), m).to(like)
        size = (trial.scaled(one) if trial.ansatz.trivial else trial.factor(x)).double() / u
        part = torch.eye(len(chosen), dtype=torch.float64)[:, ::2]
        if isinstance(features, SplineFeatures):
            part = torch.linalg.lstsq(phi, features.coarse(x).double()).solution
    blocks = [R[:, j * count + chosen] for j in range(m)]
    made = _made(blocks, [phi * size[:, [j]] for j in range(m)])
    for k in range(min(SHAPES, len(made) - 1), 0, -1):
        if float(made[k - 1]) < GAP * float(made[k]):
            return Weak(k)
    gain = float(made.square().reciprocal().sum().sqrt())
    if len(made) < 2 or float(made[0]) > ALONE * float(made[1]):
        return Weak(0, gain)
    fewer = _made([block @ part.to(block) for block in blocks], [phi @ part * size[:, [j]] for j in range(m)])
    # of columns that are zero, or not finite, no directions are left to compare with
    falls = len(fewer) > 0 and float(made[0]) < FALLS * float(fewer[0])
    return Weak(0, gain, float(made[0]), falls)


def fallen(weak: Sequence[Weak]) -> Weak:
    """The last, with what became of its shape from one level to the next."""
    last, alone = weak[-1], [w.alone for w in weak if w.alone is not None]
    return last._replace(falls=last.falls or (len(alone) > 1 and alone[-1] < FALLS * alone[0]))


def _made(blocks: list[Tensor], moved: list[Tensor]) -> Tensor:
    """Singular values, increasing: the residual that changes of the solution's size make.

    Args:
        blocks: Columns of ``R`` for each unknown.
        moved: What these columns' functions move it by at points, ``(n, K)`` each.
    """
    spans = [_orthogonal(part / len(part) ** 0.5) for part in moved]
    return torch.linalg.svdvals(
        torch.cat([block @ span for block, span in zip(blocks, spans, strict=True)], 1)
    ).flip(0)


def _orthogonal(values: Tensor) -> Tensor:
    """What makes the columns of ``values`` orthonormal, without those that others make up."""
    _, s, Vh = torch.linalg.svd(values, full_matrices=False)
    kept = int((s > KEPT * s[0]).sum())
    return Vh[:kept].T / s[:kept]
