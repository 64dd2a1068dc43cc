"""Values of conditions on their parts of the boundary, and where two conditions contradict each other."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sciml.checks.probe import call, sampled
from sciml.checks.trainable import check_terms
from sciml.conditions import (
    BaseCondition,
    Dirichlet,
    Initial,
    Neumann,
    Periodic,
    Robin,
    Value,
    evaluate,
    rounding,
)
from sciml.domains.boundary import Boundary
from sciml.domains.pieces import Piece
from sciml.domains.sampling import Sobol
from sciml.errors import ArgumentError

if TYPE_CHECKING:
    from sciml.problem import PDE

ON_PART = 256  # points on each condition's part
SMALL, LARGE = 7, 11
SAME = 1e-6  # relative to the size of the data: values closer than that are equal
RIM = 32  # points on the rim of a piece, where it meets others


@dataclass(frozen=True)
class Statement:
    """A condition ``alpha u + beta du/dn = value`` on one unknown and one part; of an ``Initial``, du/dt for du/dn.

    Attributes:
        condition: The condition.
        label: Its label, with its place in the list where labels repeat.
        unknown: Index of the unknown.
        where: The part of the boundary, or the first instant.
        pieces: Indices of the boundary's pieces that the part is made of; None where a mask cuts through them.
    """

    condition: BaseCondition
    label: str
    unknown: int
    where: Boundary
    pieces: frozenset[int] | None

    @cached_property
    def points(self) -> Tensor:
        """Points on the part, ``(n, d)``."""
        return sampled(lambda n, seed: self.where.sample(n, seed=seed), ON_PART)

    @property
    def parts(self) -> dict[str, Value]:
        """alpha, beta and value, as numbers or functions."""
        c = self.condition
        if isinstance(c, Robin):
            return {"alpha": c.alpha, "beta": c.beta, "value": c.value}
        if isinstance(c, Neumann) or (isinstance(c, Initial) and c.order == 1):
            return {"alpha": 0.0, "beta": 1.0, "value": c.value}
        assert isinstance(c, (Dirichlet, Initial))
        return {"alpha": 1.0, "beta": 0.0, "value": c.value}

    def at(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """alpha, beta and value at points, ``(n,)`` each."""
        alpha, beta, value = (self._evaluate(key, x) for key in ("alpha", "beta", "value"))
        return alpha[:, 0].detach(), beta[:, 0].detach(), value[:, 0].detach()

    def coefficients(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """alpha and beta at points, ``(n,)`` each."""
        alpha, beta = (self._evaluate(key, x) for key in ("alpha", "beta"))
        return alpha[:, 0].detach().double(), beta[:, 0].detach().double()

    def slack(self, problem: PDE) -> float:
        """What its values may be off by rounding, of a condition whose coefficients have the length one."""
        middle = 0.5 * (problem.domain.lower + problem.domain.upper)
        found = rounding(self.parts["value"], self.points, middle, self.label)
        if found == 0.0:
            return 0.0
        alpha, beta = self.coefficients(self.points)
        return found / max(1e-300, float(torch.hypot(alpha, beta).min()))

    def sees_values(self) -> bool:
        """Whether a constant added to the unknown is noticed."""
        alpha = self.parts["alpha"]
        return bool((self.at(self.points)[0] != 0).any()) if callable(alpha) else alpha != 0

    def covers(self, x: Tensor) -> Tensor:
        """Whether points lie on the part: ``(n,)`` bool."""
        return self.where.contains(x)

    def _evaluate(self, key: str, x: Tensor) -> Tensor:
        value = self.parts[key]
        if not callable(value):
            return evaluate(value, x, self.label)
        what = f"{self.label}: its function {key}"
        return call(what, lambda y: evaluate(value, y, self.label), x)

    def check(self) -> None:
        """Refuse functions that fail, return another shape, or give numbers that cannot be used.

        Raises:
            ArgumentError, ArgumentTypeError: naming the condition.
        """
        for key, value in self.parts.items():
            if not callable(value):
                continue
            few = self._evaluate(key, self.points[:SMALL])
            check_terms(f"function {key} of {self.label}", few, self._evaluate(key, self.points[:SMALL]))
            self._evaluate(key, self.points[:LARGE])
            everywhere = self._evaluate(key, self.points)
            bad = ~torch.isfinite(everywhere.detach()).all(1)
            if bad.any():
                raise ArgumentError(
                    f"{self.label}: its function {key} needs finite numbers, got {everywhere[bad][0].tolist()} at "
                    f"{self.points[bad][0].tolist()}."
                )


def statements(problem: PDE) -> list[Statement]:
    """The boundary and initial conditions of a problem."""
    labels = [c.label for c in problem.conditions]
    found = []
    for k, c in enumerate(problem.conditions):
        if not isinstance(c, (Dirichlet, Neumann, Robin, Initial)):
            continue
        domain = problem.domain
        label = c.label if labels.count(c.label) == 1 else f"{c.label} (conditions[{k}])"
        if isinstance(c, Initial):
            where, pieces = domain.initial(), None
        else:
            where = domain.boundary(c.on)
            chosen, masks = domain.select(c.on)
            pieces = None if masks else frozenset(chosen)
        found.append(Statement(c, label, problem.component(c), where, pieces))
    return found


def check_values(problem: PDE, stated: list[Statement]) -> list[str]:
    """Refuse contradictions between conditions; return what is stated twice or does not fit at corners.

    Raises:
        ArgumentError: Two conditions give different values where both hold; or a value is not finite, or ...
    """
    for statement in stated:
        statement.check()
    notes = []
    for a, b in itertools.combinations(stated, 2):
        initial = [isinstance(s.condition, Initial) for s in (a, b)]
        if a.unknown == b.unknown and initial[0] == initial[1]:
            notes += _pair(problem, a, b)
    for condition in problem.conditions:
        if isinstance(condition, Periodic):
            notes += _periodic(problem, condition, stated)
    return notes


def _pair(problem: PDE, a: Statement, b: Statement) -> list[str]:
    apart = a.pieces is not None and b.pieces is not None and not a.pieces & b.pieces
    if not apart:
        x = torch.cat([a.points, b.points])
        both = a.covers(x) & b.covers(x)
        if both.any():
            same = _compare(problem, a, b, x[both], x[both])
            return [f"{a.label} and {b.label} state the same twice."] if same else []
    values = [s.condition.value for s in (a, b) if isinstance(s.condition, Dirichlet)]
    if len(values) == 2 and not (values[0] is values[1] or values[0] == values[1]):
        return _corner(problem, a, b)
    return []


def _compare(problem: PDE, a: Statement, b: Statement, x: Tensor, y: Tensor, mirrored: bool = False) -> bool:
    """Whether both say the same of one quantity, a at x and b at y; different values of it are refused.

    ``mirrored`` says that the outward normals at x and y point in opposite directions.
    """
    alpha, beta, value = _normed(a.at(x))
    alpha_b, beta_b, value_b = _normed(_flipped(b.at(y)) if mirrored else b.at(y))
    alike = (alpha * beta_b - alpha_b * beta).abs() <= SAME
    if not alike.any():
        return False
    sign = torch.sign(alpha * alpha_b + beta * beta_b)
    size = torch.cat([_normed(s.at(s.points))[2] for s in (a, b)]).abs().max()
    off = torch.where(alike, (value - sign * value_b).abs(), torch.zeros_like(value))
    k = int(off.argmax())
    if float(off[k]) > SAME * float(size) + a.slack(problem) + b.slack(problem):
        v, w = float(a.at(x)[2][k]), float(b.at(y)[2][k])
        place = place_of(problem, x[k])
        if mirrored:
            place = f"the periodic ends {place} and {place_of(problem, y[k])}"
        raise ArgumentError(
            f"conditions need one value on one part of the boundary, got {v:.6g} from {a.label} and {w:.6g} from "
            f"{b.label} at {place}."
        )
    return True


def _normed(abv: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    alpha, beta, value = abv
    size = torch.sqrt(alpha**2 + beta**2).clamp(min=1e-300)
    return alpha / size, beta / size, value / size


def _flipped(abv: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    return abv[0], -abv[1], abv[2]


# ---- corners


def _corner(problem: PDE, a: Statement, b: Statement) -> list[str]:
    """Whether two values on parts that only touch disagree where they do."""
    x = torch.cat([_rim(p) for s in (a, b) for p in s.where._pieces])
    both = a.covers(x) & b.covers(x)
    if not both.any():
        return []
    x = x[both]
    v, w = a.at(x)[2], b.at(x)[2]
    size = torch.cat([s.at(s.points)[2] for s in (a, b)]).abs().max()
    off = torch.nan_to_num((v - w).abs(), nan=torch.inf)
    k = int(off.argmax())
    if not float(off[k]) > SAME * float(size) + a.slack(problem) + b.slack(problem):
        return []
    return [
        f"{a.label} ({float(v[k]):.6g}) and {b.label} ({float(w[k]):.6g}) differ where their parts meet, at "
        f"{place_of(problem, x[k])}: no smooth function has both values."
    ]


def _rim(piece: Piece) -> Tensor:
    """Points where a piece may meet others: the images of the faces of the unit cube."""
    if piece.cube == 0:
        return piece.place(torch.zeros(1, 0, dtype=torch.float64))[0]
    if piece.cube == 1:
        return piece.place(torch.tensor([[0.0], [1.0]], dtype=torch.float64))[0]
    u = sampled(lambda n, seed: Sobol(piece.cube, (seed,)).draw(n), RIM * 2 * piece.cube)
    for k in range(2 * piece.cube):
        u[k :: 2 * piece.cube, k // 2] = float(k % 2)
    x, _ = piece.place(u)
    return x


# ---- periodicity


def _periodic(problem: PDE, condition: Periodic, stated: list[Statement]) -> list[str]:
    """Refuse values at the two ends that no periodic function has.

    Returns:
        Notes on initial values that are not periodic, and on conditions that hold at the ends as well.
    """
    axis = problem.axis_of(condition)
    low, high = ends(problem, axis, ON_PART)
    notes = _crowded(problem, condition, stated, low, high)
    for a, b in itertools.product(stated, stated):
        if a.unknown != b.unknown:
            continue
        if isinstance(a.condition, Initial):
            if a is b:
                notes += _seam(problem, a, condition, low, high)
            continue
        if isinstance(b.condition, Initial):
            continue
        both = a.covers(low) & b.covers(high)
        if both.any():
            _compare(problem, a, b, low[both], high[both], mirrored=True)
    return notes


def _crowded(
    problem: PDE, condition: Periodic, stated: list[Statement], low: Tensor, high: Tensor
) -> list[str]:
    """Conditions that hold at periodic ends: what is periodic there is determined without them."""
    domain, axis, one = problem.domain, problem.axis_of(condition), condition.component
    if (
        axis == domain.time_axis or domain.dim == 1
    ):  # on a line a value at an end may fix the constant that is free
        return []
    notes = []
    for a in stated:
        if isinstance(a.condition, Initial) or (one is not None and problem.unknowns[a.unknown] != one):
            continue
        if not bool((a.covers(low) | a.covers(high)).any()):
            continue
        rest = [k for k in domain.space_axes if k != axis]
        sides = [
            f"{domain.names[k]}={float(end[k]):.12g}" for k in rest for end in (domain.lower, domain.upper)
        ]
        hint = f" Where only other sides are meant, name them: on={sides}." if sides else ""
        notes.append(
            f"{a.label} holds at the ends of {domain.names[axis]}, too, where {condition.label} is all that a solution "
            f"needs: with both there may be none.{hint}"
        )
    return notes


def _seam(problem: PDE, a: Statement, condition: Periodic, low: Tensor, high: Tensor) -> list[str]:
    time = problem.domain.time_axis
    assert time is not None
    low, high = low.clone(), high.clone()
    low[:, time] = high[:, time] = problem.domain.lower[time]
    v, w = a.at(low)[2], a.at(high)[2]
    off = (v - w).abs()
    k = int(off.argmax())
    if not float(off[k]) > SAME * float(a.at(a.points)[2].abs().max()) + a.slack(problem):
        return []
    return [
        f"{a.label} is not periodic in {condition.coordinate}: {float(v[k]):.6g} at {place_of(problem, low[k])} and "
        f"{float(w[k]):.6g} at {place_of(problem, high[k])}."
    ]


def ends(problem: PDE, axis: int, n: int) -> tuple[Tensor, Tensor]:
    """Points at the low end of one coordinate and their partners at the high end."""
    draw: Callable[[int, int], Tensor] = lambda m, seed: problem.domain.sample(m, seed=seed)  # noqa: E731
    low = sampled(draw, n).clone()
    high = low.clone()
    low[:, axis], high[:, axis] = problem.domain.lower[axis], problem.domain.upper[axis]
    return low, high


def place_of(problem: PDE, x: Tensor) -> str:
    """A point ``x (d,)`` in words."""
    return ", ".join(f"{n} = {float(v):.4g}" for n, v in zip(problem.domain.names, x, strict=True))
