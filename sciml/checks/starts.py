"""Initial conditions against the derivatives in time that the equation asks for."""

from __future__ import annotations

from sciml.checks.determined.sides import ENOUGH_DATA, MISSING, measurements
from sciml.checks.equation import Equation
from sciml.checks.values import Statement
from sciml.conditions import Initial, Periodic


def bare_starts(equation: Equation, stated: list[Statement]) -> list[str]:
    """Notes on initial values and velocities that lack, or that the equation determines itself."""
    problem = equation.problem
    axis = problem.domain.time_axis
    if axis is None:
        return []
    t, notes = problem.domain.names[axis], []
    for block in equation.blocks:
        if measurements(equation, block) >= ENOUGH_DATA:
            continue
        for j in block:
            order, u = equation.order(j, axis), problem.unknowns[j]
            given = {s.condition.order for s in stated if isinstance(s.condition, Initial) and s.unknown == j}
            lacking = sorted(set(range(min(order, 2))) - given)
            lacking = lacking[_ends(equation, j) :]
            what = " and ".join("its value" if k == 0 else "its velocity (order=1)" for k in lacking)
            if lacking:
                notes.append(
                    f"no initial condition on {u} for {what}, where the equation has a derivative of order {order} in "
                    f"{t}: {MISSING}"
                )
            elif order > 2:
                notes.append(
                    f"the equation has a derivative of order {order} of {u} in {t}, and Initial states two of as many "
                    f"values: {MISSING}"
                )
            if order == 1 and 1 in given:
                notes.append(
                    f"an initial velocity of {u} is given, where the equation of order 1 in {t} determines it: they may "
                    "contradict each other."
                )
    return notes


def _ends(equation: Equation, j: int) -> int:
    """How many conditions on an unknown hold at the first or last instant, or compare both, besides initial ones."""
    problem = equation.problem
    found = sum(o.counts[j] for o in equation.others if o.instant)
    for c in problem.conditions:
        if isinstance(c, Periodic) and problem.axis_of(c) == problem.domain.time_axis:
            found += 1 + c.order
    return found
