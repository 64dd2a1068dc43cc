"""The least-squares correction of a solution by fresh features, its ridge chosen by the residual on other points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sciml.ansatz import Trial
from sciml.linalg import divisor
from sciml.problem import PDE
from sciml.solvers.estimate.features import Features
from sciml.solvers.estimate.linearised import POOL, Rows, rows_of
from sciml.solvers.estimate.polynomials import TimePolynomials
from sciml.solvers.estimate.splines import SplineFeatures
from sciml.solvers.terms.term import Term

NOISY = 1.25  # times what the best ridge leaves, up to which a smaller one is taken for polynomials of time
RIDGES = 10.0 ** torch.arange(-12.0, 0.5, 0.5, dtype=torch.float64)  # of the largest singular value


@dataclass(frozen=True)
class Correction:
    """``Phi w`` with what it leaves of the residual.

    Attributes:
        features, w: Phi, and ``w (K, m)``.
        drop: Share of the residual that is left on points that it was not fitted to.
        points: That it was fitted to.
        exact: Whether the residual is rounding, of which a correction finds nothing.
        factor: Triangular factor of ``J``; None where there was nothing to correct.
        size: Root mean square of the residual on the points that it was not fitted to.
    """

    features: Features | SplineFeatures | TimePolynomials
    w: Tensor
    drop: float
    points: int
    exact: bool = False
    factor: Tensor | None = None
    size: float = 0.0


def correct(
    problem: PDE,
    trial: Trial,
    terms: Sequence[Term],
    count: int,
    points: int,
    weights: Mapping[str, float],
    seed: int,
    waves: Tensor | None,
    own: Features | SplineFeatures | TimePolynomials | None = None,
    pool: int = POOL,
) -> Correction:
    """The least-squares correction with so many features, its ridge chosen by the residual on other points.

    Args:
        problem, trial: What is solved, and by what.
        terms: Recorded for them.
        count, points: Features, and points of the equations.
        weights: Of the equations; see ``estimate_error``.
        seed: Of features and points.
        waves: That the residual swings with.
        own: The features, where they are chosen already.
        pool: Candidates for each point; see ``rows_of``.
    """
    like = next(trial.network.parameters()).detach()
    rng = torch.Generator().manual_seed(seed)
    features = own or Features(trial, problem.sample(4 * count, seed=seed).to(like), count, rng, waves)

    def rows(n: int, offset: int) -> list[Rows]:
        out: list[Rows] = []
        for k, term in enumerate(terms):
            some = n if k == 0 else max(40, n // 4)
            out += rows_of(problem, trial, term, some, seed + 101 * k + offset, features, pool)
        return out

    fit, check = rows(points, 1), rows(max(200, points // 2), 2)
    scales = weights_of(terms, fit, weights)
    A, B = _stack(fit, scales), _stack(check, scales)
    J, Jv, rv = A[:, :-1], B[:, :-1], -B[:, -1]
    size, lengths = float(rv.norm()), A.norm(dim=0)
    if size == 0.0 or not bool(torch.isfinite(lengths).all()):
        return Correction(
            features,
            J.new_zeros(features.count, problem.outputs).to(like),
            0.0 if size == 0.0 else 1.0,
            points,
        )
    columns = divisor(lengths[:-1])
    J.div_(columns)
    # the factor Q is never asked for: with the right-hand side as a last column R holds what it makes of that
    R = torch.linalg.qr(A, mode="r").R[: J.shape[1]]
    U, s, Vh = torch.linalg.svd(R[:, :-1], full_matrices=False)
    c = U.T @ R[:, -1]
    filters = s[:, None] / (s[:, None] ** 2 + (RIDGES.to(s) * s[0]) ** 2)
    candidates = Vh.T @ (c[:, None] * filters)  # one column a ridge
    left = (rv[:, None] + Jv @ (candidates / columns[:, None])).norm(dim=0) / size
    smooth = isinstance(features, TimePolynomials)
    # few smooth functions at many points: the least ridge, so that what lies below a noise of rounding is found, too
    k = int((left <= NOISY * left.min()).int().argmax()) if smooth else int(left.argmin())
    w = (candidates[:, k] / columns).reshape(problem.outputs, -1).T
    factor = R[:, :-1] * columns
    if float(left[k]) >= 1.0:
        found = (w if smooth else 0.0 * w).to(like)
        return Correction(features, found, 1.0, points, factor=factor, size=size)
    return Correction(features, w.to(like), float(left[k]), points, factor=factor, size=size)


def weights_of(terms: Sequence[Term], rows: Sequence[Rows], given: Mapping[str, float]) -> dict[str, float]:
    """Weight of each part: as given for the equations; conditions get the same mean squared row, as in training."""
    trace: dict[str, float] = {}
    for row in rows:
        mean = float((row.matrix.square().sum(1, keepdim=True) / row.density).mean())
        trace[row.part] = trace.get(row.part, 0.0) + mean
    first = list(terms[0].parts)
    out = {name: given.get(name, 1.0) for name in first}
    equation = sum(out[name] * trace[name] for name in first) / len(first)
    own = {name: term.weight for term in terms for name in term.parts}
    for name in trace:
        if name not in out:
            out[name] = own[name] * equation / max(trace[name], 1e-300)
    return out


def _stack(rows: list[Rows], weights: Mapping[str, float]) -> Tensor:
    """``[J, -r]`` of all rows, weighted so that sums of squares are integrals, in float64, column by column."""
    n, columns = sum(len(row.residual) for row in rows), rows[0].matrix.shape[1]
    out = rows[0].matrix.new_empty(columns + 1, n, dtype=torch.float64).T
    for row, part in zip(rows, out.split([len(row.residual) for row in rows]), strict=True):
        factor = (weights[row.part] / row.density.double() / len(row.residual)).sqrt()
        torch.mul(row.matrix, factor, out=part[:, :-1])
        torch.mul(row.residual, -factor[:, 0], out=part[:, -1])
    return out
