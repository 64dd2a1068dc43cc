"""The road of one window: as any other, but judged by the residual, as the error of a chain is only known at its end."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import replace

from sciml.adapters import Adapter
from sciml.ansatz.march import WindowTrial
from sciml.nn import MLP
from sciml.solvers.answer import Answer
from sciml.solvers.finetuning.ground import flat_parameters
from sciml.solvers.finetuning.road import Road, Stage
from sciml.solvers.report import Report
from sciml.solvers.training.interrupt import Interruption
from sciml.solvers.training.loop import Run
from sciml.solvers.training.phases import Phases
from sciml.solvers.training.settings import Settings, held_out_system, training_system
from sciml.solvers.windows.head import STEEPEST, WIDTH, head_network
from sciml.solvers.windows.window import LOOK, POINTS, by_head

STEEPER = (1.5, 3.0)  # times the slopes that a window's features have
HEAD = "Gauss-Newton on the last layer"


class WindowRoad(Road):
    """One window, from its network in the base.

    Args:
        trial: The window of the new problem, after those that are solved, with the base's network.
        base: What the whole starts from.
        adapter: What is trained; None for the road.
        settings: Of the whole, with what is left of its steps.
        tol: Residual, relative to that of a network of zeros.
        least: The largest residual of a network of zeros in the windows before: the tolerance is relative to that at least.
        notes, optimizer, interruption, began: As in ``Road``.
    """

    def __init__(
        self,
        trial: WindowTrial,
        base: Answer,
        adapter: Adapter | None,
        settings: Settings,
        tol: float,
        least: float,
        optimizer: object,
        interruption: Interruption,
        began: float,
    ):
        start = Answer(trial.problem, trial, [], Report(weights=dict(base.stats.weights)))
        own = replace(settings, problem=trial.problem, tol=tol, accuracy=None)
        super().__init__(start, {}, own, [], optimizer, interruption, began)
        self.least = 0.0 if trial.span.origin is not None else least
        self.tol = tol
        self._only = adapter

    @property
    def line(self) -> bool:
        """Whether the last layer alone is solved for first: on a line, by the optimiser of the solver's own choice."""
        auto = isinstance(self.optimizer, str) and self.optimizer == "auto"
        return auto and self.base.problem.domain.dim == 1 and type(self.base.network) is MLP

    def _trained(self) -> None:
        only = self._only
        if self.line and (only is None or only.config.kind == "head"):
            adapter = only or Adapter("head", self.base.network)
            network = adapter.merge(self.base.network)
            assert isinstance(network, MLP)
            self._by_head(adapter, network, "head")
            if only is None:
                self._refined()
        elif only is not None:
            closed = only.size if self.optimizer == "auto" and only.config.kind == "head" else 0
            self._stage(only.config.kind, self._phases(closed), only, None)
        else:
            super()._trained()

    def _refined(self) -> None:
        """Where the features of the base do not do: steeper ones, as layers may have moved, and then everything."""
        base, full = self.base.network, Adapter("full", self.base.network)
        assert isinstance(base, MLP)
        like, outputs = next(base.parameters()), self.base.problem.outputs
        if base.config()["widths"] == [self.base.problem.inputs, WIDTH, outputs]:
            for k, times in enumerate(STEEPER):
                if self._arrived:
                    return
                seed = self.settings.seed + 1 + k
                network = head_network(
                    base.config()["widths"][0], outputs, seed, like.dtype, times * STEEPEST
                )
                self._by_head(full, network.to(like.device), "other features")
        if self._arrived:
            return
        last = min(self.stages, key=lambda stage: stage.rank).adapter
        assert isinstance(last, Adapter)
        full = Adapter.fit("full", base, last.deltas())
        self._stage("full", self._phases(0), full, None)

    def _by_head(self, adapter: Adapter, network: MLP, label: str) -> None:
        """The last layer of a network by Gauss-Newton, as a solve in windows has it, kept as an adapter of that kind."""
        began = time.perf_counter()
        trial = self.base.trial.like(self.settings.problem, network)
        settings = replace(self.settings, points=self.settings.points or 3 * WIDTH)
        system = training_system(settings, trial, check=False)
        if not system.pointwise:
            return
        found, residual, scale = by_head(system, settings, self.tol)
        before = dict(self.base.network.named_parameters())
        changes = {
            name: p - before[name] for name, p in network.named_parameters() if name in adapter.adapted
        }
        own = Adapter.fit(adapter.config, self.base.network, {n: c.detach() for n, c in changes.items()})
        relative = residual / scale if scale else 0.0
        within = residual <= self.tol * max(scale, self.least)
        stats = Report(
            outcome="converged" if within else "stalled", steps=found.steps, rejected=0,
            points=system.points.interior.shape[0], parameters=own.size, optimizer=HEAD,
            residual=relative, scale=scale, weights=dict(system.points.weights),
            hard=[condition.label for condition in trial.ansatz.hard], notes=list(system.notes),
            seed=settings.seed, dtype=str(system.theta.dtype).removeprefix("torch."),
        )  # fmt: skip
        seconds = time.perf_counter()
        self.history.append(
            {
                "step": self._taken + found.steps,
                "seconds": seconds - self.began,
                "loss": found.loss,
                "held_out": 0.5 * residual**2,
                "points": float(system.points.interior.shape[0]),
            }
        )
        self.stages.append(Stage(f"{label} ({own.size} numbers)", own, stats, seconds - began, None))

    def _phases(self, closed: int) -> Phases:
        settings = self.settings
        if settings.max_steps is not None:
            settings = replace(settings, max_steps=max(1, settings.max_steps - self._taken))
        trial = self.base.trial.like(settings.problem, copy.deepcopy(self.base.network))
        weights = self.base.stats.weights
        drawn = replace(settings, points=settings.points or POINTS)
        inner = training_system(drawn, trial, self.notes, 3 * closed, weights=weights, check=not closed)
        outer = held_out_system(drawn, inner)

        def watch(run: Run) -> None:
            run.limits.tol = self.tol * max(1.0, self.least / run.scale)
            run.look_every = min(run.look_every, LOOK)

        start = flat_parameters(self.base)
        return Phases(
            settings, inner, outer, start, self.optimizer, self.interruption, self.began, False, watch
        )


def kept(stages: Sequence[Stage], adapter: object) -> str:
    """What the stage was that an adapter comes from."""
    return next(stage.label for stage in stages if stage.adapter is adapter)
