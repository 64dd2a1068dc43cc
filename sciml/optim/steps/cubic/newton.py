"""Newton's method for the multiplier of a regularised step: ``sigma |s(λ)| = λ`` with ``(H + λ I) s(λ) = -g``.

In ``1/|s| - sigma/λ`` the equation is nearly linear, so a few iterations do. They stay inside a bracket; where Newton
leaves it, the geometric mean of its ends is taken. Where ``H >= 0``, the logarithm of ``|s|`` falls with that of λ at a
slope between 0 and -1. So Newton on logarithms is never far off, and from a start that is some times too large or too small
it needs fewer evaluations: for those that cost a factorisation.

Source: Cartis, Gould, Toint (2011), section 6.1, after Moré, Sorensen (1983).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple


class SecularPoint(NamedTuple):
    """The step for one shift.

    Attributes:
        shift: The unknown of the search: λ, or its distance from a pole; where it was evaluated in the end.
        lam: λ there.
        norm: ``|s|``.
        curvature: ``sᵀ (H + λ I)^-1 s``, from which the slope of ``|s|`` follows.
        answer: What the caller wants to have back.
        least: Whether no smaller shift can be evaluated.
    """

    shift: float
    lam: float
    norm: float
    curvature: float
    answer: Any
    least: bool = False


def newton_on_secular(
    evaluate: Callable[[float], SecularPoint | None],
    sigma: float,
    low: float,
    high: float,
    start: float,
    *,
    tolerance: float,
    iterations: int,
    width: float = 0.0,
) -> tuple[SecularPoint | None, bool]:
    """The root in ``[low, high]``.

    Args:
        evaluate: shift -> point; None where ``H + λ I`` is not positive definite, which lies below the root.
        sigma: Cubic weight, > 0.
        low, high: Ends of the bracket, ``0 <= low <= high``.
        start: First shift.
        tolerance: Ends the search at ``|sigma |s| - λ| <= tolerance λ``.
        iterations: Most evaluations.
        width: Relative width of the bracket at which the search gives up.

    Returns:
        The last point that could be evaluated, and whether it meets the tolerance.
    """
    point, shift = None, start
    for _ in range(iterations):
        here = evaluate(shift)
        new = -1.0
        if here is None:
            low = max(low, shift)
        else:
            point, shift = here, here.shift
            gap = sigma * point.norm - point.lam
            if abs(gap) <= tolerance * point.lam:
                return point, True
            if gap < 0.0 and point.least:
                break
            low, high = (max(low, shift), high) if gap > 0.0 else (low, min(high, shift))
            slope = point.curvature / point.norm**3 + sigma / point.lam**2
            new = shift - (1.0 / point.norm - sigma / point.lam) / slope
        if not low <= new <= high:
            new = math.sqrt(low * high) if low > 0.0 else 0.5 * high
        if high - low <= width * high or new == shift:
            break
        shift = new
    return point, False


def newton_on_logarithms(
    evaluate: Callable[[float], SecularPoint],
    sigma: float,
    start: float,
    *,
    tolerance: float,
    iterations: int,
) -> SecularPoint:
    """The root for ``H >= 0``, by Newton on ``log(sigma |s|) - log λ`` in ``log λ``.

    Args:
        evaluate: λ -> point; it may be evaluated at a larger λ, and says so.
        sigma: Cubic weight, > 0.
        start: First λ, > 0.
        tolerance: Ends the search at ``|sigma |s| - λ| <= tolerance λ``.
        iterations: Most evaluations, >= 1.

    Returns:
        The last point; it meets the tolerance, or has the least λ, or the iterations are used up.
    """
    low, high, point = 0.0, math.inf, evaluate(start)
    for _ in range(iterations - 1):
        gap = sigma * point.norm - point.lam
        if abs(gap) <= tolerance * point.lam or (gap < 0.0 and point.least):
            break
        low, high = (max(low, point.lam), high) if gap > 0.0 else (low, min(high, point.lam))
        slope = 1.0 + point.lam * point.curvature / point.norm**2
        new = point.lam * (sigma * point.norm / point.lam) ** (1.0 / slope)
        if not low < new < high:
            new = math.sqrt(low * high) if low > 0.0 and high < math.inf else new
        point = evaluate(new)
    return point
