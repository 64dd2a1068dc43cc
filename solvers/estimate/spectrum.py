"""How fast a residual swings: the plane waves that it holds most of."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from sciml.ansatz import Trial
from sciml.problem import PDE
from sciml.solvers.estimate.linearised import evaluated
from sciml.solvers.terms.term import Term

CANDIDATES = 2000
SLOWEST, FASTEST = 0.5, 100.0  # radians a unit of the inputs, which run from -1 to 1
DOMINANT = 0.1  # of the residual's square that one wave must hold
CLOSE = 0.2  # of what the first wave holds, that others must
KEPT = 200  # wave vectors, drawn in proportion to what each holds
NUMBERS = 1 << 18  # of waves at points that exist at a time
POINTS = 1000


def waves_of(
    problem: PDE, trial: Trial, term: Term, weights: Mapping[str, float], seed: int
) -> Tensor | None:
    """What the equations' residual swings with; None where it does not.

    Args:
        problem, trial: What is solved, and by what.
        term: Of the equations.
        weights: Of the equations, 1 unless given.
        seed: Of points and candidates.
    """
    like = next(trial.network.parameters()).detach()
    x = problem.sample(POINTS, seed=seed).to(like)
    function = evaluated(problem, trial, term, x)
    size = [weights.get(name, 1.0) ** 0.5 for name, columns in term.parts.items() for _ in range(columns)]
    return dominant_waves(trial.inputs_at(x), function.residual() * x.new_tensor(size), seed)


def dominant_waves(z: Tensor, residual: Tensor, seed: int) -> Tensor | None:
    """Wave vectors that a residual swings with; None where none of them holds much of it.

    Random vectors are tried, each component at rest or of a size that is uniform on a logarithmic scale. They work in any
    number of dimensions, where a Fourier transform asks for a grid; a wave that is fast along several coordinates at once
    may be missed.

    Args:
        z: The inputs at points, ``(n, i)``.
        residual: There, ``(n, k)``.
        seed: Of the candidates.

    Returns:
        ``(i, KEPT)``, or None.
    """
    rng = torch.Generator().manual_seed(seed)
    shape = (z.shape[1], CANDIDATES)
    sizes = SLOWEST * (FASTEST / SLOWEST) ** torch.rand(shape, generator=rng, dtype=torch.float64)
    slow = SLOWEST * 3 * torch.rand(shape, generator=rng, dtype=torch.float64)
    sizes = torch.where(torch.rand(shape, generator=rng) < 0.5, slow, sizes)
    signs = torch.randint(2, shape, generator=rng) * 2 - 1
    vectors = (sizes * signs).to(z)
    share = residual / residual.norm().clamp(min=1e-300)
    if not bool(torch.isfinite(share).all()):
        return None
    found = [_held(z @ part, share) for part in vectors.split(max(1, NUMBERS // len(z)), 1)]
    power = torch.cat(found) * (2.0 / len(z))
    most = float(power.max())
    if most < DOMINANT:
        return None
    power[power < CLOSE * most] = 0.0  # what every vector holds by chance
    chosen = torch.multinomial(power.double().cpu(), KEPT, replacement=True, generator=rng)
    return vectors[:, chosen.to(z.device)]


def _held(phases: Tensor, share: Tensor) -> Tensor:
    """Squared projections on a cosine and a sine of phases ``(n, w)``, summed over columns: ``(w,)``."""
    return (torch.cos(phases).T @ share).square().sum(1) + (torch.sin(phases).T @ share).square().sum(1)
