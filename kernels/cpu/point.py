"""One point and one layer in loops: the formulas of ``simd.source``, over a layer's outputs, which lie side by side."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from sciml.kernels.orders import sigmoid_coefficients

# sums may be reordered; NaN keeps its meaning
FAST = {"reassoc", "contract", "nsz"}
HIGHEST = 10  # derivative for which there are tables
BINOMIAL = np.array([[math.comb(q, m) for m in range(HIGHEST)] for q in range(HIGHEST)], np.float64)
# row r: the polynomial of the logistic function's derivative r + 1, see ``orders.sigmoid_coefficients``
SLOPES = np.zeros((HIGHEST, HIGHEST))
for _order in range(HIGHEST):
    SLOPES[_order, : _order + 1] = sigmoid_coefficients(_order + 1, -0.5, 1.0)


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
    """``b[r] =`` silu's derivative ``r`` at ``x``; infinities count as the largest numbers."""
    b[:] = 0
    if abs(x) > 700:  # saturated: 0 or x
        b[0] = min(max(x, 0), np.finfo(b.dtype).max)
        b[1] = x > 0
        return
    s = 1 / (1 + math.exp(-x))
    ds = s * (1 / (1 + math.exp(x)))
    c = 1 - 2 * s
    b[0] = x * s
    b[1] = s + x * ds
    for r in range(2, b.size):  # (x s)^(r) = x s^(r) + r s^(r - 1)
        above, below = type(x)(0), type(x)(0)
        for p in range(r - 1, -1, -1):
            above = above * c + SLOPES[r - 1, p]
            below = below * c + SLOPES[r - 2, p]
        b[r] = ds * (x * above + r * below)


@njit(error_model="numpy")
def layout(jet):
    """The first channel of each order and the number of channels, ``(order + 1,)``; the number of weights."""
    starts, weights = np.ones(jet.shape[1] + 1, np.int64), 0
    for q in range(jet.shape[1]):
        starts[q + 1] = starts[q] + jet[0, q] + jet[1, q]
        if q:
            weights += jet[1, q] * jet[0, q - 1]
    return starts, weights


@njit(error_model="numpy")
def bell(z, jet, starts, k, top, B):
    """``B[q, j]``: the Bell polynomials of the jet ``z (C,)`` along direction ``k``, ``1 <= j <= q <= top``."""
    B[:] = 0
    B[0, 0] = 1
    for q in range(1, top + 1):
        if k < jet[0, q - 1]:
            B[q, 1] = z[starts[q - 1] + k]
        for j in range(2, q + 1):
            for m in range(1, q - j + 2):
                B[q, j] += BINOMIAL[q - 1, m - 1] * z[starts[m - 1] + k] * B[q - m, j - 1]


@njit(error_model="numpy")
def shares(z, jet, starts, W, part):
    """``part[j, c]``: what channel ``c`` multiplies the derivative ``j`` by, for the jet ``z (C,)`` at one input."""
    part[:] = 0
    order = jet.shape[1]
    if order:
        part[1] = z
    if order < 2:
        return
    B = np.empty((order + 1, order + 1), z.dtype)
    for k in range(jet[0, 0]):
        bell(z, jet, starts, k, order, B)
        place = 0
        for q in range(2, order + 1):
            before, kept, sums = jet[0, q - 2], jet[0, q - 1], jet[1, q - 1]
            if k >= before:
                break
            for j in range(2, q + 1):
                if k < kept:
                    part[j, starts[q - 1] + k] = B[q, j]
                for s in range(sums):
                    part[j, starts[q - 1] + kept + s] += W[place + s * before + k] * B[q, j]
            place += sums * before


@njit(error_model="numpy")
def prepare(z, jet, starts, W, degree, knots, centres, start, stop, inverse, last, uniform, cell, e, b, q):
    """What the edges from each input share, for the jet ``z (C, I)`` of one point.

    Fills ``cell (I,)``, the powers ``t^p / p!`` in ``e (I, k + 1)``, silu's derivatives in ``b (I, order + 2)`` and
    the channels' shares in ``q (I, order + 1, C)``.
    """
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
        shares(z[:, i], jet, starts, W, q[i])


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
def forward_point(y, starts, T, w, cell, e, q, b, f):
    """``y_0 += f``, ``y_c += sum_j q_jc f^(j)`` over all inputs."""
    J, C, order = y.shape[1], y.shape[0], starts.size - 1
    y[:] = 0
    for i in range(cell.size):
        edge(T[i, cell[i]], w[i], e[i], b[i], order + 1, f)
        for j in range(J):
            y[0, j] += f[0, j]
        for r in range(1, order + 1):
            for c in range(starts[r - 1], C):
                for j in range(J):
                    y[c, j] += q[i, r, c] * f[r, j]


@njit(error_model="numpy", fastmath=FAST)
def edge_cotangents(g, starts, q, P):
    """``P (order + 1, J)``: what value and derivatives of the edges from one input are weighed with.

    ``q (order + 1, C)`` belongs to the input, ``g (C, J)`` are the cotangents of the layer's output.
    """
    C, J = g.shape
    P[1:] = 0
    for j in range(J):
        P[0, j] = g[0, j]
    for r in range(1, P.shape[0]):
        for c in range(starts[r - 1], C):
            for j in range(J):
                P[r, j] += q[r, c] * g[c, j]


@njit(error_model="numpy")
def inner_cotangents(z, h, g, jet, starts, W, f):
    """Add to the cotangents ``h (C,)`` of one input what higher orders hand to the directions below them."""
    order = jet.shape[1]
    B = np.empty((order + 1, order + 1), z.dtype)
    seen = np.empty(order + 1, z.dtype)
    for k in range(jet[0, 0]):
        bell(z, jet, starts, k, order - 1, B)
        place = 0
        for q in range(2, order + 1):
            before, kept, sums = jet[0, q - 2], jet[0, q - 1], jet[1, q - 1]
            if k >= before:
                break
            first = starts[q - 1]
            for j in range(1, q):
                seen[j] = dot(f[j + 1], g[first + k]) if k < kept else 0
                for s in range(sums):
                    weight = W[place + s * before + k]
                    if weight != 0:
                        seen[j] += weight * dot(f[j + 1], g[first + kept + s])
            place += sums * before
            for m in range(1, q):
                for j in range(1, q - m + 1):
                    h[starts[m - 1] + k] += BINOMIAL[q, m] * B[q - m, j] * seen[j]


@njit(error_model="numpy", fastmath=FAST)
def backward_point(z, g, h, jet, starts, W, T, w, dT, dw, cell, e, q, b, f, P):
    """Add to the gradients ``dT, dw`` and fill ``h (C, I)`` from the cotangents ``g (C, J)`` of one point."""
    C, J, k, order = g.shape[0], g.shape[1], e.shape[1] - 1, jet.shape[1]
    for i in range(cell.size):
        edge_cotangents(g, starts, q[i], P)
        row = dT[i, cell[i]]
        for r in range(order + 1):
            for p in range(r, k + 1):
                for j in range(J):
                    row[p, j] += e[i, p - r] * P[r, j]
            for j in range(J):
                dw[i, j] += b[i, r] * P[r, j]
        if h.size == 0:
            continue
        edge(T[i, cell[i]], w[i], e[i], b[i], order + 2, f)
        h[0, i] = 0
        for r in range(order + 1):
            h[0, i] += dot(f[r + 1], P[r])
        for c in range(1, C):
            h[c, i] = dot(f[1], g[c])
        inner_cotangents(z[:, i], h[:, i], g, jet, starts, W, f)
