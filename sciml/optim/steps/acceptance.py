"""Take a step or reject it, and what that means for the next one.

A method proposes a step and says by how much its model lowers the loss. The *ratio* of the actual to the predicted
decrease decides whether the step is taken (``Acceptance``), and a rule moves the weight that keeps steps short: sigma of a
cubic model, or the damping λ. Rules are values and go with any model: ``Nielsen``, ``Interpolation``, ``Published``,
``Fixed``.

Sources: Cartis, Gould, Toint (2011), sections 2 and 7, for the ratio and the published rule; Nielsen (1999) for his; the
fitted sigma after Gould, Porcelli, Toint (2012).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

NOISE = 10.0  # units of rounding of the loss below which neither decrease means anything
VERY_GOOD = 0.9  # ratio from which on the model was nearly exact
LIMIT = 10.0  # ratios beyond it say no more


class Proposal(NamedTuple):
    """A step that has been tried.

    Attributes:
        step: s, shape (P,).
        loss: The loss behind it; inf where nothing can be evaluated there.
        fall: By how much the loss falls: a difference, or something more exact.
        predicted: By how much the model says it falls.
        fitted: The weight with which the model would have been exact; NaN where a model does not know.
        contraction: How well corrections of the step went, see ``corrections.Candidate``; 0 without.
        gradient: The gradient behind the step (P,), where it was taken along with the loss.
    """

    step: Tensor
    loss: float
    fall: float
    predicted: float
    fitted: float = math.nan
    contraction: float = 0.0
    gradient: Tensor | None = None


class Verdict(NamedTuple):
    """What a rule looks at: was the step taken, the ratio, the proposal, and |g| where the model was built."""

    taken: bool
    ratio: float
    proposal: Proposal
    grad_norm: float


def square_fall(r: Tensor, r_new: Tensor) -> float:
    """``1/2 |r|^2 - 1/2 |r_new|^2`` as a product: the difference of two losses would lose the digits they share."""
    return 0.5 * float(torch.dot(r - r_new, r + r_new))


@dataclass(frozen=True)
class Acceptance:
    """When a step is taken.

    Args:
        least: Least ratio.
        unit: Losses below it count as it where the rounding of the loss is estimated: 1 for losses that may be sums of
            large terms with a small value, 0 for sums of squares, which are exact to their own size.
        monotone: Whether the loss itself must not rise, rounding included.
    """

    least: float = 0.1
    unit: float = 1.0
    monotone: bool = False

    def ratio(self, proposal: Proposal, loss: float) -> float:
        """Actual over predicted decrease, within ±10; -1 where the model predicts a rise.

        Both decreases are lifted by the rounding of the loss: the ratio of two numbers below it is 1, so that the last
        digits can be gained.
        """
        noise = NOISE * torch.finfo(proposal.step.dtype).eps * max(self.unit, abs(loss))
        if not proposal.predicted >= 0.0 or proposal.predicted + noise == 0.0:
            return -1.0
        ratio = (proposal.fall + noise) / (proposal.predicted + noise)
        return min(max(ratio, -LIMIT), LIMIT)

    def takes(self, proposal: Proposal, ratio: float, loss: float) -> bool:
        """Whether the step is taken; never where the loss is not finite."""
        if self.monotone and proposal.loss > loss:
            return False
        return math.isfinite(proposal.loss) and ratio >= self.least


class WeightRule(Protocol):
    """How the weight follows the ratio; it is asked after steps whose loss is finite."""

    def weight(self, weight: float, nu: float, verdict: Verdict) -> float:
        """The next weight; ``nu`` is 2 after a step that was taken and doubles with each rejection."""
        ...

    def nu(self, nu: float, taken: bool) -> float:
        """The next ``nu``."""
        ...


class Doubling:
    """``nu`` as in Nielsen: 2, and twice as much after each rejection in a row."""

    def nu(self, nu: float, taken: bool) -> float:
        """2 after a step that was taken, else twice ``nu``."""
        return 2.0 if taken else min(2.0 * nu, 1e10)


@dataclass(frozen=True)
class Nielsen(Doubling):
    """A smooth factor ``max(least, 1 - (2 ratio - 1)^3)`` after a step that was taken, ``nu`` after a rejection.

    Where corrections of the step hardly shrank, a longer step would go wrong: the weight then falls slowly or not at all.
    """

    least: float = 0.2

    def weight(self, weight: float, nu: float, verdict: Verdict) -> float:
        """The next weight."""
        if not verdict.taken:
            return weight * nu
        factor = max(self.least, 1.0 - (2.0 * verdict.ratio - 1.0) ** 3)
        contraction = verdict.proposal.contraction
        if contraction > 0.5:
            factor = max(factor, 1.0 if contraction >= 1.0 else 0.7)
        return weight * factor


@dataclass(frozen=True)
class Interpolation(Doubling):
    """The weight with which the model would have been exact at the last step, within bounds."""

    def weight(self, weight: float, nu: float, verdict: Verdict) -> float:
        """The next weight: 2 to 100 times as large after a rejection, at least a tenth after a step."""
        if not verdict.taken:
            low, high = 2.0, 100.0
        else:
            low, high = 0.1, 1.0 if verdict.ratio > VERY_GOOD else 10.0
        return weight * min(max(verdict.proposal.fitted / weight, low), high)


@dataclass(frozen=True)
class Published(Doubling):
    """``min(shrink sigma, |g|)`` after a very good step, ``2 sigma`` after a rejection.

    ``shrink`` is 1 in the experiments of Cartis, Gould and Toint, and 1/2 in what is often called the classic rule.
    """

    shrink: float = 1.0

    def weight(self, weight: float, nu: float, verdict: Verdict) -> float:
        """The next weight."""
        if not verdict.taken:
            return 2.0 * weight
        return min(self.shrink * weight, verdict.grad_norm) if verdict.ratio > VERY_GOOD else weight


@dataclass(frozen=True)
class Fixed:
    """The weight stays; only a loss that is not finite raises it."""

    def weight(self, weight: float, nu: float, verdict: Verdict) -> float:
        """The same weight."""
        return weight

    def nu(self, nu: float, taken: bool) -> float:
        """Twice ``nu`` after each rejection: a weight that has led astray twice is raised faster for good."""
        return nu if taken else min(2.0 * nu, 1e10)
