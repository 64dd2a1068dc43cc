"""The fused kernels as loops in Numba: for jets up to second order, and to read beside the SIMD ones.

They serve processors without a vector unit that is known. A row of a Taylor
table is ``(k + 1, JP)``. Innermost loops run over a layer's outputs, so that the compiler vectorises them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numba.core import types
from numba.extending import intrinsic
from numba.np.numpy_support import carray

from sciml.kernels.cpu.fields import FIELD
from sciml.kernels.cpu.point import FAST, backward_point, edge_cotangents, forward_point, prepare

_COEF, _DCOEF, _TABLE, _DTABLE = FIELD["COEF"], FIELD["DCOEF"], FIELD["TABLE"], FIELD["DTABLE"]
_BASE, _DBASE, _LOCAL = FIELD["BASE"], FIELD["DBASE"], FIELD["LOCAL"]
_Z, _Y, _G, _H = FIELD["Z"], FIELD["Y"], FIELD["G"], FIELD["H"]
_ORDER, _CHANNELS, _K = FIELD["ORDER"], FIELD["CHANNELS"], FIELD["DEGREE"]
_I, _IP, _JP, _CELLS, _UNIFORM = FIELD["I"], FIELD["IP"], FIELD["JP"], FIELD["CELLS"], FIELD["UNIFORM"]
_KNOTS, _CENTRES, _START, _STOP = FIELD["KNOTS"], FIELD["CENTRES"], FIELD["START"], FIELD["STOP"]
_INVERSE, _LAST = FIELD["INVERSE"], FIELD["LAST"]


def _pointer_to(typingctx, address, like):
    def lower(context, builder, sig, args):
        return builder.inttoptr(args[0], context.get_value_type(sig.return_type))

    return types.CPointer(like)(types.int64, like), lower


_pointer: Any = intrinsic(_pointer_to)


@njit
def _view(address, shape, like) -> Any:
    """The array of numbers like ``like`` at an address."""
    return carray(_pointer(address, like), shape)


@njit(nogil=True, error_model="numpy")
def make_tables(net, like):
    """``T = K c`` for every layer; zero in the dead row for points outside, NaN in the one for NaN."""
    for l in range(net.shape[0]):
        I, J, cells, k = net[l, _I], net[l, _JP], net[l, _CELLS], net[l, _K]
        T = _view(net[l, _TABLE], (I, cells + 2, k + 1, J), like)
        coef, local = (
            _view(net[l, _COEF], (I, cells + k, J), like),
            _view(net[l, _LOCAL], (I, cells, k + 1, k + 1), like),
        )
        for i in range(I):
            for cell in range(cells):
                for p in range(k + 1):
                    T[i, cell, p] = 0
                    for r in range(k + 1):
                        T[i, cell, p] += local[i, cell, p, r] * coef[i, cell + r]
            T[i, cells] = 0
            T[i, cells + 1] = np.nan


@njit(nogil=True, error_model="numpy")
def return_tables(net, like):
    """``dc += K^T dT``; a NaN among the points reaches the coefficients of its input."""
    for l in range(net.shape[0]):
        I, J, cells, k = net[l, _I], net[l, _JP], net[l, _CELLS], net[l, _K]
        dT = _view(net[l, _DTABLE], (I, cells + 2, k + 1, J), like)
        dcoef, local = (
            _view(net[l, _DCOEF], (I, cells + k, J), like),
            _view(net[l, _LOCAL], (I, cells, k + 1, k + 1), like),
        )
        for i in range(I):
            for cell in range(cells):
                for p in range(k + 1):
                    for r in range(k + 1):
                        dcoef[i, cell + r] += local[i, cell, p, r] * dT[i, cell, p]
            for p in range(1, k + 1):
                dcoef[i] += dT[i, cells + 1, p]


@njit(nogil=True, error_model="numpy")
def copy(source, to, count, like):
    """Copy ``count`` numbers: without vectors nothing is padded."""
    _view(to, (count,), like)[:] = _view(source, (count,), like)


@njit(error_model="numpy")
def _layer(net, l, n1, weights, like):
    """Views of one layer's fields, and memory for one point."""
    jet, k = _view(net[l, _CHANNELS], (2, net[l, _ORDER]), np.int64(0)), net[l, _K]
    D = jet[0, 0] if net[l, _ORDER] else 0
    S = jet[1, 1] if net[l, _ORDER] > 1 else 0
    I, IP, J, cells = net[l, _I], net[l, _IP], net[l, _JP], net[l, _CELLS]
    knots = (
        _view(net[l, _KNOTS], (IP, cells + 1), like),
        _view(net[l, _CENTRES], (IP, cells + 2), like),
        _view(net[l, _START], (IP,), like),
        _view(net[l, _STOP], (IP,), like),
        _view(net[l, _INVERSE], (IP,), like),
        _view(net[l, _LAST], (IP,), like),
        net[l, _UNIFORM],
    )
    W = _view(weights, (S, D), like)
    z = _view(net[l, _Z], (n1, 1 + D + S, IP), like)
    T = _view(net[l, _TABLE], (I, cells + 2, k + 1, J), like)
    w = _view(net[l, _BASE], (I, J), like)
    own = (
        np.empty(I, np.int64),
        np.empty((I, k + 1), z.dtype),
        np.empty((I, 4), z.dtype),
        np.empty((I, S), z.dtype),
    )
    return knots, W, z, T, w, own


@njit(nogil=True, error_model="numpy")
def forward(net, weights, n0, n1, like):
    """Jets through all layers for the points ``n0 .. n1``."""
    for l in range(net.shape[0]):
        knots, W, z, T, w, (cell, e, b, q) = _layer(net, l, n1, weights, like)
        y = _view(net[l, _Y], (n1, z.shape[1], net[l, _JP]), like)
        f = np.empty((3, net[l, _JP]), z.dtype)
        for n in range(n0, n1):
            prepare(z[n], W, net[l, _K], *knots, cell, e, b, q)
            forward_point(z[n], y[n], W, T, w, cell, e, q, b, f)


@njit(nogil=True, error_model="numpy")
def backward(net, weights, n0, n1, like):
    """Gradients of all layers for the points ``n0 .. n1``; cotangents count from ``n0``."""
    for l in range(net.shape[0] - 1, -1, -1):
        knots, W, z, T, w, (cell, e, b, q) = _layer(net, l, n1, weights, like)
        C, J, k = z.shape[1], net[l, _JP], net[l, _K]
        g = _view(net[l, _G], (n1 - n0, C, J), like)
        h = (
            _view(net[l, _H], (n1 - n0, C, net[l, _IP]), like)
            if net[l, _H]
            else np.empty((n1 - n0, 0, 0), z.dtype)
        )
        dT, dw = _view(net[l, _DTABLE], T.shape, like), _view(net[l, _DBASE], w.shape, like)
        f, P = np.empty((4, J), z.dtype), np.empty((3, J), z.dtype)
        for n in range(n0, n1):
            prepare(z[n], W, k, *knots, cell, e, b, q)
            backward_point(z[n], g[n - n0], h[n - n0], W, T, w, dT, dw, cell, e, q, b, f, P)


@njit(nogil=True, error_model="numpy", fastmath=FAST)
def jacobian(net, weights, n0, n1, rows, stride, m, base, like):
    """Rows ``n0 .. n1`` of one layer's Jacobian: coefficients ``(I, m, J)``, then base weights ``(I, J)``.

    ``rows`` is the address of row ``n0``; the next one lies ``stride`` numbers behind it.
    """
    knots, W, z, _, _, (cell, e, b, q) = _layer(net, 0, n1, weights, like)
    k, I, J, cells = net[0, _K], net[0, _I], net[0, _JP], net[0, _CELLS]
    g = _view(net[0, _G], (n1 - n0, z.shape[1], J), like)
    local = _view(net[0, _LOCAL], (I, cells, k + 1, k + 1), like)
    P = np.empty((3, J), z.dtype)
    for n in range(n0, n1):
        row = _view(rows, ((n - n0) * stride + I * m * J + base * I * J,), like)[(n - n0) * stride :]
        coef = row[: I * m * J].reshape((I, m, J))
        silu = row[I * m * J :].reshape((base * I, J))
        prepare(z[n], W, k, *knots, cell, e, b, q)
        for i in range(I):
            edge_cotangents(z[n, :, i], g[n - n0], q[i], P)
            coef[i] = 0 if cell[i] <= cells else np.nan
            for r in range(k + 1):
                j0 = cell[i] - k + r
                if cell[i] >= cells or j0 < 0 or j0 >= m:
                    continue
                for order in range(3):
                    value = type(like)(0)
                    for p in range(order, k + 1):
                        value += local[i, cell[i], p, r] * e[i, p - order]
                    for j in range(J):
                        coef[i, j0, j] += value * P[order, j]
            if base:
                for j in range(J):
                    silu[i, j] = b[i, 0] * P[0, j] + b[i, 1] * P[1, j] + b[i, 2] * P[2, j]
