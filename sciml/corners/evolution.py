"""What an evolution equation is like at a point: its rates of diffusion, drift and decay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sciml.corners.operator import Local

TINY = 1e-9  # of the largest coefficient: what an equation of first order in time may have of others
NUDGE = 1e-3  # of a value, to see how the equation depends on it


@dataclass(frozen=True)
class Evolution:
    """``u_t = K : Hess u - b . grad u - c u + ...`` at a point.

    Attributes:
        diffusion: ``K (d, d)`` over the coordinates of space.
        drift: ``b (d,)``.
        decay: ``c``.
        rate: Coefficient of ``u_t`` in the residual.
    """

    diffusion: Tensor
    drift: Tensor
    decay: float
    rate: float


def evolution(local: Local) -> Evolution | str:
    """The rates at the point of a ``Local`` in a problem with time; words where it is no equation of heat's kind."""
    domain = local.problem.domain
    time, axes = domain.time_axis, list(domain.space_axes)
    assert time is not None
    base = local.residual(local.still)
    if not bool(torch.isfinite(base).all()):
        return "the equation is not finite there"
    row = local.unknown if local.problem.outputs > 1 else 0
    if row >= base.shape[1]:
        return "it has no equation of its own"
    others = 0.0

    def coefficient(shape: Callable[[Tensor], Tensor]) -> float:
        nonlocal others
        change = (local.residual(lambda y: local.still(y) + shape(y - local.x)[:, None]) - base)[0]
        others = max(others, float(torch.cat([change[:row], change[row + 1 :]]).abs().sum()))
        return float(change[row])

    rate = coefficient(lambda d: d[:, time])
    second = torch.zeros(len(axes), len(axes), dtype=torch.float64)
    for p, i in enumerate(axes):
        for q, j in enumerate(axes[: p + 1]):
            half = 0.5 if p == q else 1.0  # the Hessian has both of a mixed pair
            second[p, q] = second[q, p] = half * coefficient(lambda d, i=i, j=j: d[:, i] * d[:, j])
    first = torch.tensor([coefficient(lambda d, i=i: d[:, i]) for i in axes], dtype=torch.float64)
    wrong = abs(coefficient(lambda d: 0.5 * d[:, time] ** 2))
    wrong = max([wrong, *(abs(coefficient(lambda d, i=i: d[:, time] * d[:, i])) for i in axes)])
    size = max(abs(rate), float(second.abs().max()), float(first.abs().max()))
    if rate == 0 or wrong > TINY * size:
        return "the equation is not of first order in time"
    if others > TINY * size:
        return "other equations share its derivatives"
    return Evolution(-second / rate, first / rate, _decay(local, base, row) / rate, rate)


def rate_in_time(local: Local) -> float:
    """Coefficient of ``u_t`` in the unknown's own equation, whatever kind it is of; 0 where it has none."""
    time, row = local.problem.domain.time_axis, local.unknown if local.problem.outputs > 1 else 0
    still = local.residual(local.still)
    if row >= still.shape[1]:
        return 0.0
    rising = local.residual(lambda y: local.still(y) + (y - local.x)[:, time, None])
    return float((rising - still)[0, row])


def _decay(local: Local, base: Tensor, row: int) -> float:
    """Derivative of the residual with respect to the unknown's value."""
    step = NUDGE * max(1.0, float(local.values[local.unknown].abs()))
    up, down = (local.residual(lambda y, s=s: local.still(y) + s) for s in (step, -step))
    slope = float((up - down)[0, row]) / (2 * step)
    return slope if slope == slope else 0.0
