"""How fast solutions of an equation may grow and decay: the roots of its frozen, linearised symbol at points.

Around a state the residual is linear in the unknowns' derivatives. With its coefficients frozen at a point,
``exp(lambda x)`` solves the equation where ``det sum_k A_k lambda^k = 0``. A root with a large real part makes a layer of
width ``1 / |Re lambda|``: at a left end where it is negative, at a right end where it is positive (Roos, Stynes, Tobiska
2008, part I). In several dimensions the derivatives along the layer are frozen, too, at half a wave across the domain.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from scipy.linalg import eigvals
from torch import Tensor

from sciml.ansatz import Ansatz
from sciml.derivatives import Axes, DerivativeSource, LinearisedSource
from sciml.problem import PDE

POLE = 0.1  # relative change of rate times distance near an end: less is a pole of first order
NEGLIGIBLE = 1e-14  # of the largest coefficient: a leading one below is none


class Rates(NamedTuple):
    """Rates at points, per unit of length, each ``(n,)``.

    Attributes:
        grow, decay: The largest real part of a root, and of a root's opposite; 0 where there is none.
        drift: The sum of all roots' real parts: its sign is that of the flow.
    """

    grow: Tensor
    decay: Tensor
    drift: Tensor


def start(problem: PDE) -> Callable[[Tensor], Tensor]:
    """What the exact conditions leave of a trial function without a network, ``(n, d) -> (n, m)``."""
    ansatz = Ansatz(problem)
    if ansatz.trivial:
        return lambda x: 0.0 * x.sum(1, keepdim=True).expand(-1, problem.outputs)
    return ansatz.offset


def coefficients(problem: PDE, state: DerivativeSource, x: Tensor) -> dict[Axes, Tensor]:
    """Derivative of the residual's columns by each derivative of the unknowns at ``x (n, d)``: axes -> ``(n, C, m)``."""
    source = LinearisedSource(state)
    with torch.enable_grad():
        parts = problem.residual_terms(problem.field(source), x)
        columns = [part[:, k] for part in parts.values() for k in range(part.shape[1])]
        found: dict[Axes, list[Tensor]] = {axes: [] for axes in source.leaves}
        for column in columns:
            slopes = torch.autograd.grad(
                column.sum(),
                list(source.leaves.values()),
                retain_graph=True,
                allow_unused=True,
                materialize_grads=True,
            )
            for axes, slope in zip(source.leaves, slopes, strict=True):
                found[axes].append(slope)
    return {axes: torch.stack(rows, 1).detach() for axes, rows in found.items()}


def order_along(found: dict[Axes, Tensor], axis: int) -> int:
    """The highest order of derivatives along a coordinate."""
    return max((axes.count(axis) for axes, a in found.items() if bool((a != 0).any())), default=0)


def rates_along(found: dict[Axes, Tensor], axis: int, lengths: list[float]) -> Rates | None:
    """Rates along a coordinate from the ``coefficients``; None where equations and unknowns differ in number.

    Args:
        found: From ``coefficients``.
        axis: The coordinate.
        lengths: Of the domain along each coordinate.
    """
    first = next(iter(found.values()), None)
    if first is None or first.shape[1] != first.shape[2]:
        return None
    order = order_along(found, axis)
    matrices = np.zeros((order + 1, *first.shape), dtype=complex)
    for axes, a in found.items():
        if axes.count(axis) > order:  # zero at all points, as of a square around a field at rest
            continue
        along = math.prod(1j * math.pi / lengths[i] for i in axes if i != axis)
        matrices[axes.count(axis)] += a.double().cpu().numpy() * along
    real = np.real(_many_roots(matrices))
    return Rates(
        *(torch.from_numpy(a) for a in (real.max(1, initial=0.0), (-real).max(1, initial=0.0), real.sum(1)))
    )


def without_poles(rates: Rates, s: Tensor) -> Rates:
    """Rates without those of a regular singular point at an end, where they are ``c / distance``.

    ``exp`` of their integral is a power of the distance, which has no width: no layer, however large the rate.

    Args:
        rates: At increasing places, the first and last two of which are close to the ends.
        s: The places' distances from the nearer end, ``(n,)``.
    """
    grow, decay, drift = (rate.clone() for rate in rates)
    half = len(s) // 2
    for near, far, part in ((0, 1, slice(0, half)), (-1, -2, slice(half, None))):
        for rate in (grow, decay, drift):
            pole = float(rate[near] * s[near])
            if pole != 0 and abs(float(rate[far] * s[far]) / pole - 1) < POLE:
                rate[part] -= pole / s[part]
                rate[near] = rate[far] = rate[part][2 if near == 0 else -3]
    return Rates(grow.clamp(min=0), decay.clamp(min=0), drift)


def _many_roots(a: np.ndarray) -> np.ndarray:
    """Roots at each point, ``(n, r)``, those that are missing as 0, for ``a (K + 1, n, m, m)``."""
    order, n, m = len(a) - 1, a.shape[1], a.shape[2]
    out = np.zeros((n, m * order), dtype=complex)
    if order == 0:
        return out
    finite = np.isfinite(a).all((0, 2, 3))
    led = finite & (np.abs(a[-1, :, 0, 0]) > NEGLIGIBLE * np.abs(a).max((0, 2, 3))) & (m == 1)
    if led.any():
        companion = np.zeros((int(led.sum()), order, order), dtype=complex)
        companion[:, 1:, :-1] = np.eye(order - 1)
        companion[:, :, -1] = -(a[:-1, led, 0, 0] / a[-1, led, 0, 0]).T
        out[led] = np.linalg.eigvals(companion)
    for k in (finite & ~led).nonzero()[0]:
        found = _roots(a[:, k])
        out[k, : len(found)] = found
    return out


def _roots(a: np.ndarray) -> np.ndarray:
    """Finite roots of ``det sum_k a[k] lambda^k``, a ``(K + 1, m, m)``."""
    order, m = len(a) - 1, a.shape[1]
    left, right = np.eye(m * order, k=m, dtype=complex), np.eye(m * order, dtype=complex)
    left[-m:] = -np.concatenate(a[:order], axis=1)
    right[-m:, -m:] = a[order]
    pairs = np.asarray(eigvals(left, right, homogeneous_eigvals=True))
    alpha, beta = pairs[0], pairs[1]
    size = np.abs(alpha).max() + np.abs(beta).max()
    finite = np.abs(beta) > NEGLIGIBLE * size
    return alpha[finite] / beta[finite]
