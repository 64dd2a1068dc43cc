"""Fine-tune a solved problem to another one through an adapter."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from torch import nn

from sciml.adapters import (
    Adapter,
    AdapterConfig,
    PlainConfig,
    Span,
    WindowsAdapter,
    check_searchable,
    check_windowed,
    get_config,
)
from sciml.ansatz.march import Chain
from sciml.checks.findings import findings
from sciml.derivatives import recording_gradients
from sciml.errors import ArgumentError
from sciml.optim.threads import few_threads
from sciml.problem import PDE
from sciml.solvers.adapted import AdaptedAnswer
from sciml.solvers.answer import Answer
from sciml.solvers.finetuning.ground import phases_of, train
from sciml.solvers.finetuning.road import Road, span_answer
from sciml.solvers.finetuning.windows import TunedMarch
from sciml.solvers.training.adapted_system import check_compatible
from sciml.solvers.training.interrupt import Interruption
from sciml.solvers.training.settings import Settings

AUTO = "auto"


def finetune(
    base: Answer,
    problem: PDE,
    adapter: str | PlainConfig | Adapter = AUTO,
    *,
    name: str = "adapter",
    members: Mapping[str, AdaptedAnswer] | None = None,
    optimizer: Any = "auto",
    points: int | None = None,
    max_time: float | None = None,
    max_steps: int | None = None,
    tol: float | None = None,
    accuracy: float | None = None,
    seed: int = 0,
    callbacks: Any = (),
    metrics: Any = None,
    progress: bool = True,
) -> AdaptedAnswer:
    """Solve ``problem`` with what is known from ``base``, which stays as it is.

    ``"auto"`` goes a road: a span of the adapters that the base has already, the last layer in closed form where the
    equation is linear, a low-rank adapter, everything. A stage is entered only if the estimated error of the one before
    is above the goal, and the stage with the smallest estimated error is kept; ``report["stages"]`` has a line for each.
    The goal is ``accuracy``, or the residual ``tol``, or else an estimated error of twice the base's.

    Gauss-Newton works on an adapter's numbers alone, so its systems are small: that, the warm start, spans and the closed
    form are where the speed comes from. A step of a first-order method costs what it costs without an adapter.

    A solution in windows is fine-tuned window by window: each begins where the fine-tuned one before it ends, and goes
    the road, or trains the adapter that is asked for, from its own network of the base until its residual is within the
    tolerance that a solve in windows has. The windows stay those of the base, and limits are of all of them together.

    Args:
        base: A solved problem.
        problem: Over the same coordinates and unknowns.
        adapter: ``"auto"``, a configuration, a kind's name (``"span"``, ``"head"``, ``"lora"``, ``"lotra"``, ``"svd"``,
            ``"full"``), or an adapter whose factors are the start. A configuration with ``rank_budget`` is trained, cut, and
            trained on (``rank_schedule="cut"``), or trained while the budget falls (``"joint"``).
        name: To call it by.
        members: Other adapters of the base, by name, of which a span is made.
        optimizer, points, max_time, max_steps, tol, accuracy, seed, callbacks, metrics, progress: As in ``sciml.solve``.

    Returns:
        The answer to ``problem``; its ``report`` says what it cost and gave.

    Raises:
        ArgumentError: A problem over other coordinates, an adapter that does not fit, members that are missing or whose
            exact conditions hold on other places; for a base in windows also a span or a rank budget.
    """
    if base.stats.polished is not None:
        raise ArgumentError(
            "finetune needs a solution that is not polished, got one that is: fine-tune the bare one, and polish "
            "merge_and_unload() of what comes of it."
        )
    settings = Settings(
        problem, points, max_time, max_steps, tol, accuracy, seed, callbacks, progress, metrics
    )
    config = None if adapter == AUTO or isinstance(adapter, Adapter) else get_config(adapter)
    known = members or {}
    with Interruption() as interruption, recording_gradients():
        notes = findings(problem)
        check_compatible(base.problem, problem)
        began = time.perf_counter()
        size = sum(p.numel() for p in base.network.parameters())
        in_windows = isinstance(base.trial, Chain)
        if isinstance(base.network, nn.ModuleList):
            size //= len(base.network)
        with few_threads(size, torch_too=True):
            if in_windows:
                own = windowed(config, adapter)
                return TunedMarch(base, own, settings, notes, optimizer, interruption, began).answer(name)
            if isinstance(config, Span):
                return span_answer(base, known, config, settings, notes, name, began)
            if config is None and not isinstance(adapter, Adapter):
                return Road(base, known, settings, notes, optimizer, interruption, began).answer(name)
            own = adapter.copy() if isinstance(adapter, Adapter) else Adapter(config, base.network)  # type: ignore[arg-type]
            check_searchable(own)
            closed = own.size if optimizer == "auto" and own.config.kind == "head" else 0
            phases = phases_of(base, settings, notes, optimizer, interruption, began, closed)
            own = train(phases, own)
    assert phases.stats is not None
    phases.stats.seconds = time.perf_counter() - began
    return AdaptedAnswer(base, problem, own, name, phases.history, phases.stats)


def windowed(
    config: PlainConfig | None, adapter: str | PlainConfig | Adapter
) -> AdapterConfig | WindowsAdapter | None:
    """What the windows of a solution are trained with; None for the road.

    Raises:
        ArgumentError: A span, a rank budget, or an adapter of another base.
    """
    if isinstance(adapter, Adapter):
        if not isinstance(adapter, WindowsAdapter):
            raise ArgumentError(
                f"adapter needs one of a solution in windows, as the base has them, got {adapter!r} of one network."
            )
        check_windowed(adapter.config)
        return adapter
    if isinstance(config, Span):
        raise ArgumentError(
            "adapter 'span' needs a base without windows: one weight a member does not hold for all windows. "
            "Give adapter='auto'."
        )
    assert config is None or isinstance(config, AdapterConfig)
    if config is not None:
        check_windowed(config)
    return config
