"""Jumps of the equation inside the domain, looked for along fine lines."""

from __future__ import annotations

import torch
from torch import Tensor

from sciml.checks.equation import Equation
from sciml.checks.probe import call, sampled
from sciml.checks.values import place_of

LINES, STEPS = 12, 200
REFINE, TIMES = 32, 4  # each refinement looks at the steepest interval in so many pieces
SEEN = 1e-3  # of the largest residual: smaller jumps are not looked for
OUT = 4.0  # times the mean step of a line: smaller steps are slopes
STAYS = 0.5  # a jump keeps more than this share of itself however fine one looks; a steep slope does not


def jumps(equation: Equation) -> list[str]:
    """A note on the largest jump of the residual of a smooth field along lines through the domain, if there is one."""
    start, end = lines(equation)
    s = torch.linspace(0, 1, STEPS + 1, dtype=torch.float64).expand(LINES, -1)
    rows, sides = _along(equation, start, end, s)  # (LINES, STEPS + 1, C)
    size = torch.nan_to_num(rows, posinf=0.0, neginf=0.0).abs().amax((0, 1)).clamp(min=1e-300)
    found: list[tuple[float, Tensor]] = []
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
        stays = (last > STAYS * first) & stands_out
        if stays.any():
            line = int(torch.where(stays, last, 0.0).argmax())
            ends = torch.stack([low[line], low[line] + width[line]])[:, None]
            pair = start[line] + ends * (end[line] - start[line])
            found.append((float(last[line] / size[column]), pair))
    if not found:
        return []
    pair = max(found, key=lambda f: f[0])[1]
    return [_say(equation, pair)]


def _say(equation: Equation, pair: Tensor) -> str:
    problem = equation.problem
    f = call(f"source of {type(problem).__name__}", problem.source, pair).detach().double()
    r = equation.rows(equation.waves(pair), pair)
    jump, whole = float((f[1] - f[0]).abs().max()), float((r[1] - r[0]).abs().max())
    if jump > 0.5 * whole:
        what = f"the source jumps from {float(f[0].flatten()[0]):.4g} to {float(f[1].flatten()[0]):.4g}"
        why = "the solution has a kink there, which a smooth network follows slowly and to few digits"
    else:
        what = "a coefficient of the equation jumps"
        why = (
            "what holds across it, such as a continuous flux, is asked at no point, so the solution may be another "
            "than the one that is meant; sciml.Interface asks for it"
        )
    return f"{what} near {place_of(problem, pair.mean(0))}: {why}."


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
