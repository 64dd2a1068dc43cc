"""The baseline of the step benchmark: a KAN as most libraries write it, under nested autograd."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

MEMORY = 1.5e9  # bytes that a step of the usual KAN may take


class UsualKAN(torch.nn.Module):
    """Knots an input, the dense Cox-de Boor recursion, a product a layer."""

    def __init__(self, widths: tuple[int, ...], grid: int, degree: int, dtype: torch.dtype):
        super().__init__()
        self.degree = degree
        rng = torch.Generator().manual_seed(0)
        self.base, self.coef = torch.nn.ParameterList(), torch.nn.ParameterList()
        self.knots: list[Tensor] = []
        for i, o in pairwise(widths):
            self.knots.append(
                (torch.arange(-degree, grid + degree + 1) * 2 / grid - 1).to(dtype).repeat(i, 1)
            )
            self.base.append(torch.randn(o, i, generator=rng, dtype=dtype) / i**0.5)
            self.coef.append(torch.randn(o, i * (grid + degree), generator=rng, dtype=dtype) * 0.1 / i**0.5)

    def basis(self, x: Tensor, t: Tensor) -> Tensor:
        x = x.unsqueeze(-1)
        b = ((x >= t[:, :-1]) & (x < t[:, 1:])).to(x.dtype)
        for k in range(1, self.degree + 1):
            rise = (x - t[:, : -(k + 1)]) / (t[:, k:-1] - t[:, : -(k + 1)])
            fall = (t[:, k + 1 :] - x) / (t[:, k + 1 :] - t[:, 1:-k])
            b = rise * b[..., :-1] + fall * b[..., 1:]
        return b

    def forward(self, x: Tensor) -> Tensor:
        for base, coef, knots in zip(self.base, self.coef, self.knots, strict=True):
            silu = torch.nn.functional.linear(torch.nn.functional.silu(x), base)
            x = silu + torch.nn.functional.linear(self.basis(x, knots).flatten(1), coef)
        return x


def nested_laplacian(model: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """By autograd inside autograd, one pass a direction."""
    x = x.detach().requires_grad_()
    (first,) = torch.autograd.grad(model(x).sum(), x, create_graph=True)
    parts = [torch.autograd.grad(first[:, d].sum(), x, create_graph=True)[0][:, d] for d in range(x.shape[1])]
    return torch.stack(parts).sum(0)


def fitting_points(widths: tuple[int, ...], grid: int, degree: int, itemsize: int, batch: int) -> int:
    """The batch, halved until a step needs no more than ``MEMORY``, by an estimate fitted to measured peaks."""
    basis = sum(widths[:-1]) * (grid + 2 * degree) * itemsize
    while batch > 64 and 6 * degree * (widths[0] + 2) * basis * batch > MEMORY:
        batch //= 2
    return batch
