"""Problems made from plain torch functions: a residual ``theta -> r`` or a loss ``theta -> f``.

One graph is kept per linearisation, so every product with J, Jᵀ or the Hessian costs one backward pass (9
ms against 25 ms for a forward-over-reverse product that rebuilds the graph). Dense matrices come from
batches of such passes.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.jacobian.graph import GraphCurvature, GraphLinearization, vjp
from sciml.optim.problems.protocols import half_square


class LossFunction:
    """Scalar problem from ``fun``: theta (P,) -> a tensor with one element."""

    def __init__(self, fun: Callable[[Tensor], Tensor]):
        self._fun = fun

    def _loss(self, theta: Tensor) -> Tensor:
        return one_number(self._fun(theta), "fun")

    def value(self, theta: Tensor) -> float:
        """f(theta)."""
        return float(self._loss(theta.detach()).detach())

    def value_and_grad(self, theta: Tensor) -> tuple[float, Tensor]:
        """f(theta) and its gradient (P,)."""
        x = theta.detach().clone().requires_grad_()
        with torch.enable_grad():
            f = with_graph(self._loss(x), "fun")
        return float(f.detach()), vjp(f, (x,), torch.ones_like(f))

    def curvature(self, theta: Tensor) -> GraphCurvature:
        """Gradient and Hessian at ``theta``, one graph for every product."""
        x = theta.detach().clone().requires_grad_()
        with torch.enable_grad():
            return GraphCurvature(with_graph(self._loss(x), "fun"), (x,))


class ResidualFunction(LossFunction):
    """Least-squares problem from ``fun``: theta (P,) -> a 1-D tensor (M,), or a dict of named 1-D tensors.

    The terms of a dict are joined in its order, each divided by the square root of its length: the loss is
    then half the sum of the terms' mean squares, whatever their numbers of points.
    """

    def __init__(self, fun: Callable[[Tensor], Tensor | dict[str, Tensor]]):
        self._residual_fun = fun
        super().__init__(lambda theta: 0.5 * self._vector(theta).square().sum())

    def _vector(self, theta: Tensor) -> Tensor:
        return join_terms(self._residual_fun(theta))

    def residual(self, theta: Tensor) -> Tensor:
        """r(theta), shape (M,)."""
        return self._vector(theta.detach()).detach()

    def value(self, theta: Tensor) -> float:
        """``1/2 |r(theta)|^2``."""
        return half_square(self.residual(theta))

    def linearize(self, theta: Tensor) -> GraphLinearization:
        """r and J at ``theta``."""
        x = theta.detach().clone().requires_grad_()
        with torch.enable_grad():
            return GraphLinearization(with_graph(self._vector(x), "residual"), (x,))


def with_graph(f: Tensor, name: str) -> Tensor:
    """``f``, refused when autograd cannot follow it back."""
    if not f.requires_grad:
        raise ArgumentError(
            f"{name} needs to return a tensor that autograd can follow back to the parameters, got one "
            "without a graph (was it detached, or computed under torch.no_grad()?)."
        )
    return f


def one_number(f: Tensor, name: str) -> Tensor:
    """``f`` as a 0-dimensional tensor, checked."""
    if not isinstance(f, Tensor):
        raise ArgumentTypeError(f"{name} needs to return a torch tensor, got {type(f).__name__}.")
    if f.numel() != 1:
        raise ArgumentError(f"{name} needs to return one number, got shape {tuple(f.shape)}.")
    if f.is_complex():
        raise ArgumentTypeError(f"{name} needs to return a real tensor, got {f.dtype}.")
    return f.reshape(())


def join_terms(r: Tensor | dict[str, Tensor]) -> Tensor:
    """One residual vector (M,) from a tensor or from named terms; see ``ResidualFunction``."""
    if isinstance(r, dict):
        if not r:
            raise ArgumentError("residual needs at least one term, got an empty dict.")
        return torch.cat([_flat(term, name) / max(1, term.numel()) ** 0.5 for name, term in r.items()])
    return _flat(r, "residual")


def _flat(r: Tensor, name: str) -> Tensor:
    if not isinstance(r, Tensor):
        raise ArgumentTypeError(f"{name} needs to be a torch tensor, got {type(r).__name__}.")
    if r.is_complex() or not r.is_floating_point():
        raise ArgumentTypeError(f"{name} needs a real floating dtype, got {r.dtype}.")
    if r.dim() > 1:
        raise ArgumentError(f"{name} needs one dimension, got shape {tuple(r.shape)}.")
    return r.reshape(-1)
