"""Polar coordinates at the corners of a problem, and the conditions that hold beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sciml.conditions import BaseCondition, Dirichlet, Neumann, Robin
from sciml.corners.functions import Frame
from sciml.corners.places import Corner
from sciml.corners.plane import plane_of
from sciml.domains import Domain

if TYPE_CHECKING:
    from sciml.problem import PDE

RAY = 512  # points looked at behind a corner


def parts_of(problem: PDE) -> list:
    """Parts of the boundary of a plane domain that conditions cut out of its pieces by masks."""
    if problem.domain.dim != 2 or problem.domain.time_axis is not None:
        return []
    found = []
    for condition in problem.conditions:
        if isinstance(condition, (Dirichlet, Neumann, Robin)):
            boundary = problem.domain.boundary(condition.on)
            found += boundary.pieces[len(boundary.chosen) :]
    return found


def conditions_at(problem: PDE, unknown: int, x: Tensor) -> list[BaseCondition]:
    """The conditions of an unknown at a point of the boundary of the plane ``x (2,)``."""
    plane = plane_of(problem.domain)
    assert plane is not None
    point = plane.embedded(x[None])
    return [
        c
        for c in problem.conditions
        if isinstance(c, (Dirichlet, Neumann, Robin))
        and problem.component(c) == unknown
        and bool(problem.domain.boundary(c.on).contains(point)[0])
    ]


def frame_of(space: Domain, corner: Corner, matrix: Tensor) -> Frame:
    """Coordinates in which the leading part is the Laplacian, with the corner's angle there."""
    values, vectors = torch.linalg.eigh(matrix / matrix.trace() * 2)
    even = float(values.max() - values.min()) < 1e-12
    root = torch.eye(2, dtype=torch.float64) if even else vectors @ torch.diag(values.rsqrt()) @ vectors.T
    first, second = (root @ torch.tensor(side, dtype=torch.float64) for side in (corner.first, corner.second))
    angle = corner.angle
    if not even:
        turn = float(first[0] * second[1] - first[1] * second[0])
        angle = math.atan2(turn, float(first @ second)) % (2 * math.pi) or 2 * math.pi
    half = math.atan2(float(first[1]), float(first[0])) + angle / 2
    c, s = math.cos(half), math.sin(half)
    turned = torch.tensor([[c, s], [-s, c]], dtype=torch.float64) @ root
    along, across = ((float(row[0]), float(row[1])) for row in turned)
    ends = torch.tensor(
        [[a, b] for a in (space._low[0], space._high[0]) for b in (space._low[1], space._high[1])],
        dtype=torch.float64,
    )
    reach = float(((ends - torch.tensor(corner.at, dtype=torch.float64)) @ root.T).norm(dim=1).max())
    frame = Frame(corner.at, along, across, angle, reach)
    if angle > 2 * math.pi - 1e-6:
        return frame
    # points on the ray behind the corner, where the angle jumps
    back = torch.linalg.inv(turned) @ torch.tensor([-1.0, 0.0], dtype=torch.float64)
    steps = torch.linspace(0, 1.5 * reach, RAY, dtype=torch.float64)[1:, None]
    inside = space.contains(torch.tensor(corner.at, dtype=torch.float64) + steps * back)
    return ended(frame, float(steps[inside][0])) if bool(inside.any()) else frame


def ended(frame: Frame, end: float) -> Frame:
    """The frame, whose functions are constant from a radius on."""
    end = 0.98 * end if frame.end is None else min(0.98 * end, frame.end)
    return replace(frame, end=end)


def shown(at: Sequence[float]) -> str:
    """A point in words."""
    return "(" + ", ".join(f"{round(v, 9) + 0.0:.4g}" for v in at) + ")"
