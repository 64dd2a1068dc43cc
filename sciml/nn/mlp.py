"""The multilayer perceptron, with jets."""

from __future__ import annotations

import itertools
import math
from typing import Any

import torch
from torch import Tensor, nn

from sciml.arguments import integer, one_of, positive
from sciml.nn.activation import ACTIVATIONS, Activation, FourierFeatures
from sciml.nn.base import JetNetwork, generator, layer_widths
from sciml.nn.linear import Coefficients, Linear


class MLP(JetNetwork):
    """A fully connected network ``[n_0, ..., n_L]``.

    Args:
        widths: Layer widths, input and output included, e.g. ``[2, 20, 20, 1]``.
        activation: ``"tanh"``, ``"sine"``, ``"silu"`` or ``"relu3"``.
        scale: Factor on the first layer's weights (> 0): about the highest number of half waves that the solution has
            across the domain, when inputs lie in [-1, 1].
        fourier: Number of random Fourier features in front of the first layer; 0 for none.
        terms: Number of functions of which the trial function has trained multiples beside the network, such as
            ``problem.corner_terms.count``; 0 for none.
        fourier_scale: Standard deviation of their frequencies, in radians a unit of input.
        seed: Of the initial weights.
        dtype: Floating dtype; ``torch.float64`` suits second-order training.

    Weights are Glorot-normal and biases small uniform, which keeps the variance of tanh and sine units through depth
    (Glorot & Bengio 2010).

    Raises:
        ArgumentError: Bad widths, an unknown activation, a scale that is not positive, ``fourier`` or ``terms`` below 0.
    """

    def __init__(
        self,
        widths: list[int],
        activation: str = "tanh",
        *,
        scale: float = 1.0,
        fourier: int = 0,
        fourier_scale: float = math.pi,
        seed: int = 0,
        dtype: torch.dtype = torch.float64,
        terms: int = 0,
    ):
        super().__init__()
        self.widths = layer_widths(widths)
        self.activation = one_of("activation", activation, ACTIVATIONS)
        self.scale, self.fourier_scale = positive("scale", scale), positive("fourier_scale", fourier_scale)
        self.fourier, self.seed = integer("fourier", fourier, least=0), integer("seed", seed)
        rng = generator(self.seed)
        # before the layers: the last of the parameters are those of the last layer
        if integer("terms", terms, least=0):
            self.multiples = Coefficients(torch.zeros(terms, dtype=dtype))

        def normal(rows: int, columns: int) -> Tensor:
            return torch.randn(rows, columns, generator=rng, dtype=torch.float64)

        chain: list[nn.Module] = []
        fans = list(self.widths)
        if fourier:
            chain.append(FourierFeatures((normal(fans[0], fourier) * fourier_scale).to(dtype)))
            fans[0] = 2 * fourier
        for depth, (n_in, n_out) in enumerate(itertools.pairwise(fans)):
            weight = normal(n_out, n_in) * math.sqrt(2.0 / (n_in + n_out))
            bias = (torch.rand(n_out, generator=rng, dtype=torch.float64) * 2 - 1) / math.sqrt(n_in)
            if depth == 0:
                weight, bias = weight * scale, bias * scale
            if depth == len(fans) - 2:
                bias = torch.zeros_like(bias)
            chain.append(Linear(weight.to(dtype), bias.to(dtype)))
            if depth < len(fans) - 2:
                chain.append(Activation(activation))
        self.layers = nn.ModuleList(chain)

    def config(self) -> dict[str, Any]:
        """Plain data that rebuilds the architecture."""
        return {
            "kind": "MLP",
            "widths": self.widths,
            "activation": self.activation,
            "scale": self.scale,
            "fourier": self.fourier,
            "fourier_scale": self.fourier_scale,
            "seed": self.seed,
            **self._terms_config(),
        }
