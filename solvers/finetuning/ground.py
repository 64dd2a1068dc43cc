"""What every stage of a fine-tuning stands on: a copy of the base's network on the points of the new problem."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from sciml.adapters import Adapter
from sciml.adapters.low_rank import LowRank
from sciml.solvers.answer import Answer
from sciml.solvers.training.interrupt import Interruption
from sciml.solvers.training.phases import Phases
from sciml.solvers.training.settings import Settings, held_out_system, training_system

POINTS_PER_UNKNOWN = 3  # of a linear least-squares solve, which cannot ask for more points on the way


def flat_parameters(base: Answer) -> Tensor:
    """The base's parameters as one vector ``(P,)``."""
    return nn.utils.parameters_to_vector([p.reshape(-1) for p in base.network.parameters()]).detach()


def phases_of(
    base: Answer,
    settings: Settings,
    notes: Sequence[str],
    optimizer: Any,
    interruption: Interruption,
    began: float,
    closed: int = 0,
) -> Phases:
    """The runs of a fine-tuning of ``base``, not started.

    Args:
        base: The solved problem.
        settings: With the new problem.
        notes: On the problem.
        optimizer: As in ``sciml.solve``.
        interruption: Tells when somebody asked to stop.
        began: Moment from which time counts.
        closed: Unknowns of a closed form to begin with, which needs points enough; 0 for none.
    """
    trial = base.trial.like(settings.problem, copy.deepcopy(base.network))
    # like the unknowns' scale, the equations' weights are the base's: a step from it is measured in its units
    inner = training_system(
        settings, trial, notes, POINTS_PER_UNKNOWN * closed, weights=base.stats.weights, check=not closed
    )
    outer = held_out_system(settings, inner)
    return Phases(settings, inner, outer, flat_parameters(base), optimizer, interruption, began)


def train(phases: Phases, adapter: Adapter) -> Adapter:
    """Train in one run, or with a choice of ranks; the trained adapter."""
    config = adapter.config
    if not isinstance(config, LowRank) or config.rank_budget is None:
        phases.train(adapter)
        return adapter
    if config.rank_schedule == "joint":
        return phases.joint(adapter, config.rank_budget, config.rank_search)
    return phases.cut(adapter)
