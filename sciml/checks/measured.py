"""Measurements against what the conditions say at the same place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sciml.checks.values import SAME, Statement
from sciml.conditions import Data, Dirichlet, Initial

if TYPE_CHECKING:
    from sciml.problem import PDE

NOISES = 5.0  # standard deviations within which a measurement agrees
UNKNOWN = 0.2  # of the size of the data: what noise may be where none is stated


def measured_against(problem: PDE, stated: list[Statement]) -> list[str]:
    """Notes on data that lie where a value is given, and differ from it; and on points outside a curved domain."""
    notes = []
    for data in problem.conditions:
        if not isinstance(data, Data):
            continue
        unknown = problem.component(data)
        notes += _outside(problem, data)
        for a in stated:
            value = isinstance(a.condition, Dirichlet) or (
                isinstance(a.condition, Initial) and a.condition.order == 0
            )
            if value and a.unknown == unknown:
                notes += _differ(problem, data, a)
    return notes


def _outside(problem: PDE, data: Data) -> list[str]:
    """Data points within the bounding box, yet outside the domain."""
    inside = problem.domain.contains(data.points)
    if inside.all():
        return []
    first = data.points[~inside][0]
    return [
        f"{int((~inside).sum())} of {len(data.points)} points of {data.label} lie outside the domain, e.g. at "
        f"{_place(problem, first)}: the equation holds at none of them."
    ]


def _differ(problem: PDE, data: Data, a: Statement) -> list[str]:
    on = a.covers(data.points)
    if not on.any():
        return []
    x, measured = data.points[on], data.values[on, 0]
    given = a.at(x)[2]
    off = (measured - given).abs()
    size = torch.cat([data.values[:, 0], a.at(a.points)[2]]).abs().max()
    if data.noise is None:
        allowed = UNKNOWN * size.expand_as(off)
    else:
        allowed = torch.maximum(SAME * size, NOISES * data.noise[on, 0])
    beyond = off > allowed
    if not beyond.any():
        return []
    k = int((off - allowed).argmax())
    return [
        f"{int(beyond.sum())} of {len(data.points)} values of {data.label} differ from {a.label} where both hold, e.g. "
        f"{float(measured[k]):.4g} against {float(given[k]):.4g} at {_place(problem, x[k])}."
    ]


def _place(problem: PDE, x: Tensor) -> str:
    return ", ".join(f"{n} = {float(v):.4g}" for n, v in zip(problem.domain.names, x, strict=True))
