"""Corners of interfaces: places where materials meet at an angle, or more than two of them."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sciml.checks.values import place_of
from sciml.conditions import Interface
from sciml.domains import Domain
from sciml.domains.vertices import vertices

if TYPE_CHECKING:
    from sciml.problem import PDE

POINTS = 128  # on an interface, at which one looks whether another one crosses it
INSIDE = 1e-6  # of the size: a corner on the boundary of the domain is none of its inside


def interface_corners(problem: PDE) -> list[str]:
    """A note on a corner of an interface: the solution is a power of the distance there that no network is given."""
    domain = problem.domain
    if len(domain.space_axes) < 2:
        return []
    stated = [c for c in problem.conditions if isinstance(c, Interface)]
    found = [x for c in stated for x in _corners(problem, c)]
    found += [x for one, two in combinations(stated, 2) for x in _crossings(problem, one, two)]
    if not found:
        return []
    return [
        f"an interface has a corner, or crosses another, as near {place_of(problem, found[0])}: the solution is a power of "
        "the distance there, which the network is not given, and an estimate of the error may miss what it costs. A rounded "
        "corner has no such power."
    ]


def _corners(problem: PDE, interface: Interface) -> list[Tensor]:
    """Corners of a shape inside the domain; nothing is known of those of a function."""
    shape, domain = interface.where, problem.domain
    if not isinstance(shape, Domain):
        return []
    x = vertices(shape)
    if domain.time_axis is not None:
        middle = 0.5 * (domain.lower[domain.time_axis] + domain.upper[domain.time_axis])
        x = torch.cat([middle.expand(len(x), 1), x], 1)
    return list(x[domain.space._depth(x[:, list(domain.space_axes)]) > INSIDE * domain._size])


def _crossings(problem: PDE, one: Interface, two: Interface) -> list[Tensor]:
    """A point of the one near the other, where both concern the same unknown and the other has two sides there."""
    if one.component is not None and two.component is not None and one.component != two.component:
        return []
    x = one.draw(problem.domain, POINTS, 0)
    with torch.no_grad():
        level = two.level(problem.domain)(x)[:, 0]
    crosses = bool((level > 0).any() and (level < 0).any())
    return [x[int(level.abs().argmin())]] if crosses else []
