"""What a run is told of its error on the way, and which of its states is kept by that.

A run that ends at the first estimate below what was asked for ends, more often than not, at one that is too low by chance.
So a second one, in other random functions at other points, has to agree, and the larger of the two is told.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from sciml.solvers.estimate.judgement import ErrorEstimate

CLEARLY = 0.5  # of a later state's estimated error: an earlier one with less is kept in its place


class Told:
    """The states of a run whose errors were estimated.

    Attributes:
        last: The parameters that the last estimate is of, with it.
        least: Those of the least estimated error so far, with that.
    """

    def __init__(self) -> None:
        self.last: tuple[Tensor, ErrorEstimate] | None = None
        self.least: tuple[Tensor, float] | None = None

    def take(self, theta: Tensor, found: ErrorEstimate) -> None:
        """Note what was found of a state."""
        self.last = theta.clone(), found
        if found.value is not None and (self.least is None or found.value < self.least[1]):
            self.least = theta.clone(), found.value

    def forget(self) -> None:
        """The parameters have become others."""
        self.last = self.least = None

    def better(self, theta: Tensor, found: ErrorEstimate) -> Tensor | None:
        """The parameters of a state that is told to be clearly better than ``theta``; None where there is none."""
        if self.least is None or self.least[0].shape != theta.shape or found.value is None:
            return None  # of what is unknown a small residual still tells more than an earlier estimate
        return self.least[0] if self.least[1] < CLEARLY * found.value else None


def confirmed(
    first: Callable[[], ErrorEstimate], second: Callable[[int], ErrorEstimate], accuracy: float
) -> ErrorEstimate:
    """An estimate; where it is within an accuracy, the worse of two that have no functions and points in common.

    Args:
        first: Makes it.
        second: Makes another one, in so many functions for each unknown at least.
        accuracy: What was asked for.
    """
    found = first()
    if found.value is None or found.value > accuracy:
        return found
    return worse(found, second(found.features))


def worse(one: ErrorEstimate, other: ErrorEstimate) -> ErrorEstimate:
    """The one of two estimates that promises less."""
    if one.value is None or other.value is None:
        return one if one.value is None else other
    return one if one.value >= other.value else other
