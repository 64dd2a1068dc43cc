"""Whether Newton's method goes on from where a correction has led: an equation may tell a shape of its solution by little.

A front far from its place makes next to no residual. Its equation then looks solved after one step of the linearised
equation, and each further step moves the front by as much as the last, without end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from sciml.ansatz import Trial
from sciml.linalg import divisor
from sciml.problem import PDE
from sciml.solvers.estimate.correction import Correction, weights_of
from sciml.solvers.estimate.linearised import Jets, Rows, evaluated
from sciml.solvers.terms.term import Term

POINTS, FEW = 500, 130  # of the equations, and of each condition
SEED = 31_337
BENT = 0.2  # of the residual may be left after the correction
LEFT_OUT = 0.25  # of the residual may be what the linearised equation leaves out
STEPS = 5  # after it, with the same derivative
DRIFT = 1e-4  # of the correction: shorter steps are not looked at
FALLS = 0.5  # ratio of two steps from which they do not end
ROUNDING = 1e-11  # of the solution: neither are these
KEPT = 1e-8  # of the largest singular value


def leads_on(
    problem: PDE, trial: Trial, terms: Sequence[Term], weights: Mapping[str, float], found: Correction
) -> bool:
    """Whether the equation is not linear over so large a change, so that the correction is not the error.

    Either its residual does not fall as predicted, or the steps of Newton's simplified method that follow do not get
    shorter. Where equations and conditions are linear there is nothing to ask.

    Args:
        problem, trial: What is solved, and by what.
        terms: The equations, and the conditions that are not exact: without them a step may go along anything that solves
            the homogeneous equation.
        weights: Of the equations; see ``estimate_error``.
        found: The correction.
    """
    if any(term.plan is None for term in terms):
        return False
    system = _System(problem, trial, terms, weights, found)
    if system.is_linear(found.w):
        return False
    before, after = system.residual(torch.zeros_like(found.w)).norm(), system.residual(found.w).norm()
    if float(after) > max(BENT, 2.0 * found.drop) * float(before):
        return True
    steps = system.steps(found.w)
    first, before, last = (float(steps[k].norm()) for k in (0, -2, -1))
    return last > max(DRIFT * first, FALLS * before, ROUNDING * system.size)


def bends(
    problem: PDE, trial: Trial, terms: Sequence[Term], weights: Mapping[str, float], found: Correction
) -> bool:
    """Whether what the linearised equation leaves out over a correction is much of the residual itself.

    The equation is then another one at the corrected solution, and a correction is the error but for its order of size:
    from far outside, a step of Newton's method on a cube goes a third of the way, and leaves 0.3 of the residual.
    """
    if any(term.plan is None for term in terms):
        return False
    system = _System(problem, trial, terms, weights, found)
    before = system.residual(torch.zeros_like(found.w))
    linear = before + system.J @ found.w.double().T.flatten()
    return float((system.residual(found.w) - linear).norm()) > LEFT_OUT * float(before.norm())


class _System:
    """All terms at fixed points, as functions of the coefficients ``w (K, m)`` of a correction ``Phi w``."""

    def __init__(
        self,
        problem: PDE,
        trial: Trial,
        terms: Sequence[Term],
        weights: Mapping[str, float],
        found: Correction,
    ):
        like = next(trial.network.parameters()).detach()
        self.features, self.terms = found.features, terms
        self.functions: list[Jets] = []
        rows: list[Rows] = []
        for k, term in enumerate(terms):
            function = evaluated(problem, trial, term, term.draw(POINTS if k == 0 else FEW, SEED).to(like))
            assert isinstance(function, Jets)
            self.functions.append(function)
            for name, J, r in function.rows(self.features):
                J, r = (J, r) if term.sums is None else (term.sums.of(J), term.sums.of(r))
                rows.append(Rows(name, J, r, torch.ones_like(r[:, None])))
        shares = weights_of(terms, rows, weights)
        self.scales = [(shares[row.part] / len(row.residual)) ** 0.5 for row in rows]
        self.J = torch.cat(
            [row.matrix.double() * scale for row, scale in zip(rows, self.scales, strict=True)]
        )
        x, trivial = self.functions[0].x, trial.ansatz.trivial
        with torch.no_grad():
            factor = trial.scaled(torch.ones_like(x[:, :1])) if trivial else trial.factor(x)
            self.phi, self.factor = self.features.values(x), factor
            self.size = float(trial(x).double().norm())

    def residual(self, w: Tensor) -> Tensor:
        """All rows with ``Phi w`` added, not linearised: ``(n,)``, in float64."""
        columns: list[Tensor] = []
        for function, term in zip(self.functions, self.terms, strict=True):
            for column in function.corrected(self.features, w).unbind(1):
                columns.append(column if term.sums is None else term.sums.of(column))
        return torch.cat([c.double() * scale for c, scale in zip(columns, self.scales, strict=True)])

    def moved(self, w: Tensor) -> Tensor:
        """What ``Phi w`` moves the solution by at the points of the equations, ``(n, m)``."""
        return (self.factor * (self.phi @ w)).double()

    def is_linear(self, w: Tensor) -> bool:
        """Whether the rows are affine along ``w``, as tried with changes of the solution's own size."""
        w = w * (self.size / max(float(self.moved(w).norm()), 1e-300))
        zero, one, two = (self.residual(k * w) for k in (0, 1, 2))
        return float((two - 2 * one + zero).norm()) <= torch.finfo(w.dtype).eps ** 0.5 * float(
            (two - zero).norm()
        )

    def steps(self, w: Tensor) -> list[Tensor]:
        """The correction and the steps after it, as they move the solution."""
        lengths = divisor(self.J.norm(dim=0))
        U, s, Vh = torch.linalg.svd(self.J / lengths, full_matrices=False)
        kept = int((s > KEPT * s[0]).sum())
        changes = [w]
        for _ in range(STEPS):
            step = -(Vh[:kept].T @ (U[:, :kept].T @ self.residual(w) / s[:kept])) / lengths
            changes.append(step.reshape(w.shape[1], -1).T.to(w))
            w = w + changes[-1]
        return [self.moved(change) for change in changes]
