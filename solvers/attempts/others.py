"""What a solve does with the time that is left when it stalls: other attempts, of which the best is kept.

Each attempt changes one thing of the best one so far, in a fixed order, and has an equal share of the time and the steps
that are left. The best is the one with the smallest estimated error: residuals under other conditions, or of other networks,
do not compare. Our own design.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from sciml.conditions import Periodic
from sciml.solvers.report import Report
from sciml.solvers.training.loop import Run
from sciml.solvers.training.settings import Settings

ENOUGH = 1e-3  # estimated error at which a solve that stalls is left as it is
LEAST = 0.05  # of the time, and of the steps, that has to be left for another attempt
WIDER = 2  # times the hidden units
RESTART = 1009  # added to the seed of the network's weights
STEEPER = 4.0  # times the scale of the first layer


@dataclass(frozen=True)
class Variant:
    """What an attempt does another way.

    Attributes:
        penalties: Conditions that could be exact are penalty terms.
        even: Points are drawn evenly, wherever the residual is large.
        steeper: The default network with steeper features.
        wider: The default network with more hidden units.
        restart: How many times the default network's seed was changed.
        words: What was changed last.
    """

    penalties: bool = False
    even: bool = False
    steeper: bool = False
    wider: bool = False
    restart: int = 0
    words: str = field(default="", compare=False)


@dataclass(frozen=True)
class Attempt:
    """A run that has ended, with its report."""

    variant: Variant
    run: Run
    stats: Report

    @property
    def rank(self) -> tuple[int, float]:
        """The smaller, the better."""
        estimate = self.stats.error_estimate
        bad = self.stats.outcome == "diverged"
        return (2, math.inf) if bad else (1, math.inf) if estimate is None else (0, estimate)

    def good(self, accuracy: float | None) -> bool:
        """Whether nothing else needs to be tried."""
        return self.rank <= (0, ENOUGH if accuracy is None else accuracy) or self.stats.outcome == "converged"

    def line(self) -> str:
        """One line for the report."""
        estimate = self.stats.error_estimate
        error = "error unknown" if estimate is None else f"estimated error {estimate:.1e}"
        return f"{self.variant.words or 'as asked'}: {self.stats.outcome}, {error}"


def changes(best: Attempt, own_model: bool) -> Iterator[Callable[[Variant], Variant]]:
    """What may be changed, in the order in which it is tried.

    Args:
        best: The first attempt.
        own_model: Whether the network is the user's, which stays as it is.
    """
    exact = best.run.system.trial.ansatz.hard
    if any(c.hard is None and not isinstance(c, Periodic) for c in exact):
        yield lambda v: replace(v, penalties=True, words="conditions as penalties")
    if not own_model:
        yield lambda v: replace(v, steeper=True, words="steeper features")
    if best.run.counters.draws > 0:
        yield lambda v: replace(v, even=True, words="even points")
    if not own_model:
        yield lambda v: replace(v, wider=True, words="a wider network")
        yield lambda v: replace(v, restart=v.restart + 1, words="another start")


def other_attempts(
    first: Attempt,
    settings: Settings,
    own_model: bool,
    make: Callable[[Variant, Settings, float], Attempt],
    before: Sequence[Attempt] = (),
) -> Attempt:
    """The best attempt, after others have been made where the first one stalled.

    Args:
        first: As asked.
        settings: Of the solve.
        own_model: Whether the network is the user's.
        make: Carries out a variant, with settings that hold its limits, at an age of the solve in seconds.
        before: What was tried before the first; it may be that one itself.
    """
    made = [*(a for a in before if a is not first), first]
    best = min(made, key=lambda attempt: attempt.rank)
    failed = first.stats.outcome in ("stalled", "diverged")
    todo = list(changes(first, own_model)) if failed else []
    limits = settings.limits
    for k, change in enumerate(todo):
        if best.good(settings.accuracy) or made[-1].stats.outcome == "interrupted":
            break
        age = made[-1].run.seconds_before
        steps = sum(attempt.stats.steps or 0 for attempt in made)
        left = limits.max_time - age
        room = None if limits.max_steps is None else limits.max_steps - steps
        if left < LEAST * limits.max_time or (room is not None and room < LEAST * (limits.max_steps or 0)):
            break
        share = age + left / (len(todo) - k)
        most = None if room is None else max(1, room // (len(todo) - k))
        variant = change(best.variant)
        found = make(variant, replace(settings, max_time=share, max_steps=most), age)
        made.append(found)
        if found.rank < best.rank:
            best = found
    if len(made) > 1:
        stats = best.stats
        stats.seconds = made[-1].run.seconds_before
        stats.steps = sum(attempt.stats.steps or 0 for attempt in made)
        stats.rejected = sum(attempt.stats.rejected or 0 for attempt in made)
        stats.attempts = [a.line() + (" (kept)" if a is best else "") for a in made]
        kept = best.variant.words or "the first"
        stats.notes.append(f"{len(made)} attempts were made, since the first stalled; kept: {kept}.")
        if made[-1].stats.outcome == "interrupted":
            stats.outcome = "interrupted"
    return best
