"""The largest eigenvalue of ``J Jᵀ`` from products with J alone."""

from __future__ import annotations

import torch
from torch import Tensor

from sciml.jacobian.protocols import Linearization

ROUNDS = 30
ENOUGH = 0.01  # relative change from one round to the next


def largest_eigenvalue(linearization: Linearization, start: Tensor | None = None) -> tuple[float, Tensor]:
    """Power iteration on ``JᵀJ``.

    Args:
        linearization: Of J (M, P).
        start: Direction (P,) to begin with, such as what an earlier call gave; a random one unless given.

    Returns:
        The eigenvalue, from below and within some per cent, and its direction (P,), of length 1.
    """
    like, (_, P) = linearization.residual, linearization.shape
    if start is None:
        rng = torch.Generator().manual_seed(0)
        start = torch.randn(P, generator=rng, dtype=torch.float64).to(like)
    v = start / start.norm()
    value = 0.0
    for _ in range(ROUNDS):
        w = linearization.rmv(linearization.mv(v))
        last, value = value, float(w.norm())
        if value == 0.0:
            return 0.0, v
        v = w / value
        if abs(value - last) <= ENOUGH * value:
            break
    return value, v
