"""What an equation is like at a point of the boundary: its leading coefficients, and what is left of it there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sciml.checks.probe import call
from sciml.derivatives import AutogradSource, DetachedSource

if TYPE_CHECKING:
    from sciml.problem import PDE

SIZES = 64  # points at which the size of the equation's terms is measured
COPIES = 7  # of a point: a residual may take a mean or a spread over all of them
MIXED = 1e-9  # of the leading coefficients: what another equation or unknown may have of them
DEFINITE = 1e-6  # least ratio of the leading matrix's eigenvalues that counts as elliptic


class Local:
    """The equation of one unknown of a problem at a point.

    Args:
        problem: The problem.
        unknown: Index of the unknown; the equation of the same index is looked at.
        x: The point, ``(1, d)``.
        values: Of all unknowns there, ``(m,)``.
    """

    def __init__(self, problem: PDE, unknown: int, x: Tensor, values: Tensor):
        self.problem, self.unknown, self.x, self.values = problem, unknown, x, values

    def residual(self, function: Callable[[Tensor], Tensor], x: Tensor | None = None) -> Tensor:
        """All equations ``(n, k)`` where the unknown is ``function``, ``(n, d) -> (n, 1)``, and the others constant."""
        i = self.unknown

        def fields(y: Tensor) -> Tensor:
            rest = self.values.to(y).expand(len(y), -1)
            return torch.cat([rest[:, :i], function(y), rest[:, i + 1 :]], 1) + 0.0 * y.sum(1, keepdim=True)

        return self.of_fields(fields, x)

    def of_fields(self, fields: Callable[[Tensor], Tensor], x: Tensor | None = None) -> Tensor:
        """All equations ``(n, k)`` where the unknowns are ``fields``, ``(n, d) -> (n, m)``; at copies of the point unless
        ``x`` is given.
        """
        x = self.x.expand(COPIES, -1) if x is None else x
        source = DetachedSource(AutogradSource(fields, x))
        with torch.enable_grad():
            name = f"residual of {type(self.problem).__name__}"
            terms = call(name, self.problem.residual_terms, self.problem.field(source), x)
        return torch.cat([term.detach().to(torch.float64) for term in terms.values()], 1)

    def still(self, y: Tensor) -> Tensor:
        """The unknown as a constant."""
        return self.values[self.unknown].to(y).expand(len(y), 1)

    @property
    def finite(self) -> bool:
        """Whether the equation has numbers at the point: a source may grow without bound at a corner."""
        return bool(torch.isfinite(self.residual(self.still)).all())

    def leading(self, axes: tuple[int, ...]) -> Tensor | None:
        """The matrix of its second derivatives in space, ``(2, 2)``, positive definite; None where it is not elliptic.

        None, too, where several equations or unknowns share the second derivatives.
        """
        base = self.residual(self.still)
        if not bool(torch.isfinite(base).all()):
            return None
        k = self.unknown if self.problem.outputs > 1 else 0
        matrix = torch.zeros(2, 2, dtype=torch.float64)
        others = 0.0
        for p, q in ((0, 0), (0, 1), (1, 1)):

            def bent(y: Tensor, p: int = p, q: int = q) -> Tensor:
                d = y[:, list(axes)] - self.x[:, list(axes)]
                return self.still(y) + (d[:, p] * d[:, q])[:, None] * (0.5 if p == q else 1.0)

            change = (self.residual(bent) - base)[0]
            if k >= len(change):
                return None
            others = max(others, float(torch.cat([change[:k], change[k + 1 :]]).abs().sum()))
            matrix[p, q] = matrix[q, p] = change[k] * (1.0 if p == q else 0.5)
        size = float(matrix.abs().max())
        if not 0 < size < float("inf") or others > MIXED * size:
            return None
        matrix = matrix * (1.0 if float(matrix.trace()) > 0 else -1.0)
        low, high = torch.linalg.eigvalsh(matrix).tolist()
        return matrix if low > DEFINITE * high else None

    def alone(self, axes: tuple[int, ...]) -> bool:
        """Whether no other equation has the unknown's slope in it."""
        base = self.residual(self.still)
        k = self.unknown if self.problem.outputs > 1 else 0
        for i in axes:
            change = (
                self.residual(lambda y, i=i: self.still(y) + y[:, i : i + 1] - self.x[:, i : i + 1]) - base
            )[0]
            if bool((torch.cat([change[:k], change[k + 1 :]]) != 0).any()):
                return False
        return True

    def has_slope_of(self, other: int, axes: tuple[int, ...]) -> bool:
        """Whether the unknown's equation has the slope of another unknown in it."""
        k = self.unknown if self.problem.outputs > 1 else 0

        def rising(y: Tensor, i: int | None) -> Tensor:
            values = self.values.to(y).expand(len(y), -1) + 0.0 * y.sum(1, keepdim=True)
            if i is None:
                return values
            rise = y[:, i : i + 1] - self.x[:, i : i + 1]
            return torch.cat(
                [values[:, :other], values[:, other : other + 1] + rise, values[:, other + 1 :]], 1
            )

        base = self.of_fields(lambda y: rising(y, None))
        return any(bool((self.of_fields(lambda y, i=i: rising(y, i)) - base)[:, k].any()) for i in axes)

    def size(self) -> float:
        """Size of what the equation is made of besides the unknown's derivatives, over the domain."""
        x = self.problem.domain.sample(SIZES, seed=0)
        found = self.residual(self.still, x)
        return float(found[torch.isfinite(found).all(1)].square().mean().sqrt())
