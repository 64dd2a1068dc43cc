"""What only derivatives see: free constants, and data that the divergence theorem rules out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sciml.checks.equation import Equation
from sciml.checks.probe import Nudged, Question, Zero, sampled
from sciml.checks.values import Statement
from sciml.conditions import Data, Dirichlet, Initial, Periodic
from sciml.derivatives import DerivativeSource
from sciml.errors import SciMLError

if TYPE_CHECKING:
    from sciml.domains import Domain
    from sciml.problem import PDE

SHIFT = 0.7  # the constant that is tried
UNCHANGED = 1e-7  # relative change of the residual that counts as none
INSIDE, ROUND = 1024, 512  # points of the integrals
ROUNDING = 1e-13  # of a term's size
APART = 0.02  # of the integrals of the absolute values: balances closer than that are met


def free_constants(equation: Equation, stated: list[Statement]) -> list[str]:
    """Notes on constants that may be added to unknowns without a residual or a condition noticing."""
    problem = equation.problem
    names = problem.unknowns
    pinned = {s.unknown for s in stated if s.sees_values()}
    pinned |= {problem.component(c) for c in problem.conditions if isinstance(c, Data)}
    loose = [j for j in range(len(names)) if j not in pinned and equation.is_differential(j)]
    if not loose:
        return []
    x = equation._points
    slopes = torch.stack([equation.slope(x, {((),)}, j).flatten() for j in loose], 1)
    slopes = torch.nan_to_num(slopes)
    size = float(slopes.abs().max())
    still = [k for k in range(len(loose)) if not bool(slopes[:, k].any())]
    moving = [k for k in range(len(loose)) if k not in still]
    directions = [torch.eye(len(loose), dtype=torch.float64)[k] for k in still]
    if len(moving) > 1:
        _, values, vectors = torch.linalg.svd(slopes[:, moving], full_matrices=False)
        for value, vector in zip(values.tolist(), vectors, strict=True):
            if value <= UNCHANGED * size * len(slopes) ** 0.5:
                directions.append(
                    torch.zeros(len(loose), dtype=torch.float64).index_copy(0, torch.tensor(moving), vector)
                )
    notes = []
    for direction in directions:
        which = {j: v for j, v in zip(loose, direction.tolist(), strict=True) if abs(v) > 1e-6}
        if _waits_for_initial(equation, list(which)) or _notices(equation, which):
            continue
        if any(other.notices({j: SHIFT * v for j, v in which.items()}) for other in equation.others):
            continue
        found = [names[j] for j in which]
        what = found[0] if len(found) == 1 else " and ".join(found) + " together"
        notes.append(
            f"a constant is free in {what}: neither the equation nor a condition changes when one is added. Fix it, "
            f"e.g. by Data([[...]], [0.0]{_component(problem, found[0])}) at one point."
        )
    return notes


def _notices(equation: Equation, shift: dict[int, float]) -> bool:
    """Whether the residual changes when constants are added to some unknowns at once."""
    x = equation._points
    base = torch.nan_to_num(equation.rows(equation.waves(x), x))
    moved = equation.waves(x)
    for j, v in shift.items():
        moved = Nudged(moved, {((),)}, j, SHIFT * v, flat=True)
    change = torch.nan_to_num(equation.rows(moved, x)) - base
    return bool(change.abs().max() > UNCHANGED * base.abs().max())


def _component(problem: PDE, name: str) -> str:
    return f', component="{name}"' if len(problem.unknowns) > 1 else ""


def _waits_for_initial(equation: Equation, unknowns: list[int]) -> bool:
    """Whether the missing initial condition, noted elsewhere, is what fixes the constant."""
    axis = equation.problem.domain.time_axis
    return axis is not None and any(equation.order(j, axis) > 0 for j in unknowns)


# ---- the divergence theorem


def unbalanced(equation: Equation, stated: list[Statement]) -> list[str]:
    """Notes on terms, linear in the unknowns, whose integral is a flux that the conditions fix to another value."""
    problem, notes = equation.problem, []
    for column, name in enumerate(equation.columns):
        if _is_divergence(equation, column) and _may_be_known(equation, stated, column):
            try:
                notes += _balance(equation, stated, column, name)
            except SciMLError:  # no measure, no normals: nothing can be integrated
                continue
    return list(dict.fromkeys(notes)) if problem.domain._pieces else []


def _is_divergence(equation: Equation, column: int) -> bool:
    """Whether a term holds derivatives in space alone, of first or of second order."""
    used = [
        equation.orders(group)
        for g, group in enumerate(equation.questions)
        if bool(equation.depends[column, g].any())
    ]
    return bool(used) and all(time == 0 and space in (1, 2) for time, space in used)


def _may_be_known(equation: Equation, stated: list[Statement], column: int) -> bool:
    """Whether each unknown of a term has conditions of the kind that gives the flux; a quick look."""
    problem = equation.problem
    if any(isinstance(c, Periodic) for c in problem.conditions):
        return True
    second = _is_second(equation, column)
    used = {j for other in equation.others for j in other.uses}
    for j in range(len(problem.unknowns)):
        if bool(equation.depends[column, :, j].any()):
            if j in used:  # what a general condition fixes cannot be read off it
                return False
            mine = [s for s in stated if s.unknown == j and not isinstance(s.condition, Initial)]
            if not mine or any(isinstance(s.condition, Dirichlet) == second for s in mine):
                return False
    return True


def _is_second(equation: Equation, column: int) -> bool:
    """Whether second derivatives enter a term."""
    return any(
        equation.orders(group)[1] == 2
        for g, group in enumerate(equation.questions)
        if bool(equation.depends[column, g].any())
    )


def _balance(equation: Equation, stated: list[Statement], column: int, name: str) -> list[str]:
    problem, domain = equation.problem, equation.problem.domain
    m = len(problem.unknowns)
    second = _is_second(equation, column)
    rim, normal, area = _boundary(domain)
    traces = [_trace(problem, stated, j, rim, order=int(second)) for j in range(m)]
    flux = _Flux(equation, column, second, rim, normal)
    given = torch.zeros(len(rim), dtype=torch.float64)
    for j, (value, known) in enumerate(traces):
        factor = flux.factors[j]
        if bool(((factor.abs() > 1e-12 * flux.size) & ~known).any()):
            return []
        given += factor * value
    x = sampled(lambda n, seed: domain.sample(n, seed=seed), INSIDE)
    volume = domain.measure

    def rows(source: DerivativeSource) -> Tensor:
        return equation.rows(source, x)[:, column]

    rest = rows(Zero(x, m))
    for seed in (0, 1):  # is it linear, and a divergence with this flux?
        linear = rows(equation.waves(x, seed)) - rest
        noise = ROUNDING * float(rest.abs().max())
        if seed == 0:
            twice = rows(equation.waves(x, seed, scale=2.0)) - rest
            if float((twice - 2 * linear).abs().max()) > 1e-6 * float(linear.abs().max()) + noise:
                return []
        through = flux.of(equation.waves(rim, seed))
        total, out = volume * float(linear.mean()), area * float(through.mean())
        sizes = volume * float(linear.abs().mean()) + area * float(through.abs().mean())
        if abs(total - out) > APART * sizes + volume * noise:
            return []
    total, sizes = volume * float(rest.mean()), volume * float(rest.abs().mean())
    out, sizes = area * float(given.mean()), sizes + area * float(given.abs().mean())
    if abs(out + total) <= 2 * APART * sizes:
        return []
    return [
        f"no solution exists: in term {name!r} the source integrates to {-total:.4g} over the domain, where the boundary "
        f"conditions fix the flux to {out:.4g}; the divergence theorem makes both equal."
    ]


class _Flux:
    """The flux whose divergence a linear term is: ``factor_j du_j/dn`` (second order) or ``factor_j u_j`` (first)."""

    def __init__(self, equation: Equation, column: int, second: bool, rim: Tensor, normal: Tensor):
        self.second, self.normal = second, normal
        self.axes = equation.problem.domain.space_axes
        self.factors = []
        for j in range(len(equation.problem.unknowns)):
            total = torch.zeros(len(rim), dtype=torch.float64)
            for g, group in enumerate(equation.questions):
                if equation.depends[column, g, j] and equation.orders(group)[1] == 1 + int(second):
                    slope = equation.slope(rim, group, j)[:, column]
                    total += slope * self._shape(group)
            self.factors.append(total)
        self.size = float(torch.stack(self.factors).abs().max()) + 1e-300

    def _shape(self, group: set[Question]) -> Tensor:
        """``n_i``, or the part of a second derivative that is normal to the boundary."""
        question = next(iter(group))
        if not self.second:
            return self.normal[:, question[0][0]]
        return torch.stack([self.normal[:, i] * self.normal[:, k] for i, k in question]).sum(0)

    def of(self, source: DerivativeSource) -> Tensor:
        """The outward flux of a field at the boundary's points."""
        if self.second:
            traces = torch.stack([source.first(i) * self.normal[:, i : i + 1] for i in self.axes]).sum(0)
        else:
            traces = source.value
        return torch.stack([f * traces[:, j] for j, f in enumerate(self.factors)]).sum(0)


def _boundary(domain: Domain) -> tuple[Tensor, Tensor, float]:
    """Points of the boundary, their normals, and its measure."""
    where = domain.boundary()
    x = sampled(lambda n, seed: where.sample(n, seed=seed), ROUND)
    return x, where.normal(x), where.measure


def _trace(problem: PDE, stated: list[Statement], j: int, x: Tensor, order: int) -> tuple[Tensor, Tensor]:
    """What conditions give for ``u_j`` (order 0) or ``du_j/dn`` (1) at boundary points, and where they give it.

    At periodic ends the fluxes of the two sides cancel: zero is given there.
    """
    value, known = torch.zeros(len(x), dtype=torch.float64), torch.zeros(len(x), dtype=torch.bool)
    for s in stated:
        if s.unknown != j or isinstance(s.condition, Initial):
            continue
        on = s.covers(x)
        if not on.any():
            continue
        alpha, beta, g = s.at(x[on])
        wanted, other = (beta, alpha) if order else (alpha, beta)
        fits = (other == 0) & (wanted != 0)
        at = on.nonzero()[:, 0][fits]
        value[at], known[at] = (g / torch.where(wanted == 0, 1.0, wanted))[fits].double(), True
    for c in problem.conditions:
        if isinstance(c, Periodic):
            axis = problem.axis_of(c)
            low, high = problem.domain.lower[axis], problem.domain.upper[axis]
            ends = ((x[:, axis] - low).abs() < 1e-9 * (high - low)) | (
                (x[:, axis] - high).abs() < 1e-9 * (high - low)
            )
            value[ends], known[ends] = 0.0, True
    return value, known
