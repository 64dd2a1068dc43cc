"""Elementwise functions of jets by the SIMD kernels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import torch
from torch import Tensor

from sciml.kernels.channels import Channels, as_row, channels_of
from sciml.kernels.cpu import machine
from sciml.kernels.cpu.network import run_parts
from sciml.kernels.orders import ChannelWeights

_MOST = 64  # products with derivatives in one channel set, beyond which a kernel would be long
_POINTS = 1024  # that one thread does at a time


def takes(z: Tensor, weights: ChannelWeights) -> bool:
    """Whether a kernel can do jets ``z (n, C, i)``."""
    return _here(z) and len(channels_of(weights).curved) <= _MOST


def _here(z: Tensor) -> bool:
    if torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active():
        return False
    known = z.device.type == "cpu" and z.dtype in (torch.float32, torch.float64) and z.numel() > 0
    return known and machine.missing_simd() is None


@cache
def _kernels(channels: Channels, bits: int, width: int) -> dict:
    from sciml.kernels.cpu.compiled import elementwise_kernels

    return elementwise_kernels(channels, bits, min(machine.vector_bytes() * 8 // bits, width))


@cache
def _tanh_kernel(order: int, bits: int, width: int) -> Callable[..., None]:
    from sciml.kernels.cpu.compiled import tanh_kernel

    return tanh_kernel(order, bits, min(machine.vector_bytes() * 8 // bits, width))


def tanh_derivatives(x: Tensor, order: int) -> Tensor | None:
    """tanh and its derivatives up to ``order >= 1`` at ``x (n, i)``, stacked: ``(order + 1, n, i)``; None for no kernel.

    It has no graph.
    """
    if not _here(x) or x.stride(1) != 1:
        return None
    n, i = x.shape
    out = torch.empty(order + 1, n, i, dtype=x.dtype)
    kernel = _tanh_kernel(order, x.element_size() * 8, 1 << i.bit_length() - 1)

    def task(part: int) -> None:
        first = part * _POINTS
        kernel(x.data_ptr(), out.data_ptr(), first, min(first + _POINTS, n), n, i, x.stride(0))

    run_parts(task, -(-n // _POINTS))
    return out


def _run(name: str, out: Tensor, inputs: Sequence[Tensor], weights: ChannelWeights) -> Tensor:
    n, _, i = out.shape
    bits = out.element_size() * 8
    kernel = _kernels(channels_of(weights), bits, 1 << i.bit_length() - 1)[name]
    row = as_row(weights, out)
    held = [inputs[0].contiguous(), inputs[1], row, *(tensor.contiguous() for tensor in inputs[2:]), out]
    addresses = [tensor.data_ptr() for tensor in held]

    def task(part: int) -> None:
        kernel(*addresses, part * _POINTS, min((part + 1) * _POINTS, n), n, i)

    run_parts(task, -(-n // _POINTS))
    return out


def compose(z: Tensor, weights: ChannelWeights, derivatives: Tensor) -> Tensor:
    """The jet ``(n, C, i)`` of ``f(z)`` from ``f, f', ..., f^(K)``, stacked: ``(K + 1 or more, n, i)``."""
    return _run("compose", torch.empty(z.shape, dtype=z.dtype), [z, derivatives], weights)


def pullback(g: Tensor, z: Tensor, weights: ChannelWeights, derivatives: Tensor) -> Tensor:
    """The cotangent of ``z`` from ``g``, both ``(n, C, i)``; derivatives from order 0 to ``K + 1``."""
    return _run("pullback", torch.empty(z.shape, dtype=z.dtype), [z, derivatives, g], weights)
