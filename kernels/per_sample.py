"""Rows of the Jacobian, one a point, from a single backward pass.

Points are independent, so a backward pass holds every point's own cotangents. A KAN layer is linear in its
weights: point ``n``'s gradient is the product of its features and its cotangents, summed over the jet's
channels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sciml.errors import ArgumentError
from sciml.kernels.bspline import local_basis
from sciml.kernels.reference import LayerWeights, jet_shape, silu_derivatives
from sciml.kernels.table import spline_table
from sciml.kernels.torch_jets import jet_weights, layer_jet


def kan_layer_jacobian(
    z: Tensor,
    cot: Tensor,
    coef_shape: tuple[int, int, int],
    base: bool,
    knots: Tensor,
    degree: int,
    W: Tensor | None = None,
) -> Tensor:
    """Gradient of ``sum(cot[n] * y[n])`` with respect to one layer's weights, one row for every point ``n``.

    Args:
        z: The layer's input jets ``(N, C, i)``.
        cot: Cotangents of its output jets ``(N, C, o)``.
        coef_shape: ``(i, m, o)``.
        base: Whether the layer has base weights.
        knots: ``(i, m + degree + 1)`` or ``(m + degree + 1,)``.
        W: Second-order weights ``(S, D)`` or None.
    Returns:
        ``(N, P)``: the coefficients flattened in the order ``(i, m, o)``, then the base weights ``(i, o)``.
    """
    D, S = jet_shape(z, W)
    i, m, o = coef_shape
    n = z.shape[0]
    if cot.shape != (n, z.shape[1], o):
        raise ArgumentError(f"cot needs shape (N, C, o) = {(n, z.shape[1], o)}, got {tuple(cot.shape)}.")
    order = 2 if S else min(D, 1)
    values, cell = local_basis(z[:, 0], knots.to(z.dtype), degree, order)
    weight = jet_weights(values.unbind(-2), z, W)  # (N, C, i, k + 1)
    local = torch.bmm(weight.flatten(2).transpose(1, 2), cot).reshape(n, i, degree + 1, o)
    rows = z.new_zeros(n, i * m * o + (i * o if base else 0))
    index = cell.unsqueeze(-1) - degree + torch.arange(degree + 1, device=z.device)
    known = (index >= 0) & (index < m)
    # functions without a number have the value 0: they may be added anywhere
    index = index.clamp(0, m - 1).unsqueeze(-1).expand(n, i, degree + 1, o)
    local = torch.where(known.unsqueeze(-1), local, 0)
    target = rows[:, : i * m * o].unflatten(1, (i, m, o))
    target.scatter_add_(2, index, local)
    target += torch.where(torch.isnan(z[:, 0]), torch.nan, 0)[:, :, None, None]
    if base:
        features = jet_weights(silu_derivatives(z[:, 0], order), z, W)
        rows[:, i * m * o :] = torch.bmm(features.transpose(1, 2), cot).flatten(1)
    return rows


def kan_layer_jvp(z: Tensor, cot: Tensor, layer: LayerWeights, W: Tensor | None = None) -> Tensor:
    """``J v`` of one layer without ``J``: `kan_layer_jacobian` times a direction, shape ``(N,)``.

    Args:
        z: Input jets ``(N, C, i)``.
        cot: Cotangents ``(N, C, o)``.
        layer: The direction, in the place of the weights.
    """
    coef, base, knots, degree = layer
    table = spline_table(knots, coef.shape[0], degree, z.dtype)
    return (layer_jet(z, table, table.taylor(coef), base, W) * cot).sum((1, 2))


def kan_layer_vjp(
    z: Tensor, cot: Tensor, weight: Tensor, layer: LayerWeights, W: Tensor | None = None
) -> tuple[Tensor, Tensor | None]:
    """``J^T w`` of one layer without ``J``: gradients of the shapes of ``layer.coef`` and ``layer.base``.

    Args:
        z: Input jets ``(N, C, i)``.
        cot: Cotangents ``(N, C, o)``.
        weight: ``w``, shape ``(N,)``.
    """
    coef, base, knots, degree = layer
    table = spline_table(knots, coef.shape[0], degree, z.dtype)
    with torch.enable_grad():
        leaves = [p.detach().requires_grad_() for p in (coef, base) if p is not None]
        y = layer_jet(z.detach(), table, table.taylor(leaves[0]), leaves[1] if len(leaves) > 1 else None, W)
    grads = torch.autograd.grad(y, leaves, cot * weight[:, None, None])
    return grads[0], grads[1] if len(grads) > 1 else None


def layer_cotangents(
    z: Tensor, layers: Sequence[LayerWeights], cot: Tensor, W: Tensor | None = None
) -> list[tuple[Tensor, Tensor]]:
    """What every layer saw: its input jets and the cotangents of its output jets.

    Args:
        z: Jets at the network's input ``(N, C, n_0)``.
        cot: Cotangents of the jets at its output ``(N, C, n_L)``.
    Returns:
        For each layer ``l``: ``Z_l (N, C, n_(l-1))`` and ``G_l (N, C, n_l)``, detached.
    """
    with torch.enable_grad():
        inputs, outputs = [], []
        y = z.detach()
        for coef, base, knots, degree in layers:
            table = spline_table(knots, coef.shape[0], degree, z.dtype)
            inputs.append(y.detach())
            y = y if y.requires_grad else y.requires_grad_()
            y = layer_jet(y, table, table.taylor(coef.detach()), None if base is None else base.detach(), W)
            outputs.append(y)
    grads = torch.autograd.grad(outputs[-1], outputs, cot) if outputs else ()
    return [(a, g.detach()) for a, g in zip(inputs, grads, strict=True)]
