"""Elementwise activations with the derivatives that jets need."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from sciml.arguments import one_of
from sciml.jets import elementwise
from sciml.nn.base import JetLayer

Triple = tuple[Tensor, Tensor, Tensor]


def _tanh(x: Tensor) -> Triple:
    t = torch.tanh(x)
    slope = 1 - t * t
    return t, slope, -2 * t * slope


def _sine(x: Tensor) -> Triple:
    s, c = torch.sin(x), torch.cos(x)
    return s, c, -s


def _silu(x: Tensor) -> Triple:
    p = torch.sigmoid(x)
    q = p * (1 - p)
    return x * p, p + x * q, q * (2 + x * (1 - 2 * p))


def _relu_cubed(x: Tensor) -> Tensor:
    return torch.relu(x) ** 3 / 6


def _relu_cubed_triple(x: Tensor) -> Triple:
    r = torch.relu(x)
    return r * r * r / 6, r * r / 2, r


class Function(NamedTuple):
    """An elementwise function, with and without its derivatives."""

    value: Callable[[Tensor], Tensor]
    derivatives: Callable[[Tensor], Triple]  # f, f', f''


ACTIVATIONS: dict[str, Function] = {
    "tanh": Function(torch.tanh, _tanh),
    "sine": Function(torch.sin, _sine),
    "silu": Function(nn.functional.silu, _silu),
    "relu3": Function(_relu_cubed, _relu_cubed_triple),
}


class Activation(JetLayer):
    """An elementwise function by name (a key of ``ACTIVATIONS``)."""

    def __init__(self, name: str):
        super().__init__()
        self.name = one_of("activation", name, ACTIVATIONS)
        self._function = ACTIVATIONS[name]

    def jet(self, z: Tensor, weights: Tensor) -> Tensor:
        """``(n, C, i) -> (n, C, i)``."""
        if z.shape[1] == 1:
            return self._function.value(z)
        return elementwise(z, weights, *self._function.derivatives(z[:, 0]))

    def extra_repr(self) -> str:
        """The function's name."""
        return self.name


class FourierFeatures(JetLayer):
    """Random Fourier features ``[sin(B x), cos(B x)]`` with a frozen ``B`` (Tancik et al. 2020).

    Attributes:
        frequencies: ``B``, ``(n_in, features)``, a buffer.
    """

    def __init__(self, frequencies: Tensor):
        super().__init__()
        self.register_buffer("frequencies", frequencies)

    def jet(self, z: Tensor, weights: Tensor) -> Tensor:
        """``(n, C, n_in) -> (n, C, 2 features)``."""
        phase = z @ self.frequencies  # type: ignore[operator]
        s, c = torch.sin(phase[:, 0]), torch.cos(phase[:, 0])
        f0, f1 = torch.cat([s, c], 1), torch.cat([c, -s], 1)
        return elementwise(torch.cat([phase, phase], 2), weights, f0, f1, -f0)
