"""KAN jets in torch, fast: one Taylor polynomial a cell, one batched product a layer.

For a point ``x`` in a cell with centre ``c``, ``e_p = (x - c)^p / p!`` and the layer's table ``T``,
``phi(x) = sum_p e_p T_p``, ``phi'(x) = sum_p e_(p-1) T_p``, ``phi''(x) = sum_p e_(p-2) T_p``, and so on. A jet's
channels weigh these, so a layer is the product of the channel weights ``(C, i (k+1))`` with the
gathered rows ``(i (k+1), o)`` of the table, point by point. Autograd differentiates it any number of times
(up to the spline's own smoothness).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sciml.kernels.orders import ChannelWeights, Weights, outer_parts
from sciml.kernels.reference import LayerWeights, jet_order, jet_shape, silu_derivatives
from sciml.kernels.taylor_table import SplineTable, spline_table

# bytes gathered at a time: larger blocks go back to the system, and each of their pages costs a fault at the next use
ROWS = 16 * 2**20


def jet_features(values: Sequence[Tensor], z: Tensor, W: Weights | None) -> Tensor:
    """What a function of one input gives to each channel of a jet, from its derivatives.

    Args:
        values: ``phi, phi', phi'', ...`` at the points, each ``(N, i, ...)``; as many as the jet needs.
        z: Jets ``(N, C, i)``.
    Returns:
        ``(N, C, i, ...)``: ``phi``, ``phi' z_d``, ``phi' z_s + phi'' sum_d W[s, d] z_d^2``; above second order by
        ``outer_parts``.
    """
    if isinstance(W, ChannelWeights):
        return _higher_features(values, z, W.to(z))
    tail = (1,) * (values[0].dim() - 2)
    D, S = jet_shape(z, W)
    channels = [values[0].unsqueeze(1)]
    if D:
        channels.append(values[1].unsqueeze(1) * z[:, 1 : 1 + D].reshape(z.shape[0], D, z.shape[2], *tail))
    if S and W is not None:
        square = torch.einsum("sd,ndi->nsi", W.to(z), z[:, 1 : 1 + D] ** 2)
        square, second = (q.reshape(z.shape[0], S, z.shape[2], *tail) for q in (square, z[:, 1 + D :]))
        channels.append(values[1].unsqueeze(1) * second + values[2].unsqueeze(1) * square)
    return torch.cat(channels, 1)


def _higher_features(values: Sequence[Tensor], z: Tensor, W: ChannelWeights) -> Tensor:
    parts, starts = outer_parts(z, W), W.starts
    rows = [values[0].unsqueeze(1)]
    for q in range(1, W.order + 1):  # channels of order q see the derivatives 1 to q
        total = None
        for j in range(1, q + 1):
            part = parts[j - 1][:, starts[q - 1] - starts[j - 1] : starts[q] - starts[j - 1]]
            part = part.reshape(*part.shape, *(1,) * (values[j].dim() - 2))
            term = values[j].unsqueeze(1) * part
            total = term if total is None else total + term
        assert total is not None
        rows.append(total)
    return torch.cat(rows, 1)


def taylor_powers(t: Tensor, degree: int, order: int) -> list[Tensor]:
    """``e_(p - r)``, 0 where ``p < r``: for each ``r = 0 .. order`` a tensor ``[..., p = 0 .. degree]``."""
    power = [1 + 0 * t]  # nan where t is
    for p in range(1, degree + 1):
        power.append(power[-1] * t / p)
    zero = 0 * t
    return [torch.stack(([zero] * r + power)[: degree + 1], -1) for r in range(order + 1)]


def in_cells(x: Tensor, table: SplineTable) -> tuple[Tensor, Tensor]:
    """The cell of each point ``x (N, i)``, counted through all inputs, and its place from the cell's centre."""
    with torch.no_grad():
        cell = table.cell(x)
        row = cell + torch.arange(x.shape[1], device=x.device) * (table.cells + 2)
        outside = cell == table.cells
    # infinities lie outside too, and must not meet a zero of the table
    return row, torch.where(outside, 0, x - table.centres.reshape(-1)[row])


def layer_jet(
    z: Tensor, table: SplineTable, taylor: Tensor, base: Tensor | None, W: Weights | None
) -> Tensor:
    """One layer from its Taylor table ``T: (i, cells + 2, k + 1, o)``: ``(N, C, i) -> (N, C, o)``."""
    order = jet_order(z, W)
    n, _, i = z.shape
    o = taylor.shape[-1]
    x = z[:, 0]
    row, t = in_cells(x, table)
    weight = jet_features(taylor_powers(t, table.degree, order), z, W)  # (N, C, i, k + 1)
    terms = table.degree + 1
    rows = taylor.reshape(i * (table.cells + 2), terms * o).index_select(0, row.reshape(-1))
    y = torch.bmm(weight.flatten(2), rows.reshape(n, i * terms, o))
    if base is not None:
        y = y + jet_features(silu_derivatives(x, order), z, W) @ base
    return y


def torch_jets(z: Tensor, layers: Sequence[LayerWeights], W: Weights | None = None) -> Tensor:
    """Jets through a whole network: ``(N, C, i) -> (N, C, o)``; the arguments are those of ``kan_jets``."""
    for coef, base, knots, degree in layers:
        table = spline_table(knots, coef.shape[0], degree, z.dtype)
        taylor = table.taylor(coef)
        points = max(ROWS // (coef.shape[0] * (degree + 1) * coef.shape[2] * z.element_size()), 1)
        parts = [layer_jet(part, table, taylor, base, W) for part in z.split(points)]
        z = torch.cat(parts) if len(parts) > 1 else parts[0]
    return z
