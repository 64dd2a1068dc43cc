"""Fine-tune a solved problem to another one through an adapter."""

from __future__ import annotations

import copy
import time
from typing import Any

from torch import nn

from sciml.adapters import Adapter, AdapterConfig, check_searchable
from sciml.adapters.low_rank import LowRank
from sciml.ansatz.march import Chain
from sciml.checks.findings import findings
from sciml.derivatives import recording_gradients
from sciml.errors import ArgumentError
from sciml.optim.threads import few_threads
from sciml.problem import PDE
from sciml.solvers.adapted import AdaptedAnswer
from sciml.solvers.answer import Answer
from sciml.solvers.training.adapted_system import check_compatible
from sciml.solvers.training.interrupt import Interruption
from sciml.solvers.training.phases import Phases
from sciml.solvers.training.settings import Settings, held_out_system, training_system

POINTS_PER_UNKNOWN = 3  # of a linear least-squares solve, which cannot ask for more points on the way


def finetune(
    base: Answer,
    problem: PDE,
    adapter: str | AdapterConfig | Adapter = "lotra",
    *,
    name: str = "adapter",
    optimizer: Any = "auto",
    points: int | None = None,
    max_time: float | None = None,
    max_steps: int | None = None,
    tol: float | None = None,
    accuracy: float | None = None,
    seed: int = 0,
    callbacks: Any = (),
    progress: bool = True,
) -> AdaptedAnswer:
    """Train an adapter of ``base`` for ``problem``; the base stays as it is.

    Gauss-Newton works on the adapter's numbers alone, so its systems are small: that, the warm start, and the closed
    form below are where the speed comes from. A step of a first-order method costs what it costs without an adapter.

    Where the equation is linear in the trained numbers (a linear equation and ``"head"``), the answer is one linear
    least-squares solve, and no optimiser runs.

    Args:
        base: A solved problem.
        problem: Over the same coordinates and unknowns.
        adapter: A configuration, a kind's name (``"lotra"``, ``"lora"``, ``"svd"``, ``"head"``, ``"full"``), or an adapter
            whose factors are the start. A configuration with ``rank_budget`` is trained, cut, and trained on
            (``rank_schedule="cut"``), or trained while the budget falls (``"joint"``).
        name: To call it by.
        optimizer, points, max_time, max_steps, tol, accuracy, seed, callbacks, progress: As in ``sciml.solve``.

    Returns:
        The answer to ``problem``; its ``report`` says what it cost and gave.
    """
    if isinstance(base.trial, Chain):
        raise ArgumentError(
            "finetune needs a solution without windows, got one of "
            f"{len(base.trial.windows)}: solve the new problem with windows=... again."
        )
    settings = Settings(problem, points, max_time, max_steps, tol, accuracy, seed, callbacks, progress)
    with Interruption() as interruption, recording_gradients():
        notes = findings(problem)
        check_compatible(base.problem, problem)
        started = time.perf_counter()
        own = adapter.copy() if isinstance(adapter, Adapter) else Adapter(adapter, base.network)
        check_searchable(own)
        trial = base.trial.like(problem, copy.deepcopy(base.network))
        flat = nn.utils.parameters_to_vector([p.reshape(-1) for p in base.network.parameters()]).detach()
        with few_threads(flat.numel(), torch_too=True):
            closed = optimizer == "auto" and own.config.kind == "head"
            # a closed form cannot ask for more points on the way
            least = POINTS_PER_UNKNOWN * own.size if closed else 0
            # like the unknowns' scale, the equations' weights are the base's: a step from it is measured in its units
            inner = training_system(
                settings, trial, notes, least, weights=base.stats.weights, check=not closed
            )
            outer = held_out_system(settings, inner)
            phases = Phases(settings, inner, outer, flat, optimizer, interruption)
            own = _train(phases, own)
    assert phases.stats is not None
    phases.stats.seconds = time.perf_counter() - started
    return AdaptedAnswer(base, problem, own, name, phases.history, phases.stats)


def _train(phases: Phases, adapter: Adapter) -> Adapter:
    """Train in one run, or with a choice of ranks; the trained adapter."""
    config = adapter.config
    if not isinstance(config, LowRank) or config.rank_budget is None:
        phases.train(adapter)
        return adapter
    if config.rank_schedule == "joint":
        return phases.joint(adapter, config.rank_budget, config.rank_search)
    return phases.cut(adapter)
