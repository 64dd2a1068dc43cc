"""The three phases of an S-KAN: all families are trained, those that help are kept, and these are trained."""

from __future__ import annotations

import copy
import time
from collections import Counter
from collections.abc import Callable

import torch
from torch import Tensor

from sciml.ansatz import Trial
from sciml.nn.skan import SKAN
from sciml.rank import SecondOrder, gauss_newton
from sciml.solvers.solution import Solution
from sciml.solvers.training.settings import Settings, training_system

FULL = 1 / 3  # of the time and the steps, for all families together

# (network, seconds, steps) to its solution
Train = Callable[[SKAN, float, int | None], Solution]


def solve_selecting(settings: Settings, model: SKAN, train: Train) -> Solution:
    """The solution of a network with the families that it has kept; the model stays as it is.

    Args:
        settings: Of the whole solve.
        model: All families.
        train: Solves with a network within seconds and steps.
    """
    began = time.perf_counter()
    limits = settings.limits
    part = settings.shortened(FULL)
    first = train(copy.deepcopy(model), part.limits.max_time, part.max_steps)
    if first.stats.outcome in ("diverged", "interrupted"):
        first.stats.notes.append("No families were selected, since the training of all of them ended early.")
        return first
    network = first.network
    assert isinstance(network, SKAN)
    network = copy.deepcopy(network)
    before = network.slots
    network.keep(helpful(settings, first.trial.like(first.trial.problem, network)))
    steps = None if limits.max_steps is None else max(1, limits.max_steps - (first.stats.steps or 0))
    left = max(limits.max_time - (time.perf_counter() - began), FULL * limits.max_time)
    second = train(network, left, steps)
    stats = second.stats
    stats.notes.append(f"{network.slots} of {before} pairs of an input and a family were kept.")
    stats.seconds = (first.stats.seconds or 0.0) + (stats.seconds or 0.0)
    stats.steps = (first.stats.steps or 0) + (stats.steps or 0)
    stats.rejected = (first.stats.rejected or 0) + (stats.rejected or 0)
    return second


def helpful(settings: Settings, trial: Trial) -> Tensor:
    """The family that each input of each layer needs most: a mask ``(slots,)`` over the pairs of all layers.

    The score is the second-order model of the loss in factors of the pairs, with the Gauss-Newton matrix for its curvature:
    that of SubLoRA (``sciml.rank.SecondOrder``), with a pair for a component. Beginning with all of them, the pair whose
    removal raises the loss least is removed, until every input has one.

    Args:
        settings: Of the solve, for its points.
        trial: With an ``SKAN``.
    """
    network = trial.network
    assert isinstance(network, SKAN)
    system = training_system(settings, trial, check=False)
    theta = system.theta
    system.balance(theta)
    linearization = system.linearize(theta)
    columns, start = {}, 0
    for name, p in network.named_parameters():
        columns[name] = linearization.columns(start, start + p.numel())
        start += p.numel()
    known = gauss_newton(linearization.residual.detach(), network.slopes(columns))
    model = SecondOrder.from_derivatives(known.g, known.H, network.strengths().to(theta))
    owners = [(k, i) for k, layer in enumerate(network.chosen) for i, _ in layer]
    keep = torch.ones(len(owners), dtype=torch.bool)
    while True:
        left = Counter(owner for owner, kept in zip(owners, keep.tolist(), strict=True) if kept)
        spare = [s for s, owner in enumerate(owners) if bool(keep[s]) and left[owner] > 1]
        if not spare:
            return keep
        worth = model.marginals(keep)
        keep[min(spare, key=lambda s: float(worth[s]))] = False
