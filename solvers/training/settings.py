"""What solving and fine-tuning share: checked settings, the collocation systems, the run, its statistics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from sciml import optim
from sciml.ansatz import Trial
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.problem import PDE
from sciml.solvers.training.collocation import Collocation
from sciml.solvers.training.defaults import default_method, default_points, most_points
from sciml.solvers.training.loop import FIRST_ORDER_REDRAW, REDRAW_EVERY, Callback, Limits, Run
from sciml.solvers.training.progress import ProgressBar

TOLERANCE = 1e-8  # relative held-out residual at which a solve counts as converged
MAX_TIME = 300.0  # seconds, so that a first try always comes back
HELD_OUT = 500  # points that training never sees
HELD_OUT_SEED = 104_729  # added to the seed, so that they differ from the training points


@dataclass(frozen=True)
class Settings:
    """The arguments that :func:`sciml.solve` and :func:`finetune` have in common, checked when built."""

    problem: PDE
    points: int | None = None
    max_time: float | None = None
    max_steps: int | None = None
    tol: float | None = None
    seed: int = 0
    callbacks: Sequence[Callback] = ()
    progress: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.problem, PDE):
            hint = " Write Poisson(), not Poisson." if isinstance(self.problem, type) else ""
            raise ArgumentTypeError(f"problem must be a sciml.PDE; got {self.problem!r}.{hint}")
        for name in ("points", "max_steps"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise ArgumentError(f"{name} must be an int >= 1 or None; got {value!r}.")
        for name in ("max_time", "tol"):
            value = getattr(self, name)
            if value is not None and not (
                isinstance(value, (int, float)) and value >= 0 and not math.isnan(value)
            ):
                raise ArgumentError(f"{name} must be a number >= 0 or None; got {value!r}.")
        if callable(self.callbacks) or not all(callable(c) for c in self.callbacks):
            raise ArgumentTypeError(
                f"callbacks must be a sequence of functions of one event; got {self.callbacks!r}."
            )

    @property
    def limits(self) -> Limits:
        """When to stop, defaults filled in."""
        return Limits(
            MAX_TIME if self.max_time is None else float(self.max_time),
            self.max_steps,
            TOLERANCE if self.tol is None else float(self.tol),
        )

    def shortened(self, share: float) -> Settings:
        """The same with a share of the time and the steps."""
        steps = None if self.max_steps is None else max(1, int(share * self.max_steps))
        return replace(self, max_time=share * self.limits.max_time, max_steps=steps)


def training_system(
    settings: Settings, trial: Trial, at_least: int = 0, *, check: bool = True
) -> Collocation:
    """The collocation system to train on, with the first points drawn."""
    parameters = sum(p.numel() for p in trial.network.parameters() if p.requires_grad)
    count = settings.points or max(default_points(settings.problem, parameters), at_least)
    return Collocation(settings.problem, trial, count, max(40, count // 4), seed=settings.seed, check=check)


def held_out_system(settings: Settings, system: Collocation) -> Collocation:
    """The same equations on points that training never sees."""
    return system.elsewhere(HELD_OUT, HELD_OUT // 4, settings.seed + HELD_OUT_SEED)


def method_for(optimizer: Any, settings: Settings, system: Collocation, parameters: int) -> optim.StepMethod:
    """The step method that an ``optimizer`` argument stands for."""
    if isinstance(optimizer, str) and optimizer == "auto":
        points = system.sites[0].count
        return default_method(parameters, points, system.pointwise, settings.limits.max_time)
    return optim.as_method(optimizer)


def make_run(
    settings: Settings, system: Any, held_out: Any, method: optim.StepMethod, parameters: int
) -> Run:
    """A run that has not started yet."""
    second = not isinstance(method, optim.TorchMethod)
    count = system.sites[0].count
    return Run(
        settings.problem,
        system,
        held_out,
        method,
        settings.limits,
        settings.seed,
        second_order=second,
        redraw_every=REDRAW_EVERY if second else FIRST_ORDER_REDRAW,
        max_points=count if settings.points else max(count, most_points(parameters)),
        look_every=10 if second else 100,
        callbacks=settings.callbacks,
    )


def carry_out(run: Run, settings: Settings) -> str:
    """Train, with a progress bar where asked for; the outcome's name."""
    with ProgressBar(settings.progress, run.limits) as bar:
        return run.run(bar.update)


def statistics(run: Run, outcome: str, optimizer: Any) -> dict[str, Any]:
    """How a run ended, as plain data."""
    named = optimizer if isinstance(optimizer, str) and optimizer != "auto" else repr(run.method)
    return {
        "outcome": outcome,
        "seconds": run.seconds_before,
        "steps": run.step,
        "rejected": run.rejected,
        "points": run.system.sites[0].x.shape[0],
        "optimizer": optimizer.__name__ if isinstance(optimizer, type) else named,
        "residual": run.relative(run.best),
        "scale": run.scale,
        "threads": torch.get_num_threads(),
        "weights": dict(run.system.weights),
        "notes": [*run.system.notes, *run.notes, *_advice(outcome)],
        "seed": run.seed,
    }


def _advice(outcome: str) -> list[str]:
    if outcome == "diverged":
        return [
            "the loss stopped being finite; the last good state is kept. Try dtype=torch.float64, a smaller network, "
            "or optimizer='lm'."
        ]
    if outcome == "stalled":
        return ["no more progress: a wider network, a larger first-layer scale or more points may help."]
    return []
