"""The loop around a step method: stopping, history, the result."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sciml.errors import ArgumentError
from sciml.optim.protocols import ModelState, Problem, State, StepMethod
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
                raise ArgumentError(f"{f.name}: needs a number >= 0, got {value!r}.")


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
        return _drive(method, problem, theta, stopping, callback)


def _drive(
    method: StepMethod,
    problem: Problem,
    theta: Tensor,
    stopping: Stopping,
    callback: Callable[[OptimizeResult], Any] | None,
) -> tuple[Tensor, State, str, list[dict[str, float]]]:
    from scipy.optimize import OptimizeResult

    begin = time.perf_counter()
    state = method.init(problem, theta)
    history: list[dict[str, float]] = []
    if not math.isfinite(state.loss):
        return theta, state, "diverged", history
    lowest, idle = state.loss, 0
    for iteration in range(1, stopping.maxiter + 1):
        loss = state.loss
        new, state = method.step(problem, theta, state)
        seconds = time.perf_counter() - begin
        history.append(
            {
                "iteration": iteration,
                "fun": state.loss,
                "grad_norm": state.grad_norm,
                "accepted": state.accepted,
                "evaluations": state.evaluations,
                "seconds": seconds,
            }
        )
        step, theta = new - theta, new
        if callback is not None:
            try:
                callback(OptimizeResult(x=theta.clone(), fun=state.loss, nit=iteration, history=history))
            except StopIteration:
                return theta, state, "stopped", history
        if state.grad_norm <= stopping.gtol and not _at_saddle(state, stopping.gtol):
            return theta, state, "converged", history
        if not math.isfinite(state.grad_norm):
            return theta, state, "diverged", history
        if state.accepted:
            if loss - state.loss <= stopping.ftol * abs(loss) and stopping.ftol > 0.0:
                return theta, state, "small_decrease", history
            length = float(torch.linalg.vector_norm(step))
            if length <= stopping.xtol * (1.0 + float(torch.linalg.vector_norm(theta))):
                return theta, state, "small_step", history
        idle = 0 if state.loss < lowest - 1e-15 * abs(lowest) else idle + 1
        lowest = min(lowest, state.loss)
        if idle >= STALLED:
            return theta, state, "stalled", history
        if seconds >= stopping.max_time:
            return theta, state, "max_time", history
    return theta, state, "max_iterations", history


def _at_saddle(state: State, gtol: float) -> bool:
    """Whether the model promises more than a gradient below gtol explains: a way down along negative
    curvature.
    """
    if not isinstance(state, ModelState):
        return False
    noise = 1e-14 * max(1.0, abs(state.base_loss))
    return state.promised > 2.0 * gtol * state.length + noise
