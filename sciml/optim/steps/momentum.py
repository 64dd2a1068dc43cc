"""Safeguarded momentum: extrapolation beyond an accepted point, which keeps whichever point is lower."""

from __future__ import annotations

from torch import Tensor

from sciml.optim.problems.protocols import Problem
from sciml.optim.step_method import State

LONGEST = 64.0


def extrapolate(problem: Problem, point: Tensor, direction: Tensor, state: State) -> Tensor:
    """Go from ``point`` along ``direction`` by 1/2, 1, 2, 4, ... while the loss falls; lowers ``state.loss`` with
    it.
    """
    best, beta = point, 0.5
    while beta <= LONGEST:
        further = extrapolate_once(problem, point, direction, beta, state)
        if further is point:
            break
        best, beta = further, 2.0 * beta
    return best


def extrapolate_once(problem: Problem, point: Tensor, direction: Tensor, beta: float, state: State) -> Tensor:
    """``point + beta direction`` with its loss in ``state.loss`` where that is lower, else ``point``."""
    further = point + beta * direction
    loss = problem.value(further)
    state.evaluations += 1
    if not loss < state.loss:
        return point
    state.loss = loss
    return further
