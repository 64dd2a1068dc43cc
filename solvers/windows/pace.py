"""How long the next window is."""

from __future__ import annotations

from dataclasses import dataclass

from sciml.ansatz.window import Span

FIRST = 0.1  # of the whole time
QUICK, FAIR = 1 / 3, 0.6  # of the steps a window may take
FASTER, FAST, SLOWER = 1.6, 1.25, 0.8  # factors on the next window
REJECTED = 3.0  # times the tolerance from which a window is solved again, half as long
HOPELESS, CUT = 1e3, 1 / 8  # the same far beyond it
SHORTEST = 1e-10  # of the whole time
DECADES = 100.0  # ratio of the time left and the time passed from which the logarithm of time is tried
RATIO = 10.0  # of the first window in it, end to start
LEAST_RATIO = 1.5


@dataclass
class Pace:
    """Windows by the residual: one tolerance for every window, and lengths that follow from how easily it is reached.

    Attributes:
        low, high: The whole time.
        length: Of the next window; of the logarithm of time where ``log`` is set.
        log: Whether windows are even in ``log(t - low)``.
        log_failed: Whether that was tried in vain.
        count: Of equal windows; None where the lengths follow from the residual.
    """

    low: float
    high: float
    length: float
    log: bool = False
    log_failed: bool = False
    count: int | None = None

    @classmethod
    def of(cls, low: float, high: float, count: int | None) -> Pace:
        """At the start: a tenth of the whole time, or a share of it."""
        span = high - low
        return cls(low, high, span * FIRST if count is None else span / count, count=count)

    def next(self, t: float, k: int, logarithmic: bool) -> Span:
        """The window from ``t``, the ``k``-th; ``logarithmic`` allows the logarithm of time."""
        if self.count is not None:
            end = (
                self.high if k + 1 >= self.count else self.low + (self.high - self.low) * (k + 1) / self.count
            )
            return Span(t, end)
        passed = t - self.low
        if (
            logarithmic
            and not self.log
            and not self.log_failed
            and 0 < passed * DECADES < self.high - self.low
        ):
            self.log, self.length = True, RATIO
        if self.log:
            end = self.low + passed * self.length
            return Span(t, self.high if end > self.low + 0.9 * (self.high - self.low) else end, self.low)
        end = t + self.length
        # no short rest
        return Span(t, self.high if end > self.high - 0.2 * self.length else end)

    def accepted(self, span: Span, over: float, effort: float) -> None:
        """A window that ended ``over`` times its tolerance, after this share of the steps that it may take."""
        if self.count is not None:
            return
        factor = SLOWER if over > 1 else FASTER if effort <= QUICK else FAST if effort <= FAIR else 1.0
        if self.log:
            self.length = max(LEAST_RATIO, self.length**factor)
        else:
            self.length = factor * (span.high - span.low)

    def rejected(self, span: Span, over: float) -> None:
        """A window that has to be solved again, shorter."""
        if self.log:
            self.length = self.length**0.5
            if self.length < LEAST_RATIO:
                self.log, self.log_failed = False, True
                self.length = FASTER * (span.low - self.low)
            return
        self.length = (span.high - span.low) * (CUT if not over <= HOPELESS else 0.5)

    @property
    def too_short(self) -> bool:
        """Whether no shorter window is worth trying."""
        return not self.log and self.length < SHORTEST * (self.high - self.low)
