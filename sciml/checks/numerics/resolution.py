"""What points that are drawn evenly hardly see: narrow spots in the data, and coefficients that swing fast."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sciml.checks.jumps import changes, lines, source_of
from sciml.checks.probe import interior, sampled
from sciml.checks.values import place_of
from sciml.conditions import Initial
from sciml.errors import SciMLError

if TYPE_CHECKING:
    from sciml.checks.equation import Equation
    from sciml.checks.values import Statement
    from sciml.problem import PDE

MOST = 3  # dimensions: in more of them no number of points fills the domain
MANY = 1 << 13  # points among which spots are looked for
SHARE = 2e-3  # of the domain: a function that is concentrated on less is a spot
FOOT = 0.05  # of the largest value: what is below belongs to no spot
ROUNDS, AROUND = 12, 128  # of looking closer at the largest value, and points of each
STEPS = 400  # along a line on which swings are counted
SWINGS = 48  # turns along a line from which a smooth network does not follow
PROMINENT = 0.05  # of a function's range along a line: a smaller turn is none


def unseen(equation: Equation, stated: list[Statement]) -> list[str]:
    """Notes on what evenly drawn points and smooth functions miss, so that a residual and an estimate miss it, too.

    On a line without time a spline on placed knots resolves both.
    """
    if not 2 <= equation.problem.domain.dim <= MOST:
        return []
    return (spots(equation, stated) or peaks(equation)) + swings(equation)


def peaks(equation: Equation) -> list[str]:
    """A note on a narrow peak of the equation's data that a line crosses, such as the slope of a steep coefficient."""
    found = [change for change in changes(equation) if change.peak]
    if not found:
        return []
    narrowest = min(found, key=lambda change: change.width)
    return [
        f"a coefficient or the source has a peak, or a slope, of width {narrowest.width:.0e} of the length, near "
        f"{place_of(equation.problem, narrowest.pair.mean(0))}: hardly a point sees it, so neither the residual nor an "
        "estimate of the error tells what is missed. A wider one, more points there (a sample of your own), or "
        "sciml.Interface in its place, helps."
    ]


def spots(equation: Equation, stated: list[Statement]) -> list[str]:
    """A note on the narrowest spot of the source, of the coefficients or of an initial value."""
    problem = equation.problem
    x = interior(problem, MANY)
    found = [
        (*_spot(problem, lambda y: _coefficient(equation, y), x), "a coefficient"),
        (*_spot(problem, lambda y: source_of(equation, y), x), "the source"),
    ]
    for s in stated:
        if isinstance(s.condition, Initial) and callable(s.condition.value):
            at_start = sampled(lambda n, seed, s=s: s.where.sample(n, seed=seed), MANY)
            found.append((*_spot(problem, lambda y, s=s: s.at(y)[2][:, None], at_start), s.label))
    share, place, what = min(found, key=lambda f: f[0])
    if share >= SHARE:
        return []
    return [
        f"{what} is concentrated on {100 * share:.2g} % of the domain, near {place_of(problem, place)}: points that are "
        "drawn evenly hardly see it, so neither the residual nor an estimate of the error tells what is missed. More points "
        "there (a sample of your own) or a wider spot help."
    ]


def swings(equation: Equation) -> list[str]:
    """A note on a coefficient that turns more often along a line than a smooth network follows."""
    problem = equation.problem
    start, end = lines(equation)
    s = torch.linspace(0, 1, STEPS + 1, dtype=torch.float64)
    x = start[:, None] + s[:, None] * (end - start)[:, None]
    inside = problem.domain.contains(x)
    values = _coefficient(equation, x.reshape(-1, x.shape[-1])).reshape(*x.shape[:2], -1)
    axis = torch.arange(len(start)) % problem.domain.dim
    most, along = 0, 0
    for k in range(len(start)):
        for column in values[k][inside[k]].T:
            turns = _turns(column)
            if turns > most:
                most, along = turns, int(axis[k])
    if most < SWINGS:
        return []
    return [
        f"a coefficient turns {most} times or more along {problem.domain.names[along]}: a smooth network averages over it, "
        "which gives another solution, and an estimate of the error does not see it. Solve for the averaged (homogenised) "
        "coefficient, or on a smaller domain."
    ]


def _coefficient(equation: Equation, x: Tensor) -> Tensor:
    """What multiplies a smooth field, ``(n, C)``: the residual without its part that no field enters."""
    return equation.rows(equation.waves(x), x) - torch.nan_to_num(source_of(equation, x))


def _spot(problem: PDE, function: Callable[[Tensor], Tensor], x: Tensor) -> tuple[float, Tensor]:
    """The smallest share of points on which a column is concentrated, and where it is largest."""
    try:
        values = function(x)
    except SciMLError:
        return 1.0, x[0]
    share, place = 1.0, x[0]
    for k in range(values.shape[1]):
        column = values[:, k]
        off = torch.nan_to_num(column - column[column.isfinite()].median(), posinf=0.0, neginf=0.0).abs()
        top = float(off.max()) if len(off) else 0.0
        if top == 0.0:
            continue
        off = torch.where(off > FOOT * top, off / top, 0.0)
        held = float(off.sum() ** 2 / (len(x) * off.square().sum()))
        if held < share:
            share, place = held, _highest(problem, function, k, x, x[int(off.argmax())])
    return share, place


def _highest(problem: PDE, function: Callable[[Tensor], Tensor], k: int, x: Tensor, place: Tensor) -> Tensor:
    """The place of the largest value near one, by ever closer looks."""
    domain, rng = problem.domain, torch.Generator().manual_seed(0)
    width = (x.amax(0) - x.amin(0)) * 4.0 * len(x) ** (-1.0 / max(1, x.shape[1]))
    for _ in range(ROUNDS):
        off = 2 * torch.rand(AROUND, x.shape[1], generator=rng, dtype=torch.float64) - 1
        near = torch.cat([place[None], place + width * off])
        near = near[domain.contains(near)] if bool(domain.contains(near).any()) else place[None]
        place = near[int(torch.nan_to_num(function(near)[:, k]).abs().argmax())]
        width = width * 0.6
    return place


def _turns(values: Tensor) -> int:
    """How often a function turns around along a line, small turns left out."""
    values = values[values.isfinite()]
    if len(values) < 3:
        return 0
    least = PROMINENT * float(values.max() - values.min())
    turns, way, last = 0, 0, float(values[0])
    for v in values.tolist():
        if (way >= 0 and v > last) or (way <= 0 and v < last):
            way, last = (1 if v > last else -1 if v < last else way), v
        elif abs(v - last) > least:
            turns, way, last = turns + 1, -way, v
    return turns
