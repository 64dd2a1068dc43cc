"""What nothing is stated about: unknowns and sides of the boundary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sciml.checks.determined.counts import Counts
from sciml.checks.equation import Equation
from sciml.checks.probe import sampled
from sciml.checks.values import Statement, ends
from sciml.conditions import Condition, Data, Initial, Interface, Periodic
from sciml.conditions.places import INSIDE
from sciml.domains import Box
from sciml.errors import ArgumentError

if TYPE_CHECKING:
    from sciml.problem import PDE

ENOUGH_DATA = 10  # measurements from which on they may stand in for conditions
ACROSS = 64  # points on each side
NORMALS = 16  # points of a piece at which one looks where it faces
LEVEL = 1e-9  # part of a unit normal that counts as none
MISSING = "the solution may not be determined."


def check_determined(equation: Equation) -> list[str]:
    """Refuse unknowns that nothing determines; note too few equations.

    Raises:
        ArgumentError: naming the unknowns.
    """
    problem, names = equation.problem, equation.problem.unknowns
    conditioned = _conditioned(equation)
    for j, name in enumerate(names):
        if not equation.depends[:, :, j].any() and j not in conditioned:
            raise ArgumentError(
                f"{equation.what} needs to use every unknown, got none that uses {name!r}, which no condition names, "
                "either."
            )
    for block in equation.blocks:
        if not conditioned & set(block) and any(equation.is_differential(j) for j in block):
            which = ", ".join(names[j] for j in block)
            raise ArgumentError(
                f"{type(problem).__name__}.conditions needs something that determines {which}, got no boundary or "
                "initial condition and no Data: the equation has infinitely many solutions."
            )
    notes = [
        f"no equation uses the unknown {name!r}: only its conditions determine it."
        for j, name in enumerate(names)
        if not equation.depends[:, :, j].any()
    ]
    inside = sum(sum(o.counts.values()) for o in equation.others if o.place.kind == INSIDE)
    if (
        len(equation.columns) + inside < len(names)
        and measurements(equation, range(len(names))) < ENOUGH_DATA
    ):
        notes.append(f"{len(equation.columns)} equation(s) for {len(names)} unknowns: {MISSING}")
    return notes


def check_terms_use_unknowns(equation: Equation) -> None:
    """Refuse terms that no unknown enters.

    Raises:
        ArgumentError: naming the term.
    """
    for name, row in zip(equation.columns, equation.depends.flatten(1).any(1), strict=True):
        if not row:
            raise ArgumentError(
                f"{equation.what}: term {name!r} does not depend on the unknown, so it cannot be solved for."
            )


def bare_sides(equation: Equation, stated: list[Statement]) -> list[str]:
    """Notes on sides without a condition."""
    counts_of = Counts(equation, stated)
    notes = list(counts_of.notes)
    for block in equation.blocks:
        if measurements(equation, block) >= ENOUGH_DATA:
            continue
        if isinstance(_space(equation.problem), Box):
            notes += _box(equation, block, counts_of)
        else:
            notes += _shape(equation, block, stated, counts_of)
    return notes


# ---- sides of a box: along each axis the two ends together


def _box(equation: Equation, block: list[int], counts_of: Counts) -> list[str]:
    problem, notes = equation.problem, []
    bare: dict[int, list[tuple[str, float, float]]] = {j: [] for j in block}
    for axis in problem.domain.space_axes:
        if _is_periodic(problem, axis):
            continue
        orders = {j: equation.order(j, axis) for j in block}
        low, high = ends(problem, axis, ACROSS)
        counts = {j: (counts_of.at(j, low), counts_of.at(j, high)) for j in block}
        notes += _short(equation, axis, orders, counts, bare)
        if len(block) == 1 and orders[block[0]] == 1:
            notes += _enters(equation, block[0], axis, counts[block[0]], (low, high))
    return [_no_condition(problem, j, sides) for j, sides in bare.items() if sides] + notes


def _short(
    equation: Equation,
    axis: int,
    orders: dict[int, int],
    counts: dict[int, tuple[Tensor, Tensor]],
    bare: dict[int, list[tuple[str, float, float]]],
) -> list[str]:
    """Add the sides across one axis that lack a condition to ``bare``; return notes on orders that do not fit."""
    problem = equation.problem
    needed = _needed(orders)
    have = torch.stack([low + high for low, high in counts.values()]).sum(0)
    line = problem.domain.dim == 1
    have = have + (measurements(equation, list(orders)) if line else 0)
    first = max(orders.values()) == 1 and len(orders) > 1 and not line
    short = (have == 0) if first else (have < needed)
    notes = []
    for j, order in orders.items():
        low, high = counts[j]
        lacks = short & (low + high < order)
        if order < min(2, max(orders.values())) or not lacks.any():
            continue
        sides = []
        for end, count in zip((problem.domain.lower, problem.domain.upper), (low, high), strict=True):
            share = float((lacks & (count == 0)).double().mean())
            if share > 0:
                name = f"{problem.domain.names[axis]}={float(end[axis]):.12g}"
                sides.append((name, _face_share(problem, axis), share))
        bare[j] += sides
        if not sides:
            notes.append(
                f"{int((low + high)[lacks].min())} conditions on {problem.unknowns[j]} at both ends of "
                f"{problem.domain.names[axis]}, where its equation has order {order}: {MISSING}"
            )
    if (
        line
        and len(orders) == 1
        and int(have.min()) > needed > 0
        and not measurements(equation, list(orders))
    ):
        (j,) = orders
        notes.append(
            f"{int(have.min())} conditions on {problem.unknowns[j]}, whose equation has order {needed}: they may "
            "contradict each other."
        )
    return notes


def _needed(orders: dict[int, int]) -> int:
    """Conditions at both ends together; in mixed systems first-order unknowns, such as a pressure, need none."""
    higher = sum(k for k in orders.values() if k >= 2)
    return higher or sum(orders.values())


def _enters(
    equation: Equation, j: int, axis: int, counts: tuple[Tensor, Tensor], points: tuple[Tensor, Tensor]
) -> list[str]:
    """A first-order equation in time: whether the condition lies where the flow enters."""
    problem = equation.problem
    time = problem.domain.time_axis
    if time is None or equation.order(j, time) != 1:
        return []
    notes = []
    for count, x, sign, end in zip(
        counts, points, (1, -1), (problem.domain.lower, problem.domain.upper), strict=True
    ):
        speeds = []
        for seed in (0, 1):
            rate, drift = _slope(equation, x, j, time, seed), _slope(equation, x, j, axis, seed)
            speeds.append(drift / rate)
        known = (speeds[0] - speeds[1]).abs() <= 1e-6 * speeds[0].abs()
        bare = known & (sign * speeds[0] > 0) & (count == 0)
        if bare.any() and bool((counts[0] + counts[1] > 0).any()):
            side = f"{problem.domain.names[axis]}={float(end[axis]):.12g}"
            notes.append(
                f"no condition on {problem.unknowns[j]} at {side}, where the flow enters the domain; a condition where "
                f"it leaves may contradict the equation: {MISSING}"
            )
    return notes


def _slope(equation: Equation, x: Tensor, j: int, axis: int, seed: int) -> Tensor:
    groups = [
        g for g in equation.questions[1:] if any(part == (axis,) for question in g for part in question)
    ]
    return torch.stack([equation.slope(x, g, j, seed).sum(1) for g in groups]).sum(0)


# ---- sides of any other shape: point by point


def _shape(equation: Equation, block: list[int], stated: list[Statement], counts_of: Counts) -> list[str]:
    problem = equation.problem
    domain = problem.domain
    total = domain.boundary().measure if domain._pieces else 0.0
    bare: dict[int, dict[str, list[float]]] = {
        j: {} for j in block
    }  # unknown -> part -> its share, the bare share
    open_: dict[int, dict[str, list[float]]] = {
        j: {} for j in block
    }  # the same where the equation has first order
    entered = False
    for i, piece in enumerate(domain._pieces):
        orders = _across(equation, block, i)
        if max(orders.values()) == 0:
            continue
        needed = sum(k // 2 for k in orders.values())
        x = _points_on(equation, i, stated)
        free = ~_on_periodic_ends(problem, x)
        counts = {j: counts_of.at(j, x, i) for j in block}
        have = torch.stack(list(counts.values())).sum(0)
        entered |= needed == 0 and bool((have > 0).any())
        for j, order in orders.items():
            if needed and order < 2:
                continue
            lacks = free & (have < max(needed, 1)) & (counts[j] < max(order // 2, 1))
            share = piece.measure / total
            entry = (bare if needed else open_)[j].setdefault(piece.name, [0.0, 0.0])
            entry[0] += share
            entry[1] += share * float(lacks.double().mean())
    # a first-order equation: the flow leaves somewhere
    shown = (bare,) if entered else (bare, open_)
    sides = {j: [(n, s, b / s) for parts in shown for n, (s, b) in parts[j].items() if b > 0] for j in block}
    return [_no_condition(problem, j, found) for j, found in sides.items() if found]


def _across(equation: Equation, block: list[int], piece: int) -> dict[int, int]:
    """The order of each unknown's derivatives across a piece of the boundary: a parameter among the coordinates has none."""
    domain = equation.problem.domain
    normals = domain._pieces[piece].normal(domain._pieces[piece].sample(NORMALS, (0, piece)))
    axes = [k for k in domain.space_axes if bool((normals[:, k].abs() > LEVEL).any())]
    return {j: equation.order(j, *axes) for j in block}


def _points_on(equation: Equation, piece: int, stated: list[Statement]) -> Tensor:
    """Points on one piece of the boundary; where nothing can cut it, any point stands for all of it."""
    problem = equation.problem
    cut = bool(equation.others) or any(
        s.pieces is None and not isinstance(s.condition, Initial) for s in stated
    )
    cut = cut or any(isinstance(c, Periodic) for c in problem.conditions)
    if not cut:
        return torch.zeros(1, problem.domain.dim, dtype=torch.float64)
    return sampled(lambda n, seed: problem.domain._pieces[piece].sample(n, (seed, piece)), ACROSS)


# ---- shared


def _no_condition(problem: PDE, j: int, sides: list[tuple[str, float, float]]) -> str:
    """``sides`` holds names, shares of the boundary, and how much of each is bare."""
    whole = sum(share * bare for _, share, bare in sides)
    names = [name if bare > 0.98 else f"part of {name}" for name, _, bare in sides]
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return (
        f"no condition on {problem.unknowns[j]} at {', '.join(names[:6])}{more} ({100 * whole:.0f} % of the boundary): "
        f"{MISSING}"
    )


def _is_periodic(problem: PDE, axis: int) -> bool:
    return any(isinstance(c, Periodic) and problem.axis_of(c) == axis for c in problem.conditions)


def _on_periodic_ends(problem: PDE, x: Tensor) -> Tensor:
    on = torch.zeros(len(x), dtype=torch.bool)
    for axis in problem.domain.space_axes:
        if _is_periodic(problem, axis):
            low, high = problem.domain.lower[axis], problem.domain.upper[axis]
            near = 1e-6 * (high - low)
            on |= (x[:, axis] <= low + near) | (x[:, axis] >= high - near)
    return on


def _conditioned(equation: Equation) -> set[int]:
    """The unknowns that a condition names or uses."""
    problem = equation.problem
    found: set[int] = {j for other in equation.others for j in other.uses}
    for c in problem.conditions:
        if isinstance(c, Periodic) and c.component is None:
            found |= set(range(len(problem.unknowns)))
        elif not isinstance(c, (Condition, Interface)):
            found.add(problem.component(c))
    return found


def measurements(equation: Equation, block: list[int] | range) -> int:
    """How many measurements there are of the unknowns of a block; a condition at points counts for as many."""
    problem = equation.problem
    data = sum(
        len(c.points) for c in problem.conditions if isinstance(c, Data) and problem.component(c) in block
    )
    return data + sum(o.measurements * o.counts[j] for o in equation.others for j in block)


def _space(problem: PDE) -> object:
    return problem.domain if problem.domain.time_axis is None else getattr(problem.domain, "_space", None)


def _face_share(problem: PDE, axis: int) -> float:
    """The share of one face in the boundary of a box."""
    lengths = {k: float(problem.domain.upper[k] - problem.domain.lower[k]) for k in problem.domain.space_axes}
    # in units of the volume: a face measures the volume over its axis' length
    return (1 / lengths[axis]) / sum(2 / length for length in lengths.values())
