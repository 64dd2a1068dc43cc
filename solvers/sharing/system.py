"""The residual system of all processes, as the first one sees it: that of one process, computed by all."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from sciml.errors import ArgumentError
from sciml.linalg import outer_gram
from sciml.solvers.sharing.group import Group
from sciml.solvers.sharing.layout import Layout, cuts
from sciml.solvers.sharing.share import Share
from sciml.solvers.terms.term import Term
from sciml.solvers.training.points import Points
from sciml.solvers.training.residual_system import ResidualSystem

COLUMNS = 256  # of the Jacobian that are collected at a time for J Jᵀ


def _together(term: Term) -> int:
    """Points of a term that add up to one row."""
    return 1 if term.sums is None else len(term.sums.weights)


class SharedPoints(Points):
    """The points of all processes. The first one draws them and keeps where they are; their jets are kept by shares.

    Args:
        points: Drawn already.
        share: Of this process, which is the first.
    """

    def __init__(self, points: Points, share: Share):
        vars(self).update(vars(points))
        self._share = share
        for term in self.terms:
            self.place(term, term.x, term.importance)

    def place(self, term: Term, x: Tensor, importance: Tensor | None = None) -> None:
        """See ``Points.place``."""
        x = x.to(self.like)
        term.x, term.importance, term.frozen = x, importance, None
        bounds = self.cuts(term)
        counts = [stop - start for start, stop in pairwise(bounds)]
        parts = list(x.split(counts))
        factors = None if importance is None else list(importance.split(counts))
        k = self._number(term)
        if k == 0 and min(counts) == 0:
            raise ArgumentError(
                f"points needs at least one for each of the {len(counts)} processes, got {len(x)}."
            )
        self._share.group.tell(("place", (k, counts, term.rows, factors is not None)))
        self._share.place(k, counts, term.rows, factors is not None, parts, factors)

    def squares(self, term: Term, x: Tensor) -> Tensor:
        """See ``Points.squares``."""
        bounds = cuts(len(x), self._share.group.size)
        counts = [stop - start for start, stop in pairwise(bounds)]
        k = self._number(term)
        self._share.group.tell(("squares", (k, counts)))
        return torch.cat(self._share.squares(k, counts, list(x.to(self.like).split(counts))))

    def cuts(self, term: Term) -> list[int]:
        """Where the shares of a term's points begin and end."""
        return cuts(len(term.x), self._share.group.size, _together(term))

    def _number(self, term: Term) -> int:
        return next(k for k, known in enumerate(self.terms) if known is term)

    @property
    def layout(self) -> Layout:
        """The rows of each process among those of all."""
        blocks = []
        for term in self.terms:
            bounds = [bound // _together(term) for bound in self.cuts(term)]
            rows = [stop - start for start, stop in pairwise(bounds)]
            blocks += [rows] * sum(term.parts.values())
        return Layout(blocks)


class SharedSystem(ResidualSystem):
    """A residual system whose rows are computed by the processes of a group.

    It has the numbers of ``system`` but for the rounding of sums. Set-up and decisions are those of the first process
    alone; the others run ``worker.serve``.

    Args:
        system: Set up on all points, with rows that depend on their own point alone.
        group: This process leads it.

    Raises:
        ArgumentError: There are fewer points than processes.
    """

    points: SharedPoints

    def __init__(self, system: ResidualSystem, group: Group):
        vars(self).update(vars(system))
        self._group, self._share = group, Share(group, system)
        self.points = SharedPoints(system.points, self._share)

    def _ask(self, name: str, *args: Any) -> Any:
        """Let all processes do something, this one included; its answer."""
        self._group.tell((name, args))
        return getattr(self._share, name)(*args)

    def _rows(self, graph: bool) -> Tensor:
        if graph:
            raise NotImplementedError  # a graph over processes; what needs one is asked for below
        layout = self.points.layout
        return layout.join(self._ask("residual", layout.rows, self.theta, self.points.weights))

    def value_and_grad(self, theta: Tensor) -> tuple[float, Tensor]:
        """See ``ResidualSystem.value_and_grad``."""
        self.load(theta)
        both = self._ask("value_and_grad", theta, self.points.weights)
        return float(both[0]), both[1:]

    def linearize(self, theta: Tensor) -> SharedLinearization:  # type: ignore[override]
        """See ``ResidualSystem.linearize``."""
        self.load(theta)
        layout = self.points.layout
        rows = layout.join(self._ask("linearize", layout.rows, theta, self.points.weights))
        return SharedLinearization(rows, layout, theta.numel(), self._group, self._share)

    def curvature(self, theta: Tensor) -> SharedCurvature:  # type: ignore[override]
        """See ``ResidualSystem.curvature``."""
        self.load(theta)
        return SharedCurvature(self._ask("curvature", theta, self.points.weights), self._ask)


class SharedLinearization:
    """See ``Linearization``: the Jacobian's rows are where their points are. It holds until the next one is made.

    Args:
        residual: Of all processes, ``(M,)``.
        layout: Of its rows.
        parameters: ``P``.
        group: The processes.
        share: Of this one, which leads.
    """

    def __init__(self, residual: Tensor, layout: Layout, parameters: int, group: Group, share: Share):
        self.residual, self.shape = residual, (residual.numel(), parameters)
        self._layout, self._group, self._share = layout, group, share
        self._number = share.linearized
        self._dense: Tensor | None = None

    def _ask(self, name: str, *args: Any, **own: Any) -> Any:
        """Let all processes do something; ``own`` is for this one alone."""
        if self._share.linearized != self._number:
            raise RuntimeError(
                "a shared linearisation needs to be the last one, got one that another replaced."
            )
        self._group.tell((name, args))
        return getattr(self._share, name)(*args, **own)

    def dense(self) -> Tensor:
        """J, (M, P), in this process; kept."""
        if self._dense is None:
            self._dense = self.columns(0, self.shape[1])
        return self._dense

    def columns(self, start: int, stop: int) -> Tensor:
        """``J[:, start:stop]``."""
        return self._layout.join(self._ask("columns", self._layout.rows, start, stop))

    def mv(self, v: Tensor) -> Tensor:
        """``J v``."""
        return self._layout.join(self._ask("mv", self._layout.rows, v))

    def rmv(self, w: Tensor) -> Tensor:
        """``Jᵀ w``."""
        return self._ask("rmv", self._layout.rows, parts=self._layout.split(w))

    def normal(self) -> Tensor:
        """``JᵀJ``, summed over the processes."""
        return self._ask("normal")

    def gram(self) -> Tensor:
        """``J Jᵀ``, from some columns at a time."""
        total = self.residual.new_zeros(self.shape[0], self.shape[0])
        for start in range(0, self.shape[1], COLUMNS):
            total += outer_gram(self.columns(start, min(start + COLUMNS, self.shape[1])))
        return total

    def row_norms(self) -> Tensor:
        """Squared norm of every row."""
        return self._layout.join(self._ask("row_norms", self._layout.rows))


class SharedCurvature:
    """See ``Curvature``: the Hessian is the sum of those of all processes.

    Args:
        both: The loss and its gradient, ``(1 + P,)``.
        ask: Lets all processes do something.
    """

    def __init__(self, both: Tensor, ask: Callable[..., Any]):
        self.value, self.gradient, self._ask = float(both[0]), both[1:], ask

    def mv(self, v: Tensor) -> Tensor:
        """``H v``."""
        return self._ask("hessian_mv", v)

    def dense(self) -> Tensor:
        """H, ``(P, P)``."""
        return self._ask("hessian")
