"""A user's closure over live parameters, seen as a problem over one flat vector.

Other values are put in by swapping the parameters' storage, never by writing into it: the user's values
stay untouched until a step is final, an exception costs nothing to undo, and a graph kept from the base
point stays valid through the steps that are tried.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.jacobian.graph import GraphCurvature, GraphLinearization, vjp
from sciml.optim.problems.from_function import join_terms, one_number, with_graph
from sciml.optim.problems.protocols import half_square


class Parameters:
    """Live leaf tensors as one flat vector (P,).

    Raises:
        ArgumentTypeError: Complex or sparse parameters.
        ArgumentError: None at all, or a mixture of dtypes or devices.
    """

    def __init__(self, leaves: Sequence[Tensor]):
        if not leaves:
            raise ArgumentError("params needs at least one parameter, got none.")
        for p in leaves:
            if p.is_complex() or not p.is_floating_point():
                raise ArgumentTypeError(f"params needs real floating parameters, got {p.dtype}.")
            if p.layout is not torch.strided:
                raise ArgumentTypeError(f"params needs dense parameters, got layout {p.layout}.")
        if len({(p.dtype, p.device) for p in leaves}) > 1:
            kinds = sorted({f"{p.dtype} on {p.device}" for p in leaves})
            raise ArgumentError(f"params needs one dtype and device, got {', '.join(kinds)}.")
        self.leaves = list(leaves)
        self._own: list[Tensor] = []

    def flat(self) -> Tensor:
        """A copy of the current values."""
        return torch.cat([p.detach().reshape(-1) for p in self.leaves]).clone()

    def __enter__(self) -> Parameters:
        self._own = [p.data for p in self.leaves]
        return self

    def __exit__(self, *_: object) -> None:
        for p, own in zip(self.leaves, self._own, strict=True):
            p.data = own
        self._own = []

    def show(self, theta: Tensor) -> None:
        """Let the leaves look at ``theta`` (P,), inside a ``with`` block."""
        offset = 0
        for p, own in zip(self.leaves, self._own, strict=True):
            p.data = theta[offset : offset + own.numel()].view(own.shape)
            offset += own.numel()

    def write(self, theta: Tensor) -> None:
        """Write ``theta`` into the user's own storage."""
        offset = 0
        with torch.no_grad():
            for p in self.leaves:
                p.copy_(theta[offset : offset + p.numel()].view(p.shape))
                offset += p.numel()


class ClosureProblem:
    """Scalar or residual problem from ``closure``; used inside ``with parameters``.

    Args:
        parameters: The leaves.
        closure: ``() -> loss``, a tensor with one element, or ``() -> residual``, a 1-D tensor or a dict of
            them. It must not call ``backward()`` and must return the same value when called again at the
            same parameters.
    """

    def __init__(self, parameters: Parameters, closure: Callable[[], Any]):
        self._parameters, self._closure = parameters, closure

    def _call(self, theta: Tensor) -> Any:
        leaves = self._parameters.leaves
        self._parameters.show(theta)
        before = [p.grad for p in leaves]
        with torch.enable_grad():
            out = self._closure()
        if any(p.grad is not old for p, old in zip(leaves, before, strict=True)):
            raise ArgumentError(
                "closure needs to return the loss (or the residual) alone, got a call of backward() inside: "
                "second-order optimisers differentiate it themselves, more than once."
            )
        return out

    def _loss(self, theta: Tensor) -> Tensor:
        return one_number(self._call(theta), "closure")

    def _residual(self, theta: Tensor) -> Tensor:
        return join_terms(self._call(theta))

    def value(self, theta: Tensor) -> float:
        """The loss."""
        return float(self._loss(theta).detach())

    def value_and_grad(self, theta: Tensor) -> tuple[float, Tensor]:
        """The loss and its gradient (P,)."""
        f = with_graph(self._loss(theta), "closure")
        return float(f.detach()), vjp(f, self._parameters.leaves, torch.ones_like(f))

    def curvature(self, theta: Tensor) -> GraphCurvature:
        """Gradient and Hessian."""
        f = with_graph(self._loss(theta), "closure")
        return GraphCurvature(f, self._parameters.leaves, lambda: self._parameters.show(theta))


class ResidualClosureProblem(ClosureProblem):
    """Least-squares problem from a closure that returns the residual."""

    def residual(self, theta: Tensor) -> Tensor:
        """r (M,)."""
        return self._residual(theta).detach()

    def value(self, theta: Tensor) -> float:
        """``1/2 |r|^2``."""
        return half_square(self.residual(theta))

    def value_and_grad(self, theta: Tensor) -> tuple[float, Tensor]:
        """``1/2 |r|^2`` and its gradient (P,)."""
        lin = self.linearize(theta)
        return half_square(lin.residual), lin.rmv(lin.residual)

    def linearize(self, theta: Tensor) -> GraphLinearization:
        """r and J."""
        r = with_graph(self._residual(theta), "closure")
        return GraphLinearization(r, self._parameters.leaves, lambda: self._parameters.show(theta))
