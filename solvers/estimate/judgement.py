"""What a correction stands for: an estimated error, or the reason why nothing is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from sciml.ansatz import Trial
from sciml.problem import PDE
from sciml.solvers.estimate.correction import Correction
from sciml.solvers.estimate.features import Features
from sciml.solvers.estimate.free import Weak, weak_shapes
from sciml.solvers.estimate.polynomials import TimePolynomials
from sciml.solvers.estimate.splines import SplineFeatures
from sciml.solvers.terms.term import Term

WIDER = 2.0  # times what the linearised equation says, where the equation bends
BLIND = 0.995  # of the residual left: nothing is known
EXACT = 1e3  # roundings up to which a residual is nothing but them
LAST = 0.9999  # of such a residual a correction leaves at most this, as far as the estimate goes
FEW, BLIND_FEW = 200, 0.6  # the same for fewer features, which may miss what matters and take what does not
TEST_POINTS = 2000
SEED = 31_337


@dataclass(frozen=True)
class ErrorEstimate:
    """What is known about a solution's error without a reference.

    Attributes:
        value: Estimated relative L2 error over all unknowns; None where nothing is known.
        reason: Why it is None.
        unknowns: The same for each unknown by name.
        drop: Share of the residual that the correction leaves on fresh points: near 0 the estimate is sharp, near 1 it is a
            guess from a small part.
        features, points: Size of the least-squares problem.
        seconds, work: What it took, and what it was counted as.
        complete: Whether more seconds would not have changed it.
        correction: Maps points ``(n, d)`` of the network's dtype to what the solution should be moved by, ``(n, m)``.
    """

    value: float | None
    reason: str | None
    unknowns: dict[str, float]
    drop: float
    features: int
    points: int
    seconds: float
    work: float
    correction: Callable[[Tensor], Tensor] = field(repr=False, compare=False)
    complete: bool = False

    def __str__(self) -> str:
        return "unknown" if self.value is None else f"{self.value:.1e}"

    def unknown(self, reason: str) -> ErrorEstimate:
        """The same where nothing is known, for a reason."""
        return replace(self, value=None, unknowns={}, reason=reason)

    def raised(self, value: float) -> ErrorEstimate:
        """The same with a larger value, of which each unknown has the share that it had."""
        assert self.value is not None
        more = value / self.value
        return replace(self, value=value, unknowns={name: more * v for name, v in self.unknowns.items()})

    def widened(self) -> ErrorEstimate:
        """``WIDER`` times as large, up to the solution itself: that of an error over which the equation bends."""
        assert self.value is not None
        return self.raised(min(WIDER, 1.0 / self.value) * self.value)


def judged(
    problem: PDE,
    trial: Trial,
    found: Correction,
    free: str | None = None,
    seconds: float = 0.0,
    work: float = 0.0,
) -> ErrorEstimate:
    """The estimate that a correction stands for; none where ``free`` says why the solution is not the only one."""

    def correction(x: Tensor) -> Tensor:
        # by the points, where a window of time goes on from the corrected end of another
        with torch.set_grad_enabled(x.requires_grad and torch.is_grad_enabled()):
            change = found.features.values(x) @ found.w
            return trial.scaled(change) if trial.ansatz.trivial else trial.factor(x) * change

    like = next(trial.network.parameters()).detach()
    x = problem.sample(TEST_POINTS, seed=SEED).to(like)
    with torch.no_grad():
        d = correction(x).double()
        u = trial(x).double() + d
    value, reason, unknowns = None, None, {}
    size = float(u.norm())
    if free is not None:
        reason = free
    elif not found.exact and found.drop > blind(found.features):
        reason = f"a correction in {found.features.count} functions leaves {100 * found.drop:.1f} % of the residual"
    elif not math.isfinite(size):
        reason = "the squares of the solution's values are not finite numbers"
    elif size == 0.0:
        reason = "the solution is zero, so a relative error means nothing"
    else:
        amplified = 1.0 / math.sqrt(1.0 - min(found.drop, LAST) ** 2)
        least = torch.finfo(like.dtype).eps if found.exact else 0.0
        value = max(amplified * float(d.norm()) / size, least)
        for name, part, whole in zip(problem.unknowns, d.T, u.T, strict=True):
            if float(whole.norm()) > 0.0:
                unknowns[name] = amplified * float(part.norm() / whole.norm())
    return ErrorEstimate(
        value, reason, unknowns, found.drop, found.features.count, found.points, seconds, work, correction
    )


def exceeds(problem: PDE, trial: Trial, found: Correction, error: float) -> bool:
    """Whether what a correction finds is more than an error already, without what it is amplified by for the rest."""
    value = judged(problem, trial, found).value
    return value is not None and value * math.sqrt(1.0 - min(found.drop, LAST) ** 2) > error


def clearer(found: Correction, best: Correction) -> bool:
    """Whether a correction tells more than another: few functions that tell nothing may leave less, and still do not."""
    return (found.drop > blind(found.features), found.drop) < (best.drop > blind(best.features), best.drop)


def blind(features: Features | SplineFeatures | TimePolynomials) -> float:
    """The share of the residual left from which nothing is known: few functions miss much, unless they are polynomials."""
    few = features.count < FEW and not isinstance(features, TimePolynomials)
    return BLIND_FEW if few else BLIND


def is_rounding(problem: PDE, trial: Trial, terms: Sequence[Term], most: float | None = None) -> bool:
    """Whether nothing but rounding is left of the residual: up to ``EXACT`` roundings, unless ``most`` says how much."""
    like = next(trial.network.parameters()).detach()
    bound = EXACT * torch.finfo(like.dtype).eps if most is None else most
    return all(term.rounding(trial, problem, like) <= bound for term in terms)


def weak_of(problem: PDE, trial: Trial, found: Correction) -> Weak:
    """What the residual tells little of."""
    if found.factor is None:
        return Weak()
    like = next(trial.network.parameters()).detach()
    with torch.no_grad():
        size = trial(problem.sample(TEST_POINTS, seed=SEED).to(like)).double().square().mean(0).sqrt()
    if not bool((torch.isfinite(size) & (size > 0)).all()):
        return Weak()
    return weak_shapes(problem, trial, found.features, found.factor, size)
