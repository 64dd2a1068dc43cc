"""What a device offers to ``autograd``: a plan for a shape of network, and one pass of the network with given weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from torch import Tensor

from sciml.kernels.taylor_table import SplineTable


class NetworkPlan(Protocol):
    """What is the same in every pass of one network: ``CPUPlan``, ``CUDAPlan``.

    Attributes:
        tables: The splines of every layer.
        widths: Of the input and of every layer's output.
    """

    @property
    def tables(self) -> tuple[SplineTable, ...]: ...
    @property
    def widths(self) -> tuple[int, ...]: ...


class Network(Protocol):
    """One pass of a network: ``CPUNetwork``, ``CUDANetwork``."""

    def run(self) -> Tensor:
        """Jets at the output ``(N, C, o)``."""
        ...

    def gradients(self, g: Tensor, wanted: bool) -> list[Tensor]:
        """Gradients of the input and of the weights, layer by layer, for the cotangents ``g (N, C, o)``.

        The first is a lone zero unless it is ``wanted``.
        """
        ...

    def inputs(self) -> list[Tensor]:
        """Input jets of every layer, after a ``run`` that kept them all."""
        ...

    def cotangents(self, g: Tensor) -> list[Tensor]:
        """Cotangents of every layer's output jets, after a ``run`` that kept the jets."""
        ...


# ``(plan, z, W, coefs, bases, keep)``: plan, input jets ``(N, C, i)``, the row of all channel weights, each layer's
# coefficients ``(i, m, o)`` and base weights ``(i, o)`` or None, and the bytes of jets that may be kept for a backward
# pass (negative: none follows). The first is Any because each device's network takes that device's plan.
NetworkMaker = Callable[[Any, Tensor, Tensor, Sequence[Tensor], Sequence[Tensor | None], float], Network]
