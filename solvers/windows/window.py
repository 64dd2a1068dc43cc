"""One window of a march: its network, its points, and how it is solved."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from sciml.ansatz.march import WindowTrial, next_window
from sciml.ansatz.window import Span, starts
from sciml.nn import MLP
from sciml.problem import PDE
from sciml.solvers.training.interrupt import Interruption
from sciml.solvers.training.loop import Run
from sciml.solvers.training.residual_scale import CANCELLED
from sciml.solvers.training.residual_system import ResidualSystem
from sciml.solvers.training.settings import (
    HELD_OUT_SEED,
    Settings,
    held_out_system,
    make_run,
    method_for,
    selection_system,
    training_system,
)
from sciml.solvers.windows.head import STEPS, WIDTH, Head, head_network, solve_head
from sciml.solvers.windows.state import Reached, State

TOLERANCE = 1e-5  # residual of a trained window, relative to that of a network of zeros
HEAD_TOLERANCE = 1e-10  # the same where the last layer alone is solved for
HIDDEN = [16, 16, 16]
POINTS = 800
CAP = 60  # steps of a window whose length follows from the residual
LOOK = 5  # steps between looks

Watch = Callable[[Run], None]


@dataclass(frozen=True)
class Request:
    """What a march is asked for.

    Attributes:
        settings: Of the whole solve.
        count: Of windows of equal length; None for lengths that follow from the residual.
        model: The network of the first window; None for the default.
        optimizer: As in ``sciml.solve``.
        dtype, device: Where to compute.
        interruption: Tells when somebody asked to stop.
        corners: As in ``sciml.solve``.
    """

    settings: Settings
    count: int | None
    model: nn.Module | None
    optimizer: Any
    dtype: torch.dtype
    device: torch.device | None
    interruption: Interruption
    corners: bool = True

    @property
    def problem(self) -> PDE:
        """What is solved."""
        return self.settings.problem

    @property
    def automatic(self) -> bool:
        """Whether the optimiser is left to the solver."""
        return isinstance(self.optimizer, str) and self.optimizer == "auto"

    @property
    def by_head(self) -> bool:
        """Whether a window is solved for its last layer alone."""
        return self.problem.domain.dim == 1 and self.model is None and self.automatic

    @property
    def may_be_logarithmic(self) -> bool:
        """Whether windows may be even in the logarithm of time."""
        return self.by_head and 2 not in starts(self.problem)

    @property
    def tol(self) -> float:
        """Residual of a window, relative to that of a network of zeros."""
        return tolerance(self.settings, self.by_head)

    def network(self, k: int) -> nn.Module:
        """What the ``k``-th window starts with, where it does not start with the network of the one before."""
        inputs = self.problem.inputs if self.corners else self.problem.plain_inputs
        widths = [inputs, *HIDDEN, self.problem.outputs]
        if self.by_head:
            network: nn.Module = head_network(widths[0], widths[-1], self.settings.seed + k, torch.float64)
        elif self.model is not None:
            network = copy.deepcopy(self.model)
        else:
            network = MLP(widths, "tanh", seed=self.settings.seed)
        return network.to(dtype=self.dtype, device=self.device)

    def within(self, trial: WindowTrial, k: int) -> Settings:
        """Settings of the ``k``-th window, without its limits."""
        points = self.settings.points or (3 * WIDTH if self.by_head else POINTS)
        return replace(
            self.settings, problem=trial.problem, points=points, accuracy=None,
            seed=self.settings.seed + 7 * k, callbacks=(), metrics={}, progress=False,
        )  # fmt: skip


def tolerance(settings: Settings, by_head: bool) -> float:
    """Residual of a window, relative to that of a network of zeros: what was asked for, or the default of its kind."""
    default = HEAD_TOLERANCE if by_head else TOLERANCE
    if settings.tol is not None:
        return settings.limits.tol
    return default if settings.accuracy is None else min(default, 0.1 * settings.accuracy)


def solve_window(
    request: Request, state: State, span: Span, entered: float, seconds: Callable[[], float], watch: Watch
) -> Reached:
    """Solve the next window.

    Args:
        request: What the march is asked for.
        state: What is solved so far.
        span: The window.
        entered: Seconds of the march at its start.
        seconds: Those now.
        watch: Called with a run before it starts.
    """
    k, limits = len(state.windows), request.settings.limits
    fresh = request.by_head or k == 0
    network = request.network(k) if fresh else copy.deepcopy(state.windows[-1].network)
    if request.by_head and k:
        _go_on(network, state.windows[-1])
    trial = next_window(request.problem, state.windows, span, network, jumps=request.corners)
    left = max(0.0, limits.max_time - entered)
    steps = None if limits.max_steps is None else max(1, limits.max_steps - state.steps)
    if request.count is None:
        steps = CAP if steps is None else min(CAP, steps)
    else:
        left = left / (request.count - k)
    settings = replace(request.within(trial, k), max_time=left, max_steps=steps)
    measure = state.sizes is None and not request.by_head
    system = training_system(settings, trial, measure=measure, check=not request.by_head and k == 0)
    if k == 0:
        state.notes += [note for note in system.notes if note not in state.notes]
    if state.sizes is not None and not request.by_head:
        system.set_scales(*state.sizes)
    if request.by_head and system.pointwise:
        return _solve_head(request, state, settings, system, seconds)
    return _train(request, state, settings, system, entered, watch)


def _go_on(network: nn.Module, last: WindowTrial) -> None:
    """Begin unknowns without initial data, such as those of an algebraic equation, where the last window ends.

    An equation may have several of them at an instant: which one it is, the time before tells.
    """
    assert isinstance(network, MLP)
    bias = network.layers[-1].bias
    assert isinstance(bias, torch.Tensor)
    with torch.no_grad():
        u, _ = last.end(bias.new_full((1, 1), last.span.high), False)
        free = torch.tensor([order == 0 for order in last.orders], device=bias.device)
        bias.copy_(torch.where(free, u[0], bias))


def held_out_residual(request: Request, state: State) -> float:
    """The residual of the last window on its held-out points, from its network as it stands."""
    k, trial = len(state.windows) - 1, state.windows[-1]
    settings = request.within(trial, k)
    system = training_system(settings, trial, check=False)
    if state.sizes is not None and not request.by_head:
        system.points.set_sizes(state.sizes[1])
    by_head = request.by_head and system.pointwise
    held_out = _held_out_head(system, settings) if by_head else held_out_system(settings, system)
    held_out.points.weights = dict(state.weights)
    return math.sqrt(max(0.0, 2 * held_out.value(system.theta)))


def _held_out_head(system: ResidualSystem, settings: Settings) -> ResidualSystem:
    return system.elsewhere(2 * WIDTH, WIDTH // 2, settings.seed + HELD_OUT_SEED)


def by_head(system: ResidualSystem, settings: Settings, tol: float) -> tuple[Head, float, float]:
    """Solve a window of an ordinary differential equation for the last layer of its network.

    Args:
        system: Of the window, to train on.
        settings: Of the window.
        tol: Residual, relative to that of a network of zeros; steps end at a hundredth of it.

    Returns:
        What was reached; the residual on held-out points, and that of a network of zeros.
    """
    held_out = _held_out_head(system, settings)
    if len(system.points.terms) > 1:
        system.balance(system.theta)
        held_out.points.weights = dict(system.points.weights)
    scale = max(math.sqrt(2 * system.silent_value()), CANCELLED * system.size_of_terms())
    head = solve_head(system, 0.5 * (0.01 * tol * scale) ** 2)
    return head, math.sqrt(max(0.0, 2 * held_out.value(system.theta))), scale


def _solve_head(
    request: Request, state: State, settings: Settings, system: ResidualSystem, seconds: Callable[[], float]
) -> Reached:
    head, residual, scale = by_head(system, settings, request.tol)
    row = {
        "step": state.steps + head.steps,
        "seconds": seconds(),
        "loss": head.loss,
        "held_out": 0.5 * residual**2,
        "points": float(system.points.interior.shape[0]),
    }
    effort = head.steps / STEPS if residual < 0.1 * request.tol * scale else 1.0
    return Reached(system.trial, residual, scale, head.steps, 0, effort, [row], "", system)  # type: ignore[arg-type]


def _train(
    request: Request, state: State, settings: Settings, system: ResidualSystem, entered: float, watch: Watch
) -> Reached:
    held_out = held_out_system(settings, system)
    trial: Any = system.trial
    parameters = sum(p.numel() for p in system.trial.network.parameters() if p.requires_grad)
    # by the whole time, so that the method does not depend on what the clock has left
    method = method_for(request.optimizer, request.settings, system, parameters)
    own = replace(settings, points=request.settings.points)
    selection = selection_system(held_out, system.points.count, settings.seed)
    run = make_run(own, system, held_out, method, parameters, request.interruption, selection)
    scale = max(run.scale, state.scale) if trial.span.origin is None else run.scale
    run.limits.tol = request.tol * scale / run.scale
    run.look_every = min(run.look_every, LOOK)
    watch(run)
    before = state.steps
    outcome = run.run()
    history = [
        row | {"step": before + row["step"], "seconds": entered + row["seconds"]} for row in run.history
    ]
    for row in history:
        row.pop("error", None)
    residual = run.relative(held_out.value(run.result)) * run.scale
    effort = run.counters.step / CAP
    return Reached(
        trial, residual, run.scale, run.counters.step, run.counters.rejected, effort, history, outcome,
        system, run,
    )  # fmt: skip
