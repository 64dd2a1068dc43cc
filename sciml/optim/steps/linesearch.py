"""Strong Wolfe line search by bracketing and cubic interpolation.

Source: Nocedal, Wright, Numerical Optimization, 2nd ed., algorithms 3.5 and 3.6; the approximate Wolfe
conditions for the last digits from Hager, Zhang (2005), eq. (27).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from sciml.optim.problems.protocols import Problem

ARMIJO = 1e-4
CURVATURE = 0.9
LIMIT = 25  # evaluations


class LinePoint(NamedTuple):
    """One point of the line: stride, loss, slope along the line, gradient (P,)."""

    stride: float
    loss: float
    slope: float
    gradient: Tensor | None


class LineSearch(NamedTuple):
    """``point`` is None when no stride lowered the loss; ``wolfe`` says whether the conditions hold there."""

    point: LinePoint | None
    wolfe: bool
    evaluations: int


class Descent(NamedTuple):
    """A direction (P,) along which the loss falls, its slope gᵀd < 0, and whether it is only -g."""

    direction: Tensor
    slope: float
    steepest: bool


def descent_along(direction: Tensor, gradient: Tensor) -> Descent | None:
    """``direction`` where the loss falls along it, else -g; None where g is zero or not finite.

    Rounding can spoil what a quasi-Newton method remembers: its direction then rises, and the memory is best dropped.
    """
    slope = float(torch.dot(gradient, direction))
    if slope < 0.0:
        return Descent(direction, slope, False)
    slope = -float(torch.dot(gradient, gradient))
    return Descent(-gradient, slope, True) if slope < 0.0 else None


def search_along(problem: Problem, theta: Tensor, descent: Descent, loss: float, first: float) -> LineSearch:
    """``strong_wolfe`` for a problem's loss on the line ``theta + a direction``."""
    direction = descent.direction

    def evaluate(stride: float) -> tuple[float, float, Tensor]:
        f, gradient = problem.value_and_grad(theta + stride * direction)
        return f, float(torch.dot(gradient, direction)), gradient

    return strong_wolfe(evaluate, loss, descent.slope, first)


def strong_wolfe(
    evaluate: Callable[[float], tuple[float, float, Tensor]], loss: float, slope: float, first: float
) -> LineSearch:
    """Find a stride with ``phi(a) <= phi(0) + c1 a phi'(0)`` and ``|phi'(a)| <= c2 |phi'(0)|``.

    Args:
        evaluate: stride -> (loss, slope, gradient).
        loss: phi(0).
        slope: phi'(0), negative.
        first: First stride to try, > 0.

    A loss that is not finite counts as a stride that is too long. When rounding hides the decrease
    (``phi(a) <= phi(0) + 1e-14 |phi(0)|``) the slope alone decides.
    """
    start = LinePoint(0.0, loss, slope, None)
    best: LinePoint | None = None
    low, high = start, None
    noise = 1e-14 * abs(loss)
    stride = first
    for count in range(1, LIMIT + 1):
        value, tilt, gradient = evaluate(stride)
        here = LinePoint(stride, value, tilt, gradient)
        finite = math.isfinite(value) and math.isfinite(tilt)
        if finite and value <= loss + noise:
            armijo = value <= loss + ARMIJO * stride * slope
            if armijo and abs(tilt) <= -CURVATURE * slope:
                return LineSearch(here, True, count)
            near = (2.0 * ARMIJO - 1.0) * slope >= tilt >= CURVATURE * slope
            if near and abs(value - loss) <= noise:
                return LineSearch(here, True, count)
            if value < loss and (best is None or value < best.loss):
                best = here
        if not finite or value > loss + ARMIJO * stride * slope or (low.stride > 0.0 and value >= low.loss):
            high = here
        else:
            if tilt * (1.0 if high is None else high.stride - low.stride) >= 0.0:
                high = low  # the slope points back: the minimiser lies between the two
            low = here
        if high is None:
            stride = min(_expand(low, stride), 1e10)
            continue
        if abs(high.stride - low.stride) <= 1e-15 * max(abs(high.stride), abs(low.stride)):
            break
        stride = _between(low, high)
    return LineSearch(best, False, LIMIT)


def _expand(low: LinePoint, stride: float) -> float:
    return 2.0 * stride if low.stride < 1.0 else 4.0 * stride


def _between(low: LinePoint, high: LinePoint) -> float:
    """Cubic minimiser of the two ends, kept away from them; the middle, or a tenth, when an end is not
    finite.
    """
    width = high.stride - low.stride
    if not (math.isfinite(high.loss) and math.isfinite(high.slope)):
        return low.stride + 0.1 * width
    d1 = low.slope + high.slope - 3.0 * (low.loss - high.loss) / (low.stride - high.stride)
    square = d1 * d1 - low.slope * high.slope
    if square >= 0.0:
        d2 = math.copysign(math.sqrt(square), width)
        bottom = high.slope - low.slope + 2.0 * d2
        if bottom != 0.0:
            stride = high.stride - width * (high.slope + d2 - d1) / bottom
            inside = (stride - low.stride) / width
            if 0.1 <= inside <= 0.9:
                return stride
    return low.stride + 0.5 * width
