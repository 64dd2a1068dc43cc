"""Elementwise functions and products of jets, by the rules of ``sciml.kernels.orders``.

The backward pass of ``y = f(z)`` is written out. By ``dB_qj / dz_m = C(q, m) B_(q-m),(j-1)`` it is a product with the jet
``h`` of ``f'``, transposed: with ``g_q`` the cotangents of order ``q``,

    dL/dz_m = sum_(q >= m) C(q, m) g_q h_(q-m)

which costs about as much as the forward pass, where autograd would keep and fill a tensor for every slice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from sciml.kernels.cpu import elementwise
from sciml.kernels.orders import Bell, ChannelWeights, bell, padded

Derivatives = Callable[
    [Tensor, int], Sequence[Tensor] | Tensor
]  # (x, order) to f, f', ..., f^(order), or stacked


def apply(z: Tensor, weights: ChannelWeights, derivatives: Derivatives) -> Tensor:
    """The jet ``(n, C, i)`` of ``f(z)``, from a function that gives the derivatives of ``f`` up to any order."""
    if torch.is_grad_enabled() and z.requires_grad and not torch._C._are_functorch_transforms_active():
        return _Composition.apply(z, weights, derivatives)
    f = derivatives(z[:, 0], weights.order)
    if not (torch.is_grad_enabled() and z.requires_grad) and elementwise.takes(z, weights):
        return elementwise.compose(z, weights, _stacked(f))
    return compose(z, weights, f)


def _stacked(f: Sequence[Tensor] | Tensor) -> Tensor:
    return f if isinstance(f, Tensor) else torch.stack(tuple(f))


def compose(
    z: Tensor, weights: ChannelWeights, f: Sequence[Tensor] | Tensor, table: Bell | None = None
) -> Tensor:
    """The same from ``f, f', ..., f^(K)`` at ``z_0``, each ``(n, i)``; ``table`` is ``bell(z, weights)``."""
    slopes = z[:, 1:] * f[1][:, None]
    channels = [f[0][:, None], slopes[:, : weights.kept[0]]]
    for q, rest in enumerate(_curved(bell(z, weights) if table is None else table, f), 2):
        own = slopes[:, weights.starts[q - 1] - 1 : weights.starts[q] - 1]
        channels.append(own + weights.combine(q, rest))
    return torch.cat(channels, 1)


def _curved(table: Bell, f: Sequence[Tensor] | Tensor) -> list[Tensor]:
    """``sum_(j >= 2) f^(j) B_qj`` for each order ``q = 2, ..., K``."""
    out = []
    for polynomials in table:
        total = polynomials[0] * f[2][:, None]
        for j, polynomial in enumerate(polynomials[1:], 3):
            total = total + polynomial * f[j][:, None]
        out.append(total)
    return out


def pullback(
    g: Tensor, z: Tensor, weights: ChannelWeights, f: Sequence[Tensor] | Tensor, table: Bell
) -> Tensor:
    """The cotangent of ``z`` from ``g`` of ``compose``, both ``(n, C, i)``.

    Args:
        f: Derivatives from order 0 to ``K + 1``.
        table: ``bell(z, weights)``.
    """
    K, kept, starts = weights.order, weights.kept, weights.starts
    own = g * f[1][:, None]  # what every channel hands to the same one
    curved = _curved(table, f[1:])
    spread = [weights.spread(q, g[:, starts[q - 1] : starts[q]]) for q in range(2, K + 1)]
    jet = [weights.along(z, q, kept[q - 1]) * f[2][:, None] for q in range(1, K)]  # of f', orders 1 to K - 1
    jet = [jet[0], *(jet[q - 1] + curved[q - 2][:, : kept[q - 1]] for q in range(2, K))]
    value = own[:, 0] + (g[:, 1:] * z[:, 1:]).sum(1) * f[2]
    for cotangent, rest in zip(spread, curved, strict=True):
        value = value + (cotangent * rest).sum(1)
    channels = [value[:, None]]
    for m in range(1, K + 1):
        part = own[:, starts[m - 1] : starts[m - 1] + kept[m - 1]]
        for q in range(m + 1, K + 1):
            term = math.comb(q, m) * spread[q - 2] * jet[q - m - 1][:, : kept[q - 2]]
            part = part + padded(term, kept[m - 1])
        channels += [part, own[:, starts[m - 1] + kept[m - 1] : starts[m]]]
    return torch.cat(channels, 1)


class _Composition(torch.autograd.Function):
    """``(z, weights, derivatives) -> f(z)``; its backward pass is differentiable where a graph is asked for."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, weights: ChannelWeights, derivatives: Derivatives) -> Tensor:
        f = derivatives(z[:, 0], weights.order + 1)
        ctx.weights, ctx.derivatives = weights, derivatives
        ctx.save_for_backward(z)
        ctx.fused = _stacked(f) if elementwise.takes(z, weights) else None
        if ctx.fused is not None:
            return elementwise.compose(z, weights, ctx.fused)
        ctx.known = f, bell(z, weights)
        return compose(z, weights, *ctx.known)

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor, None, None]:
        (z,), (g,) = ctx.saved_tensors, cotangents
        if torch.is_grad_enabled():  # with a graph of z
            f, table = ctx.derivatives(z[:, 0], ctx.weights.order + 1), bell(z, ctx.weights)
        elif ctx.fused is not None:
            return elementwise.pullback(g, z, ctx.weights, ctx.fused), None, None
        else:
            f, table = ctx.known
        return pullback(g, z, ctx.weights, f, table), None, None


def multiply(a: Tensor, b: Tensor, weights: ChannelWeights) -> Tensor:
    """The jet of a product by Leibniz' rule, ``(n, C, m)``."""
    a0, b0 = a[:, :1], b[:, :1]
    rest = a * b0 + a0 * b
    channels = [a0 * b0, rest[:, 1 : weights.starts[1]]]
    for q in range(2, weights.order + 1):
        directions = weights.kept[q - 2]
        cross = sum(
            math.comb(q, r) * weights.along(a, r, directions) * weights.along(b, q - r, directions)
            for r in range(1, q)
        )
        assert isinstance(cross, Tensor)
        channels.append(rest[:, weights.starts[q - 1] : weights.starts[q]] + weights.combine(q, cross))
    return torch.cat(channels, 1)
