"""Networks that offer jets: a chain of layers, each of which maps a jet to a jet."""

from __future__ import annotations

import abc
import copy
from collections.abc import Iterable
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from sciml.arguments import count
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.kernels.orders import Weights


class Record(NamedTuple):
    """What one parametric layer saw in a pass: enough to build its rows of the Jacobian."""

    layer: JetLayer
    z_in: Tensor  # (n, C, i)
    z_out: Tensor  # (n, C, o)
    weights: Weights


class JetLayer(nn.Module, abc.ABC):
    """A layer that maps a jet ``(n, C, i)`` to a jet ``(n, C, o)`` (see ``sciml.jets``).

    A layer with parameters also says how they enter: given its input jet and the cotangent of its output jet,
    ``jacobian`` returns one row a point. That is enough for Gauss-Newton methods, because points do not mix.

    Attributes:
        by_output: Whether every parameter belongs to one output, so that ``jacobian`` of some outputs' cotangents
            gives the columns of their parameters.
        shared_functions: Whether every output is a sum of the same ``functions``, each with a parameter of its own.
        any_order: Whether ``jet`` takes a ``ChannelWeights``; without it a derivative above second order of a network with
            this layer comes from autograd.
    """

    by_output = False
    shared_functions = False
    any_order = False

    @property
    def smooth(self) -> int | None:
        """Order of the highest derivative that is continuous whatever the parameters are; None for all."""
        return None

    @abc.abstractmethod
    def jet(self, z: Tensor, weights: Weights) -> Tensor:
        """Push ``z (n, C, i)`` through.

        ``weights`` are the second-order weights ``(S, D)``, or a ``ChannelWeights`` for derivatives above second order: pass
        them on to ``sciml.jets.elementwise`` or ``sciml.kernels.kan_jets``, which take both.
        """

    def jacobian(self, z: Tensor, cotangent: Tensor, weights: Weights) -> Tensor:
        """Rows ``(n, P)`` of the Jacobian by this layer's parameters, in the order of ``parameters()``.

        Args:
            z: The input jet, ``(n, C, i)``.
            cotangent: Derivative of each point's own residual by the output jet, ``(n, C, o)``.
            weights: As in ``jet``.
        """
        raise NotImplementedError(f"{type(self).__name__} has no parameters to differentiate by.")

    def tangent(self, z: Tensor, direction: Tensor, weights: Weights) -> Tensor:
        """The output jet's change ``(n, C, o)`` along ``direction (P,)`` of this layer's own parameters, input fixed."""
        raise NotImplementedError(f"{type(self).__name__} has no parameters to differentiate by.")

    def cotangent(self, z: Tensor, cotangent: Tensor, weights: Weights) -> Tensor:
        """The sum ``(P,)`` of the rows of ``jacobian``, without forming them."""
        return self.jacobian(z, cotangent, weights).sum(0)

    def functions(self, z: Tensor, weights: Weights) -> Tensor:
        """Jets ``(n, C, F)`` of the functions of ``z (n, C, i)`` that each output adds up, in any order.

        A row of ``jacobian`` then has the numbers of ``sum_c functions[:, c] cotangent[:, c]ᵀ``.
        """
        raise NotImplementedError(f"{type(self).__name__} has no functions that all outputs share.")


class JetNetwork(nn.Module, abc.ABC):
    """A chain of ``JetLayer``; the base of ``sciml.nn.MLP`` and ``sciml.nn.KAN``.

    Attributes:
        layers: The chain.
        widths: ``[n_0, ..., n_L]``, inputs first.
    """

    layers: nn.ModuleList
    widths: list[int]

    def forward(self, x: Tensor) -> Tensor:
        """Values ``(n, n_L)`` at ``x (n, n_0)``, of the parameters' dtype.

        Raises:
            ArgumentError, ArgumentTypeError: Another shape or dtype.
        """
        check_inputs(x, self.widths[0], next(self.parameters()).dtype)
        return self.jets(x[:, None], x.new_zeros(0, 0))[:, 0]

    def jets(self, z: Tensor, weights: Weights, tape: list[Record] | None = None) -> Tensor:
        """Push a jet through all layers.

        Args:
            z: ``(n, C, n_0)``.
            weights: Second-order weights ``(S, D)`` with ``C = 1 + D + S``, or a ``ChannelWeights``.
            tape: Takes one ``Record`` for each layer with parameters.

        Returns:
            ``(n, C, n_L)``.
        """
        for layer in cast("Iterable[JetLayer]", self.layers):
            out = layer.jet(z, weights)
            if tape is not None and next(layer.parameters(), None) is not None:
                tape.append(Record(layer, z, out, weights))
            z = out
        return z

    @property
    def any_order(self) -> bool:
        """Whether every layer takes jets above second order."""
        return all(layer.any_order for layer in cast("Iterable[JetLayer]", self.layers))

    @property
    def smooth(self) -> int | None:
        """Order of the highest derivative that is continuous whatever the parameters are; None for all."""
        orders = [layer.smooth for layer in cast("Iterable[JetLayer]", self.layers)]
        return min((order for order in orders if order is not None), default=None)

    @property
    def terms(self) -> Any:
        """A layer ``Coefficients``: multiples of functions that a trial function adds to what the network makes; or None.

        ``forward`` and ``jets`` go without them.
        """
        return self._modules.get("multiples")

    def without_terms(self) -> JetNetwork:
        """The same layers without the terms; itself where it has none."""
        if self.terms is None:
            return self
        bare = copy.copy(self)
        bare._modules = {name: module for name, module in self._modules.items() if name != "multiples"}
        return bare

    def _terms_config(self) -> dict[str, Any]:
        return {"terms": len(self.terms.coefficients)} if self.terms is not None else {}

    @abc.abstractmethod
    def config(self) -> dict[str, Any]:
        """Plain data from which ``sciml.nn.from_config`` builds the same architecture."""

    def extra_repr(self) -> str:
        """Shown by ``print(network)``."""
        return f"widths={self.widths}, parameters={sum(p.numel() for p in self.parameters())}"


def check_inputs(x: Tensor, width: int, dtype: torch.dtype) -> None:
    """Refuse what is no ``(n, width)`` of that dtype."""
    if x.dtype != dtype:
        raise ArgumentTypeError(f"x needs dtype {dtype} like the network, got {x.dtype}.")
    if x.ndim != 2 or x.shape[1] != width:
        raise ArgumentError(f"x needs shape (n, {width}), got {tuple(x.shape)}.")


def layer_widths(widths: Any) -> list[int]:
    """Two or more layer widths, each a positive int, inputs first."""
    if not isinstance(widths, (list, tuple)) or len(widths) < 2:
        raise ArgumentError(f"widths needs at least input and output width, e.g. [2, 20, 1], got {widths!r}.")
    return [count(f"widths[{k}]", w) for k, w in enumerate(widths)]


def generator(seed: int) -> torch.Generator:
    """A CPU generator of its own, so that building a network never touches the global one."""
    return torch.Generator().manual_seed(seed)
