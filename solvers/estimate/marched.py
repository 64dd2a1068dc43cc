"""What an evolution makes of a residual, step by step: a check on a correction that is fitted to all times at once.

Where errors grow, a fit over all times would rather leave a little of the residual than follow what a little of it, early,
makes of the end. On an unstable steady state the residual is as good as zero, while the right solution has long left it.
Step by step nothing can be left out: from each instant to the next the linearised equation is solved in random functions of
space, by least squares and the backward differentiation formula of second order. Such a step does not grow where the
equation does not. It is told only where those functions hold what each step asks for: they are too few for a front.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sciml.ansatz import Trial
from sciml.jets import DerivativePlan
from sciml.problem import PDE
from sciml.solvers.estimate.features import Features
from sciml.solvers.estimate.linearised import Jets
from sciml.solvers.terms.term import Term

STEPS = 40
FINER, HALVINGS = 2, 2  # times as many steps, so often
SETTLED = 1.5  # times as much error in so many more steps at most: it is resolved
POINTS, SIDE = 150, 40  # of space; of each condition
COUNT = 60  # functions of each unknown
RICHER = 2  # times as many, and points of space, before an estimate is refused
MOST = 3  # unknowns: a step solves for the functions of all of them together
RIDGE = 1e-9  # of the largest singular value
RESOLVED = 0.05  # of what a step asks for may be left, after the first ones
BEGUN = 4  # of these
GROWN = 10.0  # times an estimate: the correction has missed what grows
SEED = 161_803


def grown(
    problem: PDE, trial: Trial, terms: Sequence[Term], weights: Mapping[str, float], value: float
) -> str | None:
    """Why an estimated error cannot be it, as one sentence without its full stop; None where nothing speaks against it.

    Args:
        problem, trial: What is solved, and by what.
        terms: Recorded for them.
        weights: Of the equations; see ``estimate_error``.
        value: The estimate.
    """
    found = marched(problem, trial, terms, weights)
    if found is None or found <= GROWN * value:
        return None
    again = marched(problem, trial, terms, weights, richer=RICHER)
    if again is not None and again <= GROWN * value:  # it was what few functions of space miss
        return None
    made = f"an error of {found:.1e}" if found < 1.0 else "another solution"
    return (
        f"errors grow with time: step by step the residual makes {made}, of which a correction for all times at once finds "
        f"{value:.1e}"
    )


def refined(
    problem: PDE, trial: Trial, terms: Sequence[Term], weights: Mapping[str, float]
) -> tuple[float | None, bool]:
    """As ``marched``, in twice as many steps again and again until that changes little, and whether it came to that.

    An error of short waves that go their own ways, as in a dispersive equation, swings faster than few steps can follow.
    """
    steps = FINER * STEPS
    last = marched(problem, trial, terms, weights, steps)
    for _ in range(HALVINGS):
        if last is None:
            return None, True
        steps, before = FINER * steps, last
        last = marched(problem, trial, terms, weights, steps)
        if last is not None and last <= SETTLED * before and before <= SETTLED * last:
            return last, True
    return last, last is None


def marched(
    problem: PDE,
    trial: Trial,
    terms: Sequence[Term],
    weights: Mapping[str, float],
    steps: int = STEPS,
    richer: int = 1,
) -> float | None:
    """The relative size of the error that the linearised equation makes of the residual; None where it is not known.

    It is asked of equations of first order in time, in jets, of a few unknowns, in ``richer`` times as many functions and
    points as usual.
    """
    axis, equations = problem.domain.time_axis, terms[0]
    if axis is None or problem.domain.dim < 2 or problem.outputs > MOST:
        return None
    if any(term.plan is None or term.sums is not None for term in terms) or equations.plan is None:
        return None
    rate = _rate_channel(equations.plan, axis)
    if rate is None:
        return None
    return _slices(problem, trial, terms, weights, axis, rate, steps, richer).marched()


@dataclass
class _Slices:
    """The linearised equations at the same points of space at all instants, for functions frozen in time.

    Attributes:
        step: From one instant to the next.
        rows: Of the equations, ``(N, P, q, m K)``, without the rate.
        rates: What the rate of each unknown makes of each equation, ``(N, P, q, m)``.
        values: What the functions move the solution by, ``(N, P, m, K)``.
        residual: Of the equations, ``(N, P, q)``.
        sides: Rows and residuals of conditions at all instants, ``(N, S, m K)`` and ``(N, S)``.
        start: The error at the first instant, ``(P, m)``.
        size: Of the solution, over all points and instants.
    """

    step: float
    rows: Tensor
    rates: Tensor
    values: Tensor
    residual: Tensor
    sides: list[tuple[Tensor, Tensor]]
    start: Tensor
    size: float
    left: list[float] = field(default_factory=list)

    def marched(self) -> float | None:
        """As ``marched``."""
        m, K = self.values.shape[2:]
        before, now, total = self.start, self.start, 0.0
        for n in range(len(self.rows)):
            ahead, back, far = (1.0, 1.0, 0.0) if n == 0 else (1.5, 2.0, -0.5)
            rate = self.rates[n] / self.step
            known = (rate * (back * now + far * before)[:, None]).sum(2) - self.residual[n]
            A = self.rows[n] + ahead * (rate[..., None] * self.values[n][:, None]).flatten(2)
            A, b = A.flatten(0, 1), known.flatten()
            size = float(A.square().sum(1).mean().sqrt()) or 1.0
            for rows, residual in self.sides:
                share = size / max(float(rows[n].square().sum(1).mean().sqrt()), 1e-300)
                A, b = torch.cat([A, share * rows[n]]), torch.cat([b, -share * residual[n]])
            c, left = _least_squares(A, b)
            before, now = now, torch.einsum("pmk,mk->pm", self.values[n], c.reshape(m, K))
            if not math.isfinite(left) or (n >= BEGUN and left > RESOLVED):
                return None
            total += float(now.square().sum())
        return math.sqrt(total) / self.size if self.size > 0.0 else None


def _least_squares(A: Tensor, b: Tensor) -> tuple[Tensor, float]:
    """The coefficients, and the share of ``b`` that they leave."""
    lengths = A.norm(dim=0).clamp(min=1e-300)
    gram = (A / lengths).T @ (A / lengths)
    s, V = torch.linalg.eigh(gram) if bool(torch.isfinite(gram).all()) else (gram[0] * 0, gram * 0)
    kept = s > RIDGE * s[-1]
    inverse = torch.where(kept, 1.0 / s.clamp(min=1e-300), torch.zeros_like(s))
    c = (V @ (inverse * (V.T @ (A.T @ b / lengths)))) / lengths
    return c, float((A @ c - b).norm() / b.norm().clamp(min=1e-300))


def _slices(
    problem: PDE,
    trial: Trial,
    terms: Sequence[Term],
    weights: Mapping[str, float],
    axis: int,
    rate: int,
    steps: int,
    richer: int,
) -> _Slices:
    like = next(trial.network.parameters()).detach()
    low, high = float(problem.domain.lower[axis]), float(problem.domain.upper[axis])
    times = torch.linspace(low, high, steps + 1).to(like)
    x = problem.sample(richer * POINTS, seed=SEED).to(like)
    every = _at(x, times[1:], axis)
    features = Features(trial, every, richer * COUNT, torch.Generator().manual_seed(SEED))
    term = terms[0]
    function = Jets(problem, trial, term, every)
    columns, cotangents = _differentiated(function, weights)
    with torch.no_grad():
        phi = features.jets(function.frozen[0], function.weights)
        blocks, values = [], []
        for j in range(problem.outputs):
            part = phi if trial.scale is None else phi * trial.scale[j]
            if not trial.ansatz.trivial:
                assert term.plan is not None
                part = term.plan.product(function.frozen[2][:, :, j : j + 1], phi)
            values.append(part[:, 0])
            spatial = cotangents[..., j].clone()
            spatial[:, :, rate] = 0.0
            blocks.append(spatial @ part)
        u = trial.around(function.out, function.frozen, function.plan)[:, 0]
        shape = (steps, len(x))
        sides, start = [], x.new_zeros(len(x), problem.outputs).double()
        for k, other in enumerate(terms[1:]):
            y = other.draw(richer * SIDE, SEED + k).to(like)
            if bool((y[:, axis] - low <= 1e-9 * (high - low)).all()):
                start = start + _begun(problem, trial, other, features, y, _at(x, times[:1], axis))
            else:
                found = Jets(problem, trial, other, _at(y, times[1:], axis)).rows(features)
                sides += [
                    (J.double().unflatten(0, (steps, -1)), r.double().unflatten(0, (steps, -1)))
                    for _, J, r in found
                ]
    return _Slices(
        (high - low) / steps,
        torch.cat(blocks, 2).double().unflatten(0, shape),
        cotangents[:, :, rate].double().unflatten(0, shape),
        torch.stack(values, 1).double().unflatten(0, shape),
        columns.double().unflatten(0, shape),
        sides,
        start,
        float(u.double().norm()),
    )


def _differentiated(function: Jets, weights: Mapping[str, float]) -> tuple[Tensor, Tensor]:
    """The equations ``(n, q)`` and their derivative by the jet of the solution, ``(n, q, C, m)``, both weighted."""
    term, x = function.term, function.x
    jet = function.trial.around(function.out, function.frozen, function.plan).detach().requires_grad_(True)
    with torch.enable_grad():
        parts = term.function(function.problem.field(function.plan.source(jet)), x)
        columns = [c * weights.get(name, 1.0) ** 0.5 for name, part in parts.items() for c in part.unbind(1)]
        found = [
            torch.autograd.grad(c.sum(), jet, retain_graph=True, allow_unused=True, materialize_grads=True)[0]
            for c in columns
        ]
    return torch.stack([c.detach() for c in columns], 1), torch.stack(found, 1)


def _begun(problem: PDE, trial: Trial, term: Term, features: Features, y: Tensor, x: Tensor) -> Tensor:
    """The error at the first instant at points ``x``, from a condition that holds there, at points ``y``."""
    found = Jets(problem, trial, term, y).rows(features)
    A = torch.cat([J.double() for _, J, _ in found])
    b = -torch.cat([r.double() for _, _, r in found])
    c = _least_squares(A, b)[0].reshape(problem.outputs, -1).T.to(x)
    change = features.values(x) @ c
    return (trial.scaled(change) if trial.ansatz.trivial else trial.factor(x) * change).double()


def _at(x: Tensor, times: Tensor, axis: int) -> Tensor:
    """The points ``x (P, d)`` at all times, time by time: ``(N P, d)``."""
    every = x.repeat(len(times), 1)
    every[:, axis] = times.repeat_interleave(len(x))
    return every


def _rate_channel(plan: DerivativePlan, axis: int) -> int | None:
    """The channel of the first derivative by time, where no other has to do with time; else None."""
    sums = [*plan.seconds, *plan.highers]
    if any(axis in axes for terms in sums for axes in terms):
        return None
    found = [k for k, direction in enumerate(plan.directions.tolist()) if direction[axis] != 0.0]
    if len(found) != 1 or sum(v != 0.0 for v in plan.directions[found[0]].tolist()) != 1:
        return None
    return 1 + found[0] if float(plan.directions[found[0], axis]) == 1.0 else None
