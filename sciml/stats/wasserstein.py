"""The Wasserstein-1 distance of two samples."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sciml.arguments import integer
from sciml.errors import ArgumentError
from sciml.nn.groupsort import GroupSort

WIDTHS, RATE, BATCH = (32, 32, 32), 5e-3, 256  # of the critic and its Adam steps


def wasserstein1(a: Any, b: Any, *, steps: int = 400, seed: int = 0) -> float:
    """``W1 = sup E_a F - E_b F`` over functions ``F`` of Lipschitz constant 1 (Kantorovich and Rubinstein).

    In one dimension it is exact, by sorting. In more a critic with that constant (``nn.GroupSort``) is trained: a lower
    bound of the distance between the two samples, whatever its training. For two samples of one size below some thousands,
    ``scipy.optimize.linear_sum_assignment`` of their distances is exact, too.

    Args:
        a, b: Samples, ``(n, d)`` and ``(k, d)``, or ``(n,)`` and ``(k,)``; finite.
        steps: Of the critic, at least 1.
        seed: Of the critic.

    Raises:
        ArgumentError: Shapes that do not fit, no samples, or numbers that are not finite.
    """
    a, b = _samples("a", a), _samples("b", b)
    if a.shape[1] != b.shape[1]:
        raise ArgumentError(f"b needs {a.shape[1]} columns like a, got {b.shape[1]}.")
    steps, seed = integer("steps", steps, least=1), integer("seed", seed)
    if a.shape[1] == 1:
        from scipy.stats import wasserstein_distance

        return float(wasserstein_distance(a[:, 0].numpy(), b[:, 0].numpy()))
    # the critic sees numbers of size one; the distance scales with them
    both = torch.cat([a, b])
    middle = both.mean(0)
    size = float((both - middle).norm(dim=1).mean())
    if size == 0.0:
        return 0.0
    a, b = (a - middle) / size, (b - middle) / size
    critic = GroupSort([a.shape[1], *WIDTHS, 1], seed=seed)
    optimizer = torch.optim.Adam(critic.parameters(), lr=RATE)
    rng = torch.Generator().manual_seed(seed)
    with torch.enable_grad():
        for k in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = RATE * (1.0 - k / steps)
            gap = critic(_batch(b, rng)).mean() - critic(_batch(a, rng)).mean()
            optimizer.zero_grad()
            gap.backward()
            optimizer.step()
    with torch.no_grad():
        found = float(critic(a).mean() - critic(b).mean())
    return size * max(found, 0.0)


def _batch(samples: Tensor, rng: torch.Generator) -> Tensor:
    return samples[torch.randint(len(samples), (min(BATCH, len(samples)),), generator=rng)]


def _samples(name: str, value: Any) -> Tensor:
    found = torch.as_tensor(value).detach().cpu().double()
    found = found[:, None] if found.ndim == 1 else found
    if found.ndim != 2 or 0 in found.shape:
        raise ArgumentError(f"{name} needs samples of shape (n, d), got {tuple(found.shape)}.")
    if not bool(torch.isfinite(found).all()):
        raise ArgumentError(f"{name} needs finite numbers, got nan or infinity.")
    return found
