"""Single points at which an equation's derivatives have no bound, which no line meets: the tip of a cone, say."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from sciml.ansatz.lines import Function
from sciml.derivatives import AutogradSource
from sciml.domains import Domain

FIRST = 1024  # points looked at in the whole domain
NEXT = 48  # points around the last largest one
WIDE = 0.1  # share of the domain around it, at first
NARROWER = 3.0  # each time
STEPS = 13
TAIL = 6  # last steps, in which it must still grow
GROWTH = 5.0  # over these; a cone's grows like NARROWER a step, what is only steep no more at all
MOST = 3  # coordinates: in more, points are too few to find one


def pole(function: Function, domain: Domain, held: Mapping[int, float], order: int = 2) -> Tensor | None:
    """A point towards which the derivatives of an order of a function grow as far as one looks, or None.

    Args:
        function: ``(n, d) -> (n, 1)``, looked at inside the domain.
        domain: The domain.
        held: Coordinates that do not move, with their values.
        order: Of the pure derivatives looked at.
    """
    free = [i for i in range(domain.dim) if i not in held]
    if not 2 <= len(free) <= MOST:
        return None
    span = torch.zeros_like(domain.lower)
    span[free] = (domain.upper - domain.lower)[free]
    rng = torch.Generator().manual_seed(2)
    x = domain.sample(FIRST, seed=2)
    for i, value in held.items():
        x[:, i] = value
    width, sizes, best = WIDE, [], x[0]
    for _ in range(STEPS):
        source = AutogradSource(function, x)
        curvature = sum((source.higher((i,) * order).detach()[:, 0] * span[i] ** order).abs() for i in free)
        assert isinstance(curvature, Tensor)
        if not bool(torch.isfinite(curvature).all()):
            return x[~torch.isfinite(curvature)][0]
        best = x[curvature.argmax()]
        sizes.append(float(curvature.max()))
        if sizes[-1] == 0:
            return None
        x = best + width * span * (2 * torch.rand(NEXT, domain.dim, generator=rng, dtype=x.dtype) - 1)
        x = torch.cat([x[domain.contains(x)], best[None]])
        width /= NARROWER
    # in a single step chance may find no larger one
    grows = sizes[-1] > GROWTH * sizes[-1 - TAIL] and sizes[-1] > sizes[-1 - TAIL // 2]
    return best if grows else None
