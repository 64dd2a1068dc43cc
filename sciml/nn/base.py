"""Networks that offer jets: a chain of layers, each of which maps a jet to a jet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from sciml.errors import ArgumentError, ArgumentTypeError


class Record(NamedTuple):
    """What one parametric layer saw in a pass: enough to build its rows of the Jacobian."""

    layer: JetLayer
    z_in: Tensor  # (n, C, i)
    z_out: Tensor  # (n, C, o)
    weights: Tensor  # (S, D)


class JetLayer(nn.Module):
    """A layer that maps a jet ``(n, C, i)`` to a jet ``(n, C, o)`` (see :mod:`sciml.jets`).

    A layer with parameters also says how they enter: given its input jet and the cotangent of its output jet,
    :meth:`jacobian` returns one row a point. That is enough for Gauss-Newton methods, because points do not mix.

    Attributes:
        by_output: Whether every parameter belongs to one output, so that :meth:`jacobian` of some outputs' cotangents
            gives the columns of their parameters.
    """

    by_output = False

    def jet(self, z: Tensor, weights: Tensor) -> Tensor:
        """Push ``z (n, C, i)`` through; ``weights`` are the second-order weights ``(S, D)``."""
        raise ArgumentTypeError(f"{type(self).__name__} must define jet(z, weights).")

    def jacobian(self, z: Tensor, cotangent: Tensor, weights: Tensor) -> Tensor:
        """Rows ``(n, P)`` of the Jacobian by this layer's parameters, in the order of ``parameters()``.

        Args:
            z: The input jet, ``(n, C, i)``.
            cotangent: Derivative of each point's own residual by the output jet, ``(n, C, o)``.
            weights: ``(S, D)``.
        """
        raise ArgumentTypeError(f"{type(self).__name__} has no parameters to differentiate by.")

    def tangent(self, z: Tensor, direction: Tensor, weights: Tensor) -> Tensor:
        """The output jet's change ``(n, C, o)`` along ``direction (P,)`` of this layer's own parameters, input fixed."""
        raise ArgumentTypeError(f"{type(self).__name__} has no parameters to differentiate by.")

    def cotangent(self, z: Tensor, cotangent: Tensor, weights: Tensor) -> Tensor:
        """The sum ``(P,)`` of the rows of :meth:`jacobian`, without forming them."""
        return self.jacobian(z, cotangent, weights).sum(0)


class JetNetwork(nn.Module):
    """A chain of :class:`JetLayer`; the base of :class:`~sciml.nn.MLP` and :class:`~sciml.nn.KAN`.

    Attributes:
        layers: The chain.
        widths: ``[n_0, ..., n_L]``, inputs first.
    """

    layers: nn.ModuleList
    widths: list[int]

    def forward(self, x: Tensor) -> Tensor:
        """Values ``(n, n_L)`` at ``x (n, n_0)``."""
        return self.jets(x[:, None], x.new_zeros(0, 0))[:, 0]

    def jets(self, z: Tensor, weights: Tensor, tape: list[Record] | None = None) -> Tensor:
        """Push a jet through all layers.

        Args:
            z: ``(n, C, n_0)``.
            weights: Second-order weights ``(S, D)`` with ``C = 1 + D + S``.
            tape: Takes one :class:`Record` for each layer with parameters.

        Returns:
            ``(n, C, n_L)``.
        """
        for layer in cast("Iterable[JetLayer]", self.layers):
            out = layer.jet(z, weights)
            if tape is not None and next(layer.parameters(), None) is not None:
                tape.append(Record(layer, z, out, weights))
            z = out
        return z

    def config(self) -> dict:
        """Plain data from which :func:`sciml.nn.from_config` builds the same architecture."""
        raise ArgumentTypeError(f"{type(self).__name__} must define config().")

    def extra_repr(self) -> str:
        """Shown by ``print(network)``."""
        return f"widths={self.widths}, parameters={sum(p.numel() for p in self.parameters())}"


def check_widths(widths: object, kind: str) -> list[int]:
    """The layer widths as a list of positive ints.

    Raises:
        ArgumentError: Fewer than two entries or one that is not a positive int.
    """
    if not isinstance(widths, (list, tuple)) or len(widths) < 2:
        raise ArgumentError(
            f"{kind} widths must list at least input and output width, e.g. [2, 20, 1]; got {widths!r}."
        )
    for w in widths:
        if isinstance(w, bool) or not isinstance(w, int) or w < 1:
            raise ArgumentError(f"{kind} widths must be positive ints; got {w!r} in {list(widths)!r}.")
    return list(widths)


def check_grids(grid: Any, layers: int) -> list[int]:
    """Cells of each layer's spline grid from one int or one a layer.

    Raises:
        ArgumentError: Anything but ints >= 1, or another number of them.
    """
    grids = list(grid) if isinstance(grid, (list, tuple)) else [grid] * layers
    if len(grids) != layers or any(isinstance(g, bool) or not isinstance(g, int) or g < 1 for g in grids):
        raise ArgumentError(f"grid must be one int >= 1, or {layers} of them (one a layer); got {grid!r}.")
    return grids


def check_degree(degree: object) -> int:
    """The degree of splines.

    Raises:
        ArgumentError: No int from 1 to 7.
    """
    if isinstance(degree, bool) or not isinstance(degree, int) or not 1 <= degree <= 7:
        raise ArgumentError(f"degree must be an int from 1 to 7; got {degree!r}.")
    return degree


def generator(seed: int) -> torch.Generator:
    """A CPU generator of its own, so that building a network never touches the global one."""
    return torch.Generator().manual_seed(int(seed))
