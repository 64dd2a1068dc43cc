"""Whether small waves grow without bound from a start that the conditions give: a problem ill-posed after Hadamard.

With the coefficients frozen at a point, ``exp(lambda s + i k x)`` solves the equation where
``det sum_a M_a(k) lambda^a = 0``, with ``s`` the coordinate along which the solution is continued. Where ``Re lambda`` grows
with ``k`` without bound, as in the heat equation backwards in time or in Laplace's equation from values and slopes on one
side, an error of any size in the data or of the numbers is multiplied by any factor (Hadamard 1923; Kreiss & Lorenz 1989,
section 2.1).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import eigvals
from torch import Tensor

from sciml.checks.probe import sampled
from sciml.conditions import Initial
from sciml.domains import Box

if TYPE_CHECKING:
    from sciml.checks.equation import Equation
    from sciml.checks.values import Statement

POINTS = 24
OTHER_FIELDS = (1, 2)  # seeds of the smooth fields besides 0
Slopes = dict[tuple[int, int], np.ndarray]
SIDE = 24  # points on a side
WAVES = (1e3, 1e4)  # radians a length of the domain
UNBOUNDED = 2.5  # times the growth that a wave ten times as short has at least
REAL = 1e-2  # of a root: less is rounding
INFINITE = 1e-12  # of the leading coefficients: a root over less is none
OTHERS = 3  # coordinates along which waves are tried


def growing_waves(equation: Equation, stated: list[Statement]) -> list[str]:
    """A note where waves grow the faster the shorter they are, whatever smooth field the coefficients are frozen around.

    At the same points for all of them: where the field decides, another one may do without.
    """
    problem = equation.problem
    names = problem.domain.names
    if len(equation.columns) != problem.outputs:
        return []
    for axis, direction in _continued(equation, stated):
        slopes = _slopes(equation, 0)
        for other in [i for i in range(problem.domain.dim) if i != axis][:OTHERS]:
            found = _unbounded(equation, axis, direction, other, slopes)
            if found.any() and all(
                np.array_equal(found, _unbounded(equation, axis, direction, other, _slopes(equation, seed)))
                for seed in OTHER_FIELDS
            ):
                way = "forwards" if direction > 0 else "backwards"
                return [
                    f"the problem is ill-posed: continued {way} along {names[axis]} from its conditions, a wave in "
                    f"{names[other]} grows the faster the shorter it is{_place(equation, found)}, so that errors of any "
                    "size in the data change the solution altogether. Is the sign of the highest derivatives right?"
                ]
    return []


def _place(equation: Equation, unbounded: np.ndarray) -> str:
    """Where waves grow without bound, unless it is everywhere."""
    if unbounded.all():
        return ""
    x = equation._points[int(unbounded.argmax())].tolist()
    at = ", ".join(f"{name} = {v:.3g}" for name, v in zip(equation.problem.domain.names, x, strict=True))
    return f" in a part of the domain, as near {at}"


def _continued(equation: Equation, stated: list[Statement]) -> list[tuple[int, int]]:
    """Coordinates along which the solution is continued from one end, and in which direction."""
    domain = equation.problem.domain
    axis = domain.time_axis
    if axis is not None:
        last = any(o.instant for o in equation.others)
        started = any(isinstance(s.condition, Initial) for s in stated)
        return [(axis, 1)] if started and not last else []
    if not isinstance(domain, Box) or domain.dim < 2 or equation.others or equation.problem._measured:
        return []
    found = []
    for i in set(range(domain.dim)) - set(equation.problem.periodic_axes):
        low, high = (_given(equation, stated, i, end) for end in (domain.lower, domain.upper))
        order = max(equation.order(j, i) for j in range(equation.problem.outputs))
        if low >= order > 0 and high == 0:
            found.append((i, 1))
        if high >= order > 0 and low == 0:
            found.append((i, -1))
    return found


def _given(equation: Equation, stated: list[Statement], axis: int, end: Tensor) -> int:
    """How many conditions an unknown has at most on a side of a box."""
    x = sampled(lambda n, seed: equation.problem.domain.sample(n, seed=seed), SIDE)
    x[:, axis] = end[axis]
    counts = [0] * equation.problem.outputs
    for s in stated:
        counts[s.unknown] += bool(s.covers(x).any())
    return max(counts)


def _slopes(equation: Equation, seed: int) -> Slopes:
    """Derivative of the residual by what it asks for: (group, unknown) -> ``(n, C)``."""
    x = equation._points[:POINTS]
    return {
        (g, j): equation.slope(x, group, j, seed).numpy()
        for g, group in enumerate(equation.questions)
        for j in range(equation.problem.outputs)
        if bool(equation.depends[:, g, j].any())
    }


def _unbounded(equation: Equation, axis: int, direction: int, other: int, slopes: Slopes) -> np.ndarray:
    """Whether the growth rises with the wave number at each point, ``(n,)``."""
    length = float((equation.problem.domain.upper - equation.problem.domain.lower)[other])
    slow, fast = (_rates(equation, slopes, axis, other, k / length, direction) for k in WAVES)
    return np.isfinite(fast) & (slow > 0) & (fast > UNBOUNDED * slow)


def _rates(equation: Equation, slopes: Slopes, axis: int, other: int, k: float, direction: int) -> np.ndarray:
    """The largest ``Re lambda`` at each point, ``(n,)``: 0 where it is rounding beside ``lambda``."""
    order = max(part.count(axis) for group in equation.questions for question in group for part in question)
    n, m = len(next(iter(slopes.values()))), equation.problem.outputs
    matrices = np.zeros((order + 1, n, m, m), dtype=complex)
    for (g, j), slope in slopes.items():
        for part in (part for question in equation.questions[g] for part in question):
            if set(part) <= {axis, other}:
                matrices[part.count(axis), :, :, j] += slope * (1j * k) ** part.count(other)
    return np.array([_fastest(matrices[:, p], direction) for p in range(n)])


def _fastest(a: np.ndarray, direction: int) -> float:
    """For the roots of ``det sum_k a[k] lambda^k``, ``a (K + 1, m, m)``."""
    order, m = len(a) - 1, a.shape[1]
    largest = np.abs(a[-1]).max()
    if order == 0 or largest == 0 or not np.isfinite(a).all():
        return 0.0
    a = a / largest
    left, right = np.eye(m * order, k=m, dtype=complex), np.eye(m * order, dtype=complex)
    left[-m:] = -np.concatenate(a[:order], axis=1)
    right[-m:, -m:] = a[order]
    alpha, beta = np.asarray(eigvals(left, right, homogeneous_eigvals=True))[:2]
    finite = np.abs(beta) > INFINITE
    roots = alpha[finite] / beta[finite]
    real = direction * roots.real
    real = np.where(real > REAL * np.abs(roots), real, 0.0)
    return float(real.max(initial=0.0)) if math.isfinite(float(real.sum())) else 0.0
