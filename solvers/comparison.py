"""The error against an exact or reference solution."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sciml.ansatz import Trial
from sciml.ansatz.march import Chain
from sciml.coefficients import with_coefficients
from sciml.errors import ArgumentError, ArgumentTypeError, SciMLError
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
        ArgumentError, ArgumentTypeError: The known solution is no number for each point and unknown.
    """
    if problem.has_exact:
        x = problem.sample(TEST_POINTS, seed=TEST_SEED)
        return x, known_at(problem, x)
    reference = problem.reference()
    if reference is None:
        raise ArgumentError(
            f"{type(problem).__name__} has no exact or reference solution to compare with. Give one with "
            "with_source(f, exact=...) or a method exact(self, x)."
        )
    return reference.points, _one_for_each(problem, "reference", reference.values, reference.points)


def known_at(problem: PDE, x: Tensor) -> Tensor:
    """The problem's exact solution at ``x (n, d)``, ``(n, m)``: arrays, ``(n,)`` for one unknown and constants are taken.

    Raises:
        ArgumentError, ArgumentTypeError: It raised, or what it returned is no number for each point and unknown. A column
            too few would be compared with every unknown, a row with every point.
    """
    try:
        values = problem.exact(x)
    except SciMLError:
        raise
    except Exception as error:
        try:
            values = problem.exact(x.detach().cpu().numpy())  # type: ignore[arg-type]
        except Exception:
            values = None
        if not isinstance(values, np.ndarray):
            raise ArgumentError(
                f"exact of {type(problem).__name__} needs a function of the coordinates x (n, {x.shape[1]}), got one that "
                f"raised {type(error).__name__}: {error}"
            ) from error
    return _one_for_each(problem, "exact", values, x)


def _one_for_each(problem: PDE, what: str, values: Any, x: Tensor) -> Tensor:
    n, m = len(x), problem.outputs
    if isinstance(values, (int, float, np.ndarray, np.generic)) and not isinstance(values, bool):
        values = torch.as_tensor(np.asarray(values, dtype=np.float64), device=x.device)
    where = f"{what} of {type(problem).__name__}"
    if not isinstance(values, Tensor) or values.is_complex():
        got = f"a tensor of {values.dtype}" if isinstance(values, Tensor) else type(values).__name__
        raise ArgumentTypeError(f"{where} needs a tensor or an array of real numbers, got {got}.")
    if values.ndim == 0 and m == 1:
        return values.expand(n, 1)
    if m == 1 and values.shape == (n,):
        return values[:, None]
    if values.shape != (n, m):
        names = ", ".join(problem.unknowns)
        raise ArgumentError(
            f"{where} needs shape ({n}, {m}) for {n} points and the unknowns {names}, got {tuple(values.shape)}."
        )
    return values


@torch.no_grad()
def relative_error(trial: Trial, x: Tensor, expected: Tensor) -> float:
    """``|u - expected| / |expected|`` over all points and unknowns; NaN where windows ended before the first of them."""
    like = next(trial.network.parameters())
    if isinstance(trial, Chain):  # what was solved of the time
        solved = x[:, 0] <= trial.until
        x, expected = x[solved.to(x.device)], expected[solved.to(expected.device)]
        if not len(x):
            return math.nan
    parts = [trial(part.to(like)).double().cpu() for part in x.split(CHUNK)]
    difference = torch.cat(parts) - expected.double().cpu()
    return float(difference.norm() / expected.double().cpu().norm().clamp(min=1e-300))
