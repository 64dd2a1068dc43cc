"""The flows at corners without slip of which an incompressible flow has multiples: terms of the trial function."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sciml.checks.probe import double_by_default, highest_order
from sciml.coefficients import unknowns_of
from sciml.conditions import Dirichlet
from sciml.conservation.velocity import velocity_of
from sciml.corners.frames import conditions_at, ended, frame_of, parts_of, shown
from sciml.corners.functions import Frame
from sciml.corners.places import STEP, Corner, corners_of, nearest, straight
from sciml.corners.stokes import StokesPower, powers
from sciml.corners.viscosity import viscosity_of
from sciml.domains import PointCloud

if TYPE_CHECKING:
    from sciml.problem import PDE

MOST = 24  # terms
SHOWN = 4  # corners named in a note
BOUNDARY = 257  # points of a side that tell how near it comes to a corner
THROUGH = 1e-3  # of the domain's size: lines that pass a corner closer than this pass through it
SAME = 1e-9  # coefficients of two lines that differ by less are those of one


@dataclass(frozen=True)
class CornerTerms:
    """Functions ``(n, d) -> (n, k m)`` of which a trial function has multiples: the values of all unknowns, term by term.

    Attributes:
        flows: At the corners.
        viscosities: Factor of the pressure of each.
        velocity: Indices of the velocity along each coordinate.
        pressure: Index of the pressure.
        notes: For a user.
    """

    flows: tuple[StokesPower, ...] = ()
    viscosities: tuple[float, ...] = ()
    velocity: tuple[int, ...] = (0, 1)
    pressure: int = 2
    notes: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """``k``."""
        return sum(flow.count for flow in self.flows)

    def __call__(self, x: Tensor) -> Tensor:
        columns = []
        for flow, viscosity in zip(self.flows, self.viscosities, strict=True):
            values = flow(x)
            for k in range(flow.count):
                u, v, p = (values[:, 3 * k + i] for i in range(3))
                of = {self.velocity[0]: u, self.velocity[1]: v, self.pressure: viscosity * p}
                columns += [of[i] for i in range(3)]
        return torch.stack(columns, 1)


def corner_terms(problem: PDE) -> CornerTerms:
    """The terms that a steady flow in the plane asks for, of a velocity and a pressure; none for other problems.

    At corners between straight sides on both of which the velocity is prescribed.

    Raises:
        ArgumentError: The residual cannot be run at a corner.
    """
    domain = problem.domain
    if domain.time_axis is not None or len(domain.space_axes) != 2 or problem.outputs != 3:
        return CornerTerms()
    if (
        isinstance(domain, PointCloud)
        or not domain._has_inside
        or problem.periodic_axes
        or unknowns_of(problem)
    ):
        return CornerTerms()
    with double_by_default():
        velocity = velocity_of(problem)
        if velocity is None or highest_order(problem) != 2:
            return CornerTerms()
        (pressure,) = set(range(3)) - set(velocity.unknowns)
        flows: list[StokesPower] = []
        viscosities: list[float] = []
        for corner in corners_of(domain, parts_of(problem))[0]:
            for flow in _at(problem, velocity.unknowns, pressure, corner):
                viscosity = viscosity_of(problem, velocity.unknowns, pressure, replace(flow, lines=()))
                if viscosity is None:
                    return CornerTerms()
                flows.append(flow)
                viscosities.append(viscosity)
    found = CornerTerms(tuple(flows), tuple(viscosities), velocity.unknowns, pressure)
    if found.count > MOST:
        note = f"the corners ask for {found.count} flows without slip, more than the {MOST} that are added: none is."
        return CornerTerms(notes=(note,))
    names = tuple(problem.unknowns[i] for i in (*velocity.unknowns, pressure))
    return CornerTerms(found.flows, found.viscosities, found.velocity, pressure, tuple(_notes(flows, names)))


def _at(problem: PDE, unknowns: tuple[int, ...], pressure: int, corner: Corner) -> list[StokesPower]:
    """The flows at one corner."""
    domain = problem.domain
    if corner.straight or not (exponents := powers(corner.angle)):
        return []
    sides = corner.on_sides(STEP * domain._size)
    if not all(_held(problem, i, x) for i in unknowns for x in sides):
        return []
    if any(_held(problem, pressure, x) for x in sides):
        return []
    pieces = {nearest(domain, x) for x in sides}
    if not all(straight(domain._pieces[k]) for k in pieces):
        return []
    frame, lines = _ended(
        problem, unknowns, pieces, frame_of(domain, corner, torch.eye(2, dtype=torch.float64))
    )
    return [StokesPower(frame, a, odd, lines) for a, odd in exponents]


def _ended(
    problem: PDE, unknowns: tuple[int, ...], pieces: set[int], frame: Frame
) -> tuple[Frame, tuple[tuple[float, float, float], ...]]:
    """The frame, in units of the distance to the nearest other side that holds the velocity, and the lines of such sides.

    Where a side is no line, or one through the corner, the flows end before it.
    """
    domain, at = problem.domain, torch.tensor(frame.at, dtype=torch.float64)
    lines: list[tuple[float, float, float]] = []
    near = []
    for k, piece in enumerate(domain._pieces):
        if k in pieces:
            continue
        x = piece.sample(BOUNDARY, (0, k))
        if not any(_held(problem, i, x[len(x) // 2]) for i in unknowns):
            continue
        near.append(float((x - at).norm(dim=1).min()))
        normal = piece.normal(x[:1])[0]
        far = float((at - x[0]) @ normal)
        if not straight(piece) or abs(far) < THROUGH * domain._size:
            frame = ended(frame, near[-1])
            continue
        a, b = (normal / far).tolist()
        line = (a, b, 1.0 - a * frame.at[0] - b * frame.at[1])
        if not any(max(abs(p - q) for p, q in zip(line, other, strict=True)) < SAME for other in lines):
            lines.append(line)
    return (replace(frame, reach=min(near)) if near else frame), tuple(lines)


def _held(problem: PDE, unknown: int, x: Tensor) -> bool:
    return any(isinstance(c, Dirichlet) for c in conditions_at(problem, unknown, x))


def _notes(flows: list[StokesPower], names: tuple[str, ...]) -> list[str]:
    """A sentence for each angle."""
    corners: dict[tuple[str, ...], list[str]] = {}
    for at in dict.fromkeys(flow.frame.at for flow in flows):
        exponents = [flow.exponent.real for flow in flows if flow.frame.at == at]
        corners.setdefault(tuple(f"r^{a:.3g}" for a in exponents), []).append(shown(at))
    found = []
    for exponents, where in corners.items():
        more = f" and {len(where) - SHOWN} more" if len(where) > SHOWN else ""
        unbounded = f"; {names[2]} has no bound there" if float(exponents[0][2:]) < 1 else ""
        found.append(
            f"{', '.join(names)} have multiples of the slow flows {', '.join(exponents)} at {', '.join(where[:SHOWN])}{more}"
            f"{unbounded} (corners=False: not)."
        )
    return found
