"""What a run is asked for, where it stands, what it has worked, and what a callback sees of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from sciml.ansatz import Trial
from sciml.solvers.training.defaults import FLOPS


@dataclass
class Limits:
    """When to stop.

    Attributes:
        max_time: Seconds.
        max_steps: Steps of the optimiser.
        tol: Residual, relative to that of the trial function without a network.
        accuracy: Estimated relative error; where it is given, it alone decides that a run has converged.
    """

    max_time: float = math.inf
    max_steps: int | None = None
    tol: float = 0.0
    accuracy: float | None = None

    def shortened(self, seconds: float) -> Limits:
        """Without what a set-up of ``seconds`` took beyond a tenth of ``max_time``; half of it is left in any case."""
        limit = self.max_time
        if not math.isfinite(limit):
            return self
        return replace(self, max_time=max(0.5 * limit, min(limit, 1.1 * limit - seconds)))


@dataclass
class Event:
    """What a callback sees after a look at the run.

    Attributes:
        step, seconds: Steps taken and wall time so far.
        loss, held_out: ``1/2 |r|^2`` on the training and on the held-out points.
        error: Relative L2 error where the answer is known, else None.
        trial: The trial function with the current parameters; not to be changed.
        attempt: What is tried in place of a solve that stalled; empty for the first attempt.
        numbers: All that is measured by its name: ``loss``, ``held_out``, ``points``, ``error`` where it is known, and the
            user's metrics.
    """

    step: int
    seconds: float
    loss: float
    held_out: float
    error: float | None
    trial: Trial
    attempt: str = ""
    numbers: dict[str, float] = field(default_factory=dict)


ESTIMATE_LOOKS = 5  # after so many looks an error is estimated anew in any case
ESTIMATE_SHARE = 0.1  # of a run's counted work that estimates may take
ESTIMATE_LEAST = 0.1  # that one always may
ESTIMATE_LAST = 1.0  # the same at the end, in seconds
STEP_WORK = 0.01  # seconds of a step besides its linear algebra, on a usual core
Callback = Callable[[Event], Any]
Metric = Callable[[Any], Any]  # the trial function to a number


class BrokenRun(Exception):
    """Something ended a run from outside; its best state is kept, and the message becomes a note."""


class CallbackError(BrokenRun):
    """A user's callback raised; the run ends as if it had asked to stop."""


@dataclass(frozen=True)
class Counters:
    """All that the loop's decisions depend on besides the parameters, the points and the method's own state.

    Attributes:
        step: Steps of the optimiser so far.
        decided: The last step after which everything was decided.
        draws: Times that new points were drawn.
        rejected: Steps that were not taken.
        since_redraw: Steps taken since the last draw.
        quiet_looks: Looks in a row without progress.
        rescued: Whether new points were tried since the last progress.
        best: Lowest loss under the present weights, on the points by which the state to keep is chosen.
        mark: Held-out loss that counts as progress to fall below.
    """

    step: int = 0
    decided: int = -1
    draws: int = 0
    rejected: int = 0
    since_redraw: int = 0
    quiet_looks: int = 0
    rescued: bool = False
    best: float = math.inf
    mark: float = math.inf


@dataclass(frozen=True)
class Estimates:
    """When the error was estimated last: the held-out loss and the number of looks then, and the work spent in all."""

    held: float = math.inf
    look: int = 0
    work: float = 0.0


def worth_estimating(
    history: Sequence[Mapping[str, float]], before: Estimates, accuracy: float, work: float
) -> bool:
    """Whether an estimate at the last look is in proportion to a run, or likely to end it.

    As far as the last one tells, errors fall as residuals do. Where they should have come down to what is asked for, an
    estimate is worth its seconds whatever those before have taken: a run that goes on without it may take many times as
    long. One that has failed must have halved, so that there are few of them.

    Args:
        history: A row a look, with the held-out loss, and with the estimate where one was made.
        before: When that was.
        accuracy: What is asked for.
        work: Of the run's steps, in counted seconds.
    """
    held = history[-1]["held_out"]
    waited = len(history) >= before.look + ESTIMATE_LOOKS or held <= 0.25 * before.held
    if waited and before.work <= ESTIMATE_SHARE * work + ESTIMATE_LEAST:
        return True
    told = [row["estimate"] for row in history if math.isfinite(row.get("estimate", math.nan))]
    if not told:
        return False
    expected = told[-1] * math.sqrt(held / max(before.held, 1e-300))
    return expected <= min(accuracy, 0.5 * told[-1])


def measured(metrics: Mapping[str, Metric], trial: Any) -> dict[str, float]:
    """A user's metrics of a trial function.

    Raises:
        CallbackError: One of them raised, or gave no number.
    """
    found = {}
    for name, metric in metrics.items():
        try:
            value = metric(trial)
            found[name] = float(value.detach() if isinstance(value, Tensor) else value)
        except Exception as error:
            told = f"metric {name} raised {type(error).__name__}: {error}".rstrip(".")
            raise CallbackError(f"{told}.") from error
    return found


def tell(callbacks: Sequence[Callback], event: Event) -> bool:
    """Call all callbacks; whether one of them asked to stop.

    Raises:
        CallbackError: One of them raised.
    """
    stop = False
    for callback in callbacks:
        try:
            stop = callback(event) is True or stop
        except Exception as error:
            name = getattr(callback, "__qualname__", type(callback).__qualname__)
            told = f"callback {name} raised {type(error).__name__}: {error}".rstrip(".")
            raise CallbackError(f"{told}.") from error
    return stop


def counted_work(
    history: Sequence[Mapping[str, float]], columns: int, parameters: int, second_order: bool
) -> float:
    """Seconds that the steps of a run take on a usual core.

    Args:
        history: A row a look, with its step and its number of points.
        columns: Equations, each a row of the Jacobian at every point.
        parameters: Trained numbers, ``P``.
        second_order: Whether a step solves a linear system.
    """
    total, before = 0.0, 0.0
    P = float(parameters)
    for row in history:
        M = columns * row["points"]
        small = min(P, M)
        one = STEP_WORK + (2.0 * P * M * small + small**3 / 3.0) / FLOPS
        total += (row["step"] - before) * (one if second_order else STEP_WORK)
        before = row["step"]
    return total
