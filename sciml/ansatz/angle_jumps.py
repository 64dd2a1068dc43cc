"""Where the values of two sides of a plane domain contradict each other at their corner, and what carries that."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from sciml.ansatz.values import noise_of, size_of
from sciml.checks.probe import highest_order
from sciml.conditions import BaseCondition, Dirichlet, evaluate
from sciml.corners.frames import conditions_at, frame_of, parts_of, shown
from sciml.corners.jumps import AngleJump, Fan
from sciml.corners.operator import Local
from sciml.corners.places import STEP, Corner, corners_of, nearest, straight
from sciml.domains import PointCloud
from sciml.problem import PDE

JUMPS = 1e-6  # of the size of the data
SHOWN = 4  # corners named in a note


def angle_jump(problem: PDE, unknown: int, conditions: Sequence[BaseCondition]) -> AngleJump | str | None:
    """What carries the jumps of one unknown; words why nothing can; None where there are none.

    Args:
        problem: The problem.
        unknown: Index of the unknown.
        conditions: With numbers in the place of unknown coefficients.
    """
    domain = problem.domain
    if domain.time_axis is not None or len(domain.space_axes) != 2 or isinstance(domain, PointCloud):
        return None
    own = [c for c in conditions if isinstance(c, Dirichlet) and problem.component(c) == unknown]
    if not domain._has_inside or not any(one.value != own[0].value for one in own) or problem.periodic_axes:
        return None
    size = size_of([evaluate(c.value, domain.boundary(c.on).sample(64), c.label) for c in own])
    size = max(size, noise_of(own, domain) / JUMPS)  # what is smaller than that is no jump
    fans: list[Fan] = []
    for corner in corners_of(domain, parts_of(problem))[0]:
        sides = [
            [c for c in conditions_at(problem, unknown, x) if c in own]
            for x in corner.on_sides(STEP * domain._size)
        ]
        if any(len(side) != 1 for side in sides):
            continue
        at = torch.tensor([corner.at], dtype=torch.float64)
        one, two = (float(evaluate(side[0].value, at, side[0].label).detach()) for side in sides)  # type: ignore[attr-defined]
        if not JUMPS * size < abs(two - one) < float("inf"):
            continue
        found = _fan(problem, unknown, corner, one, two)
        if isinstance(found, str):
            return f"{found} at {shown(corner.at)}"
        fans.append(found)
    if not fans:
        return None
    where = ", ".join(shown(fan.frame.at) for fan in fans[:SHOWN])
    more = f" and {len(fans) - SHOWN} more" if len(fans) > SHOWN else ""
    note = (
        f"values of {problem.unknowns[unknown]} that differ meet at {where}{more}: the trial function carries the angle "
        "there (corners=False: not)."
    )
    return AngleJump(tuple(fans), domain._pieces, tuple(map(straight, domain._pieces)), note)


def _fan(problem: PDE, unknown: int, corner: Corner, one: float, two: float) -> Fan | str:
    if highest_order(problem) != 2:
        return "the equation is not of second order"
    domain = problem.domain
    at = torch.tensor([corner.at], dtype=torch.float64)
    frames = []
    for value in (one, two):
        values = torch.zeros(problem.outputs, dtype=torch.float64)
        values[unknown] = value
        local = Local(problem, unknown, at, values)
        matrix = local.leading(tuple(domain.space_axes))
        if matrix is None:
            return "the equation is not elliptic, or others share its derivatives,"
        if not local.alone(tuple(domain.space_axes)):
            return "another equation has the unknown's slope in it"
        frames.append(frame_of(domain, corner, matrix))
    if frames[0] != frames[1]:
        return "the diffusion depends on the solution"
    pieces = [nearest(domain, x) for x in corner.on_sides(STEP * domain._size)]
    return Fan(frames[0], two - one, *pieces)
