"""The error against an exact or reference solution."""

from __future__ import annotations

import torch
from torch import Tensor

from sciml.ansatz import Trial
from sciml.ansatz.march import Chain
from sciml.coefficients import with_coefficients
from sciml.errors import ArgumentError, SciMLError
from sciml.problem import PDE

CHUNK = 16384  # points evaluated at a time, so that memory does not grow with a request
TEST_POINTS = 4000
TEST_SEED = 987_654


def has_answer(problem: PDE) -> bool:
    """Whether an exact or a reference solution is known."""
    return problem.has_exact or problem.reference() is not None


def answer_follows_coefficients(statement: PDE) -> bool:
    """Whether the known solution of a problem follows a coefficient that is looked for: it then says nothing about it."""
    live, coefficients = with_coefficients(statement)
    if not coefficients:
        return False
    try:
        if not has_answer(live):
            return False
        with torch.enable_grad():
            return comparison(live)[1].requires_grad
    except (SciMLError, TypeError, ValueError, RuntimeError):  # it is computed with plain numbers
        return True


def comparison(problem: PDE) -> tuple[Tensor, Tensor]:
    """Points and true values ``(n, d), (n, m)`` to measure an error with.

    Raises:
        ArgumentError: The problem has neither an exact solution nor a reference.
    """
    if problem.has_exact:
        x = problem.sample(TEST_POINTS, seed=TEST_SEED)
        return x, problem.exact(x)
    reference = problem.reference()
    if reference is None:
        raise ArgumentError(
            f"{type(problem).__name__} has no exact or reference solution to compare with. Give one with "
            "with_source(f, exact=...) or a method exact(self, x)."
        )
    return reference.points, reference.values


@torch.no_grad()
def relative_error(trial: Trial, x: Tensor, expected: Tensor) -> float:
    """``|u - expected| / |expected|`` over all points and unknowns."""
    like = next(trial.network.parameters())
    if isinstance(trial, Chain):  # what was solved of the time
        solved = x[:, 0] <= trial.until
        x, expected = x[solved.to(x.device)], expected[solved.to(expected.device)]
    parts = [trial(part.to(like)).double().cpu() for part in x.split(CHUNK)]
    difference = torch.cat(parts) - expected.double().cpu()
    return float(difference.norm() / expected.double().cpu().norm().clamp(min=1e-300))
