"""Where the velocities that the sides of a plane domain ask of an incompressible flow contradict each other at a corner."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from sciml.ansatz.angle_jumps import SHOWN
from sciml.ansatz.values import size_of
from sciml.checks.probe import highest_order
from sciml.conditions import BaseCondition, Data, Dirichlet, evaluate
from sciml.conservation.velocity import velocity_of
from sciml.corners.flows import CornerFlow, FlowJump, corner_flow
from sciml.corners.frames import conditions_at, frame_of, parts_of, shown
from sciml.corners.places import STEP, Corner, corners_of, nearest, straight
from sciml.corners.viscosity import viscosity_of
from sciml.domains import PointCloud
from sciml.problem import PDE

JUMPS = 1e-6  # of the size of the data: velocities that differ, and what the slopes leave of the volume


def corner_flows(problem: PDE, conditions: Sequence[BaseCondition]) -> dict[int, FlowJump] | None:
    """What carries the contradictions, by unknown; None where there are none, or where nothing can.

    For a steady flow in the plane of a velocity and a pressure, whose equations are of second order.

    Args:
        problem: The problem.
        conditions: With numbers in the place of unknown coefficients.
    """
    domain = problem.domain
    if domain.time_axis is not None or len(domain.space_axes) != 2 or problem.outputs != 3:
        return None
    if isinstance(domain, PointCloud) or not domain._has_inside or problem.periodic_axes:
        return None
    own = [c for c in conditions if isinstance(c, Dirichlet)]
    if len(own) < 2 or not any(one.value != own[0].value for one in own):
        return None
    velocity = velocity_of(problem)
    if velocity is None or highest_order(problem) != 2:
        return None
    size = size_of([evaluate(c.value, domain.boundary(c.on).sample(64), c.label) for c in own])
    (pressure,) = set(range(3)) - set(velocity.unknowns)
    flows, viscosities = [], []
    for corner in corners_of(domain, parts_of(problem))[0]:
        flow = _at(problem, velocity.unknowns, corner, own, size)
        if flow is None:
            continue
        viscosity = viscosity_of(problem, velocity.unknowns, pressure, flow)
        if viscosity is None:
            return None
        flows.append(flow)
        viscosities.append(viscosity)
    if not flows or _given_there(problem, pressure, conditions, flows):
        return None
    where = ", ".join(shown(flow.frame.at) for flow in flows[:SHOWN])
    more = f" and {len(flows) - SHOWN} more" if len(flows) > SHOWN else ""
    names = ", ".join(problem.unknowns[i] for i in (*velocity.unknowns, pressure))
    note = (
        f"the velocities of the sides do not fit each other at {where}{more}: the trial function of {names} carries the "
        "slow flow there (corners=False: not)."
    )
    parts = tuple(map(straight, domain._pieces))
    return {
        i: FlowJump(tuple(flows), k, tuple(viscosities), domain._pieces, parts, note)
        for k, i in enumerate((*velocity.unknowns, pressure))
    }


def _at(
    problem: PDE, unknowns: tuple[int, ...], corner: Corner, own: Sequence[Dirichlet], size: float
) -> CornerFlow | None:
    """The flow at a corner where velocities or their slopes contradict each other."""
    domain = problem.domain
    frame = frame_of(domain, corner, torch.eye(2, dtype=torch.float64))
    step = STEP * domain._size
    points = [corner.on_sides(h) for h in (0.0, step, 2 * step)]
    values, slopes = [], []
    for k in range(2):
        given = [[c for c in conditions_at(problem, i, points[1][k]) if c in own] for i in unknowns]
        if any(len(found) != 1 for found in given):
            return None
        f = [
            [float(evaluate(c.value, x[k : k + 1], c.label).detach()) for (c,) in given]  # type: ignore[attr-defined]
            for x in points
        ]
        values.append((f[0][0], f[0][1]))
        slope = [(-3 * f[0][j] + 4 * f[1][j] - f[2][j]) / (2 * step) * frame.reach for j in (0, 1)]
        slopes.append((slope[0], slope[1]))
    flow = corner_flow(frame, (values[0], values[1]), (slopes[0], slopes[1]), _sides(problem, corner, step))
    if flow is None:
        return None
    steep = max(abs(a - b) for a, b in zip(*values, strict=True))
    return flow if max(steep, abs(flow.mild[1])) > JUMPS * size else None


def _sides(problem: PDE, corner: Corner, step: float) -> tuple[int, int]:
    one, two = (nearest(problem.domain, x) for x in corner.on_sides(step))
    return one, two


def _given_there(
    problem: PDE, pressure: int, conditions: Sequence[BaseCondition], flows: Sequence[CornerFlow]
) -> bool:
    """Whether a pressure is prescribed at one of the corners, where it has no bound."""
    tips = torch.tensor([flow.frame.at for flow in flows], dtype=torch.float64)
    near = STEP * problem.domain._size
    for c in conditions:
        if isinstance(c, Dirichlet) and problem.component(c) == pressure:
            return True
        if isinstance(c, Data) and problem.component(c) == pressure:
            if bool((torch.cdist(c.points.double(), tips) < near).any()):
                return True
    return False
