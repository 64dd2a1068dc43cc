"""A family by few solved members: those are solved where the span of the others errs most, the rest is spanned.

The greedy choice of reduced bases (Prud'homme et al. 2002). What it goes by is the weighted residual of a span, which is
proportional to the error within a family; the factor comes from error estimates of the worst members. Our own design.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from sciml.adapters import Adapter
from sciml.derivatives import recording_gradients
from sciml.errors import SciMLError
from sciml.problem import PDE
from sciml.solvers.adapted import AdaptedAnswer
from sciml.solvers.answer import Answer
from sciml.solvers.estimate.estimate import estimate_error
from sciml.solvers.finetuning.road import goal_of, spanned_report
from sciml.solvers.finetuning.snapshots import MOST, SnapshotSpace, usable
from sciml.solvers.finetuning.span import Spanned, solve_span
from sciml.solvers.training.run_state import ESTIMATE_LAST
from sciml.solvers.training.settings import Settings

LOOKED_AT = 40  # members among which the next one to solve is chosen, until all are looked at
CALIBRATED = 2  # members whose error is estimated, to scale the weighted residuals of all
# of the goal: the accuracy of a member, and of a span's place among members; their squares add up
SHARPER = 0.7
SETTLED = 1.0  # times the goal: a weighted residual above it is an error above it


class Greedy:
    """The choice of members, and the spans of the others.

    Args:
        base: The solved problem.
        members: All, by name.
        settings: Of a member.
        solved: Members that are solved; grows as more are.

    Attributes:
        goal: Estimated error of every member.
        factor: Estimated error over weighted residual, the largest that was seen; None before any was.
        spans: Member -> span, of the last look.
    """

    def __init__(
        self, base: Answer, members: Mapping[str, PDE], settings: Settings, solved: dict[str, AdaptedAnswer]
    ):
        self.base, self.members, self.solved = base, members, solved
        self.settings = settings
        self.goal = goal_of(base, settings) or settings.limits.tol
        self.factor: float | None = None
        self.spans: dict[str, Spanned] = {}
        self.failures: dict[str, Exception] = {}
        self._space: SnapshotSpace | None = None
        self._names: list[str] = []
        self._seconds: dict[str, float] = {}
        self._count = -1

    def round(self, most: int) -> dict[str, Any]:
        """Members to solve next with what their training starts from; empty where every span is good."""
        self._look(self._sample())
        if not self._worst():
            self._look([name for name in self.members if name not in self.spans])
        worst = self._worst()
        chosen: list[str] = []
        for name in worst:
            if len(chosen) == most:
                break
            if all(self._apart(name, other) for other in chosen):
                chosen.append(name)
        return {name: self._start(name) for name in chosen}

    def answer(self, name: str) -> AdaptedAnswer:
        """A member as a span, with its estimate."""
        tuned = self.spanned(name, self.members[name], self.spans[name])
        tuned.stats.seconds = self._seconds[name]
        return tuned

    def instead(self) -> dict[str, AdaptedAnswer]:
        """Spans in the place of members that were solved to an error that nobody knows, where theirs is known and good."""
        found = {}
        for name, member in self.solved.items():
            if member.stats.error_estimate is None and name in self.members:
                try:
                    self.spans[name], self._seconds[name] = self.span(self.members[name]), 0.0
                except SciMLError:
                    continue
                answer = self.answer(name)
                if answer.stats.outcome == "converged":
                    found[name] = answer
        return found

    def spanned(self, name: str, problem: PDE, found: Spanned) -> AdaptedAnswer:
        """A span as an answer, with its estimate."""
        stats = spanned_report(self.base, self.settings, found, (), None)
        stats.error_estimate = self.estimate(found)
        met = stats.error_estimate is not None and stats.error_estimate <= self.goal
        stats.outcome = "converged" if met else "stalled"
        return AdaptedAnswer(self.base, problem, found.adapter, name, [], stats)

    def estimate(self, found: Spanned) -> float | None:
        """Estimated error of a span: of its place in the span, and of what it is made of."""
        if self.factor is None:
            return None
        own = [self.base, *(self.solved[name] for name in found.adapter.config.members or ())]
        parts = [
            abs(c) * (answer.stats.error_estimate or 0.0)
            for c, answer in zip(found.adapter.coefficients.tolist(), own, strict=True)
        ]
        return math.hypot(self.factor * found.indicator, *parts)

    def span(self, problem: PDE, near: Spanned | None = None) -> Spanned:
        """A problem in the span of what is solved; ``near``: that of a member beside, or of itself in fewer snapshots."""
        space = self._updated()
        start = None if near is None else near.adapter.coefficients.detach()
        with recording_gradients():
            return solve_span(space, problem, None, self.settings.points, self.settings.seed, start)

    # ---- inside

    def _sample(self) -> list[str]:
        open_ = [name for name in self.members if name not in self.solved and name not in self.failures]
        if len(open_) <= LOOKED_AT:
            return open_
        step = (len(open_) - 1) / (LOOKED_AT - 1)
        return [open_[round(k * step)] for k in range(LOOKED_AT)]

    def _updated(self) -> SnapshotSpace:
        if self._space is None:
            self._space = SnapshotSpace(self.base, {})
        # a span tells no error of what it is made of where that is not known
        known = {
            name: m
            for name, m in self.solved.items()
            if name not in self._names and m.stats.error_estimate is not None
        }
        for name, member in (usable(self.base, known) if known else {}).items():
            if len(self._names) < MOST:
                self._space.add(name, member)
                self._names.append(name)
        return self._space

    def _look(self, names: Sequence[str]) -> None:
        """Span some members anew, each from its own weights of before, or from those of the member before it."""
        before: dict[str, Spanned] = {}
        if names and (not self.spans or len(self._updated().names) != self._count):
            before, self.spans, self._seconds, self.factor = self.spans, {}, {}, None
        self._count = len(self._updated().names)
        near: Spanned | None = None
        for name in names:
            began = time.perf_counter()
            try:
                near = self.spans[name] = self.span(self.members[name], before.get(name, near))
            except SciMLError as error:
                self.failures[name] = error
            self._seconds[name] = time.perf_counter() - began

    def _worst(self) -> list[str]:
        """Members whose error is above the goal, the largest first."""
        order = sorted(self.spans, key=lambda name: -self.spans[name].indicator)
        order = [name for name in order if name not in self.solved]
        if not order or self.spans[order[0]].indicator > SETTLED * self.goal:
            return [name for name in order if self.spans[name].indicator > SETTLED * self.goal]
        self._calibrate(order)
        bad = []
        for name in order:
            estimate = self.estimate(self.spans[name])
            # solving the member again does not help where its snapshots are what errs
            if estimate is None or self.factor * self.spans[name].indicator > SHARPER * self.goal:  # type: ignore[operator]
                bad.append(name)
        return bad

    def _calibrate(self, order: Sequence[str]) -> None:
        if self.factor is not None:
            return
        ratios = []
        picks = dict.fromkeys([*order[:CALIBRATED], order[len(order) // 2]])
        for name in picks:
            found, problem = self.spans[name], self.members[name]
            trial = self.base.trial.like(problem, found.adapter.network(self.base.network))
            with recording_gradients():
                told = estimate_error(problem, trial, self.base.stats.weights, work=ESTIMATE_LAST)
            if told.value is not None and found.indicator > 0:
                ratios.append(told.value / found.indicator)
        self.factor = max(ratios) if ratios else None

    def _apart(self, one: str, other: str) -> bool:
        """Whether two members lie apart in the span: the nearer is served by the other."""
        a, b = (self.spans[name].adapter.coefficients for name in (one, other))
        scale = max(float(self.spans[name].adapter.coefficients.norm()) for name in self.spans)
        return float((a - b).norm()) > 0.2 * scale

    def _start(self, name: str) -> Any:
        nearest = self.spans[name].nearest
        if nearest == 0:
            return None
        near = self.solved[self._updated().names[nearest - 1]].adapter
        assert isinstance(near, Adapter)
        return Adapter.fit("full", self.base.network, near.deltas())
