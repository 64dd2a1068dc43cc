"""Kolmogorov-Arnold networks of B-splines, or of another family of functions, with jets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from sciml import kernels
from sciml.arguments import number, one_of, positive
from sciml.errors import ArgumentError
from sciml.kernels.bspline import bspline_basis
from sciml.kernels.orders import Weights
from sciml.nn.base import JetNetwork, generator
from sciml.nn.bases.families import FAMILIES, layer_sizes, make_family
from sciml.nn.bases.layer import BasisLayer
from sciml.nn.bases.start import random_layer
from sciml.nn.seeing.edges import inputs_of, passes, pruned, shares_of
from sciml.nn.splines import SplineLayer, SplineNetwork, layer_grids, with_parameter

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sciml.nn.seeing.formulas import Formula


GRID, DEGREE = 5, 3
SIZE = GRID + DEGREE  # as many numbers with every basis


class KANLayer(SplineLayer):
    """``y_o = sum_i [ base[i, o] silu(x_i) + sum_k coef[i, k, o] B_k(x_i) ]``.

    Attributes:
        coef: Spline coefficients ``(n_in, m, n_out)`` with ``m = grid + degree``.
        base: Weights of ``silu``, ``(n_in, n_out)``; absent (None) for a pure spline.
        knots: See ``SplineLayer``.
    """

    by_output = True
    shared_functions = True

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

    def functions(self, z: Tensor, weights: Weights) -> Tensor:
        """The splines of each input in turn, then ``silu`` of each input: rows of one output, a channel at a time."""
        n, C, i = z.shape
        shape, base = (i, self.coef.shape[1], 1), self.base is not None
        found = z.new_empty(C, n, i * (shape[1] + base))
        for c, out in enumerate(found):
            channel = z.new_zeros(n, C, 1)
            channel[:, c] = 1.0
            kernels.kan_layer_jacobian(z, channel, shape, base, self.knots, self.degree, weights, out=out)
        return found.transpose(0, 1)

    def edges(self, z: Tensor) -> Tensor:
        """Values of the function on every edge at ``z (n, n_in)``: ``(n, n_in, n_out)``."""
        columns = [
            bspline_basis(z[:, i].contiguous(), self.knots[i], self.degree) @ self.coef[i]
            for i in range(z.shape[1])
        ]
        values = torch.stack(columns, 1)
        return values if self.base is None else values + silu(z)[:, :, None] * self.base

    def one(self) -> Tensor:
        """Coefficients ``(n_in, m)`` of the function 1, on the grid."""
        return torch.ones_like(self.coef[:, :, 0])

    def extra_repr(self) -> str:
        """Sizes and grid."""
        n_in, _, n_out = self.coef.shape
        return f"{n_in} -> {n_out}, grid={self.grid}, degree={self.degree}, base={self.base is not None}"


class KAN(SplineNetwork):
    """A Kolmogorov-Arnold network ``[n_0, ..., n_L]`` (Liu et al. 2024), by default with B-splines on every edge.

    Args:
        widths: Layer widths, input and output included, e.g. ``[2, 8, 8, 1]``.
        grid: Cells of the spline grid, one number or one for each layer; ``>= 1``.
        degree: Of the splines, 1 to 7. A second-order equation needs at least 3 for a continuous residual;
            4 or 5 suit Gauss-Newton training. Above second order it needs the order and one more at least.
        base: Whether ``silu`` is added on every edge.
        domain: Interval that the grid of every layer covers at first; inputs outside it are legal (see
            ``KANLayer``). ``sciml.solve`` scales its coordinates to [-1, 1].
        basis: ``"bspline"``, or a family without a grid, each infinitely smooth: ``"chebyshev"``, ``"fourier"``, ``"rbf"``
            or ``"wavelet"`` (``sciml.nn.bases.families`` has their definitions). Those are computed in torch, without
            the fused kernels of B-splines.
        size: Functions an edge of such a family, one number or one for each layer; 8 unless given. B-splines have
            ``grid + degree``.
        seed: Of the initial weights.
        dtype: Floating dtype.

    Every edge starts as a random polynomial of degree <= 3 (so that the start does not depend on the grid and stays
    smooth on fine ones), scaled so that a hidden value has the variance of an input that is uniform on ``domain``. With
    another basis it starts as what is nearest to the same polynomial.

    Raises:
        ArgumentError: Bad widths, grid, degree, interval or size, an unknown basis, or ``grid``, ``degree`` or ``size`` for
            a basis that has none.
    """

    def __init__(
        self,
        widths: list[int],
        grid: int | Sequence[int] = GRID,
        degree: int = DEGREE,
        *,
        base: bool = True,
        domain: tuple[float, float] = (-1.0, 1.0),
        basis: str = "bspline",
        size: int | Sequence[int] | None = None,
        seed: int = 0,
        dtype: torch.dtype = torch.float64,
    ):
        super().__init__(widths, degree, base, domain, seed)
        self.basis = one_of("basis", basis, FAMILIES)
        rng = generator(self.seed)
        chain: list[nn.Module] = []
        if self.basis == "bspline":
            if size is not None:
                raise ArgumentError(f"size needs None for B-splines, which have grid + degree, got {size!r}.")
            grids = layer_grids(grid, len(self.widths) - 1)
            for g, n_in, n_out in zip(grids, self.widths[:-1], self.widths[1:], strict=True):
                knots = self._start_knots(g, n_in)
                coef, weight = self._random_edges(n_in, n_out, self._start_basis(knots), rng, terms=n_in)
                weight = None if weight is None else weight.to(dtype)
                chain.append(KANLayer(coef.to(dtype), weight, knots.to(dtype), self.degree))
        else:
            for name, given, default in (("grid", grid, GRID), ("degree", degree, DEGREE)):
                if given != default:
                    raise ArgumentError(
                        f"{name} needs basis 'bspline', got {given!r} for {basis!r}: it has size functions an edge."
                    )
            sizes = layer_sizes(SIZE if size is None else size, len(self.widths) - 1)
            for m, n_in, n_out in zip(sizes, self.widths[:-1], self.widths[1:], strict=True):
                family = make_family(self.basis, m, self.degree)
                slots = [(i, 0) for i in range(n_in)]
                chain.append(
                    random_layer([family], slots, n_in, n_out, self.domain, self.base, rng).to(dtype)
                )
        self.layers = nn.ModuleList(chain)

    @property
    def sizes(self) -> list[int]:
        """Functions of an edge of each layer."""
        return [layer.coef.shape[1] for layer in self._kan_layers()]

    @property
    def chosen(self) -> list[list[tuple[int, str]]]:
        """For each layer its inputs with the family that each passes through, as an ``SKAN`` has it."""
        return [[(i, self.basis) for i in range(n)] for n in self.widths[:-1]]

    def jets(self, z: Tensor, weights: Weights, tape: list | None = None) -> Tensor:
        """See ``JetNetwork.jets``; without a tape a network of B-splines is one fused call."""
        if tape is not None or self.basis != "bspline":
            return JetNetwork.jets(self, z, weights, tape)
        return kernels.kan_jets(z, [layer.arguments() for layer in self._spline_layers()], weights)

    @torch.no_grad()
    def refine(self, grid: int | Sequence[int]) -> Self:
        """More functions on every edge, in place; the function stays the same everywhere, to rounding.

        Args:
            grid: Cells of the new grids of B-splines (see ``SplineNetwork.refine``); functions an edge of
                ``"chebyshev"`` and ``"fourier"``. One number or one a layer, none below the present one.

        Returns:
            The network itself.

        Raises:
            ArgumentError: Fewer than there are, or Gaussians or wavelets, whose functions move when there are more.
        """
        if self.basis == "bspline":
            return super().refine(grid)
        if not FAMILIES[self.basis].nested:
            raise ArgumentError(
                f"refine needs a basis whose functions stay when more are added, got {self.basis!r}."
            )
        layers = self._basis_layers()
        sizes = layer_sizes(grid, len(layers))
        for k, (layer, m) in enumerate(zip(layers, sizes, strict=True)):
            if m < layer.coef.shape[1]:
                raise ArgumentError(
                    f"grid needs at least the {layer.coef.shape[1]} functions that layer {k} has, got {m}."
                )
        for layer, m in zip(layers, sizes, strict=True):
            more = m - layer.coef.shape[1]
            coef = torch.nn.functional.pad(layer.coef.detach(), (0, 0, 0, more))
            layer.coef = with_parameter(layer.coef, coef)
            layer.families = [make_family(self.basis, m, self.degree)]
        return self

    def shares(self, x: Tensor | None = None) -> list[Tensor]:
        """The share of the output that each edge carries: ``(n_in, n_out)`` a layer, which adds up to 1.

        Backwards from the outputs, a unit's share is divided among its edges by their standard deviations over ``x`` (the
        edge scores of KAN 2.0, Liu et al. 2024, made to add up).

        Args:
            x: Inputs, ``(n, n_0)``, finite, ``n >= 2``; None for 2000 even ones over the grid's interval, which are those of
                a solved problem on a box.

        Raises:
            ArgumentError, ArgumentTypeError: Inputs of another shape or kind.
        """
        return shares_of(passes(self, inputs_of(self, x)))

    def plot(
        self,
        x: Tensor | None = None,
        *,
        inputs: Sequence[str] | None = None,
        outputs: Sequence[str] | None = None,
    ) -> Figure:
        """A Matplotlib figure: the function of every edge over the values that reach it, inked by its share of the output.

        Args:
            x: As for ``shares``.
            inputs, outputs: Their names, one each.

        Raises:
            ArgumentError, ArgumentTypeError: Inputs of another shape or kind, or another number of names.
        """
        from sciml.nn.seeing.drawing import draw

        return draw(self, x, inputs, outputs)

    def prune(self, share: float = 0.01, x: Tensor | None = None) -> KAN:
        """A smaller network without the hidden units and edges that carry less than ``share`` of the output.

        What is left out is put back as its mean over ``x``. Units are gone for good; an edge that is zero is trained like
        any other when the network is solved with again.

        Args:
            share: From 0 to below 1.
            x: As for ``shares``.

        Returns:
            A new network; this one stays as it is. Every layer keeps one unit at least, every unit one edge.

        Raises:
            ArgumentError, ArgumentTypeError: A share out of range, inputs of another shape or kind.
        """
        share = number("share", share, 0)
        if not share < 1:
            raise ArgumentError(f"share needs a number from 0 to below 1, got {share!r}.")
        return pruned(self, share, x)

    def symbolic(
        self, x: Tensor | None = None, *, inputs: Sequence[Any] | None = None, within: float = 1e-3
    ) -> Formula:
        """Read the network as a formula: an elementary function for every edge, as ``c f(a z + b) + d``.

        Args:
            x: As for ``shares``.
            inputs: What stands for each input: names, formulas such as ``"2*x - 1"``, or SymPy expressions.
            within: Relative error of a fit, in the edge's standard deviation, from which the simplest function is taken;
                where none is as near the nearest one is.

        Returns:
            ``expressions`` (SymPy, one an output), ``error`` (of the whole formula against the network) and ``edges`` (which
            function stands for each, with its error and share).

        Raises:
            ArgumentError, ArgumentTypeError: Inputs of another shape or kind, or another number of names.
            MissingPackageError: SymPy is not installed.
        """
        from sciml.nn.seeing.formulas import read

        return read(self, x, inputs, positive("within", within))

    def config(self) -> dict:
        """Plain data that rebuilds the architecture (the knots are stored with the weights)."""
        if self.basis == "bspline":
            return {"kind": "KAN", "grid": self.grids, **self._spline_config()}
        own = {"kind": "KAN", "basis": self.basis, "size": self.sizes}
        return own | {name: v for name, v in self._spline_config().items() if name != "degree"}

    def check_splines(self, method: str) -> None:
        """Refuse a method that works on knots, for a network of another basis.

        Raises:
            ArgumentError: naming it.
        """
        if self.basis != "bspline":
            raise ArgumentError(f"{method} needs a KAN of basis 'bspline', got {self.basis!r}.")

    def _kan_layers(self) -> list[KANLayer | BasisLayer]:
        return [layer for layer in self.layers if isinstance(layer, (KANLayer, BasisLayer))]

    def _basis_layers(self) -> list[BasisLayer]:
        return [layer for layer in self.layers if isinstance(layer, BasisLayer)]

    def _spline_layers(self) -> list[KANLayer]:
        self.check_splines("a grid")
        return [layer for layer in self.layers if isinstance(layer, KANLayer)]
