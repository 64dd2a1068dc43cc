"""How a function changes around its steepest place on a line: a jump, a steep rise, a narrow peak, or nothing of these."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

WIDEST, NARROWEST, SCALES = 5e-3, 1e-9, 28  # of a line: how far to both sides one looks
LOOKS = 33  # points on each scale
HALF = 0.5  # of the change: what has to happen within the width
FLAT, BESIDE = 0.9, 10.0  # of the change is within so many widths: a power of the distance goes on
BISECTIONS = 60
PEAK = 4.0  # times what is left of it on both sides: more is a peak


@dataclass(frozen=True)
class Profile:
    """A change around a place.

    Attributes:
        width: Over the length of the line; 0 of a jump.
        peak: Whether both sides agree, so that the change is all within the width.
    """

    width: float
    peak: bool


def profile_of(function: Callable[[Tensor], Tensor], at: float) -> Profile | None:
    """What is at ``at``; None where the change goes on beyond the widest scale, as that of a smooth function does.

    Args:
        function: ``(n,)`` places on a line, from 0 to 1, to ``(n,)`` values; nan where they are not to be looked at.
        at: The steepest place.
    """
    h = torch.logspace(math.log10(WIDEST), math.log10(NARROWEST), SCALES, dtype=torch.float64)
    shares = torch.linspace(-1, 1, LOOKS, dtype=torch.float64)
    values = function((at + h[:, None] * shares).reshape(-1)).reshape(SCALES, LOOKS)
    if not bool(values.isfinite().all()):
        return None
    # of what lies within a scale, the narrower ones tell more
    high, low = (
        values.amax(1).flip(0).cummax(0).values.flip(0),
        values.amin(1).flip(0).cummin(0).values.flip(0),
    )
    change = high - low
    whole = float(change[0])
    if whole == 0.0:
        return None
    inside = (change >= HALF * whole).nonzero()[:, 0]
    k = int(inside[-1])
    beside = h <= BESIDE * h[k]
    if float(h[k]) * BESIDE > WIDEST or float(change[beside][0]) < FLAT * whole:
        return None
    rest = float((values[0, -1] - values[0, 0]).abs())
    return Profile(0.0 if k == SCALES - 1 else 2 * float(h[k]), whole > PEAK * rest)


def steepest(function: Callable[[Tensor], Tensor], a: float, b: float) -> tuple[float, float]:
    """Where most of a change between two places of a line happens, by bisection, and how much larger it is within.

    Of a peak that neither end sees, such as the slope of a step, much more changes within than from end to end.
    """
    ends = function(torch.tensor([a, b], dtype=torch.float64)).tolist()
    first = most = abs(ends[1] - ends[0])
    place = (a + b) / 2
    for _ in range(BISECTIONS):
        middle = (a + b) / 2
        if not a < middle < b:
            break
        at = float(function(torch.tensor([middle], dtype=torch.float64))[0])
        if abs(at - ends[0]) > abs(ends[1] - at):
            b, ends[1] = middle, at
        else:
            a, ends[0] = middle, at
        most = max(most, abs(ends[1] - ends[0]))
        if abs(ends[1] - ends[0]) >= HALF * most:
            place = (a + b) / 2
    return place, most / max(first, 1e-300)
