"""Limited-memory BFGS with a strong Wolfe line search.

Source: Nocedal, Wright, Numerical Optimization, 2nd ed., algorithm 7.5. Unlike ``torch.optim.LBFGS`` a pair
is kept or dropped by its angle, not by an absolute threshold, so small losses (1e-10 and below) keep their
curvature.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from sciml import arguments
from sciml.optim.problems.protocols import Problem
from sciml.optim.step_method import GradientState
from sciml.optim.steps.linesearch import descent_along, search_along


@dataclass(eq=False)
class LBFGSState(GradientState):
    """The last k pairs of step and change of the gradient, as rows of ``steps`` and ``changes`` (k, P)."""

    steps: Tensor | None = None
    changes: Tensor | None = None


@dataclass(frozen=True)
class LBFGSMethod:
    """L-BFGS, one line search a step.

    Its curvature comes from gradients of many steps, so it is not ``second_order`` in the sense of ``StepMethod``: a step
    is worth a gradient or two, and points that changed every twenty steps would mix the pairs of several losses.

    Args:
        history: Number of pairs kept, >= 1.
    """

    history: int = 50

    second_order: ClassVar[bool] = False

    def __post_init__(self) -> None:
        arguments.count("history", self.history)

    def init(self, problem: Problem, theta: Tensor) -> LBFGSState:
        """Evaluate loss and gradient once."""
        return self.refresh(problem, theta, LBFGSState())

    def refresh(self, problem: Problem, theta: Tensor, state: LBFGSState) -> LBFGSState:
        """Loss and gradient on the new points; the pairs stay, each is a property of one old loss."""
        return state.measured(problem, theta)

    def step(self, problem: Problem, theta: Tensor, state: LBFGSState) -> tuple[Tensor, LBFGSState]:
        """One line search along the two-loop direction."""
        state = replace(state)
        g = state.gradient
        assert g is not None
        descent = descent_along(self._direction(g, state.steps, state.changes), g)
        if descent is None or descent.steepest:
            state.steps = state.changes = None
        if descent is None:
            state.reject()
            return theta, state
        first = 1.0 if state.steps is not None else min(1.0, 1.0 / state.grad_norm)
        search = search_along(problem, theta, descent, state.loss, first)
        state.evaluations += search.evaluations
        if search.point is None or search.point.gradient is None:
            state.steps = state.changes = None  # the next step is steepest descent
            state.reject()
            return theta, state
        s, gradient = search.point.stride * descent.direction, search.point.gradient
        y = gradient - g
        if float(torch.dot(s, y)) > 1e-14 * float(torch.linalg.vector_norm(s) * torch.linalg.vector_norm(y)):
            state.steps = _append(state.steps, s, self.history)
            state.changes = _append(state.changes, y, self.history)
        state.gradient, state.grad_norm = gradient, float(torch.linalg.vector_norm(gradient))
        state.accept(search.point.loss)
        return theta + s, state

    def _direction(self, g: Tensor, steps: Tensor | None, changes: Tensor | None) -> Tensor:
        """``-H g`` by the two-loop recursion."""
        if steps is None or changes is None:
            return -g
        inverse = 1.0 / (steps * changes).sum(1)
        q, weights = g.clone(), [0.0] * len(steps)
        for i in reversed(range(len(steps))):
            weights[i] = float(inverse[i] * torch.dot(steps[i], q))
            q.sub_(changes[i], alpha=weights[i])
        q.mul_(1.0 / (inverse[-1] * torch.dot(changes[-1], changes[-1])))
        for i in range(len(steps)):
            q.add_(steps[i], alpha=weights[i] - float(inverse[i] * torch.dot(changes[i], q)))
        return q.neg_()


def _append(rows: Tensor | None, row: Tensor, limit: int) -> Tensor:
    return row[None] if rows is None else torch.cat([rows, row[None]])[-limit:]
