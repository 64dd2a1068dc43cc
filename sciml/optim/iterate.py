"""The loop around a step method: one iteration after the other, and on top of it stopping, history, the result."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor

from sciml.errors import ArgumentError
from sciml.optim.problems.protocols import Problem
from sciml.optim.step_method import ModelState, State, StepMethod
from sciml.optim.threads import few_threads

if TYPE_CHECKING:
    from scipy.optimize import OptimizeResult

# outcome: (status, message); the first three are successes
OUTCOMES = {
    "converged": (0, "The gradient norm is below gtol."),
    "small_decrease": (1, "The relative decrease of the loss is below ftol."),
    "small_step": (2, "The relative step length is below xtol."),
    "max_iterations": (3, "maxiter iterations were done."),
    "max_time": (4, "max_time seconds have passed."),
    "stalled": (5, "60 steps in a row brought no decrease beyond rounding."),
    "diverged": (6, "The loss or its gradient is not finite."),
    "stopped": (7, "The callback raised StopIteration."),
}
STALLED = 60


class Iteration:
    """A method at work on a problem: an endless iterator of ``(theta, state)``, one pair after each step.

    Who consumes it decides when to stop, and may change anything between two steps:

    ```python
    run = iterate(method, problem, theta)  # run.state: before the first step
    for theta, state in run:
        if state.accepted and time_for_new_points:
            problem.redraw()
            run.refresh()  # the loss on the new points
        if not inside(theta):
            run.refresh(clamp(theta))  # another theta
    ```

    Attributes:
        method, problem: As given; a problem may be replaced, then call ``refresh``.
        theta: Current parameters (P,).
        state: The method's state at ``theta``. A saved one may be put in here.
        steps: Steps done, rejected ones included.
    """

    def __init__(self, method: StepMethod, problem: Any, theta: Tensor, state: Any = None):
        self.method, self.problem, self.theta = method, problem, theta
        self.state = method.init(problem, theta) if state is None else state
        self.steps = 0

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[Tensor, Any]:
        return self.step()

    def step(self) -> tuple[Tensor, Any]:
        """One step of the method; an exception from the problem leaves everything as it was before."""
        self.theta, self.state = self.method.step(self.problem, self.theta, self.state)
        self.steps += 1
        return self.theta, self.state

    def refresh(self, theta: Tensor | None = None) -> None:
        """Look again, after the problem's points or weights have changed, or from another ``theta``."""
        theta = self.theta if theta is None else theta
        self.state = self.method.refresh(self.problem, theta, self.state)
        self.theta = theta

    def enlarge(self, theta: Tensor) -> None:
        """Go on with another number of parameters: what the state knows of the old ones is dropped, its damping stays."""
        state = self.method.init(self.problem, theta)
        if isinstance(state, ModelState) and isinstance(self.state, ModelState):
            state.weight, state.lam = self.state.weight, self.state.lam
        self.theta, self.state = theta, state


def iterate(method: StepMethod, problem: Any, theta: Tensor, state: Any = None) -> Iteration:
    """Step ``method`` through ``problem`` from ``theta``, without end.

    Args:
        method: The step method.
        problem: What it minimises.
        theta: Start (P,).
        state: The method's state there; None begins anew with ``method.init``.

    Returns:
        An iterator of ``(theta, state)``, one pair after each step, whose ``theta`` and ``state`` may be replaced between
        two steps; see ``Iteration``.
    """
    return Iteration(method, problem, theta, state)


@dataclass(frozen=True)
class Stopping:
    """When to end.

    Args:
        maxiter: Most outer iterations.
        max_time: Most seconds.
        gtol: Bound on the 2-norm of the gradient.
        xtol: Bound on ``|s| / (1 + |x|)`` of an accepted step; 0 never.
        ftol: Bound on the relative decrease of an accepted step; 0 never.
    """

    maxiter: int = 1000
    max_time: float = math.inf
    gtol: float = 1e-8
    xtol: float = 0.0
    ftol: float = 0.0

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            if not value >= 0:
                raise ArgumentError(f"{f.name} needs a number of at least 0, got {value!r}.")


def drive(
    method: StepMethod,
    problem: Problem,
    theta: Tensor,
    stopping: Stopping,
    callback: Callable[[OptimizeResult], Any] | None = None,
) -> tuple[Tensor, State, str, list[dict[str, float]]]:
    """Step until one rule of ``stopping`` holds.

    Returns:
        The last theta, the state, the outcome (a key of ``OUTCOMES``) and the history: one entry per
        iteration with ``iteration``, ``fun``, ``grad_norm``, ``accepted``, ``evaluations`` and ``seconds``.
        Where a method takes the gradient at the point that a step leaves (see ``State``), entry k holds the
        norm before step k.
    """
    with few_threads(theta.numel()):
        begin = time.perf_counter()
        run = iterate(method, problem, theta)
        history: list[dict[str, float]] = []
        outcome = (
            _drive(run, stopping, callback, history, begin) if math.isfinite(run.state.loss) else "diverged"
        )
        return run.theta, run.state, outcome, history


def _drive(
    run: Iteration,
    stopping: Stopping,
    callback: Callable[[OptimizeResult], Any] | None,
    history: list[dict[str, float]],
    begin: float,
) -> str:
    """The outcome; fills ``history``."""
    from scipy.optimize import OptimizeResult

    lowest, idle = run.state.loss, 0
    while run.steps < stopping.maxiter:
        before, loss = run.theta, run.state.loss
        theta, state = run.step()
        history.append(_row(run, begin))
        if callback is not None:
            try:
                callback(OptimizeResult(x=theta.clone(), fun=state.loss, nit=run.steps, history=history))
            except StopIteration:
                return "stopped"
        ended = _ended(stopping, state, loss, before, theta)
        if ended:
            return ended
        idle = 0 if state.loss < lowest - 1e-15 * abs(lowest) else idle + 1
        lowest = min(lowest, state.loss)
        if idle >= STALLED:
            return "stalled"
        if history[-1]["seconds"] >= stopping.max_time:
            return "max_time"
    return "max_iterations"


def _row(run: Iteration, begin: float) -> dict[str, float]:
    """One entry of the history."""
    return {
        "iteration": run.steps,
        "fun": run.state.loss,
        "grad_norm": run.state.grad_norm,
        "accepted": run.state.accepted,
        "evaluations": run.state.evaluations,
        "seconds": time.perf_counter() - begin,
    }


def _ended(stopping: Stopping, state: State, loss: float, before: Tensor, theta: Tensor) -> str | None:
    """The outcome, where the last step, from ``before`` with its ``loss``, met a rule."""
    if state.grad_norm <= stopping.gtol and not _at_saddle(state, stopping.gtol):
        return "converged"
    if not math.isfinite(state.grad_norm):
        return "diverged"
    if not state.accepted:
        return None
    if loss - state.loss <= stopping.ftol * abs(loss) and stopping.ftol > 0.0:
        return "small_decrease"
    length = float(torch.linalg.vector_norm(theta - before))
    if length <= stopping.xtol * (1.0 + float(torch.linalg.vector_norm(theta))):
        return "small_step"
    return None


def _at_saddle(state: State, gtol: float) -> bool:
    """Whether the model promises more than a gradient below gtol explains: a way down along negative
    curvature.
    """
    if not isinstance(state, ModelState):
        return False
    noise = 1e-14 * max(1.0, abs(state.base_loss))
    return state.promised > 2.0 * gtol * state.length + noise
