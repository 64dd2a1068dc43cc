"""A problem in the base's parameters as one in the factors of an adapter: the chain rule.

With ``change(theta)`` the flat difference that the factors ``theta`` (p,) stand for, the problem is
``f(base + change(theta))``. The difference is a polynomial in few numbers, so its derivative costs next to
nothing, and a Gauss-Newton system shrinks from P to p unknowns.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

from sciml.errors import ArgumentError
from sciml.jacobian.graph import adjoint, vjp
from sciml.jacobian.protocols import Linearization
from sciml.linalg import inner_gram, outer_gram

ROWS_AT_ONCE = 1024  # rows of a Jacobian that are mapped together


class Differences(Protocol):
    """Differences by parameter name as a function of a flat vector: an adapter's factors, or its gates."""

    shapes: dict[str, tuple[int, ...]]

    @property
    def dense_size(self) -> int:
        """Number P of the base's parameters."""
        ...

    def vector(self) -> Tensor:
        """The factors or gates as they are now, (p,)."""
        ...

    def deltas(self, theta: Tensor) -> dict[str, Tensor]:
        """The differences at ``theta`` (p,)."""
        ...


class ChangeOfVariables:
    """``theta`` (p,) -> flat parameters (P,) in the order of the base, with its derivative's products.

    Args:
        adapter: ``theta`` holds its factors, or its gates.
        base: The base's parameters as one vector (P,), in the order of its ``named_parameters``.
    """

    def __init__(self, adapter: Differences, base: Tensor):
        if base.shape != (adapter.dense_size,):
            raise ArgumentError(f"base needs shape ({adapter.dense_size},), got {tuple(base.shape)}.")
        self.adapter, self.base = adapter, base.detach()
        self._slices: dict[str, slice] = {}
        start = 0
        for name, shape in adapter.shapes.items():
            stop = start + torch.Size(shape).numel()
            self._slices[name] = slice(start, stop)
            start = stop

    def __call__(self, theta: Tensor) -> Tensor:
        """``base + change(theta)``, (P,)."""
        out = self.base.clone()
        for name, delta in self.adapter.deltas(theta).items():
            out[self._slices[name]] += delta.detach().reshape(-1)
        return out

    def push(self, theta: Tensor, v: Tensor) -> Tensor:
        """Derivative along ``v`` (p,): a direction (P,) of the base's parameters."""
        with torch.enable_grad():
            theta = theta.detach().requires_grad_()
            deltas = self.adapter.deltas(theta)
            w, pulled = adjoint(torch.cat([d.reshape(-1) for d in deltas.values()]), (theta,))
        pushed = vjp(pulled, (w,), v).split([d.numel() for d in deltas.values()])
        out = torch.zeros_like(self.base)
        for name, direction in zip(deltas, pushed, strict=True):
            out[self._slices[name]] = direction
        return out

    def pull(self, theta: Tensor, w: Tensor) -> Tensor:
        """The transposed derivative: a covector (P,), such as a gradient, to (p,)."""
        return self.pull_rows(theta, w[None])[0]

    def pull_rows(self, theta: Tensor, rows: Tensor, start: int = 0) -> Tensor:
        """``rows`` (M, P) times the derivative (P, p), never formed: (M, p).

        Rows may lack columns of parameters that are not adapted, at the end and, ``start`` of them, in front.
        """
        adapter, columns = self.adapter, []
        deltas, transposed, *_ = torch.func.vjp(adapter.deltas, theta.detach())
        own = {n: slice(self._slices[n].start - start, self._slices[n].stop - start) for n in deltas}
        for part in rows.split(ROWS_AT_ONCE):
            w = {name: part[:, own[name]].reshape(-1, *d.shape) for name, d in deltas.items()}
            columns.append(torch.func.vmap(transposed)(w)[0])
        return torch.cat(columns)

    def span(self, theta: Tensor) -> tuple[int, int]:
        """The first of the flat parameters that ``theta`` changes, and the one after the last."""
        own = [self._slices[name] for name in self.adapter.deltas(theta)]
        return min(s.start for s in own), max(s.stop for s in own)


class FactorLinearization:
    """The residual's Jacobian in the factors: ``J change'(theta)``, shape (M, p)."""

    def __init__(self, inner: Linearization, variables: ChangeOfVariables, theta: Tensor):
        self._inner, self._variables, self._theta = inner, variables, theta
        self.residual = inner.residual
        self.shape = (inner.shape[0], theta.numel())
        self._dense: Tensor | None = None

    def dense(self) -> Tensor:
        """(M, p); kept after the first call, when the full Jacobian is gone already."""
        if self._dense is None:
            start, stop = self._variables.span(self._theta)
            # a head alone needs a few columns of the full Jacobian
            rows = self._inner.columns(start, stop)
            self._dense = self._variables.pull_rows(self._theta, rows, start)
        return self._dense

    def columns(self, start: int, stop: int) -> Tensor:
        """``J[:, start:stop]``, of the dense J."""
        return self.dense()[:, start:stop]

    def mv(self, v: Tensor) -> Tensor:
        """(p,) -> (M,)."""
        if self._dense is not None:
            return self._dense @ v
        return self._inner.mv(self._variables.push(self._theta, v))

    def rmv(self, w: Tensor) -> Tensor:
        """``Jᵀ w``, (M,) -> (p,)."""
        if self._dense is not None:
            return self._dense.mT @ w
        return self._variables.pull(self._theta, self._inner.rmv(w))

    def gram(self) -> Tensor:
        """``J Jᵀ``, (M, M)."""
        return outer_gram(self.dense())

    def normal(self) -> Tensor:
        """``JᵀJ``, (p, p)."""
        return inner_gram(self.dense())

    def row_norms(self) -> Tensor:
        """Squared norm of every row, (M,)."""
        return self.dense().square().sum(1)


class AdaptedProblem:
    """``problem`` in the factors of ``adapter``; with value, gradient and linearisation.

    Args:
        problem: A problem of a flat vector (P,), such as a collocation system of a copy of the base.
        adapter: Its factors, or its gates; ``adapter.vector()`` is where to start.
        base: The base's parameters, (P,).
    """

    def __init__(self, problem: Any, adapter: Differences, base: Tensor):
        self.problem, self.adapter = problem, adapter
        self.variables = ChangeOfVariables(adapter, base)

    @property
    def theta(self) -> Tensor:
        """A copy of the factors or gates, (p,), to start from."""
        return self.adapter.vector()

    def residual(self, theta: Tensor) -> Tensor:
        """r, (M,)."""
        return self.problem.residual(self.variables(theta))

    def value(self, theta: Tensor) -> float:
        """The loss, ``f``."""
        return self.problem.value(self.variables(theta))

    def value_and_grad(self, theta: Tensor) -> tuple[float, Tensor]:
        """f and its gradient (p,)."""
        f, g = self.problem.value_and_grad(self.variables(theta))
        return f, self.variables.pull(theta, g)

    def linearize(self, theta: Tensor) -> FactorLinearization:
        """r and J (M, p)."""
        return FactorLinearization(self.problem.linearize(self.variables(theta)), self.variables, theta)
