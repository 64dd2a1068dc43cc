"""The law of a solution from snapshots of data whose own law nobody knows: a generator and a critic.

After WGAN-PINN (Gao and Ng, arXiv 2108.13054): a network ``u(x, z)`` with a random ``z`` is to satisfy the equation for
every ``z``, and so that a critic of Lipschitz constant 1 cannot tell its values at the sensors from the snapshots. Here the
critic sees all values of a snapshot at once, so that it judges how they go together and not each alone. And ``z`` is no
normal number but the strengths of the snapshots' principal components, drawn as the snapshots have them
(``sciml.solvers.laws.strengths``); least squares carries these into the domain by the equation. A quarter of the snapshots
is kept aside. Where the critic sees a distance from those that is more than that of two samples, the generator is trained
against it, and the result is kept where it is nearer.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from sciml.ansatz import Trial
from sciml.arguments import integer, number, positive, samples, warn_outside
from sciml.arguments import points as points_of
from sciml.derivatives import AutogradSource, recording_gradients
from sciml.errors import ArgumentError
from sciml.nn import MLP
from sciml.problem import PDE
from sciml.solvers.laws.adversarial import Training, distance, improve, least_squares, two_samples
from sciml.solvers.laws.determined import is_open
from sciml.solvers.laws.law import Law
from sciml.solvers.laws.strengths import HELD, Strengths

HIDDEN = [40, 40]
LEAST, HELD_OUT = 20, 4  # snapshots, and the part of them that is kept aside
SEEN = 1.5  # times the distance of two samples, from which the critic is said to see one
OPEN = 0.1  # of the residual of the untrained network: what is noted
FITTED = 1e-4  # of the values: a distance that is the fit's
SAME = 1e-6  # of the values: two that do not contradict
SLACK = 1e-6  # of the domain's size: a sensor on its boundary


class GeneratedLaw(Law):
    """A trial function whose network sees the strengths ``z`` of the snapshots' components besides the point.

    Attributes:
        trial: The trial function.
        latent: Numbers of ``z``; 0 for a generator without any spread.
        strengths: What ``z`` is drawn from.
        residual: Root mean square of the equation's residual over points and draws, over that of the untrained network.
        steps: Of the generator against the critic; 0 where least squares is kept.
        distance: Wasserstein-1 distance of its values at the sensors from snapshots that it has not seen.
        sampling: What two samples of one law have: the same distance of the snapshots that it has seen, or that of other
            parts of the snapshots, the largest of three.
    """

    method = "generator"

    def __init__(self, problem: PDE, strengths: Strengths, size: float, seed: int):
        super().__init__(problem.domain.dim)
        self.strengths, self.latent, self.size = strengths, strengths.count, size
        self.network = _WithLatent(problem, self.latent, size, seed)
        self.trial = Trial(problem, self.network)
        self.residual, self.steps = math.nan, 0
        self.distance, self.sampling = math.nan, math.nan

    def values(self, x: Tensor, z: Tensor) -> Tensor:
        """``u`` at every point ``x (m, d)`` for every ``z (n, latent)``: ``(n, m)``."""
        self.network.z = z.repeat_interleave(len(x), 0)
        return self.trial(x.repeat(len(z), 1)).reshape(len(z), len(x))

    def rows(self, x: Tensor, z: Tensor) -> Tensor:
        """The equations' residual at ``x (n, d)`` in units of the values, each point with its own ``z``: ``(n, k)``."""
        self.network.z = z
        problem = self.trial.problem
        terms = problem.residual_terms(problem.field(AutogradSource(self.trial, x)), x)
        return torch.cat([term.reshape(len(x), -1) for term in terms.values()], 1) / self.size

    def draws(self, n: int, seed: int) -> Tensor:
        """``z (n, latent)``."""
        return self.strengths.draw(n, torch.Generator().manual_seed(seed))

    def _sample(self, x: Tensor, n: int, seed: int) -> Tensor:
        domain = self.trial.problem.domain
        warn_outside(x, domain.lower, domain.upper)
        z = self.draws(n, seed)
        return torch.cat([self.values(x, part) for part in z.split(max(1, 100_000 // len(x)))])


class _WithLatent(nn.Module):
    """A network of the inputs and of ``z``, one row each, in units of the snapshots' values."""

    def __init__(self, problem: PDE, latent: int, size: float, seed: int):
        super().__init__()
        self.net = MLP([problem.plain_inputs + latent, *HIDDEN, 1], "tanh", scale=2.0, seed=seed)
        self.widths = [problem.plain_inputs, *HIDDEN, 1]
        self.latent, self.size = latent, size
        self.z = torch.zeros(0, latent, dtype=torch.float64)

    def forward(self, inputs: Tensor) -> Tensor:
        z = self.z if len(self.z) == len(inputs) else inputs.new_zeros(len(inputs), self.latent)
        return self.size * self.net(torch.cat([inputs, z], 1))


def generated_law(
    problem: PDE, snapshots: Any, latent: int | None, weight: float, steps: int, max_time: float, seed: int
) -> GeneratedLaw:
    """See ``sciml.solve_law``."""
    x, known = _checked(problem, snapshots)
    latent = None if latent is None else integer("latent", latent, least=0)
    steps, seed = integer("steps", steps, least=1), integer("seed", seed)
    weight, max_time = positive("weight", weight), number("max_time", max_time, 0)
    order = torch.randperm(len(known), generator=torch.Generator().manual_seed(seed))
    aside = len(known) // HELD_OUT
    apart, seen = known[order[:aside]], known[order[aside:]]
    strengths = Strengths(seen, latent)
    law = GeneratedLaw(problem, strengths, float(known.square().mean().sqrt()) or 1.0, seed)
    _check_conditions(law, x, known)
    training = Training(law, x, seen, apart, weight, seed)
    with recording_gradients():
        least_squares(training, strengths.values)
        law.sampling = max(training.away(seen), two_samples(training, known))
        law.distance = distance(training)
        if is_open(law, x, seed):
            law.notes.append(
                "open: the equation and the values at the sensors leave the solution open; this law is one of many."
            )
        if law.latent and law.distance > SEEN * law.sampling:
            improve(training, steps, max_time)
    for p in law.network.parameters():
        p.requires_grad_(False)
    law.notes += _notes(law, len(apart))
    strengths.take(known)
    law.notes += law.compare(x, known, seed=seed + 1)
    return law


def _notes(law: GeneratedLaw, aside: int) -> list[str]:
    found = []
    if law.latent and law.strengths.held < HELD:
        found.append(
            f"latent: {law.latent} components hold {law.strengths.held:.1%} of the snapshots' variance."
        )
    if law.residual > OPEN:
        found.append(f"equation: its residual is {law.residual:.0%} of that of the untrained network.")
    least = FITTED * law.size * law.strengths.middle.numel() ** 0.5  # of whole snapshots
    if law.distance > max(SEEN * law.sampling, least):
        found.append(
            f"distance: the critic sees {law.distance:.2g} between the law and {aside} snapshots that it had not seen, and "
            f"up to {law.sampling:.2g} between parts of the snapshots."
        )
    return found


def _checked(problem: PDE, snapshots: Any) -> tuple[Tensor, Tensor]:
    """Sensors ``(m, d)`` and values ``(n, m)``."""
    if not isinstance(snapshots, (tuple, list)) or len(snapshots) != 2:
        raise ArgumentError("snapshots needs a pair of points (m, d) and values (n, m).")
    if problem.outputs != 1:
        raise ArgumentError(f"problem needs one unknown for a law, got {problem.outputs}.")
    domain = problem.domain
    x = points_of("snapshots[0]", snapshots[0], domain.dim)
    known = samples("snapshots[1]", snapshots[1])
    if known.shape[1] != len(x):
        raise ArgumentError(
            f"snapshots[1] needs a row of {len(x)} values, one a point, for each snapshot, got shape {tuple(known.shape)}."
        )
    if len(known) < LEAST:
        raise ArgumentError(f"snapshots needs values of {LEAST} snapshots at least, got {len(known)}.")
    slack = SLACK * (domain.upper - domain.lower)
    outside = ((x < domain.lower - slack) | (x > domain.upper + slack)).any(1)
    if outside.any():
        raise ArgumentError(f"snapshots[0] needs points of the domain, got {x[outside][0].tolist()}.")
    return x, known


def _check_conditions(law: GeneratedLaw, x: Tensor, known: Tensor) -> None:
    """Refuse conditions that would be penalties, and snapshots that contradict the others."""
    ansatz = law.trial.ansatz
    if ansatz.soft:
        labels = ", ".join(c.label for c in ansatz.soft)
        raise ArgumentError(f"problem needs conditions that hold exactly for snapshots, got {labels}.")
    if ansatz.trivial:
        return
    with torch.no_grad():
        factor, offset = law.trial.factor(x)[:, 0], ansatz.offset(x)[:, 0]
    fixed = factor.abs() <= 1e-12
    off = (known - offset).abs().amax(0)
    wrong = fixed & (off > SAME * max(law.size, float(offset.abs().max())))
    if wrong.any():
        k = int(wrong.nonzero()[0, 0])
        got = float(known[(known[:, k] - offset[k]).abs().argmax(), k])
        raise ArgumentError(
            f"snapshots[1] needs the value {float(offset[k]):.6g} that the problem's conditions hold at {x[k].tolist()}, "
            f"got {got:.6g}."
        )
