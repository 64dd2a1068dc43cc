"""Rows of the Jacobian, one a point, from a single backward pass.

Points are independent, so a backward pass holds every point's own cotangents. A KAN layer is linear in its
weights: point ``n``'s gradient is the product of its features and its cotangents, summed over the channels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from sciml.kernels.autograd import build
from sciml.kernels.channels import as_row, channels_of
from sciml.kernels.cpu import machine
from sciml.kernels.cpu.fields import FIELD
from sciml.kernels.cpu.memory import Layout, Workspace
from sciml.kernels.cpu.network import run_parts
from sciml.kernels.cpu.plan import Kernels, cpu_plan
from sciml.kernels.errors import ArgumentError
from sciml.kernels.jets import check_layers, choose, fused_call, kan_jets, why_not_simd
from sciml.kernels.orders import Weights
from sciml.kernels.protocols import Network
from sciml.kernels.reference import LayerWeights, jet_order, silu_derivatives
from sciml.kernels.taylor import in_cells, jet_features, layer_jet, taylor_powers
from sciml.kernels.taylor_table import spline_table

_ROWS = 64  # points whose rows one thread writes at a time


def _network(
    z: Tensor, layers: Sequence[LayerWeights], W: Weights | None, backend: str | None, keep: float
) -> Network | None:
    """The network of a fused backend, or None where the call goes by torch."""
    check_layers(z, layers, W)
    chosen = choose(z, layers, W, backend)
    if chosen.fused is None or torch._C._are_functorch_transforms_active():
        return None
    call, W, weights = fused_call(chosen.fused, z, layers, W)
    return build(call, z, W, weights, keep)


def kan_layer_jacobian(
    z: Tensor,
    cot: Tensor,
    coef_shape: tuple[int, int, int],
    base: bool,
    knots: Tensor,
    degree: int,
    W: Weights | None = None,
    *,
    out: Tensor | None = None,
    backend: str | None = None,
) -> Tensor:
    """Gradient of ``sum(cot[n] * y[n])`` by one layer's weights, a row for every point ``n``.

    Args:
        z: The layer's input jets ``(N, C, i)``.
        cot: Cotangents of its output jets ``(N, C, o)``.
        coef_shape: ``(i, m, o)``.
        base: Whether the layer has base weights.
        knots: ``(i, m + degree + 1)`` or ``(m + degree + 1,)``.
        W: Channel weights ``(S, D)``, a ``ChannelWeights`` or None.
        out: Where to write: ``(N, P)`` with contiguous rows, for example columns of the whole Jacobian.
        backend: "torch" insists on torch.
    Returns:
        ``(N, P)``, detached: the coefficients in the order ``(i, m, o)``, then the base weights ``(i, o)``.
    """
    i, m, o = coef_shape
    n = z.shape[0]
    jet_order(z, W)
    if cot.shape != (n, z.shape[1], o):
        raise ArgumentError(f"cot needs shape (N, C, o) = {(n, z.shape[1], o)}, got {tuple(cot.shape)}.")
    size = i * o * (m + base)
    if out is None:
        out = z.new_empty(n, size)
    elif out.shape != (n, size) or out.dtype != z.dtype or (size > 1 and out.stride(1) != 1):
        raise ArgumentError(
            f"out needs shape {(n, size)}, dtype {z.dtype} and contiguous rows, got {tuple(out.shape)},"
            f" {out.dtype}, strides {out.stride()}."
        )
    # the weights do not matter here, only their shapes
    layer = LayerWeights(z.new_empty(()).expand(i, m, o), None, knots, degree)
    check_layers(z, [layer], W)
    kernels = None
    if backend not in ("torch", "reference") and not torch._C._are_functorch_transforms_active():
        kernels = _row_kernels(z, layer, base, W)
    if kernels is not None:
        _compiled_rows(kernels, z.detach(), cot.detach(), layer, W, out)
    else:
        _torch_rows(z.detach(), cot.detach(), layer, base, W, out)
    return out


def _row_kernels(z: Tensor, layer: LayerWeights, base: bool, W: Weights | None) -> Kernels | None:
    """The kernels that write a layer's rows: SIMD, else loops, else None."""
    jet, bits = channels_of(z.new_zeros(0, z.shape[1] - 1) if W is None else W), z.element_size() * 8
    if machine.missing_simd() is None and why_not_simd(z, [layer], W) is None:
        return machine.simd(jet, layer.degree, base, bits)
    if machine.missing_numba() is None and z.device.type == "cpu" and bits in (32, 64) and jet.order <= 2:
        return machine.loops(bits)
    return None


def _compiled_rows(
    kernels: Kernels, z: Tensor, cot: Tensor, layer: LayerWeights, W: Weights | None, out: Tensor
) -> None:
    n, C, i = z.shape
    _, m, o = layer.coef.shape
    base = out.shape[1] > i * m * o
    W = z.new_zeros(0, C - 1) if W is None else W
    plan = cpu_plan(kernels, (spline_table(layer.knots, i, layer.degree, z.dtype),), (i, o), channels_of(W))
    weights, points, g = as_row(W, z).numpy(), z.contiguous().numpy(), cot.contiguous().numpy()
    widths = {"Z": plan.padded[0], "G": plan.padded[1]}
    shapes = {name: (_ROWS, C, width) for name, width in widths.items()}
    layout = Layout({"scratch": (kernels.scratch,), **shapes}, plan.dtype)

    def task(part: int) -> None:
        a, b = part * _ROWS, min((part + 1) * _ROWS, n)
        own, net = Workspace(layout), plan.net.copy()
        for (name, padded), jets, width in zip(widths.items(), (points, g), (i, o), strict=True):
            net[0, FIELD[name]] = own.address(name)
            kernels.pack(
                jets.ctypes.data + a * jets.strides[0], own.address(name), (b - a) * C, width, padded
            )
        rows = out.data_ptr() + a * out.stride(0) * points.itemsize
        scratch = own.address("scratch")
        assert kernels.jacobian is not None
        kernels.jacobian(net, weights.ctypes.data, 0, b - a, scratch, rows, out.stride(0), m, int(base))

    run_parts(task, -(-n // _ROWS))


def _torch_rows(
    z: Tensor, cot: Tensor, layer: LayerWeights, base: bool, W: Weights | None, out: Tensor
) -> None:
    order = jet_order(z, W)
    n, _, i = z.shape
    (_, m, o), k = layer.coef.shape, layer.degree
    table = spline_table(layer.knots, i, k, z.dtype)
    row, t = in_cells(z[:, 0], table)
    weight = jet_features(taylor_powers(t, k, order), z, W)  # (N, C, i, k + 1)
    taylor = torch.bmm(weight.flatten(2).transpose(1, 2), cot).reshape(n, i, k + 1, o)
    band = torch.cat([table.local, table.local.new_zeros(i, 2, k + 1, k + 1)], 1).flatten(0, 1)
    local = band[row].transpose(2, 3) @ taylor
    cell = row - torch.arange(i, device=z.device) * (table.cells + 2)
    index = cell.unsqueeze(-1) - k + torch.arange(k + 1, device=z.device)
    known = (index >= 0) & (index < m)
    # functions without a number count for nothing: they may be added anywhere
    index = index.clamp(0, m - 1).unsqueeze(-1).expand(n, i, k + 1, o)
    target = torch.where(torch.isnan(z[:, 0]), torch.nan, 0.0).to(z)[:, :, None, None].repeat(1, 1, m, o)
    target.scatter_add_(2, index, torch.where(known.unsqueeze(-1), local, 0))
    out[:, : i * m * o] = target.flatten(1)
    if base:
        features = jet_features(silu_derivatives(z[:, 0], order), z, W)
        out[:, i * m * o :] = torch.bmm(features.transpose(1, 2), cot).flatten(1)


def kan_layer_jvp(
    z: Tensor, cot: Tensor, layer: LayerWeights, W: Weights | None = None, *, backend: str | None = None
) -> Tensor:
    """``J v`` of one layer without ``J``: ``kan_layer_jacobian`` times a direction, shape ``(N,)``.

    Args:
        z: Input jets ``(N, C, i)``.
        cot: Cotangents ``(N, C, o)``.
        layer: The direction, in the place of the weights.
    """
    return (kan_jets(z, [layer], W, backend=backend) * cot).sum((1, 2))


def kan_layer_vjp(
    z: Tensor,
    cot: Tensor,
    weight: Tensor,
    layer: LayerWeights,
    W: Weights | None = None,
    *,
    backend: str | None = None,
) -> tuple[Tensor, Tensor | None]:
    """``J^T w`` of one layer without ``J``: gradients of the shapes of ``layer.coef`` and ``layer.base``.

    Args:
        z: Input jets ``(N, C, i)``.
        cot: Cotangents ``(N, C, o)``.
        weight: ``w``, shape ``(N,)``.
    """
    g = (cot * weight[:, None, None]).detach()
    network = _network(z, [layer], W, backend, -1)
    if network is not None:
        _, *grads = network.gradients(g, False)
        return grads[0], grads[1] if len(grads) > 1 else None
    coef, base, knots, degree = layer
    table = spline_table(knots, coef.shape[0], degree, z.dtype)
    with torch.enable_grad():
        leaves = [p.detach().requires_grad_() for p in (coef, base) if p is not None]
        y = layer_jet(z.detach(), table, table.taylor(leaves[0]), leaves[1] if len(leaves) > 1 else None, W)
    grads = torch.autograd.grad(y, leaves, g)
    return grads[0], grads[1] if len(grads) > 1 else None


def layer_cotangents(
    z: Tensor,
    layers: Sequence[LayerWeights],
    cot: Tensor,
    W: Weights | None = None,
    *,
    backend: str | None = None,
) -> list[tuple[Tensor, Tensor]]:
    """What every layer saw: its input jets and the cotangents of its output jets.

    Args:
        z: Jets at the network's input ``(N, C, n_0)``.
        cot: Cotangents of the jets at its output ``(N, C, n_L)``.
    Returns:
        For each layer ``l``: ``Z_l (N, C, n_(l-1))`` and ``G_l (N, C, n_l)``, detached.
    """
    network = _network(z, layers, W, backend, math.inf)
    if network is not None:
        network.run()
        return list(zip(network.inputs(), network.cotangents(cot), strict=True))
    with torch.enable_grad():
        inputs, outputs = [], []
        y = z.detach().requires_grad_()
        for coef, base, knots, degree in layers:
            table = spline_table(knots, coef.shape[0], degree, z.dtype)
            inputs.append(y.detach())
            y = layer_jet(y, table, table.taylor(coef.detach()), None if base is None else base.detach(), W)
            outputs.append(y)
    grads = torch.autograd.grad(outputs[-1], outputs, cot)
    return [(a, g.detach()) for a, g in zip(inputs, grads, strict=True)]
