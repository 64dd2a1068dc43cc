"""Polishing: the correction that an error estimate is made of, kept.

The linearised equation of the error is solved in random functions of the inputs, which training never saw (see
``sciml.solvers.estimate``). Where nearly all of the residual is gone after that, ``u + B Phi w`` is a better solution by
orders of magnitude: two-dimensional Poisson at 4e-8 becomes 2e-11. ``Phi w`` is a network with one hidden layer, so that
the polished network is the sum of two. Our own design.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from sciml.ansatz import Trial
from sciml.ansatz.march import Chain
from sciml.coefficients import unknowns_of
from sciml.conditions import Data
from sciml.derivatives import recording_gradients
from sciml.errors import SciMLError
from sciml.nn import MLP, Combination, JetNetwork
from sciml.problem import PDE
from sciml.solvers.estimate.correction import correct
from sciml.solvers.estimate.estimate import estimate_error
from sciml.solvers.estimate.features import Features
from sciml.solvers.estimate.judgement import ErrorEstimate
from sciml.solvers.estimate.levels import level_work
from sciml.solvers.estimate.linearised import evaluated
from sciml.solvers.report import Report
from sciml.solvers.terms.build import recorded_terms
from sciml.solvers.terms.term import Term

FEATURES = 600  # of all unknowns together; fewer than an estimate takes, which then sees what is left
MOST = 400  # of one unknown
POINTS = 5  # for each feature
GAINS = 0.1  # of the residual left at most
LESS = 0.5  # of the estimated error left at most
SECONDS, ESTIMATE, SHARE = 60.0, 3.0, 0.2  # for all, for an estimate, and of all for an estimate
CHECKED = 1000  # points at which the residual is compared
SEED = 65_537  # the estimate's own features are others
ENDED = ("diverged", "interrupted")


def polish(problem: PDE, trial: Trial, report: Report, seconds: float = SECONDS) -> tuple[Trial, Report]:
    """A polished trial function with its report, or the same ones with a note that says why not.

    A correction is kept where it leaves less than a tenth of the residual on points that it was not fitted to, and where the
    error that is estimated afterwards, in other random functions, has fallen.

    Args:
        problem: What was solved, with the unknown coefficients that it was stated with.
        trial, report: The solution; they are not changed.
        seconds: What it may take, of one core; fewer functions are taken where 400 take longer.
    """
    reason = _refused(problem, trial, report)
    if reason is None:
        try:
            with recording_gradients():
                found = _polished(trial, report, seconds)
        except (SciMLError, ArithmeticError, RuntimeError) as error:
            found = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        if not isinstance(found, str):
            return found
        reason = found
    return trial, replace(report, notes=[*report.notes, f"not polished: {reason}."])


def _refused(problem: PDE, trial: Trial, report: Report) -> str | None:
    """Why a solution is not polished, whatever a correction would find."""
    if report.polished is not None:
        return "it is polished already"
    if report.outcome in ENDED:
        return f"the solve ended as {report.outcome}"
    if isinstance(trial, Chain):
        return "a solution in windows of time has a network for each"
    if not isinstance(trial.network, JetNetwork) or any(
        not p.requires_grad for p in trial.network.parameters()
    ):
        return "its network offers no jets or has frozen parameters"
    measured = any(isinstance(c, Data) and c.noise is not None for c in problem.conditions)
    if measured or unknowns_of(problem):
        return "a correction would fit the noise of its measurements"
    return None


def _functions(problem: PDE, before: ErrorEstimate, seconds: float) -> int:
    """How many functions of each unknown the time allows, as the estimate before took; 0 where it does not."""
    pace = before.seconds / max(before.work, 1e-9)
    most = min(MOST, FEATURES // problem.outputs)
    for count in (most, most // 2, most // 4):
        # the estimate afterwards takes as long as the one before, or as long as the correction
        takes = pace * level_work(problem, count, POINTS * count)
        if takes + max(takes, before.seconds) <= seconds - before.seconds:
            return count
    return 0


def _polished(trial: Trial, report: Report, seconds: float) -> tuple[Trial, Report] | str:
    problem = trial.problem
    share = SHARE * seconds
    before = estimate_error(problem, trial, report.weights, seconds=min(ESTIMATE, share))
    if before.value is None:
        return f"its error is unknown ({before.reason})"
    like = next(trial.network.parameters()).detach()
    terms = recorded_terms(problem, trial)
    if any(term.plan is None for term in terms):
        return "derivatives by nested autograd would take too long"
    count = _functions(problem, before, seconds)
    if count == 0:
        return f"{seconds:.2g} s are not enough for it"
    rng = torch.Generator().manual_seed(SEED)
    x = problem.sample(4 * count, seed=SEED).to(like)
    features = Features(trial, x, count, rng, plain=True)
    found = correct(problem, trial, terms, count, POINTS * count, report.weights, SEED, None, features)
    if found.drop >= GAINS:
        return f"a correction in {count} functions leaves {100 * found.drop:.0f} % of the residual"
    assert isinstance(trial.network, JetNetwork)
    better = trial.like(problem, _sum(trial.network, _network(features, found.w)))
    left = _residual(better, terms, report.weights) / max(_residual(trial, terms, report.weights), 1e-300)
    if not left < GAINS:  # the equation is not linear so far from the solution
        return f"a correction by the linearised equation leaves {100 * left:.0f} % of the residual"
    after = estimate_error(problem, better, report.weights, seconds=min(ESTIMATE, share))
    if after.value is None:
        return "the error that a correction leaves cannot be estimated"
    if after.value > LESS * before.value:
        return f"a correction would take the estimated error from {before.value:.1e} to {after.value:.1e}"
    return better, replace(
        report,
        residual=None if report.residual is None else left * report.residual,
        error_estimate=after.value,
        error_drop=after.drop,
        polished=before.value / after.value,
    )


def _sum(network: JetNetwork, correction: MLP) -> Combination:
    """The sum of both; one that is a sum already gets one member more."""
    if not isinstance(network, Combination):
        return Combination([network, correction], torch.ones(2))
    c = network.coefficients.detach()
    return Combination([*network.members, correction], torch.cat([c, torch.ones_like(c[:1])]))


def _residual(trial: Trial, terms: Sequence[Term], weights: Mapping[str, float]) -> float:
    """Root of the weighted mean squares of all terms, conditions that are penalties included."""
    like = next(trial.network.parameters()).detach()
    total = 0.0
    for term in terms:
        x = term.draw(CHECKED, SEED).to(like)
        r = evaluated(trial.problem, trial, term, x).residual()
        size = [weights.get(name, 1.0) for name, columns in term.parts.items() for _ in range(columns)]
        total += float(r.square().mean(0) @ r.new_tensor(size))
    return total**0.5


def _network(features: Features, w: Tensor) -> MLP:
    """``Phi w`` as a network with one hidden layer, for ``w (K, m)``."""
    (planes,) = features.parts
    (n_in, K), m = planes.slopes.shape, w.shape[1]
    network = MLP([n_in, K, m], planes.activation.name, dtype=w.dtype)
    first, _, last = network.layers
    values = (planes.slopes.T, planes.shifts, w.T, torch.zeros(m))
    with torch.no_grad():
        for p, value in zip((*first.parameters(), *last.parameters()), values, strict=True):
            p.copy_(value)
    return network.to(w.device)
