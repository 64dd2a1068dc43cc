"""Fine-tune a solved problem to another one through an adapter."""

from __future__ import annotations

import copy
import time
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from sciml import optim
from sciml.adapters import Adapter, AdapterConfig, search_ranks
from sciml.ansatz import Trial
from sciml.problem import PDE
from sciml.solvers.adapted import AdaptedSolution
from sciml.solvers.collocation import Collocation
from sciml.solvers.loop import Run
from sciml.solvers.train import (
    Settings,
    carry_out,
    held_out_system,
    make_run,
    method_for,
    statistics,
    training_system,
)
from sciml.solvers.tuning import AdaptedCollocation, ScaledFactors, check_compatible, is_linear, linear_solve

if TYPE_CHECKING:
    from sciml.solvers.hosting import AdapterHost

POINTS_PER_UNKNOWN = 3  # of a linear least-squares solve, which cannot ask for more points on the way


def finetune(
    base: AdapterHost,
    problem: PDE,
    adapter: str | AdapterConfig | Adapter = "lotra",
    *,
    name: str = "adapter",
    optimizer: Any = "auto",
    points: int | None = None,
    max_time: float | None = None,
    max_steps: int | None = None,
    tol: float | None = None,
    seed: int = 0,
    callbacks: Any = (),
    progress: bool = True,
) -> AdaptedSolution:
    """Train an adapter of ``base`` for ``problem``; the base stays as it is.

    Gauss-Newton works on the adapter's numbers alone, so its systems are small: that, the warm start, and the closed
    form below are where the speed comes from. A step of a first-order method costs what it costs without an adapter.

    Where the equation is linear in the trained numbers (a linear equation and ``"head"``), the answer is one linear
    least-squares solve, and no optimiser runs.

    Args:
        base: A solved problem.
        problem: Over the same coordinates and unknowns.
        adapter: A configuration, a kind's name (``"lotra"``, ``"lora"``, ``"svd"``, ``"head"``, ``"full"``), or an adapter
            whose factors are the start. A configuration with ``rank_budget`` is trained, cut, and trained on.
        name: To call it by.
        optimizer, points, max_time, max_steps, tol, seed, callbacks, progress: As in :func:`sciml.solve`.

    Returns:
        The solution of ``problem``; its ``report`` says what it cost and gave.
    """
    settings = Settings(problem, points, max_time, max_steps, tol, seed, callbacks, progress)
    problem.validate()
    check_compatible(base.problem, problem)
    started = time.perf_counter()
    own = adapter.copy() if isinstance(adapter, Adapter) else Adapter(adapter, base.network)
    trial = Trial(problem, copy.deepcopy(base.network))
    flat = nn.utils.parameters_to_vector([p.reshape(-1) for p in base.network.parameters()]).detach()
    closed = optimizer == "auto" and own.config.kind == "head"
    inner = training_system(settings, trial, POINTS_PER_UNKNOWN * own.size if closed else 0, check=not closed)
    outer = held_out_system(settings, inner)
    if getattr(own.config, "rank_budget", None) is not None:
        # at full rank for half of the time, so that the search sees what each component does
        _train(settings.shortened(0.5), inner, outer, own, flat, optimizer)
        own = search_ranks(own, inner, flat)
    history, stats = _train(settings, inner, outer, own, flat, optimizer)
    stats["seconds"] = time.perf_counter() - started
    return AdaptedSolution(base, problem, own, name, history, stats)


def _train(
    settings: Settings, inner: Collocation, outer: Collocation, adapter: Adapter, flat: Tensor, optimizer: Any
) -> tuple[list[dict[str, float]], dict[str, Any]]:
    """Train the adapter; its factors are the best found when this returns."""
    method = method_for("gn-arc" if optimizer == "auto" else optimizer, adapter.size, inner.pointwise)
    factors = ScaledFactors(adapter) if isinstance(method, optim.TorchMethod) else adapter
    system, held_out = (AdaptedCollocation(part, factors, flat) for part in (inner, outer))
    theta = factors.vector()
    run = make_run(settings, system, held_out, method, adapter.size)
    start = run.relative(held_out.value(theta))
    head = optimizer == "auto" and adapter.config.kind == "head"
    outcome = _closed_form(run, system, theta) if head else None
    if outcome:
        optimizer = "linear least squares"
    else:
        if head and inner.pointwise:
            inner.check_pointwise()
        outcome = carry_out(run, settings)
    factors.load_vector(run.result)
    system.load(run.result)
    return run.history, {**statistics(run, outcome, optimizer), "start": start, "parameters": adapter.size}


def _closed_form(run: Run, system: AdaptedCollocation, theta: Tensor) -> str | None:
    """Jump to the least-squares solution and name the outcome; None where the residual is not linear."""
    linearization = system.linearize(theta)
    linearization.dense()  # once for the test and the solution
    if not is_linear(system, theta, linearization):  # which also shows that J is right
        return None
    return run.jump(linear_solve(linearization, theta))
