"""An estimate of a solution's error: how far it moves when the linearised equation of its error is solved.

Around the solution ``u0`` the residual of ``u0 + B Phi w`` is ``r + J w`` to first order, with ``B`` the factor of the exact
conditions (so these stay exact) and ``Phi`` random features that training never saw. The least-squares ``w`` on fresh points
moves the solution by ``d = B Phi w``; what it leaves of the residual on other fresh points, ``drop``, tells how much of the
error it has found:

    estimate = |d| / |u0 + d|        value = estimate / sqrt(1 - drop^2)

Errors that grow with time are followed step by step beside it (``marched``). Where the equation at ``u0 + d`` is another one
than at ``u0``, as early in a solve, twice the value is said (``newton.bends``).

Our own design; linearised error equations are known from the a-posteriori analysis of finite elements, and random features
from extreme learning machines for PDEs (Dong & Li 2021). It cannot see a fault that lets the residual vanish for a wrong
function: the checks of the statement and of the exact conditions are there for that.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from sciml.ansatz import Trial
from sciml.checks.findings import undetermined
from sciml.derivatives import recording_gradients
from sciml.problem import PDE
from sciml.solvers.estimate.correction import Correction, correct
from sciml.solvers.estimate.features import Features
from sciml.solvers.estimate.free import Weak, fallen, weak_shapes
from sciml.solvers.estimate.linearised import evaluated
from sciml.solvers.estimate.marched import grown
from sciml.solvers.estimate.newton import bends, leads_on
from sciml.solvers.estimate.polynomials import TimePolynomials
from sciml.solvers.estimate.spectrum import dominant_waves
from sciml.solvers.estimate.splines import SplineFeatures
from sciml.solvers.terms.build import build_terms
from sciml.solvers.terms.places import cells_of
from sciml.solvers.terms.term import Term

LEVELS = ((100, 500), (400, 2000), (700, 3500), (1000, 5000))  # features and points
MOST = 1000  # columns, of all unknowns together
POINTS_PER_SPLINE = 6
FLOPS, JETS = 4e10, 4e-4  # multiplications and additions a second; seconds for the jets of a function
AUTOGRAD_LEVELS = ((100, 300),)  # where a row of the Jacobian is a backward pass through nested derivatives
DOUBTFUL = 0.6  # of an evolution's residual left: higher levels are taken whatever they are counted as
PATIENCE = 2.0  # times the seconds given, where more than DOUBTFUL is left
ENOUGH = 0.3  # of the residual left: the estimate is right within some per cent
LARGE = 0.1  # an estimated error over which an equation may bend
WIDER = 2.0  # times what the linearised equation says, where it does
SHARP = 0.05  # of the residual left at most: whatever grows has been found, too
BLIND = 0.995  # of the residual left: nothing is known
EXACT = 1e3  # roundings up to which a residual is nothing but them
CLEARLY = 3.0  # times an error that was asked about: more functions do not bring the estimate below it
ALIKE = 0.95  # of a number of functions: rounding in their shares makes it one more or less
LAST = 0.9999  # of such a residual a correction leaves at most this, as far as the estimate goes
FEW, BLIND_FEW = 200, 0.6  # the same for fewer features, which may miss what matters and take what does not
TEST_POINTS = 2000
WAVE_POINTS = 1000
NOISE = 0.1  # of an estimate may be what the residual at so many points leaves open
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


def estimate_error(
    problem: PDE,
    trial: Trial,
    weights: Mapping[str, float] | None = None,
    *,
    seconds: float = 3.0,
    work: float = math.inf,
    seed: int = 0,
    asked: float | None = None,
    least: int = 0,
) -> ErrorEstimate:
    """Estimate the relative L2 error of a trained trial function.

    Args:
        problem: What it solves.
        trial: The trial function; it is not changed.
        weights: Weight of each equation in the loss, by the name of its part; 1 unless given. Conditions that are penalty
            terms are balanced against the equations anew.
        seconds: What it may take: the next level is entered where much of the residual is left and the time allows it;
            ``PATIENCE`` times as long where more than ``DOUBTFUL`` is left.
        work: The same as counted work (``level_work``), which does not depend on the clock; an evolution of which more than
            ``DOUBTFUL`` is left takes the next level nevertheless.
        seed: Of features and points.
        asked: An error to compare with, where nothing else is of interest: no other level is entered once the estimate is
            ``CLEARLY`` above it.
        least: Functions for each unknown: levels with fewer are not tried.

    Returns:
        The estimate; its ``value`` is None where the correction finds nothing, and where the problem may have other
        solutions: what they differ by leaves no residual.
    """
    began = time.thread_time()
    with recording_gradients():
        like = next(trial.network.parameters()).detach()
        terms = build_terms(problem, trial, 64, 64)
        for term in terms:
            term.record(trial, problem, like)
        levels = LEVELS if all(term.plan is not None for term in terms) else AUTOGRAD_LEVELS
        own = None if cells_of(trial) is None else SplineFeatures(trial, MOST // problem.outputs)
        if own is not None:
            levels = ((own.count, POINTS_PER_SPLINE * own.count),)
        skipped = sum(min(count, MOST // problem.outputs) < ALIKE * least for count, _ in levels[:-1])
        levels = levels[skipped:]
        best: Correction | None = None
        waves: Tensor | None = None
        weak: list[Weak] = []
        done, complete = 0.0, False
        for k, (count, points) in enumerate(levels):
            start = time.thread_time()
            few = count if own is not None else min(count, MOST // problem.outputs)
            if best is not None or skipped:  # one level was not enough
                waves = _waves(problem, trial, terms[0], weights or {}, SEED + seed)
            found = correct(problem, trial, terms, few, points, weights or {}, SEED + seed, waves, own)
            now = time.thread_time()
            best = found if best is None or _clearer(found, best) else best
            cost = level_work(problem, few, points)
            done += cost
            if best.drop <= ENOUGH:
                weak.append(_weak(problem, trial, found))
            complete = k + 1 == len(levels) or _told(problem, trial, found, weak)
            if complete:
                break
            if asked is not None and _above(problem, trial, best, CLEARLY * asked):
                break
            more, many = levels[k + 1]
            following = level_work(problem, min(more, MOST // problem.outputs), many)
            # of a soliton in the wrong place few functions see little, and an evolution carries on what the rest holds
            doubtful = best.drop > DOUBTFUL
            blind = asked is not None and best.drop > _blind(best.features)
            evolves = problem.domain.time_axis is not None
            allowed = PATIENCE * seconds if doubtful else seconds
            # what is not counted, such as the jets of exact conditions, grows with the points
            expected = now - began + following + max(0.0, now - start - cost) * many / points
            if (done + following > work and not (doubtful and (evolves or blind))) or expected > allowed:
                break
        assert best is not None
        last = fallen(weak or [_weak(problem, trial, best)])
        moves = last.alone is not None and leads_on(problem, trial, terms, weights or {}, best)
        free = undetermined(problem, own is not None) or last._replace(falls=last.falls or moves).why()
        if best.drop > _blind(best.features) and _exact(problem, trial, terms, like):
            best = replace(best, exact=True)
        judged = _judge(problem, trial, best, free, time.thread_time() - began, done)
        if judged.value is not None and best.drop > SHARP and (asked is None or judged.value <= asked):
            why = grown(problem, trial, terms, weights or {}, judged.value)
            judged = judged if why is None else replace(judged, value=None, unknowns={}, reason=why)
        if judged.value is not None and LARGE < judged.value < 1.0 and asked is None and not best.exact:
            judged = _widened(judged) if bends(problem, trial, terms, weights or {}, best) else judged
        return replace(judged, complete=complete, seconds=time.thread_time() - began)


def _widened(found: ErrorEstimate) -> ErrorEstimate:
    """An estimate ``WIDER`` times as large, up to the solution itself: that of an error over which the equation bends."""
    assert found.value is not None
    wider = min(WIDER, 1.0 / found.value)
    return replace(
        found, value=wider * found.value, unknowns={name: wider * v for name, v in found.unknowns.items()}
    )


def _weak(problem: PDE, trial: Trial, found: Correction) -> Weak:
    """What the residual tells little of."""
    if found.factor is None:
        return Weak()
    like = next(trial.network.parameters()).detach()
    with torch.no_grad():
        size = trial(problem.sample(TEST_POINTS, seed=SEED).to(like)).double().square().mean(0).sqrt()
    if not bool((torch.isfinite(size) & (size > 0)).all()):
        return Weak()
    return weak_shapes(problem, trial, found.features, found.factor, size)


def _told(problem: PDE, trial: Trial, found: Correction, weak: Sequence[Weak]) -> bool:
    """Whether a correction tells enough: no noise, and no shape that more functions may tell by less."""
    if not weak or (weak[-1].alone is not None and len(weak) == 1):
        return False
    noise = found.drop * found.size / found.points**0.5 * weak[-1].gain
    return noise <= NOISE * (_judge(problem, trial, found, None, 0.0, 0.0).value or 0.0)


def _above(problem: PDE, trial: Trial, found: Correction, error: float) -> bool:
    """Whether what a correction finds is more than an error already, without what it is amplified by for the rest."""
    value = _judge(problem, trial, found, None, 0.0, 0.0).value
    return value is not None and value * math.sqrt(1.0 - min(found.drop, LAST) ** 2) > error


def level_work(problem: PDE, features: int, points: int) -> float:
    """Seconds that a correction in so many functions takes on a usual core, as counted, not as measured."""
    columns, rows = features * problem.outputs, points * problem.outputs
    algebra = 2.0 * rows * columns**2 + 16.0 * columns**3  # a triangular factor and its singular values
    dim = problem.domain.dim
    return algebra / FLOPS + JETS * features * (1.0 + dim / 4.0 + dim**2 / 40.0)


def _exact(problem: PDE, trial: Trial, terms: Sequence[Term], like: Tensor) -> bool:
    """Whether nothing but rounding is left of the residual."""
    return all(t.rounding(trial, problem, like) <= EXACT * torch.finfo(like.dtype).eps for t in terms)


def _waves(problem: PDE, trial: Trial, term: Term, weights: Mapping[str, float], seed: int) -> Tensor | None:
    """What the equations' residual swings with, if it does."""
    like = next(trial.network.parameters()).detach()
    x = problem.sample(WAVE_POINTS, seed=seed).to(like)
    function = evaluated(problem, trial, term, x)
    size = [weights.get(name, 1.0) ** 0.5 for name, columns in term.parts.items() for _ in range(columns)]
    z = trial.inputs_at(x)
    return dominant_waves(z, function.residual() * x.new_tensor(size), seed)


def _clearer(found: Correction, best: Correction) -> bool:
    """Whether a correction tells more than another: few functions that tell nothing may leave less, and still do not."""
    return (found.drop > _blind(found.features), found.drop) < (best.drop > _blind(best.features), best.drop)


def _blind(features: Features | SplineFeatures | TimePolynomials) -> float:
    """The share of the residual left from which nothing is known: few functions miss much, unless they are polynomials."""
    few = features.count < FEW and not isinstance(features, TimePolynomials)
    return BLIND_FEW if few else BLIND


def _judge(
    problem: PDE, trial: Trial, found: Correction, free: str | None, seconds: float, work: float
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
    elif not found.exact and found.drop > _blind(found.features):
        reason = f"a correction in {found.features.count} functions leaves {100 * found.drop:.1f} % of the residual"
    elif not math.isfinite(size) or size == 0.0:
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
