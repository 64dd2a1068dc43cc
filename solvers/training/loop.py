"""The training loop: step, look, redraw points, stop with a named outcome."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from sciml.ansatz import Trial
from sciml.optim import StepMethod
from sciml.problem import PDE
from sciml.solvers.solution import comparison, relative_error
from sciml.solvers.training.collocation import Collocation

REJECTIONS = 40  # consecutive rejected steps before new points are tried, and after that the end
REDRAW_EVERY = 20  # accepted steps between redraws of second-order methods
FIRST_ORDER_REDRAW = 200
OVERFIT = 4.0  # held-out loss over training loss from which more points are asked for
GROWTH = 1.5
STALL_CHECKS = 12  # looks without progress before the end
PROGRESS = 0.97  # held-out loss must fall below this share of its best to count as progress


@dataclass
class Limits:
    """When to stop. Times in seconds; ``tol`` is relative to the residual of the trial function without a network."""

    max_time: float = math.inf
    max_steps: int | None = None
    tol: float = 0.0


@dataclass
class Event:
    """What a callback sees after a look at the run.

    Attributes:
        step, seconds: Steps taken and wall time so far.
        loss, held_out: ``1/2 |r|^2`` on the training and on the held-out points.
        error: Relative L2 error where the answer is known, else None.
        trial: The trial function with the current parameters; not to be changed.
    """

    step: int
    seconds: float
    loss: float
    held_out: float
    error: float | None
    trial: Trial


Callback = Callable[[Event], Any]


class CallbackError(Exception):
    """A user's callback raised; the run ends as if it had asked to stop."""


@dataclass
class Run:
    """A solve in progress.

    A step has two halves: the step itself, and what is decided after it (:meth:`_decide`); ``decided`` is the last
    step whose second half is done. Callbacks run before any decision, so a run whose state was saved by a callback
    goes on exactly where the callback stood.
    """

    problem: PDE
    system: Collocation
    held_out: Collocation
    method: StepMethod
    limits: Limits
    seed: int
    second_order: bool
    redraw_every: int
    max_points: int
    look_every: int
    callbacks: Sequence[Callback] = ()
    adaptive: bool = True
    step: int = 0
    draws: int = 0
    seconds_before: float = 0.0
    best: float = math.inf
    best_theta: Tensor | None = None
    quiet_looks: int = 0
    mark: float = math.inf
    since_redraw: int = 0
    rescued: bool = False
    history: list[dict[str, float]] = field(default_factory=list)
    theta: Tensor = field(default_factory=lambda: torch.zeros(0))
    method_state: Any = None
    rejected: int = 0
    decided: int = -1
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.theta = self.system.theta
        self.scale = self._residual_scale()
        self._answer: tuple[Tensor, Tensor] | None = None
        if self.problem.has_exact or self.problem.reference() is not None:
            self._answer = comparison(self.problem)
            x, expected = self._answer
            relative_error(
                self.system.trial, x[:2], expected[:2]
            )  # kernels are compiled before the clock starts

    def run(self, progress: Any = None) -> str:
        """Train until a limit, and return the outcome's name. The best parameters end up in the trial function."""
        start = time.perf_counter()
        self._start = start
        outcome = "max_steps"
        try:
            if self.method_state is None:
                self.system.balance(self.theta)
                self.held_out.weights = dict(self.system.weights)
                self.method_state = self.method.init(self.system, self.theta)
            outcome = self._steps(progress)
        except KeyboardInterrupt:
            outcome = "interrupted"
        except CallbackError as error:
            outcome = "interrupted"
            self.notes.append(str(error))
            warnings.warn(f"{error} The run ends with its best state.", RuntimeWarning, stacklevel=3)
        finally:
            self.seconds_before += time.perf_counter() - start
            self.system.load(self._final(outcome))
        return outcome

    def _steps(self, progress: Any) -> str:
        while True:
            if self.decided < self.step:
                ended = self._decide(progress)
                if ended:
                    return ended
                self.decided = self.step
            if self._elapsed() >= self.limits.max_time:
                self._measure(progress)
                return "max_time"
            if self.limits.max_steps is not None and self.step >= self.limits.max_steps:
                self._measure(progress)
                return "max_steps"
            self.theta, self.method_state = self.method.step(self.system, self.theta, self.method_state)
            self.step += 1
            if self.method_state.accepted:
                self.since_redraw += 1
                self._project()
            else:
                self.rejected += 1

    def _project(self) -> None:
        """Move parameters back to where they are allowed to be, for systems that bound them."""
        project = getattr(self.system, "project", None)
        if project is None:
            return
        inside = project(self.theta)
        if not torch.equal(inside, self.theta):
            self.theta = inside
            self.method_state = self.method.refresh(self.system, inside, self.method_state)

    def _decide(self, progress: Any) -> str | None:
        """After a step: the outcome's name if the run ends here; else perhaps a look or new points."""
        state = self.method_state
        if not math.isfinite(state.loss):
            self._look(progress)
            return "diverged"
        if state.rejections >= REJECTIONS:
            self._look(progress)
            if self._settled():
                return "converged"
            if self.rescued:
                return "stalled"
            self.rescued = True
            self._redraw()
            return None
        small = 0.25 * (self.limits.tol * self.scale) ** 2 * 0.5
        if self.decided < 0 or self.step % self.look_every == 0 or state.loss <= small:
            return self._look(progress)
        return None

    def _measure(self, progress: Any) -> tuple[float, bool]:
        """Measure on held-out points, note, tell callbacks; the held-out loss, and whether a callback said stop."""
        held = self.held_out.value(self.theta)
        self.system.load(self.theta)
        state = self.method_state
        row = {
            "step": self.step,
            "seconds": self._elapsed(),
            "loss": float(state.loss),
            "held_out": held,
            "points": float(self.system.sites[0].x.shape[0]),
        }
        error = None
        if self._answer is not None:
            error = relative_error(self.system.trial, *self._answer)
            row["error"] = error
        if self.history and self.history[-1]["step"] == self.step:
            self.history[-1] = row
        else:
            self.history.append(row)
        if held < self.best:
            self.best, self.best_theta = held, self.theta.clone()
        if progress is not None:
            progress(row, self.relative(held))
        event = Event(self.step, row["seconds"], row["loss"], held, error, self.system.trial)
        stop = False
        for callback in self.callbacks:
            try:
                stop = callback(event) is True or stop
            except Exception as error:
                raise CallbackError(
                    f"callback {_name_of(callback)} raised {type(error).__name__}: {error}".rstrip(".") + "."
                ) from error
        return held, stop

    def _look(self, progress: Any) -> str | None:
        """Measure, and decide about points and the end."""
        held, stop = self._measure(progress)
        if stop:
            return "interrupted"
        if self.relative(held) <= self.limits.tol:
            return "converged"
        if held < PROGRESS * self.mark:
            self.mark, self.quiet_looks = held, 0
            self.rescued = False
        else:
            self.quiet_looks += 1
        if self.second_order and self.quiet_looks >= STALL_CHECKS:
            return "stalled"
        if self.adaptive and self.step > 0:
            self._consider_points(held, self.method_state.loss)
        return None

    def _consider_points(self, held: float, loss: float) -> None:
        count = self.system.sites[0].count
        overfit = held > OVERFIT * max(loss, 1e-300)
        if overfit and count < self.max_points:
            self.system.resize(min(self.max_points, int(GROWTH * count) + 1))
            self._redraw()
        elif self.since_redraw >= self.redraw_every and (
            overfit or count >= self.max_points or not self.second_order
        ):
            self._redraw()

    def _redraw(self) -> None:
        self.draws += 1
        self.since_redraw = 0
        self.system.load(self.theta)
        self.system.redraw_adaptively(self.seed + 7919 * self.draws)
        if len(self.system.weights) > 1 and self.second_order:
            self.system.balance(self.theta)
            self.held_out.weights = dict(self.system.weights)
            self.best = math.inf  # losses under other weights do not compare
            self.mark = math.inf
        self.method_state = self.method.refresh(self.system, self.theta, self.method_state)

    def _settled(self) -> bool:
        """Whether the residual is down to rounding, so that no step can lower it."""
        return self.relative(self.held_out.value(self.theta)) <= max(self.limits.tol, 1e-13)

    @property
    def result(self) -> Tensor:
        """The best parameters so far."""
        return self.theta if self.best_theta is None else self.best_theta

    def jump(self, theta: Tensor) -> str:
        """One step to a ``theta`` that a closed form gave, in the place of :meth:`run`."""
        self._start = time.perf_counter()
        self.theta, self.step = theta, 1
        self.method_state = self.method.init(self.system, theta)
        held, _ = self._measure(None)
        self.seconds_before += time.perf_counter() - self._start
        return "converged" if math.isfinite(held) else "diverged"

    def _final(self, outcome: str) -> Tensor:
        if self.best_theta is not None and (outcome == "diverged" or self.best < math.inf):
            return self.best_theta
        return self.theta

    def relative(self, held: float) -> float:
        """A held-out loss as a residual relative to :attr:`scale`."""
        return math.sqrt(max(2.0 * held, 0.0)) / self.scale if math.isfinite(held) else math.inf

    def _elapsed(self) -> float:
        return self.seconds_before + time.perf_counter() - self._start

    def _residual_scale(self) -> float:
        """Size of the residual when the network's part is zero: what there is to be solved."""
        held = self.held_out.silent_value()
        scale = math.sqrt(2.0 * held) if math.isfinite(held) else 0.0
        if scale == 0:  # nothing is asked of a network that is zero: measure against the start
            start = self.held_out.value(self.theta)
            scale = max(math.sqrt(2.0 * start) if math.isfinite(start) else 1.0, 1e-300)
        self.system.load(self.theta)
        return scale


def _name_of(callback: Callback) -> str:
    return getattr(callback, "__qualname__", type(callback).__qualname__)
