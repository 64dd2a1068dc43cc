"""The selection of an S-KAN: each family alone and all of them together are trained for a while, and the best goes on."""

from __future__ import annotations

import copy
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from sciml.ansatz import Trial
from sciml.nn.base import JetNetwork
from sciml.nn.skan import SKAN
from sciml.rank import SecondOrder, gauss_newton
from sciml.solvers.solution import Solution
from sciml.solvers.training.settings import Settings, training_system

FIRST = 1 / 3  # of a candidate's steps, after which all but two are given up
LAST = 2  # candidates that run on

# (network, seconds, steps) to its solution
Train = Callable[[JetNetwork, float, int | None], Solution]


@dataclass
class Candidate:
    """What may be kept.

    Attributes:
        name: For the note.
        solution: After its trainings.
        steps, rejected: Of all its trainings.
    """

    name: str
    solution: Solution | None = None
    steps: int = 0
    rejected: int = 0

    @property
    def trained(self) -> Solution:
        """The solution, once there is one."""
        assert self.solution is not None
        return self.solution

    @property
    def residual(self) -> float:
        """On held-out points, relative; inf where it is not finite or the training has diverged."""
        stats = self.trained.stats
        found = stats.residual if stats.outcome != "diverged" else None
        return found if found is not None and math.isfinite(found) else math.inf

    @property
    def done(self) -> bool:
        """Whether there is nothing to be decided any more."""
        return self.trained.stats.outcome in ("converged", "interrupted")


class Race:
    """Trainings of candidates; the seconds and steps of all are added up.

    Args:
        settings: Of the whole solve. Its steps are those of a candidate, and its time is shared by all.
        train: See ``solve_selecting``.
        families: As many candidates, besides that of a family for each input.
    """

    def __init__(self, settings: Settings, train: Train, families: int):
        limits = settings.limits
        self.seconds = limits.max_time / (families + 1 + LAST / FIRST)
        self.length = None if limits.max_steps is None else max(1, round(FIRST * limits.max_steps))
        self.train = train
        self.spent, self.steps = 0.0, 0

    def run(self, candidate: Candidate, network: JetNetwork, share: float = 1.0) -> Candidate:
        """Train a candidate's network for a share of its first part."""
        steps = None if self.length is None else max(1, int(share * self.length))
        return self.further(candidate, network, share * self.seconds, steps)

    def further(
        self, candidate: Candidate, network: JetNetwork, seconds: float, steps: int | None
    ) -> Candidate:
        """Train it for seconds and steps."""
        candidate.solution = self.train(network, seconds, steps)
        stats = candidate.trained.stats
        self.spent += stats.seconds or 0.0
        self.steps += stats.steps or 0
        candidate.steps += stats.steps or 0
        candidate.rejected += stats.rejected or 0
        return candidate


def solve_selecting(settings: Settings, model: SKAN, train: Train) -> Solution:
    """The solution of a network with the families that it has kept; the model stays as it is.

    The candidates are every family alone, from its own start, and a family for each input, by ``helpful`` among all of them
    trained together. Each runs a third of the steps. The two with the smallest residuals on held-out points run all steps,
    and the better of these is kept. A family alone begins anew for that: what a solve knows besides its parameters, of
    points and damping, is worth a factor of six. So the answer is that of the family's own solve. The time is shared by all
    trainings; the steps are those of each.

    Args:
        settings: Of the whole solve.
        model: All families.
        train: Solves with a network within seconds and steps.
    """
    began = time.perf_counter()
    limits = settings.limits
    race = Race(settings, train, len(model.bases))
    entered: list[Candidate] = []
    for candidate in _entrants(settings, model, race):
        entered.append(candidate)
        if candidate.done:
            return _told(candidate, _results(entered), race)
    last = sorted(entered, key=lambda c: c.residual)[:LAST]
    for k, candidate in enumerate(last):
        left = max(limits.max_time - (time.perf_counter() - began), race.seconds) / (len(last) - k)
        network = copy.deepcopy(candidate.trained.network)
        assert isinstance(network, JetNetwork)
        if candidate.name in model.bases:
            network, candidate.steps, candidate.rejected = model.alone(candidate.name), 0, 0
        steps = None if limits.max_steps is None else max(1, limits.max_steps - candidate.steps)
        before = candidate.trained, candidate.residual
        race.further(candidate, network, left, steps)
        if candidate.residual > before[1]:  # in less time, or from a state that was lucky
            candidate.solution = before[0]
        if candidate.done:
            return _told(candidate, _results(entered), race)
    return _told(min(last, key=lambda c: c.residual), _results(entered), race)


def _entrants(settings: Settings, model: SKAN, race: Race) -> Iterator[Candidate]:
    for name in model.bases:
        yield race.run(Candidate(name), model.alone(name))
    each = race.run(Candidate("a family for each input"), copy.deepcopy(model), 0.5)
    together = each.trained
    if together.stats.outcome in ("diverged", "interrupted"):
        each.name = "all families together"
        yield each
        return
    network = copy.deepcopy(together.network)
    assert isinstance(network, SKAN)
    network.keep(helpful(settings, together.trial.like(together.trial.problem, network)))
    yield race.run(each, network, 0.5)


def _results(entered: list[Candidate]) -> str:
    return ", ".join(f"{c.name} {c.residual:.1e}" for c in sorted(entered, key=lambda c: c.residual))


def _told(chosen: Candidate, words: str, race: Race) -> Solution:
    stats = chosen.trained.stats
    stats.notes.append(f"Kept was {chosen.name}; relative residuals when that was decided: {words}.")
    stats.notes.append(f"All candidates together took {race.steps} steps.")
    stats.seconds, stats.steps, stats.rejected = race.spent, chosen.steps, chosen.rejected
    return chosen.trained


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
