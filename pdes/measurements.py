"""Measurements of a known answer, with noise: what the inverse problems of the catalogue are made of."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sciml.conditions import Data
from sciml.pdes.parameters import check_float, check_int


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


def check_measurements(problem: Any) -> None:
    """Require a ``count`` of 3..10000, a ``noise`` of 0..1 and a ``draw`` of 0..1000000, the fields of an inverse problem.

    Raises:
        ArgumentTypeError: Not a number of its kind.
        ArgumentError: Outside its range.
    """
    check_int(problem, "count", 3, 10_000)
    check_float(problem, "noise", 0.0, 1.0)
    check_int(problem, "draw", 0, 1_000_000)
