"""Time window by window: each begins exactly where the last one ends, and is as long as the residual allows."""

from __future__ import annotations

import copy
import math
import time
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from sciml.ansatz.march import Chain, next_window
from sciml.ansatz.window import Span, starts
from sciml.arguments import integer
from sciml.errors import ArgumentError
from sciml.nn import MLP
from sciml.problem import PDE
from sciml.solvers.training.interrupt import Interruption
from sciml.solvers.training.progress import ProgressBar
from sciml.solvers.training.residual_scale import CANCELLED
from sciml.solvers.training.residual_system import ResidualSystem
from sciml.solvers.training.run_state import Event
from sciml.solvers.training.settings import (
    HELD_OUT_SEED,
    Settings,
    held_out_system,
    make_run,
    method_for,
    training_system,
)
from sciml.solvers.windows.head import STEPS, WIDTH, head_network, solve_head
from sciml.solvers.windows.pace import REJECTED, Pace
from sciml.solvers.windows.state import Reached, State

TOLERANCE = 1e-5  # residual of a trained window, relative to that of a network of zeros
HEAD_TOLERANCE = 1e-10  # the same where the last layer alone is solved for
HIDDEN = [16, 16, 16]
POINTS = 800
CAP = 60  # steps of a window whose length follows from the residual
LOOK = 5  # steps between looks
MOST_WINDOWS = 1000
TRIES = 60  # windows rejected in a row


def windows_of(value: Any) -> int | None:
    """The number of windows that ``windows=`` asks for; None for "auto".

    Raises:
        ArgumentError: Neither a number from 1 to 1000 nor "auto".
    """
    if isinstance(value, str):
        if value != "auto":
            raise ArgumentError(f"windows needs 'auto' or a number of windows, got {value!r}.")
        return None
    return integer("windows", value, least=1, most=MOST_WINDOWS)


class March:
    """A solve window by window.

    Args:
        settings: Of the whole solve.
        count: Of windows of equal length; None for lengths that follow from the residual.
        model: The network of the first window; None for the default.
        optimizer: As in ``sciml.solve``.
        dtype, device: Where to compute.
        interruption: Tells when somebody asked to stop.
    """

    def __init__(
        self,
        settings: Settings,
        count: int | None,
        model: nn.Module | None,
        optimizer: Any,
        dtype: torch.dtype,
        device: torch.device | None,
        interruption: Interruption,
    ):
        self.settings, self.model, self.optimizer = settings, model, optimizer
        self.problem: PDE = settings.problem
        self.dtype, self.device, self.interruption = dtype, device, interruption
        domain = self.problem.domain
        self.state = State(Pace.of(float(domain.lower[0]), float(domain.upper[0]), count))
        self.by_head = self.problem.domain.dim == 1 and model is None and self.automatic
        default = HEAD_TOLERANCE if self.by_head else TOLERANCE
        self.tol = settings.limits.tol if settings.tol is not None else default
        if settings.accuracy is not None and settings.tol is None:
            self.tol = min(default, 0.1 * settings.accuracy)
        self.notes: list[str] = []
        self.last: Reached | None = None
        self._began = time.perf_counter()

    @property
    def automatic(self) -> bool:
        """Whether the optimiser is left to the solver."""
        return isinstance(self.optimizer, str) and self.optimizer == "auto"

    @property
    def parameters(self) -> int:
        """Trained numbers of a window, about."""
        network = self._network(0)
        return sum(p.numel() for p in network.parameters())

    @property
    def seconds(self) -> float:
        """So far."""
        return time.perf_counter() - self._began

    @property
    def chain(self) -> Chain:
        """What is solved so far."""
        return Chain(self.problem, self.state.windows)

    def run(self) -> str:
        """March to the end of time or to a limit; the outcome's name."""
        state, pace = self.state, self.state.pace
        with ProgressBar(self.settings.progress, self.settings.limits) as bar:
            tried, best = 0, math.inf
            while True:
                t = state.windows[-1].span.high if state.windows else pace.low
                if t >= pace.high:
                    return "converged" if state.worst <= 1.0 else "stalled"
                span = pace.next(t, len(state.windows), self._may_be_logarithmic)
                found = self._window(span)
                self.last = found
                scale = found.scale if span.origin is not None else max(found.scale, state.scale)
                over = found.residual / (self.tol * scale) if scale > 0 else 0.0
                if not math.isfinite(over):
                    over = math.inf
                state.steps += found.steps
                state.rejected += found.rejected
                ended = self._ended(found)
                if ended == "interrupted" or (ended and over > REJECTED):
                    return self._broken_off(found, ended)
                if over > REJECTED and pace.count is None:
                    # rounding: a window half as long is no better
                    floor = over > 0.5 * best and over < 1e3 and tried >= 3
                    if tried < TRIES and not pace.too_short and not floor:
                        tried, best = tried + 1, min(over, best)
                        state.tries += 1
                        pace.rejected(span, over)
                        continue
                    if not floor:
                        self.notes.append(f"no window that begins at t = {t:.6g} reached its tolerance.")
                        return self._broken_off(found, "diverged" if over == math.inf else "stalled")
                if over == math.inf:
                    return self._broken_off(found, "diverged")
                tried, best = 0, math.inf
                self._accept(span, found, over, scale)
                row = state.history[-1]
                bar.update(row, found.residual / scale if scale else 0.0)
                stop = self._tell(row)
                if stop or ended:
                    return "interrupted" if stop else ended or "stalled"
                if len(state.windows) >= MOST_WINDOWS:
                    self.notes.append(f"stopped after {MOST_WINDOWS} windows.")
                    return "stalled"

    # ---- one window

    def _network(self, k: int) -> nn.Module:
        """What the k-th window starts with: random features, or the last window's network."""
        widths = [self.problem.inputs, *HIDDEN, self.problem.outputs]
        if self.by_head:
            network = head_network(widths[0], widths[-1], self.settings.seed + k, torch.float64)
        elif k > 0:
            network = copy.deepcopy(self.state.windows[-1].network)
        elif self.model is not None:
            network = copy.deepcopy(self.model)
        else:
            network = MLP(widths, "tanh", seed=self.settings.seed)
        return network.to(dtype=self.dtype, device=self.device)

    def _window(self, span: Span) -> Reached:
        k = len(self.state.windows)
        network = self._network(k)
        trial = next_window(self.problem, self.state.windows, span, network)
        points = self.settings.points or (3 * WIDTH if self.by_head else POINTS)
        limits = self.settings.limits
        left = max(0.0, limits.max_time - self.seconds)
        steps = None if limits.max_steps is None else max(1, limits.max_steps - self.state.steps)
        if self.state.pace.count is None:
            steps = CAP if steps is None else min(CAP, steps)
        else:
            left = left / (self.state.pace.count - k)
        settings = replace(
            self.settings, problem=trial.problem, points=points, max_time=left, max_steps=steps, accuracy=None,
            seed=self.settings.seed + 7 * k, callbacks=(), progress=False,
        )  # fmt: skip
        fresh = self.state.sizes is None and not self.by_head
        system = training_system(settings, trial, measure=fresh, check=not self.by_head and k == 0)
        if k == 0:
            self.notes += [note for note in system.notes if note not in self.notes]
        if not fresh and not self.by_head and self.state.sizes is not None:
            system.set_scales(*self.state.sizes)
        return (
            self._solve_head(settings, system)
            if self.by_head and system.pointwise
            else self._train(settings, system)
        )

    def _solve_head(self, settings: Settings, system: ResidualSystem) -> Reached:
        held_out = system.elsewhere(2 * WIDTH, WIDTH // 2, settings.seed + HELD_OUT_SEED)
        if len(system.points.terms) > 1:
            system.balance(system.theta)
            held_out.points.weights = dict(system.points.weights)
        scale = max(math.sqrt(2 * system.silent_value()), CANCELLED * system.size_of_terms())
        enough = 0.5 * (0.01 * self.tol * scale) ** 2
        head = solve_head(system, enough)
        residual = math.sqrt(max(0.0, 2 * held_out.value(system.theta)))
        row = {
            "step": self.state.steps + head.steps,
            "seconds": self.seconds,
            "loss": head.loss,
            "held_out": 0.5 * residual**2,
            "points": float(system.points.interior.shape[0]),
        }
        effort = 0.0 if residual < 0.1 * self.tol * scale else 0.5 if head.steps <= STEPS // 2 else 1.0
        return Reached(system.trial, residual, scale, head.steps, 0, effort, [row], "", system)  # type: ignore[arg-type]

    def _train(self, settings: Settings, system: ResidualSystem) -> Reached:
        held_out = held_out_system(settings, system)
        trial: Any = system.trial
        parameters = sum(p.numel() for p in system.trial.network.parameters() if p.requires_grad)
        method = method_for(self.optimizer, settings, system, parameters)
        run = make_run(
            replace(settings, points=self.settings.points),
            system,
            held_out,
            method,
            parameters,
            self.interruption,
        )
        scale = max(run.scale, self.state.scale) if trial.span.origin is None else run.scale
        run.limits.tol = self.tol * scale / run.scale
        run.look_every = min(run.look_every, LOOK)
        before, began = self.state.steps, self.seconds
        outcome = run.run()
        history = [
            row | {"step": before + row["step"], "seconds": began + row["seconds"]} for row in run.history
        ]
        for row in history:
            row.pop("error", None)
        residual = run.relative(run.counters.best) * run.scale
        effort = run.counters.step / max(1, run.limits.max_steps or CAP)
        return Reached(
            trial, residual, run.scale, run.counters.step, run.counters.rejected, effort, history, outcome, system
        )  # fmt: skip

    @property
    def _may_be_logarithmic(self) -> bool:
        return self.by_head and 2 not in starts(self.problem)

    # ---- after it

    def _accept(self, span: Span, found: Reached, over: float, scale: float) -> None:
        state = self.state
        state.windows.append(found.trial)
        if span.origin is None:
            state.scale = scale
        state.worst = max(state.worst, over)
        state.residual = max(state.residual, found.residual / scale if scale else 0.0)
        if state.sizes is None:
            points = found.system.points
            sizes = {name: points.factors[name] ** -0.5 for name in points.terms[0].parts}
            one = torch.ones(self.problem.outputs, dtype=torch.float64)
            state.sizes = (one if found.trial.scale is None else found.trial.scale.double().cpu(), sizes)
        state.history += found.history
        state.pace.accepted(span, over, found.effort)

    def _ended(self, found: Reached) -> str | None:
        """The limit that is used up, where one is."""
        limits = self.settings.limits
        if found.outcome == "interrupted" or self.interruption.asked:
            return "interrupted"
        if self.seconds >= limits.max_time:
            return "max_time"
        if limits.max_steps is not None and self.state.steps >= limits.max_steps:
            return "max_steps"
        return None

    def _broken_off(self, found: Reached, outcome: str) -> str:
        """End without the last window; the first one is kept whatever it reached, as there is no solution without one."""
        if not self.state.windows:
            self.state.windows.append(found.trial)
            self.state.worst = math.inf
            self.state.history += found.history
            scale = found.scale
            self.state.residual = found.residual / scale if scale else 0.0
        return outcome

    def _tell(self, row: dict[str, float]) -> bool:
        """Call the callbacks; whether one of them said stop."""
        event = Event(int(row["step"]), row["seconds"], row["loss"], row["held_out"], None, self.chain)  # type: ignore[arg-type]
        answers = [callback(event) is True for callback in self.settings.callbacks]
        return any(answers)
