"""Extrapolation with a line search: the safeguarded momentum that ARCm and Gauss-Newton share."""

from __future__ import annotations

from torch import Tensor

from sciml.optim.protocols import Problem, State

LONGEST = 64.0


def extrapolate(problem: Problem, point: Tensor, way: Tensor, state: State) -> Tensor:
    """Go from ``point`` along ``way`` by 1/2, 1, 2, 4, ... while the loss falls; lowers ``state.loss`` with
    it.
    """
    best, beta = point, 0.5
    while beta <= LONGEST:
        trial = point + beta * way
        loss = problem.value(trial)
        state.evaluations += 1
        if not loss < state.loss:
            break
        best, state.loss, beta = trial, loss, 2.0 * beta
    return best
