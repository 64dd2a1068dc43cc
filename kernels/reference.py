"""KAN layers on jets, by their definition; autograd differentiates it any number of times.

A jet ``z`` has shape ``(N, C, i)`` with ``C = 1 + D + S``: the value, ``D`` directional first derivatives,
and ``S`` second-order channels; channel ``s`` is ``sum_d W[s, d] d^2/dv_d^2`` with the real weights ``W:
(S, D)``. ``S = 1`` with ones is the forward Laplacian, ``S = D`` with the identity the Hessian's diagonal,
``S = 0`` stops at first derivatives. Above second order ``W`` is a ``ChannelWeights``, see ``sciml.kernels.orders``.

Reference: R. Li et al., A computational framework for neural network-based variational Monte Carlo with
forward Laplacian, Nature Machine Intelligence (2024), for ``S = 1``; Griewank and Walther, Evaluating
Derivatives (2008), chapter 13, for Taylor mode.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from sciml.kernels.bspline import bspline_basis
from sciml.kernels.errors import ArgumentError
from sciml.kernels.orders import ChannelWeights, Weights, outer_parts, sigmoid_slopes


class LayerWeights(NamedTuple):
    """What one KAN layer computes with; a tuple of the four serves as well.

    Attributes:
        coef: Spline coefficients ``(i, m, o)``.
        base: Weights ``(i, o)`` of ``silu``, or None for a layer without it.
        knots: ``(i, m + degree + 1)`` or ``(m + degree + 1,)``.
        degree: Degree of the splines.
    """

    coef: Tensor
    base: Tensor | None
    knots: Tensor
    degree: int


def jet_order(z: Tensor, W: Weights | None) -> int:
    """The highest derivative of a layer's functions that enters a jet ``z (N, C, i)``.

    Raises:
        ArgumentError: ``z`` is no jet, or its channels do not match ``W``.
    """
    if isinstance(W, ChannelWeights):
        check_jet(z)
        if z.shape[1] != W.channels:
            raise ArgumentError(f"z needs {W.channels} channels for W, got {z.shape[1]}.")
        return W.order
    D, S = jet_shape(z, W)
    return 2 if S else min(D, 1)


def check_jet(z: Tensor) -> None:
    """Raise ``ArgumentError`` unless ``z`` has the shape of a jet."""
    if z.dim() != 3 or z.shape[1] < 1:
        raise ArgumentError(f"z needs shape (N, C, i) with C >= 1, got {tuple(z.shape)}.")


def jet_shape(z: Tensor, W: Tensor | None) -> tuple[int, int]:
    """``(D, S)`` of a jet ``(N, 1 + D + S, i)``; without weights ``S = 0``.

    Raises:
        ArgumentError: ``z`` is no jet, or its channels do not match ``W``.
    """
    check_jet(z)
    if W is None:
        return z.shape[1] - 1, 0
    if W.dim() != 2:
        raise ArgumentError(f"W needs shape (S, D), got {tuple(W.shape)}.")
    S, D = W.shape
    if z.shape[1] != 1 + D + S:
        raise ArgumentError(f"z needs {1 + D + S} channels (1 + D + S) for W {(S, D)}, got {z.shape[1]}.")
    return D, S


def silu_derivatives(x: Tensor, order: int) -> list[Tensor]:
    """``silu(x) = x / (1 + exp(-x))`` and its derivatives up to ``order >= 0``; finite at infinity."""
    x = x.clamp(torch.finfo(x.dtype).min, torch.finfo(x.dtype).max)
    s = torch.sigmoid(x)
    ds = s * (1 - s)
    values = [x * s, s + x * ds]
    if order > 1:
        values.append(ds * (2 + x * (1 - 2 * s)))
    if order > 2:
        values.append(ds * (3 * (1 - 2 * s) + x * (1 - 6 * ds)))
    if order > 3:
        slopes = sigmoid_slopes(1 - 2 * s, ds, -0.5, 1.0, order)
        values += [x * slopes[r - 1] + r * slopes[r - 2] for r in range(4, order + 1)]
    return values[: order + 1]


def kan_layer_jet(
    z: Tensor, coef: Tensor, base: Tensor | None, knots: Tensor, degree: int, W: Weights | None = None
) -> Tensor:
    """A KAN layer on jets: ``y_o = sum_i base[i, o] silu(x_i) + sum_k coef[i, k, o] B_k(x_i)``.

    Args:
        z: Jets ``(N, C, i)``, ``C = 1 + D + S``.
        coef: ``(i, m, o)``.
        base: ``(i, o)`` or None.
        knots: ``(i, m + degree + 1)`` or ``(m + degree + 1,)``.
        degree: ``>= 0``; channels of order ``q`` mean what they say for ``degree >= q``.
        W: Channel weights ``(S, D)`` or a ``ChannelWeights``; None stands for ``S = 0``.
    Returns:
        Jets ``(N, C, o)``. With ``phi`` a layer's function of one input:
        ``y_0 = phi(x)``, ``y_d = phi'(x) x_d``, ``y_s = phi'(x) x_s + phi''(x) sum_d W[s, d] x_d^2``.
    """
    order = jet_order(z, W)
    x = z[:, 0]
    phi = [bspline_basis(x, knots, degree, r) for r in range(order + 1)]  # (N, i, m) each
    weight = coef
    if base is not None:
        silu = silu_derivatives(x, order)
        phi = [torch.cat([b, s.unsqueeze(-1)], -1) for b, s in zip(phi, silu, strict=True)]
        weight = torch.cat([coef, base.unsqueeze(1)], 1)
    if isinstance(W, ChannelWeights):
        jet = torch.einsum("nik,iko->no", phi[0], weight)[:, None]
        jet = torch.nn.functional.pad(jet, (0, 0, 0, z.shape[1] - 1))
        for values, part in zip(phi[1:], outer_parts(z, W.to(z)), strict=True):
            high = torch.einsum("nik,nci,iko->nco", values, part, weight)
            jet = jet + torch.nn.functional.pad(high, (0, 0, z.shape[1] - part.shape[1], 0))
        return jet
    D, S = jet_shape(z, W)
    first, second = z[:, 1 : 1 + D], z[:, 1 + D :]
    features = [phi[0].unsqueeze(1)]
    if D:
        features.append(phi[1].unsqueeze(1) * first.unsqueeze(-1))
    if S and W is not None:
        square = torch.einsum("sd,ndi->nsi", W.to(z), first * first).unsqueeze(-1)
        features.append(phi[1].unsqueeze(1) * second.unsqueeze(-1) + phi[2].unsqueeze(1) * square)
    return torch.einsum("ncik,iko->nco", torch.cat(features, 1), weight)


def reference_jets(z: Tensor, layers: Sequence[LayerWeights], W: Weights | None = None) -> Tensor:
    """Jets through a whole network, layer by layer with ``kan_layer_jet``: ``(N, C, i) -> (N, C, o)``."""
    for coef, base, knots, degree in layers:
        z = kan_layer_jet(z, coef, base, knots, degree, W)
    return z
