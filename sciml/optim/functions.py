"""Problems made from plain torch functions: a residual ``theta -> r`` or a loss ``theta -> f``.

One graph is kept per linearisation, so every product with J, J' or the Hessian costs one backward pass (9
ms against 25 ms for a forward-over-reverse product that rebuilds the graph). Dense matrices come from
batches of such passes.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from sciml.errors import ArgumentError, ArgumentTypeError

from .linalg import outer_gram
from .protocols import half_square

CHUNK = 64  # rows of a dense matrix per batched backward pass


def _rows(output: Tensor, at: Tensor, n: int) -> Tensor:
    """Stack ``d(output . e_i)/d(at)`` for the n unit vectors e_i: shape (n, len(at))."""
    eye = torch.eye(n, dtype=output.dtype, device=output.device)
    rows = []
    for start in range(0, n, CHUNK):
        chunk = eye[start : start + CHUNK]
        if output.grad_fn is None:
            rows.append(at.new_zeros(len(chunk), len(at)))
            continue
        try:
            (block,) = torch.autograd.grad(
                output, at, chunk, retain_graph=True, is_grads_batched=True, materialize_grads=True
            )
        except RuntimeError:  # an operation without a batching rule
            block = torch.stack([_vjp(output, at, row) for row in chunk])
        rows.append(block.detach())
    return torch.cat(rows) if rows else at.new_zeros(0, len(at))


def _vjp(output: Tensor, at: Tensor, weight: Tensor, create_graph: bool = False) -> Tensor:
    """``d(output . weight)/d(at)``; zeros when ``output`` does not depend on ``at``."""
    if output.grad_fn is None:
        return torch.zeros_like(at)
    (g,) = torch.autograd.grad(
        output, at, weight, retain_graph=True, create_graph=create_graph, materialize_grads=True
    )
    return g if create_graph else g.detach()


class FunctionLinearization:
    """Residual and Jacobian products of ``fun`` at ``theta``; see ``protocols.Linearization``."""

    def __init__(self, fun: Callable[[Tensor], Tensor], theta: Tensor):
        self._theta = theta.detach().clone().requires_grad_()
        with torch.enable_grad():
            self._r = fun(self._theta)
        self.residual = self._r.detach()
        self.shape = (len(self._r), len(theta))
        self._dense: Tensor | None = None
        self._adjoint: tuple[Tensor, Tensor] | None = None

    def rmv(self, w: Tensor) -> Tensor:
        """``J' w``."""
        return self._dense.T @ w if self._dense is not None else _vjp(self._r, self._theta, w)

    def _linear_adjoint(self) -> tuple[Tensor, Tensor]:
        """``(w, J' w)`` as a graph: linear in w, so its own vjp is ``J v``."""
        if self._adjoint is None:
            with torch.enable_grad():
                w = torch.zeros_like(self._r, requires_grad=True)
                self._adjoint = w, _vjp(self._r, self._theta, w, create_graph=True)
        return self._adjoint

    def mv(self, v: Tensor) -> Tensor:
        """``J v``."""
        if self._dense is not None:
            return self._dense @ v
        w, adjoint = self._linear_adjoint()
        return _vjp(adjoint, w, v)

    def dense(self) -> Tensor:
        """J, shape (M, P), by min(M, P) backward passes in batches."""
        if self._dense is None:
            m, p = self.shape
            if m <= p:
                self._dense = _rows(self._r, self._theta, m)
            else:
                w, adjoint = self._linear_adjoint()
                self._dense = _rows(adjoint, w, p).T.contiguous()
        return self._dense

    def gram(self) -> Tensor:
        """``J J'``."""
        return outer_gram(self.dense())


class FunctionCurvature:
    """Value, gradient and Hessian of a scalar ``fun`` at ``theta``; see ``protocols.Curvature``."""

    def __init__(self, fun: Callable[[Tensor], Tensor], theta: Tensor):
        self._theta = theta.detach().clone().requires_grad_()
        with torch.enable_grad():
            f = fun(self._theta)
            self._g = _vjp(f, self._theta, torch.ones_like(f), create_graph=True)
        self.value = float(f.detach())
        self.gradient = self._g.detach()

    def mv(self, v: Tensor) -> Tensor:
        """``H v``."""
        return _vjp(self._g, self._theta, v)

    def dense(self) -> Tensor:
        """H, shape (P, P), symmetrised."""
        h = _rows(self._g, self._theta, len(self._theta))
        return 0.5 * (h + h.T)


class LossFunction:
    """Scalar problem from ``fun``: theta (P,) -> a tensor with one element."""

    def __init__(self, fun: Callable[[Tensor], Tensor]):
        self._fun = fun

    def _checked(self, theta: Tensor) -> Tensor:
        f = self._fun(theta)
        if not isinstance(f, Tensor):
            raise ArgumentTypeError(f"fun: needs to return a torch tensor, got {type(f).__name__}.")
        if f.numel() != 1:
            raise ArgumentError(f"fun: needs to return one number, got shape {tuple(f.shape)}.")
        if f.is_complex():
            raise ArgumentTypeError(f"fun: needs to return a real tensor, got {f.dtype}.")
        return f.reshape(())

    def value(self, theta: Tensor) -> float:
        """f(theta)."""
        with torch.no_grad():
            return float(self._checked(theta))

    def value_and_grad(self, theta: Tensor) -> tuple[float, Tensor]:
        """f(theta) and its gradient (P,)."""
        x = theta.detach().clone().requires_grad_()
        with torch.enable_grad():
            f = self._checked(x)
        return float(f.detach()), _vjp(f, x, torch.ones_like(f))

    def curvature(self, theta: Tensor) -> FunctionCurvature:
        """Gradient and Hessian at ``theta``, one graph for every product."""
        return FunctionCurvature(self._checked, theta)


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
        with torch.no_grad():
            return self._vector(theta)

    def value(self, theta: Tensor) -> float:
        """``1/2 |r(theta)|^2``."""
        return half_square(self.residual(theta))

    def linearize(self, theta: Tensor) -> FunctionLinearization:
        """r and J at ``theta``."""
        return FunctionLinearization(self._vector, theta)


def join_terms(r: Tensor | dict[str, Tensor]) -> Tensor:
    """One residual vector (M,) from a tensor or from named terms; see ``ResidualFunction``."""
    if isinstance(r, dict):
        if not r:
            raise ArgumentError("residual: needs at least one term, got an empty dict.")
        return torch.cat([_flat(term, name) / max(1, term.numel()) ** 0.5 for name, term in r.items()])
    return _flat(r, "residual")


def _flat(r: Tensor, name: str) -> Tensor:
    if not isinstance(r, Tensor):
        raise ArgumentTypeError(f"{name}: needs to be a torch tensor, got {type(r).__name__}.")
    if r.is_complex() or not r.is_floating_point():
        raise ArgumentTypeError(f"{name}: needs a real floating dtype, got {r.dtype}.")
    if r.dim() > 1:
        raise ArgumentError(f"{name}: needs one dimension, got shape {tuple(r.shape)}.")
    return r.reshape(-1)
