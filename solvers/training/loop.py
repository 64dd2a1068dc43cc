"""The training loop: step, measure, redraw points, stop with a named outcome."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from sciml.coefficients import has_unknowns
from sciml.optim import StepMethod, iterate
from sciml.optim.iterate import Iteration
from sciml.problem import PDE
from sciml.solvers.comparison import comparison, has_answer, relative_error
from sciml.solvers.estimate.estimate import estimate_error
from sciml.solvers.estimate.judgement import ErrorEstimate
from sciml.solvers.estimate.told import Told, confirmed
from sciml.solvers.grids.growth import Growth
from sciml.solvers.training.adapted_system import AdaptedSystem
from sciml.solvers.training.draws import consider_points, redraw
from sciml.solvers.training.interrupt import Interruption
from sciml.solvers.training.residual_scale import residual_scale, said_of_silence
from sciml.solvers.training.residual_system import OutOfTime, ResidualSystem
from sciml.solvers.training.run_state import (
    ESTIMATE_LAST,
    ESTIMATE_LEAST,
    ESTIMATE_SHARE,
    BrokenRun,
    Callback,
    Counters,
    Estimates,
    Event,
    Limits,
    Metric,
    counted_work,
    measured,
    tell,
    worth_estimating,
)

System = ResidualSystem | AdaptedSystem

REJECTIONS = 40  # consecutive rejected steps before new points are tried, and after that the end
LOOK_EVERY = 10  # steps between looks at the run
FIRST_ORDER_LOOK = 100
STALL_LOOKS = 12  # looks without progress before the end
FIRST_ORDER_STALL = 50
FIT_STALL = 4  # the same of a fit to measurements with noise
LATEST = 1.1  # of max_time: a step that is still under way then is given up
PROGRESS = 0.97  # held-out loss must fall below this share of its best to count as progress


class Run:
    """A solve in progress.

    After each step it decides: look, redraw, or end (``_decide``). Callbacks run before, so that a run whose state one of
    them saved goes on exactly where it stood.

    Args:
        problem: What is solved.
        system, held_out: On the points to train on, and on points that training never sees.
        selection: On many more of these, by which the state to keep is chosen; ``held_out`` unless given.
        method: Makes the steps.
        limits: When to stop.
        seed: Of the points.
        max_points: Interior points that the run may grow to.
        callbacks: Called at every look.
        metrics: Functions of the trial function, measured at every look.
        interruption: Tells when somebody asked to stop.

    Attributes:
        iteration: The method on its way; None before the first step.
        best_theta: The parameters of the lowest loss on the points of ``selection``; None before the first look.
        counters: What the decisions depend on.
        scale: Residual of the trial function without a network; residuals are reported relative to it.
        solved: Whether rounding is all that the conditions leave of the equation.
        silent: That residual relative to ``scale``: 1, or less where it is rounding alone.
        history: A row of numbers a look.
        notes: What a user should know.
        attempt: Its name, where it is not the first.
        asked: Seconds that were asked for; ``limits`` may hold less, for what the set-up took.
        adaptive: Whether points are drawn where the residual is large.
        growth: Adds knots to the network's grids where the run slows down; None for never.
        seconds_before: Time of earlier runs that this one continues.
    """

    def __init__(
        self,
        problem: PDE,
        system: System,
        held_out: System,
        method: StepMethod,
        limits: Limits,
        seed: int,
        *,
        max_points: int,
        selection: System | None = None,
        callbacks: Sequence[Callback] = (),
        metrics: Mapping[str, Metric] | None = None,
        interruption: Interruption | None = None,
    ):
        self.problem, self.system, self.held_out = problem, system, held_out
        self.selection = held_out if selection is None else selection
        self.method, self.limits, self.seed = method, limits, seed
        self.asked = limits.max_time
        self.max_points, self.callbacks, self.metrics = max_points, list(callbacks), metrics or {}
        self.interruption = interruption or Interruption()
        second = method.second_order
        self.look_every = LOOK_EVERY if second else FIRST_ORDER_LOOK
        fit = system.points.measured  # its loss ends at the noise: waiting for less is in vain
        self.stall_looks = (FIT_STALL if fit else STALL_LOOKS) if second else FIRST_ORDER_STALL
        self.iteration: Iteration | None = None
        self._first = system.theta
        self.best_theta: Tensor | None = None
        self.counters = Counters()
        self.estimates = Estimates()
        self.told = Told()
        self.history: list[dict[str, float]] = []
        self.notes: list[str] = []
        self.seconds_before = 0.0
        self.attempt, self.adaptive = "", True
        self.growth: Growth | None = None
        if fit:  # measurements of any size: what there is to be solved is known in the weights of the run
            self.system.balance(self._first)
            self.share_weights()
        self.scale, self.silent, self.solved = residual_scale(held_out, self._first)
        self.system.load(self._first)
        # the answer of a problem with open coefficients is that of a coefficient which is not known yet
        known = has_answer(problem) and not has_unknowns(problem)
        self._answer = comparison(problem) if known else None
        if self._answer is not None:
            x, expected = self._answer
            relative_error(system.trial, x[:2], expected[:2])  # kernels are compiled before the clock starts

    @property
    def theta(self) -> Tensor:
        """The parameters now, ``(p,)``."""
        return self._first if self.iteration is None else self.iteration.theta

    @property
    def method_state(self) -> Any:
        """The method's state; None before the first step."""
        return None if self.iteration is None else self.iteration.state

    def begin(self, theta: Tensor, state: Any = None) -> Iteration:
        """Take up the method at ``theta``, with a state that is known already or with a new one."""
        self.iteration = iterate(self.method, self.system, theta, state)
        return self.iteration

    def share_weights(self) -> None:
        """Weigh the terms that are only looked at as those that are trained."""
        for looked_at in (self.held_out, self.selection):
            looked_at.points.weights = dict(self.system.points.weights)

    def count(self, **changes: Any) -> None:
        """Change counters by their names."""
        self.counters = replace(self.counters, **changes)

    def run(self, progress: Any = None) -> str:
        """Train until a limit, and return the outcome's name. The best parameters end up in the trial function."""
        start = time.perf_counter()
        self._start = start
        outcome = "max_steps"
        try:
            silent = self._solved_by_conditions() if self.iteration is None else None
            if silent is not None:
                outcome = self.jump(silent)
                self.notes.append(said_of_silence(self.system))
                return outcome
            if self.iteration is None:
                self.system.balance(self.theta)
                self.share_weights()
                self.begin(self.theta)
            assert self.iteration is not None
            outcome = self._steps(self.iteration, progress)
        except KeyboardInterrupt:
            outcome = "interrupted"
        except BrokenRun as error:
            outcome = "interrupted"
            self.notes.append(str(error))
            warnings.warn(f"{error} The run ends with its best state.", RuntimeWarning, stacklevel=3)
        finally:
            self.seconds_before += time.perf_counter() - start
            self.system.load(self._final(outcome))
        return outcome

    def _steps(self, iteration: Iteration, progress: Any) -> str:
        while True:
            if self.counters.decided < self.counters.step:
                ended = self._decide(progress)
                if ended:
                    return ended
                self.count(decided=self.counters.step)
            if self.interruption.asked:
                self._measure(progress)
                return "interrupted"
            if self._elapsed() >= self.limits.max_time:
                self._measure(progress)
                return "max_time"
            if self.limits.max_steps is not None and self.counters.step >= self.limits.max_steps:
                self._measure(progress)
                return "max_steps"
            try:
                self.system.deadline = self._start - self.seconds_before + LATEST * self.limits.max_time
                theta, state = iteration.step()
            except OutOfTime:
                self.system.deadline = math.inf
                self._measure(progress)
                return "max_time"
            finally:
                self.system.deadline = math.inf
            now = self.counters
            if state.accepted:
                self.count(step=now.step + 1, since_redraw=now.since_redraw + 1)
                inside = self.system.project(theta)  # where the parameters are allowed to be
                if not torch.equal(inside, theta):
                    iteration.refresh(inside)
            else:
                self.count(step=now.step + 1, rejected=now.rejected + 1)

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
            if self.counters.rescued:
                return None if self.growth is not None and self.growth.grow(self) else "stalled"
            self.count(rescued=True)
            redraw(self)
            return None
        small = 0.25 * (self.limits.tol * self.scale) ** 2 * 0.5
        if self.counters.decided < 0 or self.counters.step % self.look_every == 0 or state.loss <= small:
            return self._look(progress)
        return None

    def _measure(self, progress: Any) -> tuple[float, float, bool]:
        """Measure, note, tell callbacks; the losses on ``held_out`` and ``selection``, and whether a callback said stop."""
        held = self.held_out.value(self.theta)
        # a few hundred points miss a front: states that are wrong there look best on them
        chosen = held if self.selection is self.held_out else self.selection.value(self.theta)
        self.system.load(self.theta)
        state = self.method_state
        row = {
            "step": self.counters.step,
            "seconds": self._elapsed(),
            "loss": float(state.loss),
            "held_out": held,
            "points": float(self.system.points.interior.shape[0]),
            "draws": float(self.counters.draws),
        }
        error = None
        if self._answer is not None:
            error = relative_error(self.system.trial, *self._answer)
            row["error"] = error
        row |= measured(self.metrics, self.system.trial)
        if self.history and self.history[-1]["step"] == self.counters.step:
            self.history[-1] = row
        else:
            self.history.append(row)
        if chosen < self.counters.best:
            self.count(best=chosen)
            self.best_theta = self.theta.clone()
        if progress is not None:
            progress(row, self.relative(held))
        step, seconds, loss = self.counters.step, row["seconds"], row["loss"]
        numbers = {name: value for name, value in row.items() if name not in ("step", "seconds")}
        event = Event(step, seconds, loss, held, error, self.system.trial, self.attempt, numbers)
        return held, chosen, tell(self.callbacks, event)

    def _look(self, progress: Any) -> str | None:
        """Measure, and decide about points and the end."""
        held, chosen, stop = self._measure(progress)
        if stop:
            return "interrupted"
        if self.limits.accuracy is not None:
            if self._accurate(held, self.limits.accuracy):
                return "converged"
        elif self.relative(_worse(held, chosen)) <= self.limits.tol:
            return "converged"
        if held < PROGRESS * self.counters.mark:
            self.count(mark=held, quiet_looks=0, rescued=False)
        else:
            self.count(quiet_looks=self.counters.quiet_looks + 1)
        stalled = self.counters.quiet_looks >= self.stall_looks
        if self.growth is not None and (stalled or self.growth.due(self.held())) and self.growth.grow(self):
            return None
        if stalled:
            return "stalled"
        if self.counters.step > 0:
            consider_points(self, held, self.method_state.loss)
        return None

    def _accurate(self, held: float, accuracy: float) -> bool:
        """Whether the estimated error is small enough; looked at where it may be, or after a while."""
        if not worth_estimating(self.history, self.estimates, accuracy, self.work()):
            return False
        found = self.estimate(asked=accuracy)
        self.estimates = Estimates(held, len(self.history), self.estimates.work + found.work)
        self.history[-1]["estimate"] = math.nan if found.value is None else found.value
        self.told.take(self.theta, found)
        if found.value is None or found.value > accuracy:
            return False
        self.keep(self.theta)  # it is this state that is known to be accurate, whatever another one's loss
        return True

    def keep(self, theta: Tensor) -> None:
        """Hand over this state in the end, whatever the losses say."""
        self.best_theta = theta.clone()
        self.count(best=self.selection.value(theta))
        self.system.load(theta)

    def known(self, least: float) -> ErrorEstimate | None:
        """An estimate of the result that as much counted work would not change; None where none was made."""
        if self.told.last is None:
            return None
        theta, found = self.told.last
        accuracy = self.limits.accuracy
        within = accuracy is not None and found.value is not None and found.value <= accuracy
        spent = within or found.complete or found.work >= max(least, ESTIMATE_SHARE * self.work())
        return found if spent and torch.equal(theta, self.result) else None

    def estimate(
        self, least: float = ESTIMATE_LEAST, seconds: float = math.inf, asked: float | None = None
    ) -> ErrorEstimate:
        """The error of what the trial function holds, estimated in a tenth of the run's counted work or in ``least``.

        Where it is within the accuracy that the run was asked for, it is the worse of two estimates.
        """
        trial, weights = self.system.trial, self.system.points.weights
        work, accuracy = max(least, ESTIMATE_SHARE * self.work()), self.limits.accuracy

        def first() -> ErrorEstimate:
            return estimate_error(trial.problem, trial, weights, seconds=seconds, work=work, asked=asked)

        def second(features: int) -> ErrorEstimate:  # it ends the run, and may take what one at the end may
            more = max(ESTIMATE_LAST, work)
            return estimate_error(
                trial.problem, trial, weights, seconds=seconds, work=more, seed=1, least=features
            )

        return first() if accuracy is None else confirmed(first, second, accuracy)

    def work(self) -> float:
        """Seconds that the steps so far take on a usual core, as counted and not by the clock."""
        columns = sum(self.system.points.terms[0].parts.values())
        return counted_work(self.history, columns, self.theta.numel(), self.method.second_order)

    def held(self) -> list[float]:
        """Held-out losses, one a look."""
        return [row["held_out"] for row in self.history]

    def _settled(self) -> bool:
        """Whether the residual is down to rounding, so that no step can lower it."""
        return self.relative(self.held_out.value(self.theta)) <= max(self.limits.tol, 1e-13)

    @property
    def result(self) -> Tensor:
        """The best parameters so far."""
        return self.theta if self.best_theta is None else self.best_theta

    def jump(self, theta: Tensor) -> str:
        """One step to a ``theta`` that a closed form gave, in the place of ``run``: converged where within ``tol``."""
        self._start = time.perf_counter()
        self.count(step=1)
        self.begin(theta)
        held, chosen, _ = self._measure(None)
        self.seconds_before += time.perf_counter() - self._start
        if not math.isfinite(held):
            return "diverged"
        within = self.relative(_worse(held, chosen)) <= self.limits.tol
        return "converged" if self.solved or within else "stalled"

    def _final(self, outcome: str) -> Tensor:
        if self.best_theta is not None and (outcome == "diverged" or self.counters.best < math.inf):
            return self.best_theta
        return self.theta

    def relative(self, held: float) -> float:
        """A held-out loss as a residual relative to ``scale``."""
        return math.sqrt(max(2.0 * held, 0.0)) / self.scale if math.isfinite(held) else math.inf

    def _elapsed(self) -> float:
        return self.seconds_before + time.perf_counter() - self._start

    def _solved_by_conditions(self) -> Tensor | None:
        """Parameters of a zero network, where nothing is left for one to solve."""
        return self.system.silent_theta() if self.solved or self.silent <= self.limits.tol else None


def _worse(held: float, chosen: float) -> float:
    """The larger of two losses, infinite where one of them is no number."""
    return max(held, chosen) if math.isfinite(held + chosen) else math.inf
