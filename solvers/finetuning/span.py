"""The weights of a span: Gauss-Newton on the residual of the new problem, in as many numbers as there are snapshots.

A row of the residual that answers strongly to every change of the weights says little about the error: near a shock the
residual of a small error is large. So each row is divided by the size of its own row of the Jacobian, frozen within a step.
On the family of Burgers' equation this brings the error from some 30 times the best of the span to 1.5 times it, and
makes the residual that is left proportional to the error. Our own design.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NoReturn

import torch
from torch import Tensor

from sciml.adapters import SpanAdapter
from sciml.errors import ArgumentError
from sciml.jacobian.graph import GraphLinearization
from sciml.problem import PDE
from sciml.solvers.finetuning.snapshots import Sampled, SnapshotSpace
from sciml.solvers.terms.build import build_terms
from sciml.solvers.training.least_squares import least_squares_step
from sciml.solvers.training.residual_system import ResidualSystem

POINTS, PER_SNAPSHOT, MOST_POINTS = 1000, 20, 4000  # of the equations
STEPS, HALVINGS = 30, 8
SETTLED = 1e-9  # of the weights: a smaller step is the last
NOTHING = 1e-3  # of the residual: a step that can take away less than its square is the last
SMALLEST = 1e-9  # singular value of a direction that is used, relative to the largest
FLOOR = 0.1  # of the mean size of a row: no row counts more than ten times the mean
CANCELLED = 0.1  # of what cancels in a row: an equation that all snapshots satisfy has rows of nothing but their errors
MIXED = 1e-6  # relative disagreement from which rows count as depending on other points


@dataclass(frozen=True)
class Spanned:
    """What a span gave.

    Attributes:
        adapter: The weights.
        indicator: Weighted residual in units of the relative error: proportional to it within a family.
        residual, start, scale: Residual relative to ``scale``, that of the exact conditions alone; of the span, of the base.
        nearest: Which snapshot is nearest in its values; 0 is the base.
        steps: Of Gauss-Newton.
        points: Interior points.
        directions: How many of the snapshots' directions were used.
        notes: Why conditions are penalties.
    """

    adapter: SpanAdapter
    indicator: float
    residual: float
    start: float
    scale: float
    nearest: int
    steps: int
    points: int
    directions: int
    notes: list[str]


def solve_span(
    space: SnapshotSpace,
    problem: PDE,
    r: int | None = None,
    points: int | None = None,
    seed: int = 0,
    start: Tensor | None = None,
) -> Spanned:
    """The member of a span with the smallest weighted residual.

    Args:
        space: The snapshots.
        problem: The new problem.
        r: Directions that are used, strongest first; None for all.
        points: For the equations; 20 for each snapshot, at least 1000, unless given.
        seed: Of the points.
        start: Weights of the first snapshots, ``(k,)``, to begin with, such as those of a member beside; the best single
            snapshot unless given.

    Raises:
        ArgumentError: Exact conditions on other places than the base's, derivatives that jets cannot give, or a problem that
            is not finite at some point.
    """
    count = points or min(MOST_POINTS, max(POINTS, PER_SNAPSHOT * len(space.networks)))
    system = SpanSystem(space, problem, r, count, seed)
    q, rows, steps = system.solve(start)
    silent = system.norm(torch.zeros_like(q))
    base = torch.zeros(len(space.networks), dtype=q.dtype)
    base[0] = 1.0
    scale = silent if math.isfinite(silent) and silent > 0 else 1.0
    return Spanned(
        space.adapter(r, system.modes @ q),
        system.indicator(rows, q),
        system.norm(q) / scale,
        system.norm_of(base) / scale,
        scale,
        system.nearest(q),
        steps,
        count,
        len(q),
        list(system.notes),
    )


@dataclass(frozen=True)
class Rows:
    """The weighted rows of every part: residual ``(M,)``, Jacobian ``(M, k)`` and the weights ``(M,)``."""

    residual: Tensor
    jacobian: Tensor
    weight: Tensor

    @property
    def weighted(self) -> Tensor:
        """``w r``."""
        return self.weight * self.residual


class SpanSystem:
    """The residual of a problem as a function of the weights of snapshots.

    Args:
        space, problem, r: As in ``solve_span``.
        count: Interior points.
        seed: Of the points.

    Attributes:
        modes: Directions in the weights, ``(n, k)``, of which the functions are orthonormal over the points.
    """

    def __init__(self, space: SnapshotSpace, problem: PDE, r: int | None, count: int, seed: int):
        self.problem, trial = problem, space.trial(problem)
        self._trial = trial
        self.notes = list(trial.ansatz.notes)
        like = space.probes
        terms = build_terms(problem, trial, count, max(40, count // 4))
        self._mixes: dict[str, bool] = {}
        self.parts: list[Sampled] = []
        for k, term in enumerate(terms):
            term.record(trial, problem, like)
            if term.plan is None:
                self._check_finite()
                raise ArgumentError(
                    f"adapter 'span' needs derivatives that jets can give, got {term.label!r} of "
                    f"{type(problem).__name__}, which needs autograd."
                )
            x = space.points(problem, count, seed) if k == 0 else term.draw(term.count, seed + k).to(like)
            part = space.sampled(term, trial, x)
            if k == 0 and self._mixed(part):  # a mean over points drawn unevenly is another one
                part = space.sampled(term, trial, term.draw(count, seed).to(like))
            self.parts.append(part)
        self.weights = {name: space.base.stats.weights.get(name, 1.0) for name in terms[0].parts}
        values = self.parts[0].snapshots[:, 0].double()
        self.sizes = values.square().mean((0, 2)).sqrt().clamp(min=1e-300)  # (m,)
        flat = (values / self.sizes[:, None]).flatten(0, 1)
        if not bool(torch.isfinite(flat).all()):
            self._refuse()
        _, s, Vh = torch.linalg.svd(flat, full_matrices=False)
        least = max(SMALLEST, 1e2 * torch.finfo(like.dtype).eps)
        kept = min(int((s > least * s[0]).sum()) if float(s[0]) > 0 else 1, r or len(s))
        scale = s[:kept].clamp(min=1e-300) / math.sqrt(count)
        self.modes = (Vh[:kept].T / scale).to(like)
        self._starts = (Vh[:kept] * scale[:, None]).T.to(like)  # a snapshot in the modes, one a row
        self.moving = [part.snapshots @ self.modes for part in self.parts]

    def solve(self, start: Tensor | None = None) -> tuple[Tensor, Rows, int]:
        """The weights of the modes ``(k,)``, the rows there, and the steps that they took.

        Args:
            start: Weights of the first snapshots to begin with; the best single snapshot unless given.
        """
        q, rows = self._begin(start)
        steps, now = 0, float(rows.weighted.norm())
        while steps < STEPS and now > 0.0:
            step = least_squares_step(rows.jacobian * rows.weight[:, None], rows.weighted)
            share = 1.0
            for _ in range(HALVINGS):
                moved = self.rows(q + share * step)
                if float((rows.weight * moved.residual).norm()) < now:
                    break
                share *= 0.5
            else:
                break
            gain = float((rows.jacobian @ step * rows.weight).norm())
            q, rows, steps = q + share * step, moved, steps + 1
            left, now = now, float(rows.weighted.norm())
            if float((share * step).norm()) <= SETTLED * float(q.norm()) or gain <= NOTHING * left:
                break
        return q, rows, steps

    def _begin(self, start: Tensor | None) -> tuple[Tensor, Rows]:
        """Where to begin, with the rows there: what was given, else the snapshot with the smallest weighted residual."""
        best: tuple[float, Tensor, Rows] | None = None
        given = [] if start is None else [self._starts[: len(start)].T @ start.to(self._starts)]
        for tries in (given, self._starts):
            for q in tries:
                rows = self.rows(q)
                found = float(rows.weighted.norm())
                if math.isfinite(found) and (best is None or found < best[0]):
                    best = found, q, rows
            if best is not None:
                return best[1:]
        self._refuse()

    def nearest(self, q: Tensor) -> int:
        """The snapshot whose values are nearest to those of the weights ``q``; 0 is the base."""
        return int((self._starts - q).norm(dim=1).argmin())

    def indicator(self, rows: Rows, q: Tensor) -> float:
        """The weighted residual per direction, relative to the solution: see ``Spanned``."""
        part = self.parts[0]
        u = ((part.offset[:, 0] + self.moving[0][:, 0] @ q) / self.sizes.to(part.offset)).square().mean()
        return float(rows.weighted.norm()) * math.sqrt(len(q)) / max(float(u.sqrt()), 1e-300)

    def residual(self, q: Tensor) -> Tensor:
        """Every row, ``(M,)``."""
        with torch.no_grad():
            return torch.cat([c for _, c in self._columns([m @ q for m in self.moving])])

    def norm(self, q: Tensor) -> float:
        """Root mean square of the equations' residual, in the base's weights."""
        return self._norm([m @ q for m in self.moving[:1]])

    def norm_of(self, coefficients: Tensor) -> float:
        """The same for weights ``(n,)`` of the snapshots."""
        return self._norm([part.snapshots @ coefficients.to(part.snapshots) for part in self.parts[:1]])

    def _norm(self, moved: list[Tensor]) -> float:
        with torch.no_grad():
            columns = self._columns(moved)
        return math.sqrt(sum(self.weights[name] * float(c.square().mean()) for name, c in columns))

    def rows(self, q: Tensor) -> Rows:
        """Residual, Jacobian and weights at ``q``."""
        r, J, w = [], [], []
        for part, moving in zip(self.parts, self.moving, strict=True):
            sums = part.term.sums
            found = self._differentiated(part, moving, q)
            for column, jacobian, floor in found:
                if sums is not None:
                    column, jacobian = sums.of(column), sums.of(jacobian)
                size = jacobian.norm(dim=1)
                size = size + FLOOR * size.mean() + CANCELLED * floor
                factor = math.sqrt(part.term.weight / len(column))
                r.append(column)
                J.append(jacobian)
                w.append(factor / size.clamp(min=1e-300))
        return Rows(torch.cat(r), torch.cat(J), torch.cat(w))

    def _differentiated(self, part: Sampled, moving: Tensor, q: Tensor) -> list[tuple[Tensor, Tensor, float]]:
        """Each column of a part: values ``(n,)``, derivatives ``(n, k)`` and the size of what cancels in them."""
        with torch.enable_grad():
            jet = (part.offset + moving @ q).requires_grad_(True)
            columns = self._evaluate(part, jet)
            cotangents = [_pull(c.sum(), jet) for c in columns]
            mixes = self._mixes.get(part.term.label)
            if mixes is None:
                mixes = self._mixes[part.term.label] = _mix(columns, cotangents, jet)
            if mixes:
                own = q.detach().clone().requires_grad_(True)
                columns = self._evaluate(part, part.offset + moving @ own)
                dense = [GraphLinearization(c, [own]).dense() for c in columns]
        typical = self._typical(part, moving)
        floors = [float((g.abs() * typical).sum((1, 2)).median()) for g in cotangents]
        if not mixes:
            dense = [torch.einsum("pcm,pcmk->pk", g, moving) for g in cotangents]
        return [(c.detach(), J, f) for c, J, f in zip(columns, dense, floors, strict=True)]

    def _mixed(self, part: Sampled) -> bool:
        """Whether rows depend on other points, as tried at the base."""
        with torch.enable_grad():
            jet = (part.offset + part.snapshots[..., 0]).requires_grad_(True)
            columns = self._evaluate(part, jet)
            mixes = _mix(columns, [_pull(c.sum(), jet) for c in columns], jet)
        self._mixes[part.term.label] = mixes
        return mixes

    def _typical(self, part: Sampled, moving: Tensor) -> Tensor:
        """Size of each channel of the directions, ``(n, C, m)``; not less than that of values and of even slopes.

        On a side the snapshots may all be flat, as a condition says.
        """
        size = moving.square().mean(3).sqrt()
        domain, directions = self.problem.domain, len(part.plan.directions)
        sizes = self.sizes.to(size)
        size[:, 0] = size[:, 0].clamp(min=sizes)
        length = float((domain.upper - domain.lower).mean())
        size[:, 1 : 1 + directions] = size[:, 1 : 1 + directions].clamp(min=sizes / length)
        return size

    def _columns(self, moved: list[Tensor]) -> list[tuple[str, Tensor]]:
        """Name and rows of each column of the parts whose jets moved."""
        out = []
        for part, change in zip(self.parts, moved, strict=False):
            names = [name for name, columns in part.term.parts.items() for _ in range(columns)]
            for name, c in zip(names, self._evaluate(part, part.offset + change), strict=True):
                out.append((name, c if part.term.sums is None else part.term.sums.of(c)))
        return out

    def _evaluate(self, part: Sampled, jet: Tensor) -> list[Tensor]:
        """Columns ``(n,)`` of a part at a jet ``(n, C, m)``."""
        term = part.term
        found = term.function(self.problem.field(part.plan.source(jet)), term.x)
        return [found[name][:, k] for name in term.parts for k in range(term.parts[name])]

    def _check_finite(self) -> None:
        """What is not finite is told by name and point."""
        ResidualSystem(self.problem, self._trial, 200, 50, check=False)

    def _refuse(self) -> NoReturn:
        """Name what is not finite."""
        self._check_finite()
        raise ArgumentError(
            f"adapter 'span' needs snapshots at which the equations of {type(self.problem).__name__} are finite, got none."
        )


def _pull(total: Tensor, jet: Tensor) -> Tensor:
    (found,) = torch.autograd.grad(total, jet, retain_graph=True, allow_unused=True, materialize_grads=True)
    return found


def _mix(columns: list[Tensor], cotangents: list[Tensor], jet: Tensor) -> bool:
    """Whether a row depends on other points than its own: then a weighted sum has other derivatives than its rows."""
    rng = torch.Generator().manual_seed(0)
    total, expected = jet.new_zeros(()), torch.zeros_like(jet)
    for c, g in zip(columns, cotangents, strict=True):
        if len(c) != len(jet):
            return True
        s = torch.rand(len(c), generator=rng, dtype=torch.float64).to(c)
        total, expected = total + s @ c, expected + s[:, None, None] * g
    found = _pull(total, jet)
    return float((found - expected).norm()) > MIXED * float(expected.norm())
