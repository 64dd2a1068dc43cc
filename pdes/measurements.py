"""Measurements of a known answer, with noise: what the inverse problems of the catalogue are made of."""

from __future__ import annotations

import torch
from torch import Tensor

from sciml.conditions import Data


def measured(
    points: Tensor,
    values: Tensor,
    noise: float,
    seed: int,
    component: str | None = None,
    *,
    told: bool = False,
) -> Data:
    """Values ``(n, 1)`` at ``points (n, d)`` with normal noise of a standard deviation relative to their root mean square.

    Unless it is told, the noise is to be estimated.
    """
    rng = torch.Generator().manual_seed(seed)
    deviation = noise * float(values.square().mean().sqrt())
    off = deviation * torch.randn(values.shape, generator=rng, dtype=torch.float64)
    return Data(points, values + off, deviation if told and deviation > 0 else None, component=component)
