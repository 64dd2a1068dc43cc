"""The road of a fine-tuning: from the cheapest adapter to the next, as far as the estimated error asks for it.

Stages are judged by the error estimate and not by the residual: near a shock Gauss-Newton lowers the residual of a good
state while its error grows a hundred times. The best state by the estimate is kept.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sciml.adapters import Adapter, LoRA, LoTRA, Span, SpanAdapter
from sciml.errors import ArgumentError, SciMLError
from sciml.nn.splines import SplineNetwork
from sciml.problem import PDE
from sciml.solvers.adapted import AdaptedAnswer
from sciml.solvers.answer import Answer
from sciml.solvers.estimate.estimate import estimate_error
from sciml.solvers.finetuning.ground import phases_of
from sciml.solvers.finetuning.snapshots import SnapshotSpace, chosen, usable
from sciml.solvers.finetuning.span import Spanned, solve_span
from sciml.solvers.report import Report
from sciml.solvers.terms.linear import is_linear_equation
from sciml.solvers.training.interrupt import Interruption
from sciml.solvers.training.phases import Phases
from sciml.solvers.training.run_state import ESTIMATE_LAST
from sciml.solvers.training.settings import Settings

GOAL, LEAST_GOAL = 1e-6, 1e-8  # where the base does not know its own error; and at least
SLACK = 2.0  # times the base's own error that a member may have, where nobody asked for an accuracy
FAR = 10.0  # times the goal: a span with such a weighted residual, which is about the error, is none
LOW_RANK_STEPS = 40
SMALL = 0.5  # of a network's numbers: an adapter with more is left out, as it takes longer than everything
RANK = 8
LOTRA_RANKS = (4, 4, 4)
OPTIMIZER = "gauss-newton in a span"


@dataclass(frozen=True)
class Stage:
    """A stage that has ended, with what it left.

    Attributes:
        label: What it was.
        adapter, stats: What it left, and how it ended.
        seconds: Wall time of the stage alone.
        estimate: Estimated error, at the end or at the last look at which it could be told; None where nothing is known.
    """

    label: str
    adapter: Adapter | SpanAdapter
    stats: Report
    seconds: float
    estimate: float | None

    @property
    def rank(self) -> tuple[int, float]:
        """The smaller, the better."""
        if self.stats.outcome == "diverged":
            return 3, math.inf
        if self.estimate is not None:
            return 1, self.estimate
        # within a tolerance and too short to be judged; or nothing is known
        residual = math.inf if self.stats.residual is None else self.stats.residual
        return (0, residual) if self.stats.outcome == "converged" else (2, residual)

    def line(self) -> str:
        """One line for the report."""
        estimate = self.estimate
        error = "error not estimated" if estimate is None else f"estimated error {estimate:.1e}"
        return f"{self.label}: {self.stats.outcome}, {error}, {self.seconds:.2g} s"


def span_answer(
    base: Answer,
    members: Mapping[str, AdaptedAnswer],
    config: Span,
    settings: Settings,
    notes: Sequence[str],
    name: str,
    began: float,
) -> AdaptedAnswer:
    """Fine-tune through a span alone; its error is estimated where an accuracy was asked for."""
    space = SnapshotSpace(base, chosen(config, members, base))
    found = solve_span(space, settings.problem, config.r, settings.points, settings.seed)
    goal = settings.accuracy
    stats = spanned_report(base, settings, found, notes, goal)
    if stats.outcome != "converged":
        stats.notes.append(
            "a span is as good as its snapshots: error_estimate() tells its error, and adapter='auto' goes on from a span "
            "that does not do."
        )
    stats.seconds = time.perf_counter() - began
    return AdaptedAnswer(base, settings.problem, found.adapter, name, [], stats)


def spanned_report(
    base: Answer, settings: Settings, found: Spanned, notes: Sequence[str], goal: float | None
) -> Report:
    """How a span ended; its error is estimated where there is a goal to compare it with."""
    stats = Report(
        outcome="converged" if found.residual <= settings.limits.tol else "stalled",
        steps=found.steps,
        rejected=0,
        points=found.points,
        parameters=found.adapter.size,
        optimizer=OPTIMIZER,
        residual=found.residual,
        scale=found.scale,
        start=found.start,
        weights=dict(base.stats.weights),
        notes=[*notes, *found.notes],
        seed=settings.seed,
        dtype=str(found.adapter.coefficients.dtype).removeprefix("torch."),
    )
    if goal is None:
        return stats
    trial = base.trial.like(settings.problem, found.adapter.network(base.network))
    stats.hard = [condition.label for condition in trial.ansatz.hard]
    try:
        estimate = estimate_error(settings.problem, trial, base.stats.weights, work=ESTIMATE_LAST, asked=goal)
    except (SciMLError, ArithmeticError, RuntimeError) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        stats.notes.append(f"the error of the span could not be estimated: {reason}")
        stats.outcome = "stalled"
        return stats
    stats.error_estimate, stats.error_drop = estimate.value, estimate.drop
    met = estimate.value is not None and estimate.value <= goal
    stats.outcome = "converged" if met else "stalled"
    if estimate.value is None:
        stats.notes.append(f"the error of the span could not be estimated: {estimate.reason}.")
    return stats


def goal_of(base: Answer, settings: Settings) -> float | None:
    """The estimated error to arrive at; None where a residual was asked for instead."""
    if settings.accuracy is not None:
        return settings.accuracy
    if settings.tol is not None:
        return None
    known = base.stats.error_estimate
    return GOAL if known is None else max(LEAST_GOAL, SLACK * known)


class Road:
    """One fine-tuning from stage to stage.

    Args:
        base: The solved problem.
        members: Other adapters of it, by name.
        settings: With the new problem and the limits of all stages together.
        notes: On the problem.
        optimizer: As in ``sciml.solve``.
        interruption: Tells when somebody asked to stop.
        began: Moment from which time counts.
    """

    def __init__(
        self,
        base: Answer,
        members: Mapping[str, AdaptedAnswer],
        settings: Settings,
        notes: Sequence[str],
        optimizer: Any,
        interruption: Interruption,
        began: float,
    ):
        self.base, self.members, self.notes, self.began = base, members, list(notes), began
        self.goal = goal_of(base, settings)
        self.settings = replace(settings, accuracy=self.goal)
        self.optimizer, self.interruption = optimizer, interruption
        self.stages: list[Stage] = []
        self.history: list[dict[str, float]] = []
        self._near: Adapter | None = None
        self._far: Spanned | None = None

    def answer(self, name: str) -> AdaptedAnswer:
        """Go the road; the answer is the stage with the smallest estimated error."""
        usable_members = usable(self.base, self.members)
        if usable_members:
            self._span(usable_members)
        if not self._arrived:
            self._trained()
        if self._far is not None and self.stages[-1].stats.outcome != "converged":
            self.stages[0] = self._judged(self._far, self.stages[0])
        best = min(self.stages, key=lambda stage: stage.rank)
        last = self.stages[-1].stats
        stats = best.stats
        if last.outcome == "interrupted" or (stats.outcome != "converged" and last is not stats):
            stats.outcome = last.outcome
        stats.seconds = time.perf_counter() - self.began
        stats.steps = self._taken or stats.steps
        stats.attempts = [
            stage.line() + (" (kept)" if stage is best and len(self.stages) > 1 else "")
            for stage in self.stages
        ]
        if self.goal is not None and stats.outcome != "converged":
            stats.notes.append(f"the road aimed at an estimated error of {self.goal:.1e}.")
        return AdaptedAnswer(self.base, self.settings.problem, best.adapter, name, self.history, stats)

    @property
    def _arrived(self) -> bool:
        """Whether nothing else is to be tried: the last stage is good, or time, steps or patience are at an end."""
        if not self.stages:
            return False
        limits = self.settings.limits
        return (
            self.stages[-1].stats.outcome in ("converged", "interrupted")
            or time.perf_counter() - self.began >= limits.max_time
            or (limits.max_steps is not None and self._taken >= limits.max_steps)
        )

    @property
    def _taken(self) -> int:
        """Steps of training so far; those of a span are in a few numbers."""
        return sum(stage.stats.steps or 0 for stage in self.stages if isinstance(stage.adapter, Adapter))

    def _span(self, members: Mapping[str, AdaptedAnswer]) -> None:
        started = time.perf_counter()
        try:
            space = SnapshotSpace(self.base, members)
            found = solve_span(space, self.settings.problem, None, None, self.settings.seed)
        except SciMLError as error:
            self.notes.append(f"no span was tried: {error}")
            return
        # where it is clearly off, an estimate would take longer than to say so, and is made where nothing else arrives
        far = self.goal is not None and found.indicator > FAR * self.goal
        self._far = found if far else None
        stats = spanned_report(self.base, self.settings, found, self.notes, None if far else self.goal)
        if far:
            stats.outcome = "stalled"
        if found.nearest > 0:
            near = members[list(members)[found.nearest - 1]].adapter
            assert isinstance(near, Adapter)
            self._near = Adapter.fit("full", self.base.network, near.deltas())
        label = f"span of {found.adapter.size} ({found.directions} directions)"
        self.stages.append(
            Stage(label, found.adapter, stats, time.perf_counter() - started, stats.error_estimate)
        )

    def _judged(self, found: Spanned, stage: Stage) -> Stage:
        """The stage of a span with its error."""
        began = time.perf_counter()
        stats = spanned_report(self.base, self.settings, found, self.notes, self.goal)
        seconds = stage.seconds + time.perf_counter() - began
        return replace(stage, stats=stats, seconds=seconds, estimate=stats.error_estimate)

    def _trained(self) -> None:
        """The stages that train parameters."""
        base, problem = self.base, self.settings.problem
        auto = isinstance(self.optimizer, str) and self.optimizer == "auto"
        head = head_of(base, problem) if auto else None
        if head is not None:
            phases = self._phases(head.size)
            self._stage("head", phases, head, LOW_RANK_STEPS)
            if self._arrived:
                return
        phases, start = self._phases(0), None
        # from another member the way is short; a low-rank difference from the base would go it again
        low = low_rank(base.network) if self._near is None else None
        if low is not None:
            start = Adapter(low, base.network)
            self._stage(low.kind, phases, start, LOW_RANK_STEPS)
            if self._arrived:
                return
        full = self._near or Adapter("full", base.network)
        if start is not None and self.stages[-1].stats.outcome != "diverged":
            full = Adapter.fit("full", base.network, start.deltas())
        self._stage("full", phases, full, None)

    def _phases(self, closed: int) -> Phases:
        settings = self.settings
        if settings.max_steps is not None:
            settings = replace(settings, max_steps=max(1, settings.max_steps - self._taken))
        return phases_of(
            self.base, settings, self.notes, self.optimizer, self.interruption, self.began, closed
        )

    def _stage(self, label: str, phases: Phases, adapter: Adapter, steps: int | None) -> None:
        started, before = time.perf_counter(), len(phases.history)
        done = phases.stats.steps or 0 if phases.stats else 0
        stats = phases.stage(adapter, steps, judged=bool(self.stages))
        own = replace(stats, steps=(stats.steps or 0) - done, notes=list(stats.notes))
        if own.outcome == "max_steps" and steps is not None:
            own.outcome = "stalled"  # a stage's own number of steps is no limit of the user's
            limit = phases.settings.limits.max_steps
            if limit is not None and (stats.steps or 0) >= limit:
                own.outcome = "max_steps"
        own.attempts = []
        taken = self._taken - done
        self.history += [{**row, "step": row["step"] + taken} for row in phases.history[before:]]
        rows = [row.get("estimate", math.nan) for row in phases.history[before:]]
        told = [estimate for estimate in rows if math.isfinite(estimate)]
        estimate = own.error_estimate if own.error_estimate is not None or not told else told[-1]
        label = f"{label} ({adapter.size} numbers)"
        self.stages.append(Stage(label, adapter, own, time.perf_counter() - started, estimate))


def low_rank(network: Any) -> LoRA | LoTRA | None:
    """The low-rank stage of a network; None where it has not clearly fewer unknowns than everything."""
    config: LoRA | LoTRA = LoTRA(r=LOTRA_RANKS) if isinstance(network, SplineNetwork) else LoRA(r=RANK)
    try:
        size = Adapter(config, network).size
    except ArgumentError:  # a module without a matrix
        return None
    return config if size <= SMALL * sum(p.numel() for p in network.parameters()) else None


def head_of(base: Answer, problem: PDE) -> Adapter | None:
    """The last layer, where it may be solved for in closed form: the equations are linear."""
    try:
        if is_linear_equation(problem, next(base.network.parameters())):
            return Adapter("head", base.network)
    except (SciMLError, ArithmeticError, RuntimeError):
        pass
    return None
