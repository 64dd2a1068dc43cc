"""How many conditions hold at a point of the boundary; one that says what others say already does not count."""

from __future__ import annotations

import torch
from torch import Tensor

from sciml.checks.equation import Equation
from sciml.checks.general import General
from sciml.checks.values import Statement
from sciml.conditions import Dirichlet, Neumann, Robin

PROBES = 9  # fields that conditions are compared on; a point has fewer of them
DEPENDENT = 1e-9  # of the area of two pairs (alpha, beta): they say one thing
SAME = 1e-6  # of an answer may be left of one that others make up


class Counts:
    """The conditions of a problem at points of its boundary.

    Args:
        equation: The problem's.
        stated: Its conditions with a name.

    Attributes:
        notes: What is stated twice by general conditions.
    """

    def __init__(self, equation: Equation, stated: list[Statement]):
        self._generals = [other for other in equation.others if other.on_boundary]
        self._named = [s for s in stated if isinstance(s.condition, (Dirichlet, Neumann, Robin))]
        self.notes: list[str] = []
        self._again: list[dict[int, int]] = [self._repeated(k) for k in range(len(self._generals))]

    def at(self, unknown: int, x: Tensor, piece: int | None = None) -> Tensor:
        """How many conditions on an unknown hold at points, of one piece of the boundary if it is given: ``(n,)``.

        Conditions on value and normal derivative are counted by the rank of their coefficients: there are two at most.
        """
        squares = torch.zeros(len(x), 3, dtype=torch.float64)
        for s in self._named:
            if s.unknown != unknown:
                continue
            known = piece is not None and s.pieces is not None
            there = torch.full((len(x),), piece in s.pieces) if known else s.covers(x)  # type: ignore[operator]
            a, b = _pair(s, x)
            squares += there.double()[:, None] * torch.stack([a * a, a * b, b * b], 1)
        size = squares[:, 0] + squares[:, 2]
        area = squares[:, 0] * squares[:, 2] - squares[:, 1] ** 2
        total = (size > 0).long() + (area > DEPENDENT * size**2).long()
        for other, again in zip(self._generals, self._again, strict=True):
            total += (other.counts[unknown] - again.get(unknown, 0)) * other.place.covers(x).long()
        return total

    def _repeated(self, k: int) -> dict[int, int]:
        """For each unknown, how many columns of a general condition answer to every field as others together do."""
        other, x = self._generals[k], self._generals[k].points
        own = _answers(other, x)
        said = [_named(other, s, x) for s in self._named if bool(s.covers(x).all())]
        for earlier in self._generals[:k]:
            if bool(earlier.place.covers(x).all()):
                said += list(_answers(earlier, x))
        again = 0
        for column in own:
            again += _made_up(column, said)
            said.append(column)
        if not again:
            return {}
        self.notes.append(f"{other.label} states what other conditions state already.")
        least = min((j for j in other.uses if other.counts[j]), key=lambda j: other.counts[j])
        return {least: min(again, other.counts[least])}


def _pair(s: Statement, x: Tensor) -> tuple[Tensor, Tensor]:
    """alpha and beta at points, ``(n,)`` each, as a pair of length one."""
    alpha, beta = s.coefficients(x)
    size = torch.hypot(alpha, beta).clamp(min=1e-300)
    return torch.nan_to_num(alpha / size), torch.nan_to_num(beta / size, nan=1.0)


def _answers(other: General, x: Tensor) -> Tensor:
    """How much each column of a general condition moves from one field to others, ``(C, n, PROBES)``."""
    base = other.rows(other.waves(x), x)
    moved = [other.rows(other.waves(x, seed), x) - base for seed in range(1, PROBES + 1)]
    return torch.stack(moved, 2).permute(1, 0, 2)


def _named(other: General, s: Statement, x: Tensor) -> Tensor:
    """The same for a condition with a name, ``(n, PROBES)``."""
    (alpha, beta), normal = _pair(s, x), other.place.normal(x).double()

    def row(seed: int) -> Tensor:
        field = other.waves(x, seed)
        slope = sum(normal[:, i] * field.first(i)[:, s.unknown].double() for i in range(x.shape[1]))
        return alpha * field.value[:, s.unknown].double() + beta * slope

    return torch.stack([row(seed) - row(0) for seed in range(1, PROBES + 1)], 1)


def _made_up(column: Tensor, said: list[Tensor]) -> bool:
    """Whether an answer ``(n, PROBES)`` is at every point a sum of others."""
    if not said or not bool(torch.isfinite(column).all()):
        return False
    A = torch.stack(said, 2)  # (n, PROBES, q)
    if A.shape[2] >= PROBES or not bool(torch.isfinite(A).all()):
        return False
    A = A / A.norm(dim=1, keepdim=True).clamp(min=1e-300)
    w = torch.linalg.lstsq(A, column[:, :, None], driver="gelsd").solution
    left = (A @ w)[:, :, 0] - column
    return bool((left.norm(dim=1) <= SAME * column.norm(dim=1)).all())
