"""Fine-tuning of a solution in windows: window by window, each begins where the fine-tuned one before it ends.

The windows are the base's, and the tolerance of their residuals is that of a solve in windows.
"""

from __future__ import annotations

import math
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from sciml.adapters import Adapter, AdapterConfig, WindowsAdapter, joined
from sciml.ansatz.march import Chain, WindowTrial, like_window
from sciml.ansatz.window import check_windows
from sciml.nn import MLP
from sciml.solvers.adapted import AdaptedAnswer
from sciml.solvers.answer import Answer
from sciml.solvers.finetuning.window_road import WindowRoad, kept
from sciml.solvers.report import Report
from sciml.solvers.training.interrupt import Interruption
from sciml.solvers.training.progress import ProgressBar
from sciml.solvers.training.run_state import CallbackError, Event, measured, tell
from sciml.solvers.training.settings import Settings
from sciml.solvers.windows.pace import REJECTED
from sciml.solvers.windows.report import estimated, said_of_end
from sciml.solvers.windows.window import CAP, tolerance

STEPS = 2 * CAP  # of one window, in all its stages
LIMITS = ("max_time", "max_steps")


class TunedMarch:
    """A fine-tuning window by window.

    Args:
        base: A solution in windows.
        adapter: A configuration for each window's network, an adapter of all to start from, or None for the road.
        settings: With the new problem and the limits of all windows together.
        notes: On the problem.
        optimizer: As in ``sciml.solve``.
        interruption: Tells when somebody asked to stop.
        began: Moment from which time counts.
    """

    def __init__(
        self,
        base: Answer,
        adapter: AdapterConfig | WindowsAdapter | None,
        settings: Settings,
        notes: Sequence[str],
        optimizer: Any,
        interruption: Interruption,
        began: float,
    ):
        check_windows(settings.problem)
        assert isinstance(base.trial, Chain)
        self.base, self.adapter = base, adapter
        self.chain: Chain = base.trial
        self.settings, self.notes, self.optimizer = settings, list(notes), optimizer
        self.interruption, self.began = interruption, began
        own = self.optimizer == "auto" and type(self.chain.windows[0].network) is MLP
        self.tol = tolerance(settings, own and settings.problem.domain.dim == 1)
        self.windows: list[WindowTrial] = []
        self.parts: list[Adapter] = []
        self.ways: Counter[str] = Counter()
        self.history: list[dict[str, float]] = []
        self.steps = self.rejected = 0
        self.scale = self.worst = self.residual = self.start = 0.0
        self.last = Report()

    def answer(self, name: str) -> AdaptedAnswer:
        """Go through all windows of the base; the answer ends with the last that was solved."""
        settings, problem = self.settings, self.settings.problem
        with ProgressBar(settings.progress, settings.limits) as bar:
            try:
                outcome = self._march(bar)
            except CallbackError as error:
                self.notes.append(str(error))
                warnings.warn(f"{error} The run ends with what it has solved.", RuntimeWarning, stacklevel=3)
                outcome = "interrupted"
        adapter = joined(self.parts, nn.ModuleList(window.network for window in self.chain.windows))
        solved = self.chain.like(problem, adapter.merge(self.base.network))
        notes = [*self.notes, *said_of_end(solved, outcome, self.worst, self.tol)]
        if self.worst > 1.0:
            notes.append(
                "the windows of the base may be too long for this problem: a solve with windows=... makes its own."
            )
        value = drop = None
        weights = self.last.weights
        if outcome not in ("interrupted", "diverged"):
            value, drop, outcome = estimated(solved, weights, settings.accuracy, outcome, notes)
        stats = replace(
            self.last, outcome=outcome, seconds=time.perf_counter() - self.began, steps=self.steps,
            rejected=self.rejected, parameters=adapter.size, residual=self.residual, scale=self.scale,
            start=self.start, error_estimate=value, error_drop=drop, notes=list(dict.fromkeys(notes)),
            attempts=[f"{way}: {count} windows" for way, count in self.ways.items()],
            seed=settings.seed, threads=torch.get_num_threads(),
        )  # fmt: skip
        return AdaptedAnswer(self.base, problem, adapter, name, self.history, stats)

    def _march(self, bar: ProgressBar) -> str:
        windows, low = self.chain.windows, 0.0
        for k, old in enumerate(windows):
            road, found = self._window(k, old)
            stats = found.stats
            scale = stats.scale or 0.0
            scale = scale if old.span.origin is not None else max(scale, self.scale)
            relative = (stats.residual or 0.0) * (stats.scale or 0.0) / scale if scale else 0.0
            over = relative / self.tol if self.tol > 0 else math.inf if relative else 0.0
            ended = self._ended(stats)
            if (ended and over > REJECTED) or not math.isfinite(relative):
                if not self.windows:
                    self._accept(k, old, road, found, scale, relative, math.inf)
                return ended or "diverged"
            self._accept(k, old, road, found, scale, relative, over)
            low = old.span.high
            if self._told(bar, relative) or ended == "interrupted":
                return "interrupted"
            if ended and k + 1 < len(windows):
                return ended
        if low < float(self.settings.problem.domain.upper[0]):
            self.notes.append("the base ends there.")
            return "stalled"
        return "converged" if self.worst <= 1.0 else "stalled"

    def _window(self, k: int, old: WindowTrial) -> tuple[WindowRoad, AdaptedAnswer]:
        trial = like_window(old, self.settings.problem, self.windows, old.network)
        limits = self.settings.limits
        left = STEPS if limits.max_steps is None else max(1, min(STEPS, limits.max_steps - self.steps))
        settings = replace(
            self.settings, max_steps=left, seed=self.settings.seed + 7 * k, callbacks=(), metrics={},
            progress=False,
        )  # fmt: skip
        own = self.adapter
        start = own.window(k, old.network) if isinstance(own, WindowsAdapter) else None
        if isinstance(own, AdapterConfig):
            start = Adapter(own, old.network)
        road = WindowRoad(
            trial, self.base, start, settings, self.tol, self.scale, self.optimizer, self.interruption,
            self.began,
        )  # fmt: skip
        found = road.answer("window")
        self.steps += sum(stage.stats.steps or 0 for stage in road.stages)
        self.rejected += sum(stage.stats.rejected or 0 for stage in road.stages)
        return road, found

    def _accept(
        self,
        k: int,
        old: WindowTrial,
        road: WindowRoad,
        found: AdaptedAnswer,
        scale: float,
        relative: float,
        over: float,
    ) -> None:
        assert isinstance(found.adapter, Adapter)
        self.parts.append(found.adapter)
        network = found.adapter.network(old.network)
        self.windows.append(like_window(old, self.settings.problem, self.windows, network))
        if old.span.origin is None:
            self.scale = scale
        self.worst, self.residual = max(self.worst, over), max(self.residual, relative)
        self.start = max(self.start, found.stats.start or 0.0)
        self.last = found.stats
        self.notes += [note for note in found.stats.notes if note not in self.notes and k == 0]
        self.ways[kept(road.stages, found.adapter)] += 1
        before = self.steps - sum(stage.stats.steps or 0 for stage in road.stages)
        for row in found.history:
            row.pop("error", None)
            self.history.append({**row, "step": before + row["step"]})

    def _ended(self, stats: Report) -> str | None:
        """The limit that is used up, where one is."""
        limits = self.settings.limits
        if stats.outcome == "interrupted" or self.interruption.asked:
            return "interrupted"
        if time.perf_counter() - self.began >= limits.max_time:
            return "max_time"
        if limits.max_steps is not None and self.steps >= limits.max_steps:
            return "max_steps"
        return None

    def _told(self, bar: ProgressBar, relative: float) -> bool:
        """Tell callbacks of a window that is solved; whether one of them said stop."""
        row, chain = self.history[-1], Chain(self.settings.problem, self.windows)
        row |= measured(self.settings.metrics or {}, chain)
        bar.update(row, relative)
        numbers = {name: value for name, value in row.items() if name not in ("step", "seconds")}
        seen: Any = chain
        step, seconds = int(row["step"]), row["seconds"]
        event = Event(step, seconds, row["loss"], row["held_out"], None, seen, numbers=numbers)
        return tell(self.settings.callbacks, event)
