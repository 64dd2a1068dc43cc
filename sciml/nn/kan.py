"""Kolmogorov-Arnold networks of B-splines, with jets."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sciml import kernels
from sciml.kernels.orders import Weights
from sciml.nn.base import generator
from sciml.nn.splines import SplineLayer, SplineNetwork, layer_grids, with_parameter


class KANLayer(SplineLayer):
    """``y_o = sum_i [ base[i, o] silu(x_i) + sum_k coef[i, k, o] B_k(x_i) ]``.

    Attributes:
        coef: Spline coefficients ``(n_in, m, n_out)`` with ``m = grid + degree``.
        base: Weights of ``silu``, ``(n_in, n_out)``; absent (None) for a pure spline.
        knots: See ``SplineLayer``.
    """

    by_output = True

    def __init__(self, coef: Tensor, base: Tensor | None, knots: Tensor, degree: int):
        super().__init__(knots, degree)
        self.coef = nn.Parameter(coef)
        self.base = nn.Parameter(base) if base is not None else None

    def arguments(self) -> kernels.LayerWeights:
        """What the kernels take."""
        return kernels.LayerWeights(self.coef, self.base, self.knots, self.degree)

    def insert(self, knots: Tensor) -> None:
        """See ``SplineLayer.insert``."""
        coef = kernels.insert_knots(self.coef, self.knots, knots, self.degree)
        self.coef, self.knots = with_parameter(self.coef, coef), knots

    def jacobian(self, z: Tensor, cotangent: Tensor, weights: Weights) -> Tensor:
        """Rows ``(n, P)``: coefficients flattened, then the base's weights."""
        shape = (self.coef.shape[0], self.coef.shape[1], cotangent.shape[2])
        return kernels.kan_layer_jacobian(
            z, cotangent, shape, self.base is not None, self.knots, self.degree, weights
        )

    def tangent(self, z: Tensor, direction: Tensor, weights: Weights) -> Tensor:
        """The layer is linear in its parameters: the same map with ``direction`` in their place."""
        size = self.coef.numel()
        coef = direction[:size].view_as(self.coef)
        base = None if self.base is None else direction[size:].view_as(self.base)
        return kernels.kan_jets(z, [kernels.LayerWeights(coef, base, self.knots, self.degree)], weights)

    def cotangent(self, z: Tensor, cotangent: Tensor, weights: Weights) -> Tensor:
        """The summed rows, as the ordinary backward pass of the layer."""
        grads = kernels.kan_layer_vjp(z, cotangent, z.new_ones(z.shape[0]), self.arguments(), weights)
        return torch.cat([g.reshape(-1) for g in grads if g is not None])

    def extra_repr(self) -> str:
        """Sizes and grid."""
        n_in, _, n_out = self.coef.shape
        return f"{n_in} -> {n_out}, grid={self.grid}, degree={self.degree}, base={self.base is not None}"


class KAN(SplineNetwork):
    """A Kolmogorov-Arnold network ``[n_0, ..., n_L]`` (Liu et al. 2024) with B-splines on every edge.

    Args:
        widths: Layer widths, input and output included, e.g. ``[2, 8, 8, 1]``.
        grid: Cells of the spline grid, one number or one for each layer; ``>= 1``.
        degree: Of the splines, 1 to 7. A second-order equation needs at least 3 for a continuous residual;
            4 or 5 suit Gauss-Newton training. Above second order it needs the order and one more at least.
        base: Whether ``silu`` is added on every edge.
        domain: Interval that the grid of every layer covers at first; inputs outside it are legal (see
            ``KANLayer``). ``sciml.solve`` scales its coordinates to [-1, 1].
        seed: Of the initial weights.
        dtype: Floating dtype.

    Every edge starts as a random polynomial of degree <= 3 (so that the start does not depend on the grid and stays
    smooth on fine ones), scaled so that a hidden value has the variance of an input that is uniform on ``domain``.

    Raises:
        ArgumentError: Bad widths, grid, degree or interval.
    """

    def __init__(
        self,
        widths: list[int],
        grid: int | Sequence[int] = 5,
        degree: int = 3,
        *,
        base: bool = True,
        domain: tuple[float, float] = (-1.0, 1.0),
        seed: int = 0,
        dtype: torch.dtype = torch.float64,
    ):
        super().__init__(widths, degree, base, domain, seed)
        rng = generator(self.seed)
        chain: list[nn.Module] = []
        grids = layer_grids(grid, len(self.widths) - 1)
        for g, n_in, n_out in zip(grids, self.widths[:-1], self.widths[1:], strict=True):
            knots = self._start_knots(g, n_in)
            coef, weight = self._random_edges(n_in, n_out, knots, rng, terms=n_in)
            weight = None if weight is None else weight.to(dtype)
            chain.append(KANLayer(coef.to(dtype), weight, knots.to(dtype), self.degree))
        self.layers = nn.ModuleList(chain)

    def jets(self, z: Tensor, weights: Weights, tape: list | None = None) -> Tensor:
        """See ``JetNetwork.jets``; without a tape the whole network is one fused call."""
        if tape is not None:
            return super().jets(z, weights, tape)
        return kernels.kan_jets(z, [layer.arguments() for layer in self._kan_layers()], weights)

    def config(self) -> dict:
        """Plain data that rebuilds the architecture (the knots are stored with the weights)."""
        return {"kind": "KAN", "grid": self.grids, **self._spline_config()}

    def _kan_layers(self) -> list[KANLayer]:
        return [layer for layer in self.layers if isinstance(layer, KANLayer)]
