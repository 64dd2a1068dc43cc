"""How a generator is trained: by least squares, then against a critic where that sees a distance."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sciml.nn import GroupSort
from sciml.stats import wasserstein1

if TYPE_CHECKING:
    from sciml.solvers.laws.generated import GeneratedLaw

CRITIC = [48, 48]
RATE, CRITIC_RATE, CRITIC_STEPS = 2e-4, 4e-3, 3
COMPARED = 150  # steps of the critic that compares with snapshots that were not seen
BATCH, INTERIOR = 128, 200  # snapshots and points of a step
START, AGAIN = 800, 400  # evaluations of least squares at the start and after the steps against the critic
POINTS = 500  # of least squares, each with its own draw
DRAWS, DATA = 150, 10.0  # at the sensors, and the weight of these values
SPLITS = 3  # of the snapshots, whose distances tell what sampling is
FEW = 1000  # snapshots that are compared
BETTER = 0.9  # of the distance at the start, for which the steps against the critic are kept


@dataclass
class Training:
    """What a generator is trained with.

    Attributes:
        law: The generator.
        x: Sensors ``(m, d)``.
        seen, apart: Snapshots ``(n, m)`` to train with, and those that tell how good it is.
        weight: Of the equation's squared residual.
        seed: Of everything random.
        first: The residual of the untrained network.
    """

    law: GeneratedLaw
    x: Tensor
    seen: Tensor
    apart: Tensor
    weight: float
    seed: int
    first: float = 1.0

    def away(self, values: Tensor) -> float:
        """Wasserstein-1 distance of values ``(n, m)`` from the snapshots that were kept aside."""
        return wasserstein1(values[:FEW], self.apart[:FEW], steps=COMPARED, seed=self.seed)


def distance(training: Training) -> float:
    """That of the law from the snapshots that were kept aside, by as many draws as there are others."""
    with torch.no_grad():
        z = training.law.draws(len(training.seen), training.seed)
        return training.away(training.law.values(training.x, z))


def two_samples(training: Training, known: Tensor) -> float:
    """The largest distance of random parts of the snapshots ``(n, m)`` from the rest: one alone may be small by luck."""
    found, aside = 0.0, len(training.apart)
    for k in range(1, SPLITS):
        rng = torch.Generator().manual_seed(training.seed + k)
        order = torch.randperm(len(known), generator=rng)
        one, other = known[order[:aside]], known[order[aside:]]
        found = max(found, wasserstein1(other[:FEW], one[:FEW], steps=COMPARED, seed=training.seed))
    return found


def least_squares(training: Training, wanted: Callable[[Tensor], Tensor], again: bool = False) -> None:
    """Fit ``wanted(z)`` at the sensors and the equation inside, by L-BFGS.

    Args:
        training: With the law.
        wanted: From draws ``(n, latent)`` to values ``(n, m)``.
        again: Whether the law was fitted before.
    """
    law, seed, x = training.law, training.seed + again, training.x
    points = law.trial.problem.domain.sample(POINTS, seed=seed)
    z = law.draws(POINTS, seed)
    few = z[:DRAWS]
    aim = wanted(few).detach()

    def size() -> Tensor:
        return law.rows(points, z).square().sum(1).mean()

    if not again:
        training.first = float(size().detach().sqrt()) or 1.0
    count = AGAIN if again else START
    optimizer = torch.optim.LBFGS(
        law.network.parameters(),
        max_iter=count,
        max_eval=count,
        history_size=50,
        line_search_fn="strong_wolfe",
    )

    def loss() -> Tensor:
        optimizer.zero_grad()
        misfit = ((law.values(x, few) - aim) / law.size).square().mean()
        total = training.weight * size() + DATA * misfit
        total.backward()
        return total

    optimizer.step(loss)
    law.residual = float(size().detach().sqrt()) / training.first


def improve(training: Training, steps: int, max_time: float) -> None:
    """Train against a critic, and keep that where the snapshots that were kept aside are nearer than at the start.

    After these steps the equation is fitted anew, with the values at the sensors as they have become.
    """
    law = training.law
    start, before, residual = copy.deepcopy(law.network.state_dict()), law.distance, law.residual
    if _train(training, steps, max_time):
        least_squares(training, lambda z: law.values(training.x, z), again=True)
        law.distance = distance(training)
        if law.distance <= BETTER * before:
            return
    law.network.load_state_dict(start)
    law.distance, law.residual, law.steps = before, residual, 0


def _train(training: Training, steps: int, max_time: float) -> bool:
    """Alternate steps of the critic and of the generator; False where that diverges."""
    law, x, known = training.law, training.x, training.seen
    began = time.perf_counter()
    rng = torch.Generator().manual_seed(training.seed)
    critic = GroupSort([len(x), *CRITIC, 1], CRITIC[0], seed=training.seed)
    optimizers = [
        torch.optim.Adam(law.network.parameters(), lr=RATE, betas=(0.5, 0.99)),
        torch.optim.Adam(critic.parameters(), lr=CRITIC_RATE, betas=(0.5, 0.99)),
    ]
    schedules = [
        torch.optim.lr_scheduler.LambdaLR(o, lambda k: max(0.02, 1.0 - k / steps)) for o in optimizers
    ]
    middle = known.mean(0)
    size = (known - middle).norm(dim=1).mean().clamp(min=1e-300)  # of a snapshot about the mean

    def seen(values: Tensor) -> Tensor:
        return critic((values - middle) / size).mean()

    for step in range(steps):
        for _ in range(CRITIC_STEPS):
            real = known[torch.randint(len(known), (BATCH,), generator=rng)]
            with torch.no_grad():
                fake = law.values(x, law.strengths.draw(BATCH, rng))
            gap = seen(fake) - seen(real)
            optimizers[1].zero_grad()
            gap.backward()
            optimizers[1].step()
        points = law.trial.problem.domain.sample(INTERIOR, seed=training.seed + step)
        rows = law.rows(points, law.strengths.draw(INTERIOR, rng))
        told = seen(law.values(x, law.strengths.draw(BATCH, rng)))
        loss = training.weight * rows.square().sum(1).mean() - told
        optimizers[0].zero_grad()
        loss.backward()
        optimizers[0].step()
        for schedule in schedules:
            schedule.step()
        law.steps = step + 1
        if not bool(torch.isfinite(loss)):
            law.notes.append("The training diverged.")
            return False
        if time.perf_counter() - began > max_time:
            law.notes.append(f"The time ended after {law.steps} of {steps} steps.")
            break
    return True
