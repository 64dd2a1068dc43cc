"""Elementwise activations with the derivatives that jets need."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from sciml.arguments import one_of
from sciml.jets import elementwise, order_of
from sciml.kernels.compose import apply
from sciml.kernels.cpu.elementwise import takes, tanh_derivatives
from sciml.kernels.orders import ChannelWeights, Weights, sigmoid_slopes
from sciml.nn.base import JetLayer


def _tanh(x: Tensor, order: int) -> list[Tensor] | Tensor:
    if not (torch.is_grad_enabled() and x.requires_grad) and x.ndim == 2:
        known = tanh_derivatives(x, order)
        if known is not None:
            return known
    t = torch.tanh(x)
    slope = 1 - t * t
    if order == 2:
        return [t, slope, -2 * t * slope]
    return [t, *sigmoid_slopes(t, slope, 1.0, -2.0, order)]


def _sine(x: Tensor, order: int) -> list[Tensor]:
    return turning(torch.sin(x), torch.cos(x), order)


def turning(f: Tensor, slope: Tensor, order: int) -> list[Tensor]:
    """The derivatives of a function with ``f'' = -f``, from orders 0 to ``order``."""
    cycle = [f, slope, -f, -slope]
    return [cycle[r % 4] for r in range(order + 1)]


def _silu(x: Tensor, order: int) -> list[Tensor]:
    p = torch.sigmoid(x)
    q = p * (1 - p)
    values = [x * p, p + x * q, q * (2 + x * (1 - 2 * p))]
    if order > 2:
        slopes = sigmoid_slopes(1 - 2 * p, q, -0.5, 1.0, order)
        values += [x * slopes[r - 1] + r * slopes[r - 2] for r in range(3, order + 1)]
    return values


def _relu_cubed(x: Tensor) -> Tensor:
    return torch.relu(x) ** 3 / 6


def _relu_cubed_derivatives(x: Tensor, order: int) -> list[Tensor]:
    r = torch.relu(x)
    higher = [(x > 0).to(x), *[torch.zeros_like(x)] * order]
    return [r * r * r / 6, r * r / 2, r, *higher][: order + 1]


class Function(NamedTuple):
    """An elementwise function, with and without its derivatives.

    Attributes:
        value: The function.
        derivatives: ``(x, order)`` to ``f, f', ..., f^(order)``, ``order >= 2``, in a list or stacked.
        smooth: Order of the highest continuous derivative; None for all.
    """

    value: Callable[[Tensor], Tensor]
    derivatives: Callable[[Tensor, int], list[Tensor] | Tensor]
    smooth: int | None = None


ACTIVATIONS: dict[str, Function] = {
    "tanh": Function(torch.tanh, _tanh),
    "sine": Function(torch.sin, _sine),
    "silu": Function(nn.functional.silu, _silu),
    "relu3": Function(_relu_cubed, _relu_cubed_derivatives, 2),
}


class Activation(JetLayer):
    """An elementwise function by name (a key of ``ACTIVATIONS``)."""

    any_order = True

    def __init__(self, name: str):
        super().__init__()
        self.name = one_of("activation", name, ACTIVATIONS)
        self._function = ACTIVATIONS[name]

    @property
    def smooth(self) -> int | None:
        """Order of the function's highest continuous derivative; None for all."""
        return self._function.smooth

    def jet(self, z: Tensor, weights: Weights) -> Tensor:
        """``(n, C, i) -> (n, C, i)``."""
        if z.shape[1] == 1:
            return self._function.value(z)
        if not isinstance(weights, ChannelWeights):
            whole = ChannelWeights((weights,))
            weights = whole if takes(z, whole) else weights
        if isinstance(weights, ChannelWeights):
            return apply(z, weights, self._function.derivatives)
        return elementwise(z, weights, *self._function.derivatives(z[:, 0], 2))

    def extra_repr(self) -> str:
        """The function's name."""
        return self.name


class FourierFeatures(JetLayer):
    """Random Fourier features ``[sin(B x), cos(B x)]`` with a frozen ``B`` (Tancik et al. 2020).

    Attributes:
        frequencies: ``B``, ``(n_in, features)``, a buffer.
    """

    any_order = True

    def __init__(self, frequencies: Tensor):
        super().__init__()
        self.register_buffer("frequencies", frequencies)

    def jet(self, z: Tensor, weights: Weights) -> Tensor:
        """``(n, C, n_in) -> (n, C, 2 features)``."""
        phase = z @ self.frequencies  # type: ignore[operator]
        s, c = torch.sin(phase[:, 0]), torch.cos(phase[:, 0])
        f = turning(torch.cat([s, c], 1), torch.cat([c, -s], 1), order_of(weights))
        return elementwise(torch.cat([phase, phase], 2), weights, *f)
