"""Whether the derivatives that autograd sees are those of a function's values, along fine lines.

Between two neighbouring points of a line the derivatives at both ends account for the change of the value and of the
slope, up to ``h^5`` and ``h^3``. What they leave open is halved twice again and again where it is large: of a smooth
function it vanishes; a jump, a kink, or values without derivatives keep all of it. Where it vanishes only within less than
points resolve, no point would ask a network for what the function's derivatives do to the equation there. For an equation
of order ``q`` above 2 the same is asked of derivatives up to ``q``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from sciml.domains import Domain

NODES = 161  # points on a line
ALONE = 1025  # on the line where there is only one
LINES = 48  # about so many lines in all directions together
TOLERANCE = 1e-5  # change left open, relative to the function's size over the length of the line
PARTS = 4  # into which a suspicious cell is cut
KEPT = 0.5  # share of a cell's open change that its parts still leave open, where cutting does not help
ROUNDS = 10  # of cutting
PERSISTENT = 6  # rounds without improvement after which it is a fault: a cell is 4^6 times finer by then
STEEP = 1e-4  # of a line: derivatives of what changes within less are seen by hardly a point
MUCH = 0.3  # of a function's range along the lines: what has to change within so little
LEAST = 0.1  # of that: what has to change within one cell
CELLS = 2048  # looked at together
ROUND_OFF = 100.0  # times the machine's precision
END = 1e-9  # of a line that is left out at its ends, where square roots have no slope

Function = Callable[[Tensor], Tensor]


@dataclass
class Lines:
    """Points ``start + t direction`` for ``t`` from 0 to 1 on each of some lines."""

    start: Tensor  # (k, d)
    direction: Tensor  # (k, d)
    nodes: int


def lines_through(domain: Domain, held: Mapping[int, float]) -> Lines:
    """Lines along each coordinate and across, through points of the domain, with some coordinates held fixed."""
    free = [i for i in range(domain.dim) if i not in held]
    low, high = domain.lower, domain.upper
    directions = [torch.eye(domain.dim, dtype=low.dtype)[i] * (high - low) for i in free]
    rng = torch.Generator().manual_seed(0)
    if len(free) > 1:
        signs = 2.0 * torch.randint(0, 2, (domain.dim,), generator=rng) - 1
        directions.append(torch.stack(directions).sum(0) * signs)
    each = 1 if len(free) == 1 else max(2, LINES // max(1, len(directions)))
    at = domain.sample(each * max(1, len(directions)), seed=0)
    for i, value in held.items():
        at[:, i] = value
    direction = torch.stack(directions).repeat_interleave(each, 0)
    # where the lines enter and leave the bounding box
    ends = torch.stack(
        [(low - at) / direction, (high - at) / direction]
    )  # nan and inf where a coordinate does not move
    ends = torch.where(direction == 0, torch.tensor([-torch.inf, torch.inf]).to(at)[:, None, None], ends)
    first = ends.amin(0).amax(1, keepdim=True)
    last = ends.amax(0).amin(1, keepdim=True)
    start = at + (first + END * (last - first)) * direction
    return Lines(start, (1 - 2 * END) * (last - first) * direction, ALONE if len(at) == 1 else NODES)


def fault(
    function: Function,
    lines: Lines,
    inside: Callable[[Tensor], Tensor],
    names: tuple[str, ...],
    order: int = 2,
    rounding: float = 0.0,
) -> str | None:
    """What is wrong with a function's derivatives, with a place, or None.

    Args:
        function: ``(n, d) -> (n, 1)``.
        lines: Where to look.
        inside: ``(n, d) -> (n,)`` bool: points outside are not looked at.
        names: Of the coordinates.
        order: Highest derivative that enters the equation, ``>= 2``.
        rounding: Values up to which the function counts as zero.
    """
    for lower in sorted({*range(0, order - 2, 2), order - 2}):
        found = _fault(_Look(function, lines, lower), lines, inside, names, rounding)
        if found is not None:
            return found
    return None


def _fault(
    look: _Look,
    lines: Lines,
    inside: Callable[[Tensor], Tensor],
    names: tuple[str, ...],
    rounding: float,
) -> str | None:
    t = torch.linspace(0, 1, lines.nodes, dtype=torch.float64).expand(len(lines.start), -1)
    rows = torch.arange(len(lines.start))[:, None].expand_as(t)
    points = look.points(rows.reshape(-1), t.reshape(-1))
    valid = inside(points).reshape(t.shape)
    if not bool(valid.any()):
        return None
    jet = torch.full((3, *t.shape), torch.nan, dtype=torch.float64)
    jet[:, valid] = look(rows[valid], t[valid])
    values = jet[0][valid]
    if look.lower == 0 and bool((values.abs() <= rounding).all()):
        return None
    if not look.differentiable and bool((values != values[0]).any()):
        return "its values carry no derivatives (they are a table, or detached from the points)"
    bad = valid & ~torch.isfinite(jet).all(0)
    if bool(bad.any()):
        return f"its values or derivatives are not finite at {place(points.reshape(*t.shape, -1)[bad][0], names)}"
    cell = valid[:, :-1] & valid[:, 1:]
    cells = _Cells(
        rows[:, :-1][cell], t[:, :-1][cell], t[:, 1:][cell], jet[:, :, :-1][:, cell], jet[:, :, 1:][:, cell]
    )
    size = float(values.abs().max())
    if size == 0 or len(cells.low) == 0:
        return None
    value, slope = (_left_open(look, cells, order, size, jet[order][valid]) for order in (0, 1))
    if value and value.persistent:
        what = f"derivatives of order {look.lower} jump" if look.lower else "values jump"
        return f"its {what}, or differ from what its derivatives say, near {place(value.at, names)}"
    if slope and slope.persistent:
        what = f"derivative of order {look.lower + 1} jumps" if look.lower else "slope jumps (a kink)"
        return f"its {what} near {place(slope.at, names)}"
    found = [f for f in (slope, value) if f]
    for pole in found:
        if pole.within is None:
            return f"its derivatives grow without bound near {place(pole.at, names)}"
    for steep in reversed(found):
        what = (
            ("a derivative changes" if look.lower else "its values change")
            if steep is value
            else "its slope changes"
        )
        return (
            f"{what} within {steep.within:.0e} of the length near {place(steep.at, names)}, where hardly a point sees its "
            "derivatives"
        )
    return None


def place(x: Tensor, names: tuple[str, ...]) -> str:
    """A point in words: ``(x=0.5, y=0)``."""
    return "(" + ", ".join(f"{n}={float(v):.4g}" for n, v in zip(names, x, strict=True)) + ")"


@dataclass
class _Cells:
    """Stretches of lines, with the jets (value, slope, curvature) at both ends, ``(3, n)``."""

    row: Tensor
    low: Tensor
    high: Tensor
    left: Tensor
    right: Tensor

    def pick(self, index: Tensor) -> _Cells:
        return _Cells(
            self.row[index], self.low[index], self.high[index], self.left[:, index], self.right[:, index]
        )

    def open(self, order: int) -> Tensor:
        """The change of the value (order 0) or slope (1) that the derivatives at both ends do not account for."""
        h, a, b = self.high - self.low, self.left, self.right
        if order == 1:
            return (b[1] - a[1] - h / 2 * (a[2] + b[2])).abs()
        return (b[0] - a[0] - h / 2 * (a[1] + b[1]) + h * h / 12 * (b[2] - a[2])).abs()


class _Look:
    """Value, slope and curvature of a function, or of a derivative of it of order ``lower``, along lines."""

    def __init__(self, function: Function, lines: Lines, lower: int):
        self.function, self.lines, self.lower = function, lines, lower
        self.differentiable = False
        self.eps = torch.finfo(torch.float64).eps
        reach = (lines.start.abs().amax() + lines.direction.abs().amax()) / lines.direction.abs().amax(
            1
        ).min()
        self.reach = float(reach)  # how much rounding of a coordinate counts, on the scale of a line

    def points(self, row: Tensor, t: Tensor) -> Tensor:
        return self.lines.start[row] + t[:, None] * self.lines.direction[row]

    @torch.enable_grad()
    def __call__(self, row: Tensor, t: Tensor) -> Tensor:
        t = t.detach().clone().requires_grad_(True)
        value = self.function(self.points(row, t))[:, 0]
        jet = [value]
        for _ in range(2 + self.lower):
            last = jet[-1]
            if last.requires_grad:
                (slope,) = torch.autograd.grad(
                    last.sum(), t, create_graph=True, allow_unused=True, materialize_grads=True
                )
            else:
                slope = torch.zeros_like(t)
            jet.append(slope)
        self.differentiable |= value.requires_grad
        found = torch.stack(jet[self.lower :]).detach()
        single = found[0] == found[0].float().double()
        if len(t) > 2 and bool(single.all()):  # computed in single precision
            self.eps = max(self.eps, torch.finfo(torch.float32).eps)
        return found

    def noise(self, cells: _Cells, order: int) -> Tensor:
        """What rounding makes of ``cells.open(order)``."""
        jets = torch.maximum(cells.left.abs(), cells.right.abs())
        return ROUND_OFF * self.eps * (jets[order] + self.reach * jets[order + 1])


@dataclass
class _Open:
    """A point near which cutting cells leaves a change open; all of it (persistent), or less and less.

    Of one that is gone at last, ``within`` is the width within which the function changed, over the line's length.
    """

    at: Tensor
    persistent: bool
    within: float | None = None


def _left_open(look: _Look, cells: _Cells, order: int, size: float, seen: Tensor) -> _Open | None:
    """Cut the cells that leave a change open, each at its worst part again, until it is gone or clearly stays.

    ``seen`` are the values, or slopes, on the lines.
    """
    much = MUCH * float(seen.max() - seen.min())

    def allowed(c: _Cells) -> Tensor:
        width = c.high - c.low if order == 0 else torch.ones_like(c.low)
        return TOLERANCE * size * width

    def quiet(c: _Cells, left_open: Tensor) -> Tensor:
        return ~(left_open > torch.maximum(allowed(c), look.noise(c, order)))

    left_open = cells.open(order)
    excess = left_open / torch.maximum(allowed(cells), look.noise(cells, order))
    chosen = (excess > 1).nonzero()[:, 0]
    if len(chosen) > CELLS:
        chosen = chosen[excess[chosen].argsort(descending=True)[:CELLS]]
    cells, left_open = cells.pick(chosen), left_open[chosen]
    count = torch.zeros(len(chosen), dtype=torch.long)
    steep: _Open | None = None
    for turn in range(ROUNDS):
        if len(count) == 0:
            return steep
        parts = _cut(look, cells)
        opened = parts.open(order).reshape(-1, PARTS)
        ends = torch.cat([parts.left[order], parts.right[order]])
        much = max(much, MUCH * float(ends.max() - ends.min()))
        steep = _narrowest(look, parts, order, much) or steep
        stays = opened.sum(1) >= KEPT * left_open
        count = torch.where(stays, count + 1, 0)
        done = count >= PERSISTENT
        index = _worst(parts, opened, order)
        cells, left_open, count = parts.pick(index), opened.reshape(-1)[index], count[index // PARTS]
        done = done[index // PARTS]
        still = quiet(cells, left_open)
        # rounding hides what is left of it: what has never become less up to here would not have
        blurred = still & (look.noise(cells, order) > allowed(cells)) & (count == turn + 1) & (turn > 0)
        if bool((done | blurred).any()):
            k = int((done | blurred).nonzero()[0])
            middle = (cells.low[k : k + 1] + cells.high[k : k + 1]) / 2
            return _Open(look.points(cells.row[k : k + 1], middle)[0], True)
        keep = (~still).nonzero()[:, 0]
        cells, left_open, count = cells.pick(keep), left_open[keep], count[keep]
    # a pole of some derivative, which gets no smooth neighbourhood however near one looks
    return _Open(look.points(cells.row[:1], cells.low[:1])[0], False) if len(count) else steep


def _worst(parts: _Cells, opened: Tensor, order: int) -> Tensor:
    """Of each cell's parts the one that leaves most open, and that across which most changes, which may be another.

    Beside a step the derivatives at one end of a part may say more than all that changes.
    """
    change = (parts.right[order] - parts.left[order]).abs().reshape(opened.shape)
    first = torch.arange(len(opened)) * PARTS
    most, steepest = first + opened.argmax(1), first + change.argmax(1)
    others = steepest[steepest != most]
    return torch.cat([most, others[: max(0, CELLS - len(most))]])


def _narrowest(look: _Look, cells: _Cells, order: int, much: float) -> _Open | None:
    """The narrowest cell in which a value or slope changes so fast that within ``STEEP`` it would change by so much."""
    width, change = cells.high - cells.low, (cells.right[order] - cells.left[order]).abs()
    fast = (change > much * width / STEEP) & (change > LEAST * much)
    narrow = (fast & (width < STEEP)).nonzero()[:, 0]
    if len(narrow) == 0:
        return None
    k = int(narrow[width[narrow].argmin()])
    return _Open(look.points(cells.row[k : k + 1], cells.low[k : k + 1])[0], False, float(width[k]))


def _cut(look: _Look, cells: _Cells) -> _Cells:
    """Each cell as ``PARTS`` of the same width, one after the other."""
    share = torch.arange(1, PARTS, dtype=torch.float64) / PARTS
    inner = cells.low[:, None] + share * (cells.high - cells.low)[:, None]
    t = torch.cat([cells.low[:, None], inner, cells.high[:, None]], 1)
    row = cells.row[:, None].expand(-1, PARTS)
    middle = look(row[:, : PARTS - 1].reshape(-1), inner.reshape(-1)).reshape(3, len(t), PARTS - 1)
    jets = torch.cat([cells.left[:, :, None], middle, cells.right[:, :, None]], 2)
    return _Cells(
        row.reshape(-1),
        t[:, :-1].reshape(-1),
        t[:, 1:].reshape(-1),
        jets[:, :, :-1].reshape(3, -1),
        jets[:, :, 1:].reshape(3, -1),
    )
