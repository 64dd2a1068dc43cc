"""A network of Lipschitz constant 1: orthonormal weights, sorted groups of units (Anil, Lucas, Grosse, arXiv 1811.05381)."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn

from sciml.arguments import count, integer
from sciml.errors import ArgumentError
from sciml.nn.base import generator, layer_widths

STEPS = 15  # of Bjorck's iteration


class GroupSort(nn.Module):
    """``F: R^n_0 -> R^n_L`` with ``|F(x) - F(y)| <= |x - y|`` in the 2-norm, trained or not.

    Sorting the units of a group is a permutation at every point, so it keeps the length of gradients; weights are made
    orthonormal by Bjorck's iteration, through which they are trained. Such networks approximate every 1-Lipschitz function.
    They carry no jets: a critic is no solution of an equation.

    Args:
        widths: Layer widths; the hidden ones are multiples of ``group``.
        group: Units that are sorted together, at least 2; 2 is MaxMin.
        seed: Of the initial weights.
        dtype: Floating dtype.

    Raises:
        ArgumentError: Bad widths, or a hidden one that the group does not divide.
    """

    def __init__(
        self, widths: list[int], group: int = 2, *, seed: int = 0, dtype: torch.dtype = torch.float64
    ):
        super().__init__()
        self.widths, self.group = layer_widths(widths), count("group", group)
        if self.group < 2:
            raise ArgumentError(f"group needs an int of at least 2, got {group}.")
        for k, width in enumerate(self.widths[1:-1], 1):
            if width % self.group:
                raise ArgumentError(f"widths[{k}] needs a multiple of group={group}, got {width}.")
        rng = generator(integer("seed", seed))
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for n_in, n_out in itertools.pairwise(self.widths):
            weight = torch.randn(n_out, n_in, generator=rng, dtype=torch.float64) / math.sqrt(
                max(n_in, n_out)
            )
            bias = (torch.rand(n_out, generator=rng, dtype=torch.float64) - 0.5) / math.sqrt(n_in)
            self.weights.append(nn.Parameter(weight.to(dtype)))
            self.biases.append(nn.Parameter(bias.to(dtype)))

    def forward(self, x: Tensor) -> Tensor:
        """``(n, n_0) -> (n, n_L)``."""
        last = len(self.weights) - 1
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.addmm(bias, x, orthonormal(weight).T)
            if k < last:
                x = x.unflatten(1, (-1, self.group)).sort(2).values.flatten(1)
        return x

    @torch.no_grad()
    def lipschitz_bound(self) -> float:
        """Product of the layers' spectral norms: 1 to rounding."""
        return math.prod(float(torch.linalg.matrix_norm(orthonormal(w), 2)) for w in self.weights)


def orthonormal(weight: Tensor) -> Tensor:
    """The nearest matrix whose shorter side is orthonormal, by Bjorck's iteration; no singular value is above 1.

    ``W <- W / s`` with ``s = sqrt(|W|_1 |W|_inf)``, which bounds the 2-norm; then ``W <- 3/2 W - 1/2 W W' W``, which takes
    singular values in ``(0, 1]`` to 1 from below.
    """
    tall = weight.shape[0] > weight.shape[1]
    w = weight.T if tall else weight
    size = (w.abs().sum(0).max() * w.abs().sum(1).max()).sqrt()
    w = w / size.clamp(min=torch.finfo(w.dtype).tiny)
    for _ in range(STEPS):
        w = 1.5 * w - 0.5 * (w @ w.T) @ w
    return w.T if tall else w
