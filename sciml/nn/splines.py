"""What ``KAN`` and ``SlimKAN`` share: layers of splines on one interval, and how an edge starts."""

from __future__ import annotations

import abc
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from sciml import kernels
from sciml.arguments import count, integer, vector
from sciml.errors import ArgumentError
from sciml.kernels.bspline import bspline_basis, uniform_knots
from sciml.kernels.orders import Weights
from sciml.nn.base import JetLayer, JetNetwork, layer_widths

SILU_POWER = 0.0903  # E[silu(x)^2] for x uniform on [-1, 1]


class SplineLayer(JetLayer):
    """A layer of edges, each a spline plus a multiple of ``silu``, however its coefficients are held.

    Attributes:
        knots: ``(n_in, grid + 2 degree + 1)``, a buffer; ``degree`` cells lie on either side of the grid, in which the
            spline falls to zero smoothly. Further out it is zero and only ``silu`` acts.
    """

    knots: Tensor
    any_order = True

    def __init__(self, knots: Tensor, degree: int):
        super().__init__()
        self.degree = degree
        self.register_buffer("knots", knots)

    @property
    def grid(self) -> int:
        """Number of cells of the grid proper."""
        return self.knots.shape[1] - 2 * self.degree - 1

    @property
    def smooth(self) -> int:
        """``degree - 1``."""
        return self.degree - 1

    @abc.abstractmethod
    def arguments(self) -> kernels.LayerWeights:
        """What the kernels take: dense coefficients."""

    def jet(self, z: Tensor, weights: Weights) -> Tensor:
        """``(n, C, n_in) -> (n, C, n_out)``."""
        return kernels.kan_jets(z, [self.arguments()], weights)


class SplineNetwork(JetNetwork):
    """A chain of ``SplineLayer`` whose grids cover one interval at first.

    Raises:
        ArgumentError: Bad widths, degree or interval.
    """

    def __init__(
        self, widths: Sequence[int], degree: int, base: bool, domain: tuple[float, float], seed: int
    ):
        super().__init__()
        self.widths = layer_widths(widths)
        self.degree = integer("degree", degree, 1, 7)
        self.base, self.seed = base, integer("seed", seed)
        lower, upper = vector("domain", domain, 2)
        if not lower < upper:
            raise ArgumentError(f"domain needs (lower, upper) with lower < upper, got {domain!r}.")
        self.domain = lower, upper

    @property
    def grids(self) -> list[int]:
        """Cells of each layer's grid."""
        return [layer.grid for layer in self.layers if isinstance(layer, SplineLayer)]

    def _random_edges(
        self, n_in: int, n_out: int, knots: Tensor, rng: torch.Generator, terms: int = 1
    ) -> tuple[Tensor, Tensor | None]:
        """Coefficients ``(n_in, m, n_out)`` and weights of ``silu`` ``(n_in, n_out)`` of random edges; None without it.

        A sum of ``terms`` edges has the variance of an input that is uniform on the interval, half of it from ``silu``
        where there is a base.
        """
        share = 0.5 if self.base else 1.0
        coef = random_polynomials(n_in, n_out, knots, self.degree, rng) * math.sqrt(share / terms)
        weight = None
        if self.base:
            size = math.sqrt(share / 3.0 / SILU_POWER / terms)
            weight = torch.randn(n_in, n_out, generator=rng, dtype=torch.float64) * size
        # inputs uniform on [-1, 1] have variance 1/3; a spline has it on any interval, silu grows with its input
        return coef * ((self.domain[1] - self.domain[0]) / 2), weight

    def _start_knots(self, grid: int, n_in: int) -> Tensor:
        return uniform_knots(*self.domain, grid, self.degree).expand(n_in, -1).clone()

    def _spline_config(self) -> dict[str, Any]:
        return {
            "widths": self.widths,
            "degree": self.degree,
            "base": self.base,
            "domain": list(self.domain),
            "seed": self.seed,
        }


def layer_grids(grid: Any, layers: int) -> list[int]:
    """Cells of each layer's spline grid, from one int or one a layer, all ``>= 1``."""
    if not isinstance(grid, (list, tuple)):
        return [count("grid", grid)] * layers
    if len(grid) != layers:
        raise ArgumentError(f"grid needs one int or {layers} of them (one a layer), got {grid!r}.")
    return [count(f"grid[{k}]", g) for k, g in enumerate(grid)]


def random_polynomials(n_in: int, n_out: int, knots: Tensor, degree: int, rng: torch.Generator) -> Tensor:
    """Spline coefficients ``(n_in, m, n_out)`` of random polynomials with mean square 1/3 on the grid."""
    order = min(degree, 3)
    coarse = uniform_knots(-1.0, 1.0, 1, order)
    weights = torch.randn(n_in, order + 1, n_out, generator=rng, dtype=torch.float64)
    points = torch.linspace(-1, 1, 101, dtype=torch.float64)
    power = (
        bspline_basis(points, coarse, order).square().sum(-1).mean()
    )  # E of the square for white coefficients
    low, high = knots[0, degree], knots[0, -degree - 1]
    values = bspline_basis(points, coarse, order) @ weights / (3 * power).sqrt()  # (n_in, 101, n_out)
    basis = bspline_basis(low + (high - low) * (points + 1) / 2, knots[0], degree)  # (101, m)
    return torch.linalg.lstsq(basis.expand(n_in, -1, -1), values, driver="gelsd").solution.contiguous()
