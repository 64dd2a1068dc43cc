"""Which functions of its corners a problem asks for."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sciml.checks.probe import double_by_default, highest_order
from sciml.coefficients import stated_at_guess
from sciml.conditions import Dirichlet, evaluate
from sciml.corners.frames import conditions_at, ended, frame_of, parts_of, shown
from sciml.corners.functions import CornerInputs, Frame, Function, Logarithm, Powers, Quotient, no_corners
from sciml.corners.holes import Hole, holes_of
from sciml.corners.operator import Local
from sciml.corners.places import STEP, Corner, corners_of
from sciml.corners.plane import Plane, plane_of
from sciml.domains import Domain, PointCloud

if TYPE_CHECKING:
    from sciml.problem import PDE

WHOLE = 1e-6  # a distance of an exponent to a whole number that counts as none
ROUGHEST = 3.0  # exponents from which on a power is as good as smooth
FEWEST = 1e-5  # a residual at a corner, relative to the equation's size, that makes no logarithm
WIDE = 0.6 * math.pi  # angle from the bisector up to which the logarithm's angular part is used
MOST = 24  # inputs
SHOWN = 4  # corners named in a note
CLOSE = 1e-3  # distance over the size up to which such an input grows beyond what points show
SOURCE = "r^2 log r of a source that does not fit the corner"


def corner_inputs(problem: PDE) -> CornerInputs:
    """The inputs that a problem's corners and round holes ask for; without functions where there are none.

    Those of holes in two and three coordinates of space; those of corners in two, for unknowns whose own equation alone is
    elliptic and of second order in them. With or without time, and in the plane factor of a product.

    Raises:
        ArgumentError: The residual, or a condition, cannot be run at a corner.
    """
    nothing, plane = no_corners(problem), plane_of(problem.domain)
    axes: tuple[int, ...] = tuple(problem.domain.space_axes) if plane is None else plane.axes
    if len(axes) not in (2, 3):
        return nothing
    space = problem.domain.space if plane is None else plane.space
    if isinstance(space, PointCloud) or not space._has_inside:
        return nothing
    if set(axes) & set(problem.periodic_axes):
        return nothing
    with double_by_default():
        order = highest_order(problem)
        if order < 2:
            return nothing
        functions, notes = _around_holes(space)
        if order == 2 and plane is not None:
            more, words = _at_corners(stated_at_guess(problem), plane, MOST - sum(f.count for f in functions))
            functions, notes = functions + more, notes + words
    return CornerInputs(tuple(functions), axes, tuple(notes))


def _around_holes(space: Domain) -> tuple[list[Function], list[str]]:
    holes = holes_of(space)
    if sum(hole.count for hole in holes) > MOST:
        return [], [f"there are {len(holes)} round holes, more than a network sees functions of."]
    if not holes:
        return [], []
    what = "log r" if space.dim == 2 else "1/r"
    where = ", ".join(map(shown, [hole.at for hole in holes[:SHOWN]]))
    more = f" and {len(holes) - SHOWN} more" if len(holes) > SHOWN else ""
    note = f"the network sees {what} and the inverted coordinates of the round holes at {where}{more} (corners=False: not)."
    return list(holes), [note]


def _at_corners(problem: PDE, plane: Plane, most: int) -> tuple[list[Function], list[str]]:
    places, odd = corners_of(plane.space, parts_of(problem))
    found: dict[Function, tuple[str, str]] = {}
    for corner in places:
        for i in range(problem.outputs):
            for what, function in _of_unknown(problem, i, corner, plane):
                found.setdefault(function, (what, shown(corner.at)))
    functions, notes = _roughest(found, most)
    notes += [f"the network sees {words} (corners=False: not)." for words in _listed(found, functions)]
    if odd:
        notes.append(
            f"the boundary touches itself or has a cusp at {', '.join(map(shown, odd[:SHOWN]))}: nothing is made of that, "
            "and the solution may be less accurate there."
        )
    return functions, notes


def _roughest(found: Mapping[Function, tuple[str, str]], most: int) -> tuple[list[Function], list[str]]:
    """Functions of corners, at most so many columns: the rougher ones first where there are more, with a note on that."""
    asked = sum(f.count for f in found)
    if asked <= most:
        return list(found), []
    kept: list[Function] = []
    for _, alike in itertools.groupby(sorted(found, key=_smoothness), key=_smoothness):
        more = list(alike)  # some of many corners that are alike would help at some places alone
        if sum(f.count for f in kept + more) > most:
            break
        kept += more
    missing = _listed(found, [f for f in found if f not in kept])
    note = (
        f"the corners ask for {asked} functions, more than the {most} that are given to a network: the smoothest are left "
        f"out, {', '.join(missing)}."
    )
    return [f for f in found if f in kept], [note]


def _listed(found: Mapping[Function, tuple[str, str]], functions: Sequence[Function]) -> list[str]:
    """Words for functions, with their places."""
    named: dict[str, list[str]] = {}
    for what, at in (found[function] for function in functions):
        where = named.setdefault(what, [])
        where += [at] if at not in where else []
    more = {what: f" and {len(w) - SHOWN} more" if len(w) > SHOWN else "" for what, w in named.items()}
    return [f"{what} at {', '.join(where[:SHOWN])}{more[what]}" for what, where in named.items()]


def _smoothness(function: Function) -> tuple[float, bool]:
    """The power of the radius that a function stands for, and whether it only helps another of the same power."""
    if isinstance(function, Logarithm):
        return 2.0, False
    return (
        (function.exponent, isinstance(function, Quotient))
        if not isinstance(function, Hole)
        else (0.0, False)
    )


def _of_unknown(problem: PDE, unknown: int, corner: Corner, plane: Plane) -> Iterator[tuple[str, Function]]:
    """What one unknown asks for at a corner, with words for a note."""
    domain, axes = problem.domain, plane.axes
    sides = [conditions_at(problem, unknown, x) for x in corner.on_sides(STEP * plane.space._size)]
    if any(len(side) == 0 for side in sides):
        return
    kinds = [any(isinstance(c, Dirichlet) for c in side) for side in sides]
    mixed = kinds[0] != kinds[1]
    if corner.straight and not mixed:
        return
    at = plane.embedded(torch.tensor([corner.at], dtype=torch.float64))
    values = torch.zeros(problem.outputs, dtype=torch.float64)
    given = [c for side in sides for c in side if isinstance(c, Dirichlet)]
    if given:
        values[unknown] = evaluate(given[0].value, at, given[0].label)[0, 0]
    local = Local(problem, unknown, at, values)
    finite = local.finite
    if not finite:
        beside = plane.embedded(corner.inwards(STEP * plane.space._size))
        local = Local(problem, unknown, beside, values)
    matrix = local.leading(axes)
    if matrix is None:
        return
    frame = frame_of(plane.space, corner, matrix)
    power = math.pi / frame.angle / (2 if mixed else 1)
    whole = abs(power - round(power)) < WHOLE
    if not whole and power < ROUGHEST:
        what = f"r^{power:.3g} of the corner" if not mixed else f"r^{power:.3g} of the change of condition"
        yield what, Powers(frame, power)
        if all(kinds) and power > 1:
            yield what, Quotient(frame, power)
    if all(kinds) and abs(power - 2) < WHOLE and domain.dim == 2 and finite:
        held = _held(problem, corner)
        free = [j for j in range(problem.outputs) if j not in held]
        # the slope of an unknown that is free there, such as a pressure, takes what is left
        if not any(local.has_slope_of(j, axes) for j in free) and _left(
            local, corner, held, axes, float(matrix.abs().max())
        ):
            exact = {i: all(_exact(domain, c) for c in both) for i, both in held.items()}
            logarithm = Logarithm(_narrow(domain.space, frame), exact[unknown])
            # an unknown that nothing holds at zero there follows an input without bound to where no points are
            open_ = [problem.unknowns[i] for i in range(problem.outputs) if not exact.get(i, False)]
            said = f", where {', '.join(open_)} may be off within {CLOSE:g} of the size," if open_ else ""
            yield SOURCE + (said if exact[unknown] else ""), logarithm


def _exact(domain: Domain, condition: Dirichlet) -> bool:
    """Whether a value can be built in."""
    return condition.hard is not False and domain.boundary(condition.on).has_distance


def _narrow(space: Domain, frame: Frame) -> Frame:
    """The frame, ended before the domain lies at angles that the logarithm's angular part does not reach."""
    x = torch.cat([space.sample(2048, seed=0), space.boundary().sample(512)])
    square, psi = frame.polar(x)
    far = square[psi.abs() > WIDE]
    return ended(frame, frame.reach * float(far.min().sqrt())) if len(far) else frame


def _held(problem: PDE, corner: Corner) -> dict[int, tuple[Dirichlet, Dirichlet]]:
    """The values on both sides of a corner, of each unknown that has such."""
    found = {}
    for i in range(problem.outputs):
        sides = [
            [c for c in conditions_at(problem, i, x) if isinstance(c, Dirichlet)]
            for x in corner.on_sides(STEP * problem.domain.space._size)
        ]
        if all(sides):
            found[i] = sides[0][0], sides[1][0]
    return found


def _left(
    local: Local,
    corner: Corner,
    held: dict[int, tuple[Dirichlet, Dirichlet]],
    axes: tuple[int, ...],
    leading: float,
) -> bool:
    """Whether values that take those of both sides leave something of the equation at a corner.

    Where the two do not agree there, the trial function carries the angle between them, and the rest agrees. An unknown
    without values on both sides is the constant zero.
    """
    sides = torch.tensor([corner.first, corner.second], dtype=torch.float64)
    inverse, start = torch.linalg.inv(sides), torch.tensor(corner.at, dtype=torch.float64)

    def along(c: Dirichlet, k: int, y: Tensor) -> Tensor:
        d = y[:, list(axes)] - start.to(y)
        return evaluate(c.value, start.to(y) + (d @ inverse.to(y))[:, k : k + 1] * sides[k].to(y), c.label)

    def values(i: int, y: Tensor) -> Tensor:
        if i not in held:
            return torch.zeros_like(y[:, :1])
        one, two = held[i]
        return along(one, 0, y) + along(two, 1, y) - evaluate(one.value, local.x, one.label).to(y)

    def fields(y: Tensor) -> Tensor:
        return torch.cat([values(i, y) for i in range(local.problem.outputs)], 1) + 0.0 * y.sum(
            1, keepdim=True
        )

    k = local.unknown if local.problem.outputs > 1 else 0
    left = float(local.of_fields(fields)[0, k].abs())
    space = local.problem.domain.space
    height = float(values(local.unknown, space.sample(64)).detach().abs().max())
    return math.isfinite(left) and left > FEWEST * max(local.size(), leading * height / space._size**2)
