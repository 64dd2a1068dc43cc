"""A network of Lipschitz constant 1: orthonormal weights, sorted groups of units (Anil, Lucas, Grosse, arXiv 1811.05381)."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn

from sciml.arguments import count, integer
from sciml.errors import ArgumentError
from sciml.nn.base import check_inputs, generator, layer_widths

STEPS = 8  # of Bjorck's iteration
REACH = 1.5  # largest singular value that it starts from; below sqrt(3) it converges


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
            short, long = sorted((n_in, n_out))
            weight = torch.linalg.qr(torch.randn(long, short, generator=rng, dtype=torch.float64)).Q
            weight = weight if n_out >= n_in else weight.T
            self.weights.append(nn.Parameter(weight.contiguous().to(dtype)))
            self.biases.append(nn.Parameter(torch.zeros(n_out, dtype=dtype)))

    def forward(self, x: Tensor) -> Tensor:
        """``(n, n_0) -> (n, n_L)``.

        Raises:
            ArgumentError, ArgumentTypeError: Another shape or dtype.
        """
        check_inputs(x, self.widths[0], self.biases[0].dtype)
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

    ``W <- 3/2 W - 1/2 W W' W`` takes singular values in ``(0, sqrt 3)`` to 1, after one step from below. Before it ``W`` is
    scaled by ``|(W W')^2|^(1/4)``, which bounds the 2-norm and is at most ``n^(1/8)`` times it.
    """
    tall = weight.shape[0] > weight.shape[1]
    w = weight.T if tall else weight
    w = w / w.abs().max().clamp(min=torch.finfo(w.dtype).tiny)
    squares = w @ w.T
    size = torch.linalg.matrix_norm(squares @ squares) ** 0.25
    w = w * (REACH / size.clamp(min=torch.finfo(w.dtype).tiny))
    for _ in range(STEPS):
        w = 1.5 * w - 0.5 * (w @ w.T) @ w
    return w.T if tall else w
