"""A solve of all times at once: attempts, of which the best is kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from sciml.ansatz import Ansatz, Trial
from sciml.checks.findings import findings
from sciml.checks.model import check_model
from sciml.coefficients import with_coefficients, with_values
from sciml.conservation.fluxes import flux_notes
from sciml.corners.functions import no_corners
from sciml.errors import ArgumentError
from sciml.optim.threads import few_threads
from sciml.problem import PDE
from sciml.solvers.attempts.others import RESTART, STEEPER, WIDER, Attempt, Variant, other_attempts
from sciml.solvers.placed.attempt import placed_attempt
from sciml.solvers.posterior.conclude import conclude
from sciml.solvers.report import Report
from sciml.solvers.sharing.group import Group
from sciml.solvers.sharing.worker import Result, follow, leading, share
from sciml.solvers.solution import Solution
from sciml.solvers.training.defaults import copied, default_network
from sciml.solvers.training.interrupt import Interruption
from sciml.solvers.training.resume import Saver, restore
from sciml.solvers.training.settings import (
    Settings,
    carry_out,
    growth_of,
    held_out_system,
    make_run,
    method_for,
    report_of,
    selection_system,
    training_system,
)
from sciml.solvers.windowed import windowed_attempt
from sciml.solvers.windows.advice import window_advice

LATE = 1.0  # seconds beyond ``max_time`` from which a set-up is noted


@dataclass(frozen=True)
class AtOnce:
    """What a solve of all times at once is asked for.

    Attributes:
        settings: Of the solve.
        model: None for the default.
        optimizer, dtype, corners, resume, checkpoint, every: As in ``sciml.solve``.
        device: None unless given.
        knots: Numbers that a KAN may grow to; True for the default, False for none.
        windows: Whether windows may be tried where it stalls.
        group: Processes that share the points.
        began: When the solve was asked for, by ``time.perf_counter``: checks count, too.
    """

    settings: Settings
    model: nn.Module | None
    optimizer: Any
    dtype: torch.dtype
    device: torch.device | None
    corners: bool
    knots: bool | int
    resume: Any
    checkpoint: Any
    every: float
    windows: bool
    group: Group | None
    began: float

    @property
    def kept_on_disk(self) -> bool:
        """Whether it is a run that is continued or can be: such a solve is one attempt."""
        return self.resume is not None or self.checkpoint is not None

    @property
    def by_default(self) -> bool:
        """Whether network, optimiser, precision and device are left to the solver."""
        automatic = self.model is None and isinstance(self.optimizer, str) and self.optimizer == "auto"
        return automatic and self.dtype == torch.float64 and self.device is None

    def solution(self, interruption: Interruption) -> Solution:
        """Carry it out.

        Args:
            interruption: Tells when somebody asked to stop.
        """
        group, problem = self.group, self.settings.problem
        with ExitStack() as stack:
            notes = findings(problem) if group is None else group.agree(lambda: findings(problem))
            result = stack.enter_context(leading(group))
            live, coefficients = with_coefficients(problem)
            if self.settings.accuracy is not None and coefficients:
                raise ArgumentError(
                    "accuracy needs a problem without an Unknown, got one whose error is that of its measurements: "
                    "solution.std tells it."
                )
            if group is not None and not group.leads:
                return _followed(problem, follow(group, self._trial_maker(live)), self._trial_maker(live))
            return self._best(live, coefficients, notes, interruption, result)

    def _trial_maker(self, live: PDE) -> Callable[[nn.Module, bool], Trial]:
        """``(network, penalties)`` to the trial function."""

        def trial_of(network: nn.Module, penalties: bool) -> Trial:
            network.to(dtype=self.dtype, device=self.device)
            seen = None if self.corners else no_corners(self.settings.problem)
            return Trial(live, network, Ansatz(live, penalties, self.corners), corners=seen)

        return trial_of

    def _best(
        self, live: PDE, coefficients: list[Any], notes: list[str], interruption: Interruption, result: Result
    ) -> Solution:
        """The solution of the best attempt, in the first process, where Ctrl-C only asks."""
        settings, problem, group = self.settings, self.settings.problem, self.group

        def attempt(variant: Variant, settings: Settings, age: float = 0.0) -> Attempt:
            return self._attempt(live, coefficients, notes, interruption, variant, settings, age)

        suits = self.by_default and not coefficients and not self.kept_on_disk
        best = placed_attempt(problem, settings, notes, interruption) if suits else None
        before = [] if best is None else [best]
        if best is None or not (best.good(settings.accuracy) or interruption.asked):
            best = attempt(Variant(), settings, 0.0 if best is None else best.run.seconds_before)
        measured = bool(coefficients) or best.run.system.points.measured
        marched, line = None, ""
        if suits and not measured and self.windows and group is None:
            marched, line = windowed_attempt(best, settings, interruption, self.corners)
        if marched is not None:
            marched.stats.notes = list(dict.fromkeys([*notes, *marched.stats.notes]))
            return marched
        first = best
        if not measured and not self.kept_on_disk:
            best = other_attempts(best, settings, self.model is not None, attempt, before)
        if line:
            best.stats.attempts = [*(best.stats.attempts or [f"{first.line()} (kept)"]), line]
        stats, found = best.stats, {c.name: c.number for c in coefficients}
        trial = self._concluded(best, found, measured)
        if not (measured or line):
            stats.notes += window_advice(problem, stats)
        if group is not None:
            stats.notes.append(
                f"{group.size} processes shared the points and sent {group.sent / 1e6:.1f} MB."
            )
        result.take(trial, best.run, stats, found)
        return Solution(trial.problem, trial, best.run.history, stats, problem)

    def _concluded(self, best: Attempt, found: dict[str, float], measured: bool) -> Trial:
        """The trial function with the coefficients that were found, after what is said of fluxes or of measurements."""
        trial, stats, problem = best.run.system.trial, best.stats, self.settings.problem
        if found:
            trial = trial.like(with_values(problem, found), trial.network)
        if measured:
            with few_threads(stats.parameters or 0, torch_too=True):
                conclude(problem, trial, stats, found, self.settings.accuracy)
        else:
            stats.notes += flux_notes(problem, lambda x: trial(x.to(next(trial.parameters()))).double().cpu())
        return trial

    def _attempt(
        self,
        live: PDE,
        coefficients: list[Any],
        notes: list[str],
        interruption: Interruption,
        variant: Variant,
        settings: Settings,
        age: float,
    ) -> Attempt:
        """Carry out one attempt.

        Args:
            live: The problem with numbers in the place of unknown coefficients.
            coefficients: These.
            notes: Of the checks.
            interruption: Tells when somebody asked to stop.
            variant: What it does another way.
            settings: With its own limits.
            age: Of the solve, in seconds; 0 for the first attempt.
        """
        began = time.perf_counter() if age > 0 else self.began
        # a copy: what a user passes in stays as it is, and another solve may start from it
        network = self._default(variant, settings.seed) if self.model is None else copied(self.model)
        trial = self._trial_maker(live)(network, variant.penalties)
        if self.model is not None and not trial.offers_jets:
            check_model(live, network, trial.inputs_at)
        parameters = sum(p.numel() for p in network.parameters() if p.requires_grad) + len(coefficients)
        with few_threads(parameters, torch_too=True):
            system = training_system(settings, trial, notes, measure=True, coefficients=coefficients)
            held_out = held_out_system(settings, system)
            selection = selection_system(held_out, system.points.count, settings.seed)
            if self.group is not None:
                system = share(system, self.group)
            method = method_for(self.optimizer, settings, system, parameters)
            run = make_run(settings, system, held_out, method, parameters, interruption, selection)
            run.attempt, run.adaptive = variant.words, not variant.even
            if self.group is None and not self.kept_on_disk and not system.points.measured:
                run.growth = growth_of(settings, run, self.knots)
            took = time.perf_counter() - began
            if age > 0:
                run.seconds_before = age + took
            else:
                if took > run.limits.max_time + LATE:
                    run.notes.append(
                        f"setting up took {took:.1f} s of max_time={run.limits.max_time:g}: kernels, checks and sizes come "
                        "before the first step."
                    )
                run.limits = run.limits.shortened(took)
            if self.resume is not None:
                restore(run, self.resume)
            saver = None
            if self.checkpoint is not None:
                saver = Saver(run, self.checkpoint, self.every)
                # first, so that what a user's callback does cannot keep it from saving
                run.callbacks = [saver, *settings.callbacks]
            outcome = carry_out(run, settings)
            if saver is not None:
                saver.finish(outcome)
            return Attempt(variant, run, report_of(run, outcome, self.optimizer, run.theta.numel()))

    def _default(self, variant: Variant, seed: int) -> nn.Module:
        """The network made for the problem, as a variant wants it."""
        factor, steepness = WIDER if variant.wider else 1, STEEPER if variant.steeper else 1.0
        seed += RESTART * variant.restart
        return default_network(self.settings.problem, seed, self.dtype, factor, steepness, self.corners)


def _followed(problem: PDE, result: Result, trial_of: Callable[[nn.Module, bool], Trial]) -> Solution:
    """The solution of the first process, in another one."""
    trial = trial_of(result.network, result.penalties)
    trial.set_scale(result.scale)
    if result.values:
        trial = trial.like(with_values(problem, result.values), trial.network)
    stats: Report = result.stats
    return Solution(trial.problem, trial, result.history, stats, problem)
