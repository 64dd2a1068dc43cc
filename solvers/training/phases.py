"""Fine-tuning in phases: training goes on where it stopped, and ranks are chosen in between."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torch import Tensor

from sciml import optim
from sciml.adapters import Adapter, Gates, choose, search_ranks
from sciml.optim.methods.gauss_newton import GaussNewtonMethod
from sciml.rank import CubicBudget
from sciml.solvers.report import Report
from sciml.solvers.training.adapted_system import AdaptedSystem, ScaledFactors
from sciml.solvers.training.defaults import with_lengths
from sciml.solvers.training.interrupt import Interruption
from sciml.solvers.training.least_squares import CLOSED_FORM, is_linear, linear_solve
from sciml.solvers.training.loop import Run
from sciml.solvers.training.residual_system import ResidualSystem
from sciml.solvers.training.run_state import Estimates
from sciml.solvers.training.settings import (
    Settings,
    carry_out,
    make_run,
    method_for,
    report_of,
    selection_system,
)

CUT_AT = 0.5  # share of the limits before a single cut: at full rank the search sees what each component does
LONG = 1.0  # seconds of training from which the error is estimated at the end
ROUNDS = 12  # equal shares of the limits in joint training
WARMUP, SETTLE = 2, 5  # of them at full rank first, and at the final ranks last


class Phases:
    """Training of one fine-tuning, in one run or in several that share its limits.

    Args:
        settings: With the limits of all runs together; time is wall time since ``began``.
        inner, outer: Residual systems of the base's copy, to train on and to look at.
        base: The base's parameters as one vector ``(P,)``.
        optimizer: As in ``sciml.solve``.
        interruption: Tells when somebody asked to stop.
        began: Moment of ``time.perf_counter`` from which time counts; now unless given.
        estimated: Whether the error is estimated at the end.
        watch: Called with each run before it starts.

    Attributes:
        history: Of all runs, steps and seconds counted through.
        stats: Of the last run, with ``start`` and ``rejected`` of all; None before the first.
        stopped: Whether a run ended because the user or a callback asked for it.
    """

    def __init__(
        self,
        settings: Settings,
        inner: ResidualSystem,
        outer: ResidualSystem,
        base: Tensor,
        optimizer: Any,
        interruption: Interruption,
        began: float | None = None,
        estimated: bool = True,
        watch: Callable[[Run], None] | None = None,
    ):
        self._estimated, self._watch = estimated, watch
        self.settings, self.inner, self.outer = settings, inner, outer
        self.base, self.optimizer, self.interruption = base, optimizer, interruption
        self.selection = selection_system(outer, inner.points.count, settings.seed)
        self.history: list[dict[str, float]] = []
        self.stats: Report | None = None
        self.stopped = False
        self._draws, self._state = 0, None
        self._aged = False  # whether what went before the first run counts
        self._began = time.perf_counter() if began is None else began

    def train(self, adapter: Adapter, until: float = 1.0) -> None:
        """Train until a share of the limits is used up; at the end the factors are the best of this run."""
        self._run(adapter, self.settings.shortened(until), last=until >= 1.0)

    def stage(self, adapter: Adapter, steps: int | None = None, judged: bool = False) -> Report:
        """Train another adapter, for so many steps at most and within the limits of all runs; how it ended.

        ``judged``: whether where it starts is known to be no answer, so that its error is not estimated before a step.
        """
        done, limits = self._report.steps or 0, self.settings.limits
        most = limits.max_steps if steps is None else min(done + steps, limits.max_steps or done + steps)
        self._state = None  # a damping of other numbers
        self._aged = True
        self._run(adapter, replace(self.settings, max_steps=most), judged=judged)
        return self._report

    def cut(self, adapter: Adapter) -> Adapter:
        """Train at full rank, cut to the budget, train on what is left; the smaller adapter."""
        self.train(adapter, CUT_AT)
        try:
            smaller = search_ranks(adapter, self.inner, self.base)
        except KeyboardInterrupt:
            return self._uncut(adapter)
        return self._settled(smaller)

    def joint(self, adapter: Adapter, budget: int, selector: str) -> Adapter:
        """Train and choose by turns while the budget falls, then cut and train on what is left; the smaller adapter.

        Until the cut, components that a choice leaves out are set to zero and trained on with the others, so that a
        later choice may take them again. Our own working out after SubLoRA's abstract (Gao & Tan, arXiv 2507.01841),
        with the schedule of AdaLoRA (Zhang et al., ICLR 2023).
        """
        size = Gates(adapter).size
        schedule = CubicBudget(size, min(budget, size), ROUNDS, WARMUP, SETTLE)
        # the residual of a trained network is small, where both matrices choose alike; this one costs one Jacobian
        curvature = "gauss_newton" if self.inner.pointwise else "hessian"
        last = ROUNDS - SETTLE
        for k in range(WARMUP + 1, last + 1):
            self.train(adapter, k / ROUNDS)
            gates, now = Gates(adapter), last if self.stopped else k
            try:
                keep = choose(gates, self.inner, self.base, schedule(now), selector, curvature)
            except KeyboardInterrupt:
                return self._uncut(adapter)
            adapter = gates.prune(keep) if now == last else gates.silence(keep)
            if self.stopped:
                break
        return self._settled(adapter)

    def _uncut(self, adapter: Adapter) -> Adapter:
        """The adapter as it was trained, when a search was broken off: nothing that was reached is lost."""
        self.stopped = True
        self._note_stop("stopped while ranks were chosen: not cut to the budget.")
        return adapter

    def _settled(self, adapter: Adapter) -> Adapter:
        """The adapter with its final ranks, trained on unless somebody stopped it."""
        if not self.stopped:
            self.train(adapter)
            return adapter
        # no more steps, but the numbers of the smaller adapter
        self._run(adapter, replace(self.settings, max_steps=max(1, self._report.steps or 0), callbacks=()))
        self._note_stop("stopped before the ranks were chosen: cut to the budget, not trained on.")
        return adapter

    @property
    def _report(self) -> Report:
        return self.stats or Report()

    def _note_stop(self, why: str) -> None:
        """Somebody stopped the fine-tuning in the middle of its phases."""
        self._report.outcome = "interrupted"
        self._report.notes.append(why)

    def _run(self, adapter: Adapter, settings: Settings, last: bool = True, judged: bool = False) -> None:
        auto = isinstance(self.optimizer, str) and self.optimizer == "auto"
        method = method_for("gn-arc" if auto else self.optimizer, settings, self.inner, adapter.size)
        method = with_lengths(method, self.inner.trial.network) if auto else method
        factors = ScaledFactors(adapter) if isinstance(method, optim.TorchMethod) else adapter
        system, held_out = (AdaptedSystem(part, factors, self.base) for part in (self.inner, self.outer))
        alike = self.selection is self.outer
        selection = held_out if alike else AdaptedSystem(self.selection, factors, self.base)
        theta = factors.vector()
        run = make_run(settings, system, held_out, method, adapter.size, self.interruption, selection)
        if self._watch is not None:
            self._watch(run)
        before = self.stats
        if before is not None:
            run.counters = replace(run.counters, step=before.steps or 0, draws=self._draws)
        if before is not None or self._aged:
            run.seconds_before = time.perf_counter() - self._began
        held = held_out.value(theta)
        start = run.relative(held) if before is None else before.start
        if judged:
            run.estimates = Estimates(held, look=1)
        if isinstance(method, GaussNewtonMethod) and self._state is not None:
            # its damping has been found already
            run.begin(theta, method.refresh(system, theta, self._state))
        head = auto and adapter.config.kind == "head"
        outcome, named = _closed_form(run, system, theta) if head else None, self.optimizer
        if outcome:
            named = CLOSED_FORM
        else:
            if head and self.inner.pointwise:
                self.inner.check_pointwise()
            outcome = carry_out(run, settings)
        system.load(run.result)
        self.stopped, self._draws = outcome == "interrupted", run.counters.draws
        self._state = run.method_state
        self.history += run.history
        # a short fine-tuning within tol would take longer to judge than to make: its error is estimated when it is asked for
        short = run.seconds_before <= LONG and settings.accuracy is None
        within, judge = run.relative(run.counters.best) <= run.limits.tol, last and self._estimated
        report = report_of(run, outcome, named, adapter.size, estimate=judge and not (short and within))
        factors.load_vector(run.result)
        system.load(run.result)
        report.start = start
        report.rejected = run.counters.rejected + ((before.rejected or 0) if before else 0)
        self.stats = report


def _closed_form(run: Run, system: AdaptedSystem, theta: Tensor) -> str | None:
    """Jump to the least-squares solution and name the outcome; None where the residual is not linear."""
    linearization = system.linearize(theta)
    linearization.dense()  # once for the test and the solution
    if not is_linear(system, theta, linearization):  # which also shows that J is right
        return None
    outcome = run.jump(linear_solve(linearization, theta))
    if outcome == "stalled":
        run.notes.append(
            f"the last layer can do no better than a relative residual of {run.relative(run.counters.best):.1e}: an "
            "adapter of more layers, such as 'lotra' or 'full', may."
        )
    return outcome
