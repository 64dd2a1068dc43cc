"""Whether the equation and the values at the sensors determine the solution."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from sciml.solvers.laws.generated import GeneratedLaw

POINTS = 200
STEP = 1e-4  # of a weight, for difference quotients
MOVES = 1e-8  # of the largest move of the solution: weights that move it by less are left out
OPEN = 1e-3  # share of the typical change of what is asked, below which a change of the solution is free


def is_open(law: GeneratedLaw, x: Tensor, seed: int) -> bool:
    """Whether some change of the last layer moves the solution, and neither its residual nor its values at the sensors.

    Of changes that move the solution by one the least that they change is looked for: residuals in units of their typical
    change, and values at the sensors ``x (m, d)``. The laws of docs/laws.md have 0.2 and more.
    """
    points = law.trial.problem.domain.sample(POINTS, seed=seed)
    rows, sensors, moves = _changes(law, x, points)
    size, vectors = torch.linalg.eigh(moves.T @ moves)
    kept = size > MOVES * size[-1]
    if not bool(size[-1] > 0):
        return False
    unit = vectors[:, kept] / size[kept].sqrt()
    asked = rows.square().sum() / moves.square().sum()
    matrix = rows.T @ rows / asked.clamp(min=1e-300) + sensors.T @ sensors
    return float(torch.linalg.eigvalsh(unit.T @ matrix @ unit)[0]) < OPEN


def _changes(law: GeneratedLaw, x: Tensor, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Root-mean-square columns of residuals, of values at the sensors and in the domain, by the last layer's numbers."""
    z = law.strengths.pool.mean(0, keepdim=True)

    def seen() -> list[Tensor]:
        found = law.rows(points, z.expand(len(points), -1)), law.values(x, z), law.values(points, z)
        return [v.detach().flatten() for v in found]

    before = seen()
    columns: list[list[Tensor]] = [[], [], []]
    for p in law.network.net.layers[-1].parameters():
        numbers = p.data.view(-1)
        for k in range(numbers.numel()):
            kept = float(numbers[k])
            numbers[k] = kept + STEP
            for own, now, then in zip(columns, seen(), before, strict=True):
                own.append((now - then) / STEP)
            numbers[k] = kept
    rows, sensors, moves = (torch.stack(own, 1) / math.sqrt(len(own[0])) for own in columns)
    return rows, sensors / law.size, moves / law.size
