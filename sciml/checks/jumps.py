"""Jumps of the equation inside the domain, looked for along fine lines."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciml.checks.equation import Equation
from sciml.checks.numerics.layers import THIN
from sciml.checks.numerics.profile import NARROWEST, PEAK, Profile, profile_of, steepest
from sciml.checks.probe import Zero, call, sampled
from sciml.checks.values import place_of
from sciml.errors import SciMLError

LINES, STEPS = 12, 200
REFINE, TIMES = 32, 4  # each refinement looks at the steepest interval in so many pieces
SEEN = 1e-3  # of the largest residual: smaller jumps are not looked for
OUT = 4.0  # times the mean step of a line: smaller steps are slopes
MOST = 3  # lines on which the steepest place of a column is looked at closely
NARROW = 5e-4  # of the length: peaks below are seen by few of the points that are drawn evenly
STAYS = 0.5  # a jump keeps more than this share of itself however fine one looks; a steep slope does not


@dataclass(frozen=True)
class Change:
    """Where a column of the residual of a smooth field changes within next to nothing.

    Attributes:
        size: Of the change, over that of the column.
        pair: Points before and behind its steepest place, ``(2, d)``.
        width: Within which it happens, over the length of the domain; 0 of a jump.
        peak: Whether both sides agree.
    """

    size: float
    pair: Tensor
    width: float
    peak: bool


def jumps(equation: Equation) -> list[str]:
    """A note on the largest jump of the residual of a smooth field along lines through the domain, if there is one.

    A rise within less than points see counts as one; narrow peaks are left to ``resolution.unseen``.
    """
    found = [change for change in changes(equation) if not change.peak]
    return [_say(equation, max(found, key=lambda change: change.size))] if found else []


def changes(equation: Equation) -> list[Change]:
    """The steepest place of each column of the residual of a smooth field, where it is steeper than points see."""
    start, end = lines(equation)
    s = torch.linspace(0, 1, STEPS + 1, dtype=torch.float64).expand(LINES, -1)
    rows, sides = _along(equation, start, end, s)  # (LINES, STEPS + 1, C)
    size = torch.nan_to_num(rows, posinf=0.0, neginf=0.0).abs().amax((0, 1)).clamp(min=1e-300)
    found: list[Change] = []
    for column in range(rows.shape[2]):
        steps = _steps(rows[:, :, column], sides)
        first, at = steps.max(1)
        stands_out = (first > OUT * steps.mean(1)) & (first > SEEN * size[column])
        if not stands_out.any():
            continue
        low = s[0][at]
        width = torch.full_like(low, 1 / STEPS)
        last = first
        for _ in range(TIMES):
            # a little beyond both ends: a jump may lie on one, where rounding would lose it
            pieces = torch.linspace(-0.25, 1.25, REFINE + 1, dtype=torch.float64)
            fine = low[:, None] + width[:, None] * pieces
            finer, beside = _along(equation, start, end, fine)
            steps = _steps(finer[:, :, column], beside)
            last, at = steps.max(1)
            low = fine.gather(1, at[:, None])[:, 0]
            width = 1.5 * width / REFINE
        for line in torch.where(stands_out, first, 0.0).topk(MOST).indices.tolist():
            if stands_out[line]:
                ends = (start[line], end[line])
                stays = bool(last[line] > STAYS * first[line])
                change = _change(equation, ends, column, float(low[line]), float(width[line]), stays)
                found += [replace(change, size=change.size / float(size[column]))] if change else []
    return found


def _change(
    equation: Equation, ends: tuple[Tensor, Tensor], column: int, low: float, width: float, stays: bool
) -> Change | None:
    """What is at the steepest place of a line; ``stays`` says that there is a step within ``width``."""
    start, end = ends

    def values(s: Tensor) -> Tensor:
        rows, sides = _along(equation, start[None], end[None], s[None])
        crossed = bool((sides != sides[:, :1]).any())  # an interface says what holds across it
        return torch.full_like(s, torch.nan) if crossed else rows[0, :, column]

    found = profile_of(values, low + width / 2)
    if found is not None and found.width > 0.0 and (found.peak or not stays):
        if found.width > (NARROW if found.peak else THIN):
            return None
        reach = 2 * found.width
    elif stays:
        hidden = steepest(values, low, low + width)[1] > PEAK
        found, reach = Profile(NARROWEST if hidden else 0.0, hidden), width / 2
    else:
        return None
    middle = low + width / 2
    pair = start + torch.tensor([[middle - reach], [middle + reach]], dtype=torch.float64) * (end - start)
    rows = equation.rows(equation.waves(pair), pair)[:, column]
    return Change(float((rows[1] - rows[0]).abs()), pair, found.width, found.peak)


def source_of(equation: Equation, x: Tensor) -> Tensor:
    """What is left of the residual for the field zero, ``(n, C)``."""
    return equation.rows(Zero(x.to(equation.dtype), equation.problem.outputs), x)


def _say(equation: Equation, change: Change) -> str:
    problem, pair = equation.problem, change.pair
    f = call(f"source of {type(problem).__name__}", problem.source, pair).detach().double()
    r = equation.rows(equation.waves(pair), pair)
    jump, whole = float((f[1] - f[0]).abs().max()), float((r[1] - r[0]).abs().max())
    how = f"rises within {change.width:.0e} of the length" if change.width else "jumps"
    own = _own(equation, pair)
    if max(jump, own) > 0.5 * whole:
        values = (
            f" from {float(f[0].flatten()[0]):.4g} to {float(f[1].flatten()[0]):.4g}"
            if jump > 0.5 * whole
            else ""
        )
        what = f"the source {how}{values}"
        why = "the solution has a kink there, which a smooth network follows slowly and to few digits"
    else:
        what = f"a coefficient of the equation {how}"
        why = (
            "what holds across it, such as a continuous flux, is asked at no point, so the solution may be another "
            "than the one that is meant; sciml.Interface asks for it"
        )
    return f"{what} near {place_of(problem, pair.mean(0))}: {why}."


def _own(equation: Equation, pair: Tensor) -> float:
    """How much of a change there is without the unknowns."""
    try:
        rows = source_of(equation, pair)
    except SciMLError:  # an equation that must not meet the field zero
        return 0.0
    return float(torch.nan_to_num((rows[1] - rows[0]).abs(), posinf=0.0).max())


def lines(equation: Equation) -> tuple[Tensor, Tensor]:
    """Ends of lines across the whole domain, each parallel to one axis, through points inside."""
    domain = equation.problem.domain
    x = sampled(lambda n, seed: domain.sample(n, seed=seed), LINES, seed=5)
    rows, axis = torch.arange(LINES), torch.arange(LINES) % domain.dim
    start, end = x.clone(), x.clone()
    low, high = domain.lower[axis].to(x), domain.upper[axis].to(x)
    room = 1e-6 * (high - low)  # a value at the very end is no jump inside
    start[rows, axis], end[rows, axis] = low + room, high - room
    return start, end


def _along(equation: Equation, start: Tensor, end: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
    """The residual at ``start + s (end - start)``, ``(lines, steps, C)``; nan where a line leaves the domain.

    Also on which side of each interface these points lie, ``(lines, steps, k)``: -1, 0 or 1.
    """
    x = start[:, None] + s[..., None] * (end - start)[:, None]
    flat = x.reshape(-1, x.shape[-1])
    rows = equation.rows(equation.waves(flat), flat).reshape(*s.shape, -1)
    domain = equation.problem.domain
    levels = [c.level(domain)(flat).detach() for c in equation.problem.interfaces]
    sides = [torch.sign(torch.where(v.abs() <= 1e-12 * v.abs().max(), 0.0, v)) for v in levels]
    inside = equation.problem.domain.contains(x)
    # what a function does outside the domain is nobody's business
    rows = torch.where(inside[..., None], rows, torch.nan)
    return rows, torch.cat(sides, 1).reshape(*s.shape, -1) if sides else rows.new_zeros(*s.shape, 0)


def _steps(rows: Tensor, sides: Tensor) -> Tensor:
    """Sizes of the changes along each line; none across an interface, or where one of two values is not finite."""
    across = (sides.diff(dim=1) != 0).any(2)
    return torch.nan_to_num(rows.diff(dim=1).abs(), nan=0.0, posinf=0.0).masked_fill(across, 0.0)
