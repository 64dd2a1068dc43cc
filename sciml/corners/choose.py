"""Which functions of its corners a problem asks for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sciml.checks.probe import double_by_default, highest_order
from sciml.coefficients import stated_at_guess
from sciml.conditions import BaseCondition, Dirichlet, Neumann, Robin, evaluate
from sciml.corners.functions import CornerInputs, Frame, Function, Logarithm, Powers, Quotient, no_corners
from sciml.corners.operator import Local
from sciml.corners.places import STEP, Corner, corners_of
from sciml.domains import Domain, PointCloud

if TYPE_CHECKING:
    from sciml.problem import PDE

WHOLE = 1e-6  # a distance of an exponent to a whole number that counts as none
ROUGHEST = 3.0  # exponents from which on a power is as good as smooth
FEWEST = 1e-5  # a residual at a corner, relative to the equation's size, that makes no logarithm
AGREE = 1e-6  # relative jump of values that meet which counts as none
RAY = 512  # points looked at behind a corner
WIDE = 0.6 * math.pi  # angle from the bisector up to which the logarithm's angular part is used
MOST = 24  # inputs
SHOWN = 4  # corners named in a note


def corner_inputs(problem: PDE) -> CornerInputs:
    """The inputs that a problem's corners ask for; without functions where there are none.

    In two coordinates of space, with or without time, for unknowns whose own equation alone is elliptic and of second
    order in them.
    """
    axes = tuple(problem.domain.space_axes)
    nothing = no_corners(problem)
    if len(axes) != 2:
        return nothing
    space = problem.domain.space
    if isinstance(space, PointCloud) or not space._has_inside:
        return nothing
    if set(axes) & set(problem.periodic_axes):
        return nothing
    try:
        with double_by_default():
            if highest_order(problem) != 2:
                return nothing
            return _chosen(stated_at_guess(problem), axes)
    except (
        Exception
    ):  # a user's function may raise anything; the checks of the problem run it again and name it
        return nothing


def _chosen(problem: PDE, axes: tuple[int, ...]) -> CornerInputs:
    space = problem.domain.space
    places, odd = corners_of(space, _parts(problem))
    functions: list[Function] = []
    named: dict[str, list[str]] = {}
    notes: list[str] = []
    for corner in places:
        for i in range(problem.outputs):
            for what, function in _of_unknown(problem, i, corner, axes):
                if function not in functions:
                    functions.append(function)
                    where = named.setdefault(what, [])
                    where += [_shown(corner.at)] if _shown(corner.at) not in where else []
    if sum(f.count for f in functions) > MOST:
        notes.append(
            f"the corners ask for {sum(f.count for f in functions)} functions, more than the {MOST} that are given to a "
            "network: they are left out."
        )
        return CornerInputs((), axes, tuple(notes))
    for what, where in named.items():
        more = f" and {len(where) - SHOWN} more" if len(where) > SHOWN else ""
        notes.append(f"the network sees {what} at {', '.join(where[:SHOWN])}{more} (corners=False: not).")
    if odd:
        notes.append(
            f"the boundary touches itself or has a cusp at {', '.join(map(_shown, odd[:SHOWN]))}: nothing is made of that, "
            "and the solution may be less accurate there."
        )
    return CornerInputs(tuple(functions), axes, tuple(notes))


def _parts(problem: PDE) -> list:
    """Parts of the boundary that conditions cut out of its pieces by masks."""
    if problem.domain.time_axis is not None:
        return []
    found = []
    for condition in problem.conditions:
        if isinstance(condition, (Dirichlet, Neumann, Robin)):
            boundary = problem.domain.boundary(condition.on)
            found += boundary.pieces[len(boundary.chosen) :]
    return found


def _of_unknown(
    problem: PDE, unknown: int, corner: Corner, axes: tuple[int, ...]
) -> Iterator[tuple[str, Function]]:
    """What one unknown asks for at a corner, with words for a note."""
    domain = problem.domain
    sides = [_held(problem, unknown, x) for x in corner.on_sides(STEP * domain.space._size)]
    if any(len(side) == 0 for side in sides):
        return
    kinds = [any(isinstance(c, Dirichlet) for c in side) for side in sides]
    mixed = kinds[0] != kinds[1]
    if corner.straight and not mixed:
        return
    at = _moment(domain, torch.tensor([corner.at], dtype=torch.float64))
    values = torch.zeros(problem.outputs, dtype=torch.float64)
    given = [c for side in sides for c in side if isinstance(c, Dirichlet)]
    if given:
        values[unknown] = evaluate(given[0].value, at, given[0].label)[0, 0]
    local = Local(problem, unknown, at, values)
    matrix = local.leading(axes)
    if matrix is None:
        return
    frame = _frame(domain.space, corner, matrix)
    power = math.pi / frame.angle / (2 if mixed else 1)
    whole = abs(power - round(power)) < WHOLE
    if not whole and power < ROUGHEST:
        what = f"r^{power:.3g} of the corner" if not mixed else f"r^{power:.3g} of the change of condition"
        yield what, Powers(frame, power)
        if all(kinds) and power > 1:
            yield what, Quotient(frame, power)
    if all(kinds) and abs(power - 2) < WHOLE and domain.time_axis is None:
        one, two = (next(c for c in side if isinstance(c, Dirichlet)) for side in sides)
        if _left(local, corner, one, two, axes, float(matrix.abs().max())):
            divided = all(c.hard is not False and domain.boundary(c.on).has_distance for c in (one, two))
            yield (
                "r^2 log r of a source that does not fit the corner",
                Logarithm(_narrow(domain.space, frame), divided),
            )


def _held(problem: PDE, unknown: int, x: Tensor) -> list[BaseCondition]:
    """The conditions of an unknown at a point of the boundary of space ``x (2,)``."""
    point = _moment(problem.domain, x[None])
    return [
        c
        for c in problem.conditions
        if isinstance(c, (Dirichlet, Neumann, Robin))
        and problem.component(c) == unknown
        and bool(problem.domain.boundary(c.on).contains(point)[0])
    ]


def _moment(domain: Domain, x: Tensor) -> Tensor:
    """Points of space at half time, where there is time."""
    if domain.time_axis is None:
        return x
    t = 0.5 * (domain._low[domain.time_axis] + domain._high[domain.time_axis])
    return torch.cat([x.new_full((len(x), 1), t), x], 1)


def _frame(space: Domain, corner: Corner, matrix: Tensor) -> Frame:
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
    turned = (
        torch.tensor([[math.cos(half), math.sin(half)], [-math.sin(half), math.cos(half)]]).to(root) @ root
    )
    along, across = ((float(row[0]), float(row[1])) for row in turned)
    ends = torch.tensor(
        [[a, b] for a in (space._low[0], space._high[0]) for b in (space._low[1], space._high[1])]
    )
    reach = float(((ends - torch.tensor(corner.at)).to(root) @ root.T).norm(dim=1).max())
    frame = Frame(corner.at, along, across, angle, reach)
    if angle > 2 * math.pi - 1e-6:
        return frame
    # points on the ray behind the corner, where the angle jumps
    back = torch.linalg.inv(turned) @ torch.tensor([-1.0, 0.0], dtype=torch.float64)
    steps = torch.linspace(0, 1.5 * reach, RAY, dtype=torch.float64)[1:, None]
    inside = space.contains(torch.tensor(corner.at, dtype=torch.float64) + steps * back)
    return _ended(frame, float(steps[inside][0])) if bool(inside.any()) else frame


def _narrow(space: Domain, frame: Frame) -> Frame:
    """The frame, ended before the domain lies at angles that the logarithm's angular part does not reach."""
    x = torch.cat([space.sample(2048, seed=0), space.boundary().sample(512)])
    square, psi = frame.polar(x)
    far = square[psi.abs() > WIDE]
    return _ended(frame, frame.reach * float(far.min().sqrt())) if len(far) else frame


def _ended(frame: Frame, end: float) -> Frame:
    end = 0.98 * end if frame.end is None else min(0.98 * end, frame.end)
    return Frame(frame.at, frame.along, frame.across, frame.angle, frame.reach, end)


def _left(
    local: Local, corner: Corner, one: Dirichlet, two: Dirichlet, axes: tuple[int, ...], leading: float
) -> bool:
    """Whether values that take those of both sides leave something of the equation at a corner.

    Not where the two do not agree there.
    """
    sides = torch.tensor([corner.first, corner.second], dtype=torch.float64)
    inverse, start = torch.linalg.inv(sides), torch.tensor(corner.at, dtype=torch.float64)
    ends = [evaluate(c.value, local.x, c.label) for c in (one, two)]
    largest = float(torch.cat(ends).abs().max())
    if float((ends[0] - ends[1]).abs()) > AGREE * largest:
        return False

    def along(c: Dirichlet, k: int, y: Tensor) -> Tensor:
        d = y[:, list(axes)] - start.to(y)
        return evaluate(c.value, start.to(y) + (d @ inverse.to(y))[:, k : k + 1] * sides[k].to(y), c.label)

    def values(y: Tensor) -> Tensor:
        return along(one, 0, y) + along(two, 1, y) - ends[0].to(y)

    k = local.unknown if local.problem.outputs > 1 else 0
    left = float(local.residual(values)[0, k].abs())
    space = local.problem.domain.space
    height = float(values(space.sample(64)).detach().abs().max())
    return math.isfinite(left) and left > FEWEST * max(local.size(), leading * height / space._size**2)


def _shown(at: tuple[float, float]) -> str:
    return f"({round(at[0], 9) + 0.0:.4g}, {round(at[1], 9) + 0.0:.4g})"
