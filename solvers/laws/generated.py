"""The law of a solution from snapshots of data whose own law nobody knows: a generator and a critic.

After WGAN-PINN (Gao and Ng, arXiv 2108.13054): a network ``u(x, z)`` with a random ``z`` is to satisfy the equation for
every ``z``, and so that a critic of Lipschitz constant 1 cannot tell its values at the sensors from the snapshots. Here the
critic sees all values of a snapshot at once, so that it judges how they go together and not each alone. And the generator
starts from least squares: the snapshots' mean and principal components, each with its own law, carried into the domain by
the equation. The critic then changes how the components depend on each other. Where it does not bring the law nearer, the
start is kept.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from sciml.ansatz import Trial
from sciml.arguments import integer, number, positive
from sciml.arguments import points as points_of
from sciml.derivatives import AutogradSource, recording_gradients
from sciml.errors import ArgumentError
from sciml.nn import MLP, GroupSort
from sciml.problem import PDE
from sciml.solvers.laws.law import Law
from sciml.stats import wasserstein1

HIDDEN = [40, 40]
CRITIC = [48, 48]
RATE, CRITIC_RATE, CRITIC_STEPS = 2e-4, 4e-3, 3
COMPARED = 150  # steps of the critic that compares start and end
BATCH, INTERIOR = 128, 200  # snapshots and points of a step
START, AGAIN, POINTS = (
    800,
    400,
    500,
)  # evaluations of least squares at the start and at the end, and its points
DRAWS, DATA = 150, 10.0  # of z at the sensors there, and the weight of these values
FEW, BETTER = (
    1000,
    0.9,
)  # snapshots by which start and end are compared, and the share of W1 for which the end is kept


class GeneratedLaw(Law):
    """A trial function whose network sees ``z ~ N(0, I)`` besides the point.

    Attributes:
        trial: The trial function.
        latent: Numbers of ``z``; 0 for a generator that ignores it.
        residual: Root mean square of the equation's residual over points and draws, at the end.
        steps: Of the generator against the critic; 0 where the start by least squares was nearer to the snapshots.
    """

    method = "generator"

    def __init__(self, problem: PDE, latent: int, seed: int):
        super().__init__(problem.domain.dim)
        self.latent = latent
        self.network = _WithLatent(problem, latent, seed)
        self.trial = Trial(problem, self.network)
        self.residual, self.steps = math.nan, 0

    def values(self, x: Tensor, z: Tensor) -> Tensor:
        """``u`` at every point ``x (m, d)`` for every ``z (n, latent)``: ``(n, m)``."""
        self.network.z = z.repeat_interleave(len(x), 0)
        return self.trial(x.repeat(len(z), 1)).reshape(len(z), len(x))

    def rows(self, x: Tensor, z: Tensor) -> Tensor:
        """The equations' residual at ``x (n, d)``, each point with its own ``z (n, latent)``: ``(n, k)``."""
        self.network.z = z
        problem = self.trial.problem
        terms = problem.residual_terms(problem.field(AutogradSource(self.trial, x)), x)
        return torch.cat([term.reshape(len(x), -1) for term in terms.values()], 1)

    def _sample(self, x: Tensor, n: int, seed: int) -> Tensor:
        z = torch.randn(n, self.latent, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        return torch.cat([self.values(x, part) for part in z.split(max(1, 100_000 // len(x)))])


class _WithLatent(nn.Module):
    """A network of the inputs and of ``z``, one row each."""

    def __init__(self, problem: PDE, latent: int, seed: int):
        super().__init__()
        self.net = MLP([problem.plain_inputs + latent, *HIDDEN, 1], "tanh", scale=2.0, seed=seed)
        self.widths = [problem.plain_inputs, *HIDDEN, 1]
        self.latent = latent
        self.z = torch.zeros(0, latent, dtype=torch.float64)

    def forward(self, inputs: Tensor) -> Tensor:
        z = self.z if len(self.z) == len(inputs) else inputs.new_zeros(len(inputs), self.latent)
        return self.net(torch.cat([inputs, z], 1))


def generated_law(
    problem: PDE, snapshots: Any, latent: int, weight: float, steps: int, max_time: float, seed: int
) -> GeneratedLaw:
    """See ``sciml.solve_law``."""
    if not isinstance(snapshots, (tuple, list)) or len(snapshots) != 2:
        raise ArgumentError("snapshots needs a pair of points (m, d) and values (n, m).")
    x = points_of("snapshots[0]", snapshots[0], problem.domain.dim)
    known = points_of("snapshots[1]", snapshots[1], len(x))
    if len(known) < 20:
        raise ArgumentError(f"snapshots needs values of 20 snapshots at least, got {len(known)}.")
    latent, steps = integer("latent", latent, least=0), integer("steps", steps, least=1)
    weight, max_time = positive("weight", weight), number("max_time", max_time, 0)
    if problem.outputs != 1:
        raise ArgumentError(f"problem needs one unknown for a law, got {problem.outputs}.")
    law = GeneratedLaw(problem, latent, integer("seed", seed))
    if law.trial.ansatz.soft:
        labels = ", ".join(c.label for c in law.trial.ansatz.soft)
        raise ArgumentError(f"problem needs conditions that hold exactly for snapshots, got {labels}.")
    with recording_gradients():
        _start(law, x, known, weight, seed)
        _improve(law, x, known, weight, steps, max_time, seed)
    for p in law.network.parameters():
        p.requires_grad_(False)
    law.notes += law.compare(x, known, seed=seed + 1)
    return law


def _start(law: GeneratedLaw, x: Tensor, known: Tensor, weight: float, seed: int) -> None:
    """Fit the mean and the principal components of the snapshots, one for each number of ``z``, and the equation.

    Each component gets the snapshots' own law of its strength, as if the strengths were independent.
    """
    _, _, modes = torch.linalg.svd(known - known.mean(0), full_matrices=False)
    modes = modes[: law.latent]
    strengths = ((known - known.mean(0)) @ modes.T).sort(0).values

    def wanted(z: Tensor) -> Tensor:
        place = torch.special.ndtr(z[:, : len(modes)]) * (len(known) - 1)
        low = place.floor().long().clamp(max=len(known) - 2)
        own = torch.lerp(strengths.gather(0, low), strengths.gather(0, low + 1), place - low)
        return known.mean(0) + own @ modes

    _fit(law, x, wanted, weight, seed, START)


def _fit(
    law: GeneratedLaw, x: Tensor, wanted: Callable[[Tensor], Tensor], weight: float, seed: int, steps: int
) -> None:
    """Least squares with ``wanted(z)`` at the sensors and the equation inside, by L-BFGS."""
    rng = torch.Generator().manual_seed(seed)
    points = law.trial.problem.domain.sample(POINTS, seed=seed)
    z = torch.randn(POINTS, law.latent, generator=rng, dtype=torch.float64)
    few = z[:DRAWS]
    aim = wanted(few).detach()
    optimizer = torch.optim.LBFGS(
        law.network.parameters(),
        max_iter=steps,
        max_eval=steps,
        history_size=50,
        line_search_fn="strong_wolfe",
    )

    def loss() -> Tensor:
        optimizer.zero_grad()
        rows = law.rows(points, z).square().sum(1).mean()
        total = weight * rows + DATA * (law.values(x, few) - aim).square().mean()
        total.backward()
        return total

    optimizer.step(loss)
    law.residual = float(law.rows(points, z).detach().square().sum(1).mean().sqrt())


def _improve(
    law: GeneratedLaw, x: Tensor, known: Tensor, weight: float, steps: int, max_time: float, seed: int
) -> None:
    """Train against a critic, and keep that where the snapshots' law is nearer than at the start.

    Where the components are independent the law is there at the start, and steps against a critic only shake it. After
    these steps the equation is fitted anew, with the values at the sensors as they have become.
    """

    def away() -> float:
        with torch.no_grad():
            z = torch.randn(
                len(known), law.latent, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
            )
            own = law.values(x, z)
        return wasserstein1(own[:FEW], known[:FEW], steps=COMPARED, seed=seed)

    start, before, residual = copy.deepcopy(law.network.state_dict()), away(), law.residual
    _train(law, x, known, weight, steps, max_time, seed)
    if any("diverged" in note for note in law.notes) or away() > BETTER * before:
        law.network.load_state_dict(start)
        law.residual, law.steps = residual, 0
        return
    _fit(law, x, lambda z: law.values(x, z), weight, seed + 1, AGAIN)


def _train(
    law: GeneratedLaw, x: Tensor, known: Tensor, weight: float, steps: int, max_time: float, seed: int
) -> None:
    """Alternate steps of the critic and of the generator."""
    began = time.perf_counter()
    rng = torch.Generator().manual_seed(seed)
    critic = GroupSort([len(x), *CRITIC, 1], CRITIC[0], seed=seed)
    own, judge = law.network.parameters(), critic.parameters()
    optimizers = [
        torch.optim.Adam(own, lr=RATE, betas=(0.5, 0.99)),
        torch.optim.Adam(judge, lr=CRITIC_RATE, betas=(0.5, 0.99)),
    ]
    schedules = [
        torch.optim.lr_scheduler.LambdaLR(o, lambda k: max(0.02, 1.0 - k / steps)) for o in optimizers
    ]
    middle = known.mean(0)
    size = (known - middle).norm(dim=1).mean().clamp(min=1e-12)  # of a snapshot about the mean

    def draw(n: int) -> Tensor:
        return torch.randn(n, law.latent, generator=rng, dtype=torch.float64)

    def seen(values: Tensor) -> Tensor:
        return critic((values - middle) / size).mean()

    for step in range(steps):
        for _ in range(CRITIC_STEPS):
            real = known[torch.randint(len(known), (BATCH,), generator=rng)]
            with torch.no_grad():
                fake = law.values(x, draw(BATCH))
            gap = seen(fake) - seen(real)
            optimizers[1].zero_grad()
            gap.backward()
            optimizers[1].step()
        points = law.trial.problem.domain.sample(INTERIOR, seed=seed + step)
        rows = law.rows(points, draw(INTERIOR))
        loss = weight * rows.square().sum(1).mean() - seen(law.values(x, draw(BATCH)))
        optimizers[0].zero_grad()
        loss.backward()
        optimizers[0].step()
        for schedule in schedules:
            schedule.step()
        law.steps = step + 1
        if not bool(torch.isfinite(loss)):
            law.notes.append("The training diverged.")
            break
        if time.perf_counter() - began > max_time:
            law.notes.append(f"The time ended after {law.steps} of {steps} steps.")
            break
