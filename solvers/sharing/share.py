"""One process's share of a residual system, and what it does when the first process asks."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor

from sciml.jacobian.graph import GraphCurvature
from sciml.jacobian.protocols import Linearization
from sciml.solvers.sharing.group import Group
from sciml.solvers.terms.term import Term
from sciml.solvers.training.points import Points
from sciml.solvers.training.residual_system import ResidualSystem

Answer = TypeVar("Answer")


class ShareOfPoints(Points):
    """Some of the points of a system, whose rows weigh as they do among all of them.

    Args:
        points: Of the whole system; terms and weights are taken over, points come by ``take``.
    """

    def __init__(self, points: Points):
        vars(self).update(vars(points))
        self.weights = dict(points.weights)
        self.terms = [replace(term, x=term.x[:0], frozen=None, importance=None) for term in points.terms]
        self._all = [0] * len(self.terms)

    def take(self, k: int, x: Tensor, importance: Tensor | None, first: int, rows: int) -> None:
        """Term ``k`` gets the points ``x (n, d)``, ``first`` is the number of the first one among all of them; all
        processes together have so many rows.
        """
        self._all[k] = rows
        some = self.terms[k].some
        if some is not None:
            self.terms[k].function = some(slice(first, first + len(x)))
        if len(x):
            self.terms[k].place(self.trial, x, importance)
        else:
            self.terms[k] = replace(self.terms[k], x=x, frozen=None, importance=None)

    def rows(self, term: Term) -> int:
        """Rows of each column of a term in all processes."""
        return next(rows for known, rows in zip(self.terms, self._all, strict=True) if known is term)


class Share:
    """What every process does for the system of all of them. Each method is called in all processes at once.

    Args:
        group: The processes.
        system: Of the same problem and trial function in each of them.

    Attributes:
        system: On this process's points.
        linearized: How many times the system was linearised.
    """

    def __init__(self, group: Group, system: ResidualSystem):
        self.group = group
        self.system = copy.copy(system)
        self.system.points = ShareOfPoints(system.points)
        self.linearized = 0
        self._linearization: Linearization | None = None
        self._curvature: GraphCurvature | None = None

    # ---- points

    def place(
        self,
        k: int,
        counts: Sequence[int],
        rows: int,
        weighted: bool,
        parts: Sequence[Tensor] | None = None,
        importance: Sequence[Tensor] | None = None,
    ) -> None:
        """Hand out the points of term ``k``, ``counts[rank]`` of them to each process, and their importance."""
        points, group = self.system.points, self.group
        assert isinstance(points, ShareOfPoints)
        like = points.like.new_zeros(0, points.problem.domain.dim)
        x = group.hand_out(parts, counts, like)
        factors = group.hand_out(importance, counts, like[:, :1]) if weighted else None
        first = sum(counts[: group.rank])
        group.agree(lambda: points.take(k, x, factors, first, rows))

    def squares(self, k: int, counts: Sequence[int], parts: Sequence[Tensor] | None = None) -> list[Tensor]:
        """The squared residual of term ``k`` at other points, of which each process looks at its part."""
        points = self.system.points
        like = points.like.new_zeros(0, points.problem.domain.dim)
        x = self.group.hand_out(parts, counts, like)
        found = self.group.agree(lambda: points.squares(replace(points.terms[k]), x))
        return self.group.collect(found, counts)

    # ---- the loss

    def residual(self, rows: Sequence[int], theta: Tensor, weights: Mapping[str, float]) -> list[Tensor]:
        """The rows of each process at ``theta (P,)``."""
        return self.group.collect(self._agree(weights, lambda: self.system.residual(theta)), rows)

    def value_and_grad(self, theta: Tensor, weights: Mapping[str, float]) -> Tensor:
        """The loss and its gradient as one vector ``(1 + P,)``."""

        def both() -> Tensor:
            value, gradient = self.system.value_and_grad(theta)
            return torch.cat([gradient.new_tensor([value]), gradient])

        return self.group.total(self._agree(weights, both))

    def linearize(self, rows: Sequence[int], theta: Tensor, weights: Mapping[str, float]) -> list[Tensor]:
        """The rows of each process; the Jacobian of its own stays with it."""
        self._linearization = None  # its memory is needed for the next one
        made = self._agree(weights, lambda: self.system.linearize(theta))
        self._linearization, self.linearized = made, self.linearized + 1
        return self.group.collect(made.residual, rows)

    def curvature(self, theta: Tensor, weights: Mapping[str, float]) -> Tensor:
        """The loss and its gradient as one vector ``(1 + P,)``; the Hessian of its own rows stays with each process."""
        made = self._agree(weights, lambda: self.system.curvature(theta))
        self._curvature = made
        return self.group.total(torch.cat([made.gradient.new_tensor([made.value]), made.gradient]))

    # ---- products

    def mv(self, rows: Sequence[int], v: Tensor) -> list[Tensor]:
        """``J v`` of each process."""
        return self.group.collect(self.group.agree(lambda: self._J.mv(v)), rows)

    def rmv(self, rows: Sequence[int], parts: Sequence[Tensor] | None = None) -> Tensor:
        """``Jᵀ w``."""
        w = self.group.hand_out(parts, rows, self._J.residual)
        return self.group.total(self.group.agree(lambda: self._J.rmv(w)))

    def normal(self) -> Tensor:
        """``JᵀJ``."""
        return self.group.total(self.group.agree(lambda: self._J.normal()))

    def columns(self, rows: Sequence[int], start: int, stop: int) -> list[Tensor]:
        """``J[:, start:stop]`` of each process."""
        return self.group.collect(self.group.agree(lambda: self._J.columns(start, stop)), rows)

    def row_norms(self, rows: Sequence[int]) -> list[Tensor]:
        """Squared norms of the rows of each process."""
        return self.group.collect(self.group.agree(lambda: self._J.row_norms()), rows)

    def hessian_mv(self, v: Tensor) -> Tensor:
        """``H v``."""
        return self.group.total(self.group.agree(lambda: self._H.mv(v)))

    def hessian(self) -> Tensor:
        """The Hessian, ``H``."""
        return self.group.total(self.group.agree(lambda: self._H.dense()))

    # ---- inside

    @property
    def _J(self) -> Linearization:
        assert self._linearization is not None
        return self._linearization

    @property
    def _H(self) -> GraphCurvature:
        assert self._curvature is not None
        return self._curvature

    def _agree(self, weights: Mapping[str, float], work: Callable[[], Answer]) -> Answer:
        self.system.points.weights = dict(weights)
        return self.group.agree(work)
