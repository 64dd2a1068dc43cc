"""What solving and fine-tuning share: checked settings, the residual systems, the run, its report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from sciml import optim
from sciml.ansatz import Trial
from sciml.arguments import coordinate_name, integer, number, positive, seed_number
from sciml.errors import ArgumentError, ArgumentTypeError, SciMLError
from sciml.nn import KAN
from sciml.problem import PDE
from sciml.solvers.estimate.judgement import ErrorEstimate
from sciml.solvers.estimate.levels import LEVELS, level_work
from sciml.solvers.grids.growth import Growth
from sciml.solvers.report import COLUMNS, Report
from sciml.solvers.training.defaults import (
    LARGEST_LAYER,
    MOST_POINTS,
    default_method,
    default_points,
    most_points,
    points_that_fit,
    widest,
    with_lengths,
)
from sciml.solvers.training.interrupt import Interruption
from sciml.solvers.training.least_squares import CLOSED_FORM
from sciml.solvers.training.loop import Run, System
from sciml.solvers.training.progress import ProgressBar
from sciml.solvers.training.residual_system import ResidualSystem
from sciml.solvers.training.run_state import ESTIMATE_LAST, ESTIMATE_SHARE, Callback, Limits, Metric
from sciml.solvers.training.scales import rescale
from sciml.unknown import Coefficient

TOLERANCE = 1e-8  # relative held-out residual at which a solve counts as converged
MAX_TIME = 60.0  # seconds, so that a first try always comes back
MOST = 10_000_000  # points: more do not fit into memory with their derivatives
HELD_OUT = 500  # points that training never sees
HELD_OUT_SEED = 104_729  # added to the seed, so that they differ from the training points
SELECTION = 4000  # points by which the state to keep is chosen, at most
SELECTION_TIMES = 4  # the same in times the points of training
SELECTION_DIM = 3  # coordinates up to which so many points are close enough to find a front
SELECTION_SEED = 179_424_673


@dataclass(frozen=True)
class Settings:
    """The arguments that ``sciml.solve`` and ``finetune`` have in common, checked when built."""

    problem: PDE
    points: int | None = None
    max_time: float | None = None
    max_steps: int | None = None
    tol: float | None = None
    accuracy: float | None = None
    seed: int = 0
    callbacks: Sequence[Callback] = ()
    progress: bool = True
    metrics: Mapping[str, Metric] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.problem, PDE):
            name = self.problem.__name__ if isinstance(self.problem, type) else ""
            hint = f" Write {name}(), not {name}." if name else ""
            raise ArgumentTypeError(f"problem needs a sciml.PDE, got {self.problem!r}.{hint}")
        for name, most in (("points", MOST), ("max_steps", None)):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, integer(name, getattr(self, name), least=1, most=most))
        for name in ("max_time", "tol"):
            value = getattr(self, name)
            if value is not None and value != math.inf:  # for ever is a time
                object.__setattr__(self, name, number(name, value, least=0))
        if self.accuracy is not None:
            object.__setattr__(self, "accuracy", positive("accuracy", self.accuracy))
        object.__setattr__(self, "seed", seed_number(self.seed))
        if callable(self.callbacks) or not all(callable(c) for c in self.callbacks):
            raise ArgumentTypeError(
                f"callbacks needs a sequence of functions of one event, got {self.callbacks!r}."
            )
        object.__setattr__(self, "metrics", checked_metrics(self.metrics))

    @property
    def limits(self) -> Limits:
        """When to stop, defaults filled in."""
        return Limits(
            MAX_TIME if self.max_time is None else float(self.max_time),
            self.max_steps,
            TOLERANCE if self.tol is None else float(self.tol),
            self.accuracy,
        )

    def shortened(self, share: float) -> Settings:
        """The same with a share of the time and the steps."""
        steps = None if self.max_steps is None else max(1, int(share * self.max_steps))
        return replace(self, max_time=share * self.limits.max_time, max_steps=steps)


def checked_metrics(metrics: Any) -> dict[str, Metric]:
    """A user's metrics by name; None stands for none.

    Raises:
        ArgumentTypeError: No dictionary of functions.
        ArgumentError: A name that is no identifier, or that a history has already.
    """
    if metrics is None:
        return {}
    if not isinstance(metrics, Mapping) or not all(callable(f) for f in metrics.values()):
        raise ArgumentTypeError(f"metrics needs a dictionary of functions by name, got {metrics!r}.")
    for name in metrics:
        if coordinate_name("metrics' names", name) in COLUMNS or not name.isascii():
            raise ArgumentError(
                f"metrics needs names in ASCII other than {', '.join(COLUMNS)}, got {name!r}."
            )
    return dict(metrics)


def training_system(
    settings: Settings,
    trial: Trial,
    notes: Sequence[str] = (),
    at_least: int = 0,
    *,
    measure: bool = False,
    weights: Mapping[str, float] | None = None,
    check: bool = True,
    coefficients: Sequence[Coefficient] = (),
) -> ResidualSystem:
    """The residual system to train on, with the first points drawn.

    Args:
        settings: Of the solve.
        trial: With the network at its start.
        notes: On the problem; they go before the system's own.
        at_least: Interior points at least.
        measure: Whether to measure the sizes of unknowns and equations.
        weights: Of the equations, where they are known instead.
        check: Whether to look for rows that mix points; it is done in the sizes that were measured.
        coefficients: Of the trial function's problem, to be trained with the network.
    """
    parameters = sum(p.numel() for p in trial.network.parameters() if p.requires_grad)
    width = widest(trial.network)
    count = settings.points or max(default_points(settings.problem, parameters, width), at_least)
    fit = points_that_fit(settings.problem, width, 4 * LARGEST_LAYER)
    if count > fit:
        notes = [
            *notes,
            f"{fit} points in place of {count}: with their derivatives, more do not fit into memory.",
        ]
        count = fit
    boundary = max(40, count // 4)
    system = ResidualSystem(
        trial.problem, trial, count, boundary, seed=settings.seed, check=False, coefficients=coefficients
    )
    sizes = rescale(system) if measure else None
    equations = {name: w for name, w in (weights or {}).items() if name in system.points.terms[0].parts}
    if any(w != 1.0 for w in equations.values()):
        system.points.set_sizes({name: w**-0.5 for name, w in equations.items()})
    if check and system.pointwise:
        system.check_pointwise()
    found = [] if sizes is None else [sizes.note(settings.problem.unknowns)]
    system.notes = [*notes, *system.notes, *found]
    return system


def held_out_system(settings: Settings, system: ResidualSystem) -> ResidualSystem:
    """The same equations on points that training never sees."""
    return system.elsewhere(HELD_OUT, HELD_OUT // 4, settings.seed + HELD_OUT_SEED)


def selection_system(held_out: ResidualSystem, points: int, seed: int) -> ResidualSystem:
    """The equations on the points by which the state to keep is chosen: once drawn they stay.

    Between two draws of training points a state may become wrong in a front where 500 points have none of theirs. Looks
    take at most 2 % of the steps between them (1.4 % for Burgers, 0.8 % for Poisson, one core).

    Args:
        held_out: On points that training never sees; returned where these have to do.
        points: Training points at the start.
        seed: Of the run.
    """
    count = min(SELECTION, SELECTION_TIMES * points)
    if held_out.points.problem.domain.dim > SELECTION_DIM or count <= held_out.points.count:
        return held_out
    return held_out.elsewhere(count, count // 4, seed + SELECTION_SEED)


def method_for(
    optimizer: Any, settings: Settings, system: ResidualSystem, parameters: int
) -> optim.StepMethod:
    """The step method that an ``optimizer`` argument stands for."""
    if isinstance(optimizer, str) and optimizer == "auto":
        points = system.points.count
        method = default_method(parameters, points, system.pointwise, settings.limits.max_time)
        return with_lengths(method, system.trial.network)
    return optim.as_method(optimizer)


def make_run(
    settings: Settings,
    system: System,
    held_out: System,
    method: optim.StepMethod,
    parameters: int,
    interruption: Interruption | None = None,
    selection: System | None = None,
) -> Run:
    """A run that has not started yet."""
    count = system.points.count
    return Run(
        settings.problem,
        system,
        held_out,
        method,
        settings.limits,
        settings.seed,
        max_points=count if settings.points else max(count, _most(settings.problem, system, parameters)),
        selection=selection,
        callbacks=settings.callbacks,
        metrics=settings.metrics,
        interruption=interruption,
    )


def _most(problem: PDE, system: System, parameters: int) -> int:
    fit = points_that_fit(problem, widest(system.trial.network), LARGEST_LAYER)
    return min(most_points(parameters), fit)


def growth_of(settings: Settings, run: Run, most: bool | int) -> Growth | None:
    """What adds knots to a run's network; None where nothing does.

    Args:
        settings, run: Before it starts.
        most: Numbers that the network may have; True for twice those that it has, False for no more.
    """
    system, network = run.system, run.system.trial.network
    if most is False or not isinstance(system, ResidualSystem) or not isinstance(network, KAN):
        return None
    if network.basis != "bspline" or not system.pointwise or not run.method.second_order:
        return None
    if not all(p.requires_grad for p in network.parameters()):
        return None
    fit = points_that_fit(settings.problem, widest(network), LARGEST_LAYER)
    return Growth(network, None if most is True else most, 0 if settings.points else min(MOST_POINTS, fit))


def carry_out(run: Run, settings: Settings) -> str:
    """Train, with a progress bar where asked for; the outcome's name."""
    with ProgressBar(settings.progress, run.limits, run.attempt) as bar:
        return run.run(bar.update)


def report_of(run: Run, outcome: str, optimizer: Any, parameters: int, *, estimate: bool = True) -> Report:
    """How a run ended; the trial function holds its result, which is chosen here where an accuracy was asked for.

    Args:
        run, outcome: What ended, and how.
        optimizer: What was asked for.
        parameters: Trained numbers.
        estimate: Whether to estimate the error, in a tenth of the run's time.
    """
    # a correction would fit the noise: what a fit is off by comes from its posterior, and coefficients are put in first
    open_ = run.system.points.measured or run.system.points.has_coefficients
    estimate = estimate and outcome not in ("interrupted", "diverged") and not open_
    found = _estimated(run) if estimate else None
    if found is not None and run.limits.accuracy is not None:
        found = _by_estimate(run, found)
    notes = [*run.system.notes, *run.notes]
    if run.growth is not None and run.growth.sizes:
        notes.append(run.growth.note(parameters))
    if found is not None and found.value is None:
        notes.append(f"the error could not be estimated: {found.reason}.")
    if run.limits.accuracy is not None and found is not None and outcome != "interrupted":
        outcome, note = _by_accuracy(outcome, found, run.limits.accuracy)
        notes += note
    named = optimizer if isinstance(optimizer, str) and optimizer != "auto" else repr(run.method)
    trial = run.system.trial
    return Report(
        outcome=outcome,
        seconds=run.seconds_before,
        steps=run.counters.step,
        rejected=run.counters.rejected,
        points=run.system.points.interior.shape[0],
        parameters=parameters,
        optimizer=optimizer.__name__ if isinstance(optimizer, type) else named,
        residual=run.relative(run.counters.best),
        scale=run.scale,
        error_estimate=None if found is None else found.value,
        error_drop=None if found is None else found.drop,
        threads=torch.get_num_threads(),
        weights=dict(run.system.points.weights),
        hard=[condition.label for condition in trial.ansatz.hard],
        notes=[*notes, *_advice(run, outcome, optimizer)],
        seed=run.seed,
        dtype=str(run.theta.dtype).removeprefix("torch."),
    )


def _estimated(run: Run) -> ErrorEstimate | None:
    """The error of what a run ended with; None where the problem's own code fails at the correction's points."""
    known = run.known(ESTIMATE_LAST)
    if known is not None:
        return known
    # the clock counts where it has ended the run anyway
    late, share = run.seconds_before >= run.limits.max_time, ESTIMATE_SHARE * run.seconds_before
    least = level_work(run.problem, *LEVELS[0])
    if late and least > max(ESTIMATE_LAST, share):
        run.notes.append(
            f"the error was not estimated, which takes some {least:.0f} s: error_estimate() does it."
        )
        return None
    try:
        return run.estimate(ESTIMATE_LAST, max(ESTIMATE_LAST, share) if late else math.inf)
    except (SciMLError, ArithmeticError, RuntimeError) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        run.notes.append(f"the error could not be estimated: {reason}")
        return None


def _by_estimate(run: Run, found: ErrorEstimate) -> ErrorEstimate:
    """The estimate of what is handed over: an earlier state, where it was told to be clearly better than the last."""
    earlier = run.told.better(run.result, found)
    if earlier is None:
        return found
    last = run.result
    run.keep(earlier)
    again = _estimated(run)
    if again is not None and again.value is not None and again.value < (found.value or math.inf):
        return again
    run.keep(last)
    return found


def _by_accuracy(outcome: str, found: ErrorEstimate, accuracy: float) -> tuple[str, list[str]]:
    """The outcome where an accuracy was asked for: converged is what the estimate says it is."""
    if found.value is not None and found.value <= accuracy:
        return "converged", []
    if outcome != "converged":
        return outcome, []
    why = found.reason or f"the estimated error is {found.value:.1e}"
    return "stalled", [f"the accuracy of {accuracy:g} was not reached: {why}."]


def _advice(run: Run, outcome: str, optimizer: Any) -> list[str]:
    if outcome == "diverged":
        return [
            "the loss stopped being finite; the last good state is kept. Try dtype=torch.float64, a smaller network, "
            "or optimizer='lm'."
        ]
    if outcome == "max_time":
        return [
            f"stopped after {run.asked:g} s: max_time=... gives more, and the solution's network as the model of "
            "another solve goes on from here."
        ]
    if outcome == "stalled" and optimizer != CLOSED_FORM:
        return ["no more progress: a wider network, a larger first-layer scale or more points may help."]
    return []
