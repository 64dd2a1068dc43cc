"""What ``KAN`` and ``SlimKAN`` share: layers of splines, knots put under the same functions, and how an edge starts."""

from __future__ import annotations

import abc
import math
from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn

from sciml import kernels
from sciml.arguments import count, integer, number, vector
from sciml.errors import ArgumentError
from sciml.kernels.bspline import bspline_basis, uniform_knots
from sciml.kernels.orders import Weights
from sciml.nn.base import JetLayer, JetNetwork, layer_widths
from sciml.nn.knots import as_rows, far_from, raise_multiplicity, reach, split_cells

SILU_POWER = 0.0903  # E[silu(x)^2] for x uniform on [-1, 1]
POINTS = torch.linspace(-1, 1, 101, dtype=torch.float64)  # at which an edge's start is fitted


class SplineLayer(JetLayer):
    """A layer of edges, each a spline plus a multiple of ``silu``, however its coefficients are held.

    Attributes:
        knots: ``(n_in, grid + 2 degree + 1)``, a buffer, non-decreasing; ``degree`` cells lie on either side of the grid,
            in which the spline falls to zero smoothly. Further out it is zero and only ``silu`` acts.
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

    @abc.abstractmethod
    def insert(self, knots: Tensor) -> None:
        """Take knots ``(n_in, K)`` that hold the present ones, of their dtype; the function stays."""

    def jet(self, z: Tensor, weights: Weights) -> Tensor:
        """``(n, C, n_in) -> (n, C, n_out)``."""
        return kernels.kan_jets(z, [self.arguments()], weights)

    def sets(self) -> list[Tensor]:
        """The knots of every input, or the one set that they share, float64 on the CPU."""
        return list(self.knots.detach().double().cpu())

    def seen(self, x: Tensor) -> Tensor:
        """The values ``x (n, n_in)``, a column for each of ``sets``, float64 on the CPU."""
        return x.detach().double().cpu()

    def take(self, sets: Sequence[Tensor]) -> None:
        """``insert`` of larger ``sets``; cells of the shorter ones are split until all are of one length."""
        knots = as_rows(sets, self.degree).to(self.knots).expand(self.knots.shape[0], -1).contiguous()
        if knots.shape != self.knots.shape:
            self.insert(knots)


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
        return [layer.grid for layer in self._spline_layers()]

    @torch.no_grad()
    def refine(self, grid: int | Sequence[int]) -> Self:
        """Cut the cells of the grids into more, in place; the function stays the same everywhere, to rounding.

        Args:
            grid: Cells of the new grids, one number or one a layer, none below the present one. Every cell of a layer is
                cut into ``grid / old`` equal pieces; where that is no whole number some cells get one more than others.
                Knots stay where they are, so that a spline on them stays one on the new knots.

        Returns:
            The network itself.

        Raises:
            ArgumentError: Fewer cells than there are: knots cannot be taken away without changing the function.
        """
        layers = self._spline_layers()
        grids = layer_grids(grid, len(layers))
        for k, (layer, g) in enumerate(zip(layers, grids, strict=True)):
            if g < layer.grid:
                raise ArgumentError(
                    f"grid needs at least the {layer.grid} cells that layer {k} has, got {g}."
                )
        for layer, g in zip(layers, grids, strict=True):
            layer.take([split_cells(knots, self.degree, g) for knots in layer.sets()])
        return self

    @torch.no_grad()
    def insert(self, layer: int, knots: Any, axis: int | None = None, multiplicity: int = 1) -> Self:
        """Put knots at given places of one layer, in place; the function stays the same everywhere, to rounding.

        What training may then change: at a knot that occurs once the splines keep ``degree - 1`` continuous derivatives,
        at one of multiplicity ``m`` only ``degree - m``. With ``multiplicity=degree`` the splines may have a kink there,
        such as a solution has where a coefficient jumps.

        Args:
            layer: Its number, from 0. The first layer's axes are the coordinates, which ``sciml.solve`` scales to [-1, 1].
            knots: Places, finite numbers; beyond the present knots they append cells, in which the splines are zero.
            axis: The input that gets them; None for all. Every axis of a layer has the same number of knots, so cells of
                the other axes are split until they have as many.
            multiplicity: How often each of ``knots`` occurs afterwards at least, 1 to ``degree``; a knot that is there
                already counts.

        Returns:
            The network itself.

        Raises:
            ArgumentError: No such layer or axis, a multiplicity out of range, or knots that are not finite.
        """
        layers = self._spline_layers()
        spline = layers[integer("layer", layer, 0, len(layers) - 1)]
        places = vector("knots", knots if not isinstance(knots, (int, float)) else [knots])
        multiplicity = integer("multiplicity", multiplicity, 1, self.degree)
        sets = spline.sets()
        if axis is not None and len(sets) < len(spline.knots):
            raise ArgumentError(f"axis needs None for a layer whose inputs share their knots, got {axis!r}.")
        chosen = range(len(sets)) if axis is None else [integer("axis", axis, 0, len(sets) - 1)]
        # as the layer's dtype has them
        rounded = torch.tensor(places, dtype=spline.knots.dtype).double()
        if not bool(rounded.isfinite().all()):
            raise ArgumentError(f"knots needs numbers that {spline.knots.dtype} can hold, got {places}.")
        eps = torch.finfo(spline.knots.dtype).eps
        for a in chosen:
            rounding = 8 * eps * float(sets[a].abs().max())
            sets[a] = raise_multiplicity(sets[a], rounded.tolist(), multiplicity, rounding)
        spline.take(sets)
        return self

    @torch.no_grad()
    def extend(self, x: Tensor, *, margin: float = 0.05) -> Self:
        """Let every layer's grid reach over the values that it gets for inputs ``x``, in place.

        Cells are appended, on which the splines are zero beyond their old tails: the function stays the same everywhere,
        to rounding. Grids never shrink.

        Args:
            x: Inputs, ``(n, n_0)``, finite, ``n >= 1``.
            margin: Room beyond the values on either side, as a share of their range; ``>= 0``.

        Returns:
            The network itself.

        Raises:
            ArgumentError: Inputs of another shape or not finite, or a negative margin.
        """
        x, margin = self._inputs(x), number("margin", margin, 0)
        for layer in self._spline_layers():
            y = layer.jet(x[:, None], x.new_zeros(0, 0))[:, 0]
            low, high = _with_margin(layer.seen(x), margin)
            layer.take([reach(s, self.degree, a, b) for s, a, b in zip(layer.sets(), low, high, strict=True)])
            x = y
        return self

    @torch.no_grad()
    def update_grid(
        self,
        x: Tensor,
        grid: int | Sequence[int] | None = None,
        *,
        mix: float = 0.9,
        margin: float = 0.05,
    ) -> Self:
        """Let every layer's grid follow the values that reach it for inputs ``x``, in place.

        The grids are extended over the values (``extend``), and knots are put where the values call for them and no
        old one lies near: the function stays the same everywhere, to rounding. Old knots stay, so that layers grow,
        each by ``grid`` cells at most and those of the extension; ``grids`` tells by how much.

        Args:
            x: Inputs, ``(n, n_0)``, finite, ``n >= 1``.
            grid: Cells wanted between the least and the greatest value, one number or one a layer; None for as many as
                each layer has.
            mix: 1 for even cells, 0 for as many values in each, between 0 and 1 for a mix.
            margin: As for ``extend``.

        Returns:
            The network itself.

        Raises:
            ArgumentError: As for ``extend``, or a bad grid or mix.
        """
        x, mix, margin = self._inputs(x), number("mix", mix, 0, 1), number("margin", margin, 0)
        layers = self._spline_layers()
        grids = self.grids if grid is None else layer_grids(grid, len(layers))
        for layer, g in zip(layers, grids, strict=True):
            y = layer.jet(x[:, None], x.new_zeros(0, 0))[:, 0]
            seen = layer.seen(x)
            low, high = (torch.tensor(t, dtype=torch.float64) for t in _with_margin(seen, margin))
            steps = torch.linspace(0, 1, g + 1, dtype=torch.float64)
            even = low[:, None] + (high - low)[:, None] * steps
            quantiles = torch.quantile(seen, steps, dim=0).T.clone()
            quantiles[:, 0], quantiles[:, -1] = low, high
            sets = []
            for s, wanted in zip(layer.sets(), mix * even + (1 - mix) * quantiles, strict=True):
                wide = reach(s, self.degree, float(wanted[0]), float(wanted[-1]))
                more = far_from(wanted.to(layer.knots.dtype).double(), wide)
                sets.append(raise_multiplicity(wide, more, 1, 0.0))
            layer.take(sets)
            x = y
        return self

    def moved_knots(self) -> dict[str, Tensor]:
        """Knots by the name of their buffer, of the layers whose knots are others than those of a new network."""
        moved = {}
        for name, layer in self.named_modules():
            if isinstance(layer, SplineLayer):
                knots = layer.knots.detach()
                start = self._start_knots(layer.grid, knots.shape[0]).to(knots)
                rounding = 4 * torch.finfo(knots.dtype).eps * float(start.abs().max())
                if float((knots - start).abs().max()) > rounding:
                    moved[f"{name}.knots"] = knots
        return moved

    def _spline_layers(self) -> list[SplineLayer]:
        return [layer for layer in self.layers if isinstance(layer, SplineLayer)]

    def _inputs(self, x: Tensor) -> Tensor:
        if x.ndim != 2 or x.shape[1] != self.widths[0] or x.shape[0] < 1:
            raise ArgumentError(f"x needs shape (n, {self.widths[0]}) with n >= 1, got {tuple(x.shape)}.")
        if not bool(torch.isfinite(x).all()):
            raise ArgumentError("x needs finite numbers, got nan or infinity.")
        return x.to(next(self.parameters()))

    def _random_edges(
        self, n_in: int, n_out: int, basis: Tensor, rng: torch.Generator, terms: int = 1
    ) -> tuple[Tensor, Tensor | None]:
        """See ``random_edges``."""
        return random_edges(n_in, n_out, basis, self.degree, self.domain, self.base, rng, terms)

    def _start_basis(self, knots: Tensor) -> Tensor:
        """The B-splines' values ``(len(POINTS), m)`` at ``POINTS`` of the grid's interval."""
        low, high = knots[0, self.degree], knots[0, -self.degree - 1]
        return bspline_basis(low + (high - low) * (POINTS + 1) / 2, knots[0], self.degree)

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


def with_parameter(old: nn.Parameter, values: Tensor) -> nn.Parameter:
    """``values`` as a parameter that is trained if the old one is."""
    return nn.Parameter(values, requires_grad=old.requires_grad)


def _with_margin(x: Tensor, margin: float) -> tuple[list[float], list[float]]:
    """Least and greatest of every column of ``x (n, i)``, with room on either side."""
    low, high = x.min(0).values, x.max(0).values
    room = margin * (high - low).clamp(min=1e-3)
    return (low - room).tolist(), (high + room).tolist()


def layer_grids(grid: Any, layers: int) -> list[int]:
    """Cells of each layer's spline grid, from one int or one a layer, all ``>= 1``."""
    if not isinstance(grid, (list, tuple)):
        return [count("grid", grid)] * layers
    if len(grid) != layers:
        raise ArgumentError(f"grid needs one int or {layers} of them (one a layer), got {grid!r}.")
    return [count(f"grid[{k}]", g) for k, g in enumerate(grid)]


def random_edges(
    n_in: int,
    n_out: int,
    basis: Tensor,
    degree: int,
    domain: tuple[float, float],
    base: bool,
    rng: torch.Generator,
    terms: int,
) -> tuple[Tensor, Tensor | None]:
    """Coefficients ``(n_in, m, n_out)`` and weights of ``silu`` ``(n_in, n_out)`` of random edges; None without it.

    Every edge is a random polynomial, whatever the basis. A sum of ``terms`` edges has the variance of an input that is
    uniform on the domain, half of it from ``silu`` where there is a base.

    Args:
        basis: Values of the functions at ``POINTS`` of the domain, ``(len(POINTS), m)``.
        degree: Of the splines; the polynomials have at most that, and at most 3.
        domain, base: Of the network.
        rng: Of the numbers.
        terms: Edges that are added up.
    """
    share = 0.5 if base else 1.0
    values = _polynomials(n_in, n_out, min(degree, 3), rng) * math.sqrt(share / terms)
    weight = None
    if base:
        size = math.sqrt(share / 3.0 / SILU_POWER / terms)
        weight = torch.randn(n_in, n_out, generator=rng, dtype=torch.float64) * size
    coef = torch.linalg.lstsq(basis.expand(n_in, -1, -1), values, driver="gelsd").solution.contiguous()
    # inputs uniform on [-1, 1] have variance 1/3; a spline has it on any interval, silu grows with its input
    return coef * ((domain[1] - domain[0]) / 2), weight


def _polynomials(n_in: int, n_out: int, order: int, rng: torch.Generator) -> Tensor:
    """Values ``(n_in, len(POINTS), n_out)`` of random polynomials with mean square 1/3."""
    coarse = uniform_knots(-1.0, 1.0, 1, order)
    weights = torch.randn(n_in, order + 1, n_out, generator=rng, dtype=torch.float64)
    basis = bspline_basis(POINTS, coarse, order)
    power = basis.square().sum(-1).mean()  # E of the square for white coefficients
    return basis @ weights / (3 * power).sqrt()
