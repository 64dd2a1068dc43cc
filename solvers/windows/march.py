"""Time window by window: each begins exactly where the last one ends, and is as long as the residual allows."""

from __future__ import annotations

import math
import time
import warnings
from typing import Any

import torch

from sciml.ansatz.march import Chain
from sciml.ansatz.window import Span
from sciml.arguments import integer
from sciml.conditions import Initial
from sciml.errors import ArgumentError
from sciml.solvers.training.loop import Run
from sciml.solvers.training.progress import ProgressBar
from sciml.solvers.training.run_state import CallbackError, Event, measured, tell
from sciml.solvers.windows.checkpoint import Saver, Within, read, take_up
from sciml.solvers.windows.pace import HOPELESS, REJECTED, Pace
from sciml.solvers.windows.state import Reached, State
from sciml.solvers.windows.window import Request, solve_window

MOST_WINDOWS = 1000
TRIES = 60  # windows rejected in a row
LIMITS = ("max_time", "max_steps")
NO_BETTER = 0.5  # times the smallest residual so far, from which a shorter window is none


def windows_of(value: Any) -> int | None:
    """The number of windows that ``windows=`` asks for; None for "auto".

    Raises:
        ArgumentError: Neither a number from 1 to 1000 nor "auto".
    """
    if isinstance(value, str):
        if value != "auto":
            raise ArgumentError(f"windows needs 'auto' or a number of windows, got {value!r}.")
        return None
    return integer("windows", value, least=1, most=MOST_WINDOWS)


class March:
    """A solve window by window.

    Args:
        request: What is asked for.
        resume: A checkpoint's file name, to go on from; None for the start.
        checkpoint, every: File name to write checkpoints to, and seconds between them; None for no file.

    Attributes:
        state: What is solved so far, and all that the next window depends on.

    Raises:
        ArgumentError, FileFormatError: The checkpoint belongs to another solve, or is damaged.
        FileWriteError: Nothing can be written at ``checkpoint``.
    """

    def __init__(self, request: Request, resume: Any = None, checkpoint: Any = None, every: float = 30.0):
        self.request = request
        domain = request.problem.domain
        self.state = State(Pace.of(float(domain.lower[0]), float(domain.upper[0]), request.count))
        self._within: Within | None = None
        self._before = 0.0
        if resume is not None:
            self._before, self._within = read(request, self.state, resume)
        self._began = time.perf_counter()
        self._saver = None if checkpoint is None else Saver(request, self.state, checkpoint, every)

    @property
    def parameters(self) -> int:
        """Trained numbers of a window, about."""
        return sum(p.numel() for p in self.request.network(0).parameters())

    @property
    def seconds(self) -> float:
        """So far."""
        return self._before + time.perf_counter() - self._began

    @property
    def _most(self) -> float:
        """Times its tolerance that a window's residual may be; a window of a last layer alone is cheap to solve again."""
        return 1.0 if self.request.by_head else REJECTED

    @property
    def chain(self) -> Chain:
        """What is solved so far."""
        return Chain(self.request.problem, self.state.windows)

    def run(self) -> str:
        """March to the end of time or to a limit; the outcome's name."""
        settings = self.request.settings
        if self._saver is not None:
            self._saver.save(self.seconds)
        with ProgressBar(settings.progress, settings.limits) as bar:
            try:
                outcome = self._march(bar)
            except KeyboardInterrupt:
                if not self.state.windows:
                    raise
                return "interrupted"
            except CallbackError as error:
                self.state.notes.append(str(error))
                warnings.warn(f"{error} The run ends with what it has solved.", RuntimeWarning, stacklevel=3)
                return "interrupted"
        if self._saver is not None and outcome != "interrupted":
            self._saver.finish(self.seconds)
        return outcome

    def _march(self, bar: ProgressBar) -> str:
        state, pace = self.state, self.state.pace
        while True:
            t = state.windows[-1].span.high if state.windows else pace.low
            if t >= pace.high:
                return "converged" if state.worst <= 1.0 else "stalled"
            if len(state.windows) >= MOST_WINDOWS:
                state.notes.append(f"stopped after {MOST_WINDOWS} windows.")
                return "stalled"
            span = pace.next(t, len(state.windows), self.request.may_be_logarithmic)
            found = self._solve(span)
            scale = found.scale if span.origin is not None else max(found.scale, state.scale)
            over = found.residual / (self.request.tol * scale) if scale > 0 else 0.0
            over = over if math.isfinite(over) else math.inf
            ended = self._ended(found)
            if self._saver is not None and ended in LIMITS and (found.run is not None or over > self._most):
                self._saver.keep(self.seconds, found.run)  # from before the limit cut it short
            if ended == "interrupted" or (ended and over > self._most):
                return self._broken_off(found, ended)
            if over > self._most and pace.count is None:
                outcome = self._again(span, found, over)
                if outcome == "again":
                    continue
                if outcome:
                    return outcome
            if over == math.inf:
                return self._broken_off(found, "diverged")
            self._accept(span, found, over, scale)
            row = state.history[-1]
            row |= measured(self.request.settings.metrics or {}, self.chain)
            bar.update(row, found.residual / scale if scale else 0.0)
            stop = self._tell(row)
            if stop or ended:
                return "interrupted" if stop else ended or "stalled"
            if self._saver is not None:
                self._saver(self.seconds)

    def _solve(self, span: Span) -> Reached:
        within, self._within = self._within, None
        entered = self.seconds if within is None else within.entered

        def watch(run: Run) -> None:
            if within is not None:
                take_up(run, within)
            if self._saver is not None:
                self._saver.enter(run, entered)

        return solve_window(self.request, self.state, span, entered, lambda: self.seconds, watch)

    # ---- after it

    def _again(self, span: Span, found: Reached, over: float) -> str | None:
        """After a window that missed its tolerance by far: "again", the name of the end, or None to go on with it."""
        state, pace = self.state, self.state.pace
        if state.settled:
            return None
        if self._no_better(found, over):
            if over <= state.closest:
                return None
            pace.length, state.settled = state.best, 1
            state.tries += 1
            state.count(found)
            return "again"
        if state.tried >= TRIES or pace.too_short:
            t = span.low
            state.notes.append(f"no window that begins at t = {t:.6g} reached its tolerance.")
            return self._broken_off(found, "diverged" if over == math.inf else "stalled")
        state.tried += 1
        if over < state.closest:
            state.closest, state.best = over, pace.length if pace.log else span.high - span.low
        logarithmic = pace.log
        state.tries += 1
        state.count(found)
        pace.rejected(span, over)
        if pace.log != logarithmic:  # lengths of another kind
            state.closest, state.worse = math.inf, 0
        if self._saver is not None:
            self._saver(self.seconds)
        return "again"

    def _no_better(self, found: Reached, over: float) -> bool:
        """Whether windows that are shorter come no closer to the tolerance, so that something else is in the way.

        That may be rounding, or a start with a kink: it is a penalty, and the shorter the window, the sharper its layer.
        """
        state = self.state
        loose = not state.windows and any(isinstance(c, Initial) for c in found.trial.ansatz.soft)
        near = state.tried > 0 and state.closest < (math.inf if loose else HOPELESS)
        state.worse = state.worse + 1 if near and over > NO_BETTER * state.closest else 0
        return state.worse >= 2

    def _accept(self, span: Span, found: Reached, over: float, scale: float) -> None:
        state = self.state
        state.add(found, scale)
        state.count(found)
        state.tried, state.closest, state.worse, state.settled = 0, math.inf, 0, 0
        if span.origin is None:
            state.scale = scale
        state.worst = max(state.worst, over)
        if state.sizes is None:
            points = found.system.points
            sizes = {name: points.factors[name] ** -0.5 for name in points.terms[0].parts}
            one = torch.ones(self.request.problem.outputs, dtype=torch.float64)
            state.sizes = (one if found.trial.scale is None else found.trial.scale.double().cpu(), sizes)
        state.pace.accepted(span, over, found.effort)

    def _ended(self, found: Reached) -> str | None:
        """The limit that is used up, where one is."""
        limits, interruption = self.request.settings.limits, self.request.interruption
        if found.outcome == "interrupted" or interruption.asked:
            return "interrupted"
        if self.seconds >= limits.max_time:
            return "max_time"
        if limits.max_steps is not None and self.state.steps + found.steps >= limits.max_steps:
            return "max_steps"
        return None

    def _broken_off(self, found: Reached, outcome: str) -> str:
        """End without the last window; the first one is kept whatever it reached, as there is no solution without one."""
        if self._saver is not None and outcome not in ("interrupted", *LIMITS):
            self._saver.keep(self.seconds, None)
        self.state.count(found)
        if not self.state.windows:
            self.state.add(found, found.scale)
            self.state.worst = math.inf
        return outcome

    def _tell(self, row: dict[str, float]) -> bool:
        """Call the callbacks; whether one of them said stop."""
        numbers = {name: value for name, value in row.items() if name not in ("step", "seconds")}
        step, seconds, trial = int(row["step"]), row["seconds"], self.chain
        event = Event(step, seconds, row["loss"], row["held_out"], None, trial, numbers=numbers)  # type: ignore[arg-type]
        return tell(self.request.settings.callbacks, event)
