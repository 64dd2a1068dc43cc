"""Where knots go: cells of [-1, 1] that grow with the distance from every layer, with jumps at their ends."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from sciml.checks.equation import Equation
from sciml.checks.numerics.profile import NARROWEST, Profile, profile_of, steepest
from sciml.errors import SciMLError
from sciml.solvers.placed.rates import Rates

FAST = 15.0  # rates per half of the domain, from which a solution counts as having layers
THINNEST = 1e-8  # of half the domain: in thinner layers rounding of the places would show
GROWTH = 0.5  # of the distance from a layer plus its width: the largest cell there
WIDEST = 0.5  # cells, of [-1, 1]
STEPS = 2000  # along the domain in which jumps are looked for
BISECTIONS = 60
ACROSS, LOOKS = 4.0, 401  # widths to both sides of a rise or peak, and looks there
STAYS, SEEN, OUT = (
    0.5,
    1e-6,
    4.0,
)  # of a jump: what is left of it closely looked at, of the largest residual, of usual steps
MOST_JUMPS = 32
FOOT, FEET = (
    0.05,
    5.0,
)  # of a peak's height: where it begins; its width there in standard deviations of a Gaussian
NARROW = 0.06  # of the domain: peaks above that are ordinary functions


class Layer(NamedTuple):
    """A place in [-1, 1] and the width of the layer there."""

    place: float
    width: float


def layers(z: Tensor, rates: Rates, jumps: Sequence[float]) -> list[Layer]:
    """Where layers may be, from rates for coordinates in [-1, 1] at increasing ``z (n,)``.

    At an end where a solution may decay fast into the domain, on both sides of a jump, and where the flow turns.
    """
    found = []

    def at(place: float, rate: float) -> None:
        if rate > FAST:
            found.append(Layer(place, 1.0 / rate))

    at(-1.0, float(rates.decay[0]))
    at(1.0, float(rates.grow[-1]))
    for jump in jumps:
        k = int((z < jump).sum())
        left, right = max(k - 1, 0), min(k, len(z) - 1)
        at(jump, max(float(rates.grow[left]), float(rates.decay[right])))
    drift, fast = rates.drift, torch.maximum(rates.grow, rates.decay) > FAST
    turns = (drift[:-1] * drift[1:] < 0) | (drift[:-1] == 0)
    turned = turns.nonzero()[:, 0].tolist()
    bounds = [0, *turned, len(z)]
    for n, k in enumerate(turned):
        rise = float(drift[k + 1] - drift[k])
        if rise == 0 or not bool(fast[bounds[n] : bounds[n + 2]].any()):
            continue
        place = float(z[k]) - float(drift[k]) / rise * float(z[k + 1] - z[k])
        at(place, math.sqrt(abs(rise) / float(z[k + 1] - z[k])))
    return found


def graded(found: Sequence[Layer], jumps: Sequence[float]) -> Tensor:
    """Ends of cells of [-1, 1], increasing: halved until each is small for its distance from every layer."""
    ends = sorted({-1.0, 1.0, *jumps})
    pending, out = list(itertools.pairwise(ends)), list(ends)
    while pending:
        a, b = pending.pop()
        middle = (a + b) / 2
        size = [GROWTH * (max(w, THINNEST) + max(a - p, p - b, 0.0)) for p, w in found]
        if b - a > min([WIDEST, *size]) and a < middle < b:
            out.append(middle)
            pending += [(a, middle), (middle, b)]
    return torch.tensor(sorted(out), dtype=torch.float64)


def jumps_of(equation: Equation) -> list[float]:
    """Places in [-1, 1], increasing, at which the residual of a smooth field jumps in one coordinate."""
    z = _line()
    try:
        k, column, steps = _steepest(equation)
        if not 0 < len(k) <= STEPS // 4:
            return []
        a, b, first = z[k], z[k + 1], steps[k, column]
        pick = torch.arange(len(k))
        fa, fb = _rows(equation, a)[pick, column], _rows(equation, b)[pick, column]
        for _ in range(BISECTIONS):
            m = (a + b) / 2
            fm = _rows(equation, m)[pick, column]
            left = (fm - fa).abs() > (fb - fm).abs()
            a, b = torch.where(left, a, m), torch.where(left, m, b)
            fa, fb = torch.where(left, fa, fm), torch.where(left, fm, fb)
    except SciMLError:
        return []
    stays = (fb - fa).abs() > STAYS * first
    places = sorted(set(b[stays].tolist()))
    apart = [p for i, p in enumerate(places) if i == 0 or p - places[i - 1] > 1e-9]
    return apart if len(apart) <= MOST_JUMPS else []


def _steepest(equation: Equation) -> tuple[Tensor, Tensor, Tensor]:
    """Cells of the line in which a column changes more than in usual ones, ``(k,)`` and ``(k,)``, and all changes."""
    values = _rows(equation, _line())
    size = values.abs().amax(0).clamp(min=1e-300)
    steps = values.diff(dim=0).abs()
    out = (steps > OUT * steps.median(0).values) & (steps > SEEN * size)
    peak = torch.ones_like(out)  # a slope is steep beside its steepest step, too
    peak[1:] &= steps[1:] >= steps[:-1]
    peak[:-1] &= steps[:-1] >= steps[1:]
    k, column = (out & peak).nonzero().T
    return k, column, steps


def steep_of(equation: Equation) -> tuple[list[float], list[Layer]]:
    """Places of [-1, 1] at which the residual of a smooth field changes within less than the steps of the line.

    Rises that are thinner than rounding lets points resolve are jumps; others, and narrow peaks, such as the slope of a
    steep coefficient, are layers.
    """
    z = _line()
    jumps: list[float] = []
    found: list[Layer] = []
    try:
        k, column, _ = _steepest(equation)
        inner = (k > 0) & (k < STEPS - 1)  # what grows towards an end is a pole, or a layer that rates tell
        k, column = k[inner], column[inner]
        if len(k) > STEPS // 4:
            return [], []
        for cell, which in zip(k.tolist(), column.tolist(), strict=True):

            def values(s: Tensor, which: int = which) -> Tensor:
                return _rows(equation, 2 * s - 1)[:, which]

            place, _ = steepest(values, float(z[cell] + 1) / 2, float(z[cell + 1] + 1) / 2)
            profile = profile_of(values, place)
            if profile is None or (profile.width == 0.0 and not profile.peak):
                continue
            layer = _around(values, place, profile)
            if layer.width < THINNEST and not profile.peak:
                jumps.append(layer.place)
            elif all(abs(layer.place - other.place) > layer.width for other in found):
                found.append(layer)
    except SciMLError:
        return [], []
    return (jumps, found) if len(jumps) + len(found) <= MOST_JUMPS else ([], [])


def _around(values: Callable[[Tensor], Tensor], place: float, profile: Profile) -> Layer:
    """The mean and the spread of what changes near a place of [0, 1], as a layer of [-1, 1]."""
    s = place + ACROSS * max(profile.width, NARROWEST) * torch.linspace(-1, 1, LOOKS, dtype=torch.float64)
    v = values(s)
    inner = (v - torch.lerp(v[0], v[-1], (s - s[0]) / (s[-1] - s[0]))).abs()
    weights = inner[1:] + inner[:-1] if profile.peak else v.diff().abs()
    middle, weights = (s[1:] + s[:-1]) / 2, weights / weights.sum()
    mean = float(weights @ middle)
    return Layer(2 * mean - 1, 2 * float((weights @ (middle - mean).square()).sqrt()))


def peaks_of(equation: Equation) -> list[Layer]:
    """Narrow places of [-1, 1] at which the residual of a smooth field stands out: a localised source or coefficient."""
    try:
        values = _rows(equation, _line())
    except SciMLError:
        return []
    found: list[Layer] = []
    try:
        poles = _poles(equation)
    except SciMLError:
        return []
    s = 1 - _line().abs().clamp(max=1 - 1e-9)
    left = torch.arange(len(s)) <= STEPS // 2
    for k, column in enumerate(values.T):
        column = column * s ** torch.where(left, poles[0, k], poles[1, k])
        off = (column - column.median()).abs()
        high = off > FOOT * off.max()
        if not 0 < int(high.sum()) <= NARROW * STEPS or float(off.median()) > 0.1 * FOOT * float(off.max()):
            continue
        edges = torch.cat([torch.zeros(1), high.double(), torch.zeros(1)]).diff()
        starts, ends = (edges > 0).nonzero()[:, 0].tolist(), (edges < 0).nonzero()[:, 0].tolist()
        for a, b in zip(starts, ends, strict=True):
            found.append(Layer(-1 + (a + b - 1) / STEPS, max(2 * (b - a) / STEPS / FEET, 1 / STEPS)))
    return found if len(found) <= MOST_JUMPS else []


def _poles(equation: Equation) -> Tensor:
    """Order of a pole of each column at the left and at the right end, ``(2, C)``; 0 for none.

    A peak however narrow is the same at distances of 1e-9 and 1e-6 from an end, unless it is narrower than both.
    """
    ends = torch.tensor([-1 + 1e-9, -1 + 1e-6, 1 - 1e-6, 1 - 1e-9], dtype=torch.float64)
    size = _rows(equation, ends).abs().clamp(min=1e-300)
    order = torch.stack([size[0] / size[1], size[3] / size[2]]).log10() / 3
    return torch.where((order > 0.4) & (size.amin(0) > 1e-300), order.round(), 0.0)


def _line() -> Tensor:
    return torch.linspace(-1 + 1e-9, 1 - 1e-9, STEPS + 1, dtype=torch.float64)


def _rows(equation: Equation, z: Tensor) -> Tensor:
    """The residual of a smooth field at ``z (n,)`` in [-1, 1], ``(n, C)``."""
    domain = equation.problem.domain
    low, high = float(domain.lower[0]), float(domain.upper[0])
    x = (low + (high - low) * (z + 1) / 2)[:, None]
    return torch.nan_to_num(equation.rows(equation.waves(x), x), posinf=0.0, neginf=0.0)
