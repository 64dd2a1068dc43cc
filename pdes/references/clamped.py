"""Polynomials on [0, 1] for Galerkin methods: Legendre's, and combinations that are clamped at both ends."""

from __future__ import annotations

import torch
from torch import Tensor


def legendre(s: Tensor, n: int, order: int) -> list[Tensor]:
    """Legendre polynomials 0 ... n - 1 on [0, 1] and their derivatives up to ``order``, each ``(n, p)``."""
    z, zero = 2 * s - 1, torch.zeros_like(s)
    rows = [torch.ones_like(s), z]
    for k in range(1, n - 1):
        rows.append(((2 * k + 1) * z * rows[k] - k * rows[k - 1]) / (k + 1))
    tables = [rows]
    for _ in range(order):  # P'_{k+1} = P'_{k-1} + (2k + 1) P_k, and twice that on the shorter interval
        below, rows = tables[-1], [zero, 2 * tables[-1][0]]
        for k in range(1, n - 1):
            rows.append(rows[k - 1] + 2 * (2 * k + 1) * below[k])
        tables.append(rows)
    return [torch.stack(rows) for rows in tables]


def clamped(s: Tensor, n: int, order: int) -> list[Tensor]:
    """Legendre combinations with value and slope zero at both ends, with derivatives; ``∫ (φ_k'')² = 1``."""
    k = torch.arange(n, dtype=s.dtype)[:, None]
    scale = 1 / torch.sqrt(16 * (2 * k + 3) ** 2 * (2 * k + 5))
    middle, last = -2 * (2 * k + 5) / (2 * k + 7), (2 * k + 3) / (2 * k + 7)
    return [scale * (p[:n] + middle * p[2 : n + 2] + last * p[4:]) for p in legendre(s, n + 4, order)]
