"""Which coefficients the measurements determine, and what is said of the others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sciml.solvers.found import Found
from sciml.solvers.posterior.gaussian import Gaussian
from sciml.unknown import Coefficient, Unknown

PART = 1e-3  # of a direction that is open: a coefficient with less has no part in it
RESTLESS = 1.0  # standard deviations that one more step would move a coefficient by in a fit that is not done
FAR = 0.02  # the same in the number that is trained: less is as good as done
FACTOR = 1e6  # between the ends of a positive coefficient's interval
LARGE = 10.0  # standard deviation over the coefficient's own size and its guess
ALL = 0.9  # of the range between bounds
TOGETHER = 0.99  # correlation of two coefficients that are not determined


@dataclass(frozen=True)
class Verdict:
    """Every coefficient with its interval, and notes on those that are not determined."""

    found: list[Found]
    notes: list[str]


def verdicts(
    gaussian: Gaussian, coefficients: Sequence[Coefficient], values: Sequence[float], quantile: float
) -> Verdict:
    """The intervals of the coefficients, in their order; half widths are ``quantile`` standard deviations at least.

    A coefficient that the fit is still moving has none.
    """
    found, restless = [], []
    for k, c in enumerate(coefficients):
        value = values[k]
        if gaussian.open.shape[1] and float(gaussian.open[k].abs().max()) > PART:
            low, high = _range(c.unknown)
            found.append(Found(value, low, high, math.inf, determined=False))
            continue
        deviation = math.sqrt(max(float(gaussian.covariance[k, k]), 0.0))
        shift = float(gaussian.shift[k])
        if shift > RESTLESS and shift * deviation > FAR:
            found.append(Found(value))
            restless.append(c.name)
            continue
        # what one more step would move it by is no more known than the rest
        low, high = c.unknown.span(value, (quantile + shift) * deviation)
        std = abs(c.unknown.slope(value)) * deviation
        found.append(Found(value, low, high, std, determined=not _anywhere(c.unknown, value, low, high, std)))
    notes = _notes(gaussian, coefficients, found)
    if restless:
        notes.append(
            f"the fit has not settled: one more step would move {', '.join(restless)} by more than the noise does, so there "
            "is no interval. More time or steps may help, or optimizer='auto'."
        )
    return Verdict(found, notes)


def _range(unknown: Unknown) -> tuple[float, float]:
    if unknown.bounds is not None:
        return unknown.bounds
    return (0.0 if unknown.positive else -math.inf), math.inf


def _anywhere(unknown: Unknown, value: float, low: float, high: float, std: float) -> bool:
    """Whether an interval is so wide that it tells nothing."""
    if unknown.bounds is not None:
        a, b = unknown.bounds
        if a > 0:
            return math.log(high / low) > ALL * math.log(b / a)
        return high - low > ALL * (b - a)
    if unknown.positive:
        return low <= 0 or high / low > FACTOR
    return std > LARGE * max(abs(value), abs(unknown.guess))


def _notes(gaussian: Gaussian, coefficients: Sequence[Coefficient], found: Sequence[Found]) -> list[str]:
    open_ = [k for k, f in enumerate(found) if not f.determined]
    if not open_:
        return []
    names = [coefficients[k].name for k in open_]
    if len(open_) > 1 and _share_a_direction(gaussian, open_):
        listed = ", ".join(names[:-1]) + f" and {names[-1]}"
        return [
            f"the data do not determine {listed} separately: a change of one is made up for by another, as of two factors "
            "of a product. Fix one of them, or make one coefficient of them."
        ]
    return [f"the data do not determine {name}: the solution does not tell it." for name in names]


def _share_a_direction(gaussian: Gaussian, open_: Sequence[int]) -> bool:
    if gaussian.open.shape[1]:
        parts = gaussian.open[list(open_)].abs()
        return bool(((parts > PART).sum(0) > 1).any())
    size = gaussian.covariance.diagonal().sqrt().clamp(min=1e-300)
    correlation = (gaussian.covariance / size[:, None] / size[None, :]).abs()
    return any(float(correlation[a, b]) > TOGETHER for a in open_ for b in open_ if a < b)
