"""One point and one layer in loops: the formulas of ``simd.source`` up to second order, over a layer's outputs."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

# sums may be reordered; NaN keeps its meaning
FAST = {"reassoc", "contract", "nsz"}


@njit(error_model="numpy")
def find_cell(x, knots, start, stop, inverse, last, uniform):
    """Cell of a point, as ``bspline.find_cell`` has it."""
    cells = knots.size - 1
    if math.isnan(x):
        return cells + 1
    if x < start or x > stop:
        return cells
    if uniform:
        cell = min(int((x - start) * inverse), last)
        if x < knots[cell]:
            cell -= 1
        if x >= knots[cell + 1]:
            cell += 1
    else:
        cell = np.searchsorted(knots, x, side="right") - 1
    return min(cell, last)


@njit(error_model="numpy")
def silu_derivatives(x, b):
    """``b[0..3] = `` silu and its derivatives at ``x``; infinities count as the largest numbers."""
    if abs(x) > 700:  # saturated: 0 or x
        b[0] = min(max(x, 0), np.finfo(b.dtype).max)
        b[1], b[2], b[3] = x > 0, 0, 0
        return
    s = 1 / (1 + math.exp(-x))
    ds = s * (1 / (1 + math.exp(x)))
    b[0] = x * s
    b[1] = s + x * ds
    b[2] = ds * (2 + x * (1 - 2 * s))
    b[3] = ds * (3 * (1 - 2 * s) + x * (1 - 6 * ds))


@njit(error_model="numpy")
def prepare(z, W, degree, knots, centres, start, stop, inverse, last, uniform, cell, e, b, q):
    """What the edges from each input share, for the jet ``z (C, I)`` of one point.

    Fills ``cell (I,)``, the powers ``t^p / p!`` in ``e (I, k + 1)``, silu's derivatives in ``b (I, 4)`` and
    ``sum_d W[s, d] z_d^2`` in ``q (I, S)``.
    """
    S, D = W.shape
    for i in range(cell.size):
        x = z[0, i]
        cell[i] = find_cell(x, knots[i], start[i], stop[i], inverse[i], int(last[i]), uniform)
        t = x - centres[i, cell[i]]
        if cell[i] == knots.shape[1] - 1:
            t = 0
        e[i, 0] = 1
        for p in range(1, degree + 1):
            e[i, p] = e[i, p - 1] * t / p
        silu_derivatives(x, b[i])
        for s in range(S):
            q[i, s] = 0
            for d in range(D):
                q[i, s] += W[s, d] * z[1 + d, i] ** 2


@njit(error_model="numpy", fastmath=FAST)
def dot(a, b):
    """``sum_j a_j b_j``."""
    total = a[0] * b[0]
    for j in range(1, a.size):
        total += a[j] * b[j]
    return total


@njit(error_model="numpy", fastmath=FAST)
def edge(T, w, e, b, order, f):
    """``f[r] = sum_p e_(p - r) T_p + b_r w`` for ``r < order``: derivatives of the edges from one input."""
    k, J = T.shape[0] - 1, T.shape[1]
    for r in range(order):
        for j in range(J):
            f[r, j] = b[r] * w[j]
        for p in range(r, k + 1):
            for j in range(J):
                f[r, j] += e[p - r] * T[p, j]


@njit(error_model="numpy", fastmath=FAST)
def forward_point(z, y, W, T, w, cell, e, q, b, f):
    """``y_0 += f``, ``y_d += z_d f'``, ``y_s += z_s f' + q_s f''`` over all inputs, ``z (C, I)``."""
    S, D = W.shape
    J = y.shape[1]
    y[:] = 0
    for i in range(cell.size):
        edge(T[i, cell[i]], w[i], e[i], b[i], 3, f)
        for j in range(J):
            y[0, j] += f[0, j]
        for c in range(1, 1 + D + S):
            for j in range(J):
                y[c, j] += z[c, i] * f[1, j]
        for s in range(S):
            for j in range(J):
                y[1 + D + s, j] += q[i, s] * f[2, j]


@njit(error_model="numpy", fastmath=FAST)
def edge_cotangents(z, g, q, P):
    """``P (3, J)``: what the value, first and second derivative of the edges from one input are weighed with.

    ``z (C,)`` and ``q (S,)`` belong to the input, ``g (C, J)`` are the cotangents of the layer's output.
    """
    C, J, S = g.shape[0], g.shape[1], q.size
    P[1:] = 0
    for j in range(J):
        P[0, j] = g[0, j]
    for c in range(1, C):
        for j in range(J):
            P[1, j] += z[c] * g[c, j]
    for s in range(S):
        for j in range(J):
            P[2, j] += q[s] * g[C - S + s, j]


@njit(error_model="numpy", fastmath=FAST)
def backward_point(z, g, h, W, T, w, dT, dw, cell, e, q, b, f, P):
    """Add to the gradients ``dT, dw`` and fill ``h (C, I)`` from the cotangents ``g (C, J)`` of one point."""
    S, D = W.shape
    C, J, k = 1 + D + S, g.shape[1], e.shape[1] - 1
    for i in range(cell.size):
        edge_cotangents(z[:, i], g, q[i], P)
        row = dT[i, cell[i]]
        for r in range(3):
            for p in range(r, k + 1):
                for j in range(J):
                    row[p, j] += e[i, p - r] * P[r, j]
            for j in range(J):
                dw[i, j] += b[i, r] * P[r, j]
        if h.size == 0:
            continue
        edge(T[i, cell[i]], w[i], e[i], b[i], 4, f)
        h[0, i] = dot(f[1], P[0]) + dot(f[2], P[1]) + dot(f[3], P[2])
        for c in range(1, C):
            h[c, i] = dot(f[1], g[c])
        for s in range(S):
            second = dot(f[2], g[1 + D + s])
            for d in range(D):
                h[1 + d, i] += 2 * z[1 + d, i] * W[s, d] * second
