"""The expectation behind the Hamilton-Jacobi-Bellman equation, by quadrature."""

from __future__ import annotations

import math

import torch
from torch import Tensor

STEP, LOW, HIGH = 1 / 16, -4.0, 11.0


def log_expectation(t: Tensor, square: Tensor, dim: int) -> Tensor:
    """``ln E[2 / (1 + |x + √(2t) Z|²)]`` with Z normal in ``dim`` dimensions.

    With ``1/(1 + q) = ∫ exp(-s (1 + q)) ds`` the expectation under the integral is that of a Gaussian:
    ``∫ exp(-s - s |x|²/(1 + 4ts)) (1 + 4ts)^(-dim/2) ds`` over ``s > 0``. After ``s = c exp(w - exp(-w))``,
    with c the size of s that counts, the integrand falls off faster than exponentially on both sides, where
    the trapezoidal rule converges geometrically.

    Args:
        t: Times ``(n, 1)``, float64, ``t >= 0``.
        square: ``|x|²``, ``(n, 1)``, float64.
        dim: Dimension of x, 1..100.
    Returns:
        ``(n, 1)``, differentiable; error about 1e-15.
    Reference: Takahasi and Mori (1974), Publ. RIMS 9, on such rules.
    """
    w = torch.arange(LOW, HIGH + STEP / 2, STEP, dtype=t.dtype, device=t.device)
    shape = w - torch.exp(-w)
    size = -torch.log1p(2 * dim * t.detach() + square.detach())  # of ln s; the integral does not depend on it
    log_s = size + shape
    s = torch.exp(log_s)
    wide = 1 + 4 * t * s
    exponent = log_s - s - s * square / wide - dim / 2 * torch.log(wide) + torch.log1p(torch.exp(-w))
    return torch.logsumexp(exponent, dim=1, keepdim=True) + math.log(2 * STEP)
