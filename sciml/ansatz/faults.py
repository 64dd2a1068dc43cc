"""What keeps a condition from being exact, looked for in this order:

its function's derivatives (``lines``), the two ends of a periodic coordinate, edges where the values of two sides
differ, corners where second derivatives grow, initial values that differ from those of the boundary.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sciml.ansatz.blend import Part, Reduced, Side, moved
from sciml.ansatz.corners import corners, growing
from sciml.ansatz.lines import TOLERANCE, fault, lines_through, place
from sciml.ansatz.poles import pole
from sciml.ansatz.values import first_instant, noise_of, regular, size_of
from sciml.conditions import BaseCondition, evaluate
from sciml.conditions.base import ROUNDINGS
from sciml.derivatives import AutogradSource
from sciml.domains.vertices import TOUCH

COMPATIBLE = 1e-6  # largest relative jump between data that meet which an exact ansatz accepts
SAMPLE = 64
ROUNDING = 1e-12  # of two functions whose difference is looked at

Known = dict[Hashable, Any]


@dataclass
class Fault:
    """Conditions that cannot be exact, and why: a clause for a note."""

    conditions: Sequence[BaseCondition]
    why: str


@dataclass
class _Ingredient:
    """A condition's function as the trial function uses it: with some coordinates held, less what is taken from it."""

    condition: BaseCondition
    held: dict[int, float]
    side: Side | None = None

    def __call__(self, x: Tensor) -> Tensor:
        y = moved(x, {i: x.new_tensor(v) for i, v in self.held.items()}) if self.held else x
        if self.side is not None:
            return self.side.value(y)
        return evaluate(self.condition.value, y, self.condition.label)  # type: ignore[attr-defined]

    @property
    def key(self) -> Hashable:
        return id(self.side or self.condition), tuple(self.held.items())

    @property
    def rounding(self) -> float:
        """Of its values, where one function is taken from another."""
        if not isinstance(self.side, Reduced):
            return 0.0
        x = self.side.boundary.sample(SAMPLE)
        return ROUNDING * size_of([evaluate(self.side.condition.value, x, self.side.condition.label)])

    @property
    def varies(self) -> bool:
        return callable(self.condition.value) if self.side is None else self.side.varies  # type: ignore[attr-defined]


def first_fault(part: Part, periodic: Sequence[int], known: Known) -> Fault | None:
    """The first fault of an unknown's part; ``known`` keeps what has been looked at already."""
    if part.velocity is not None and part.initial is None:
        return Fault([part.velocity], "no exact condition on the value goes with it")
    for item in _ingredients(part):
        if item.key not in known:
            known[item.key] = _derivatives(part, item) or _seam(part, item, periodic)
        why = known[item.key]
        if why is not None:
            return Fault([item.condition], why)
    return _edges(part) or _corners(part, known) or _start(part)


def _ingredients(part: Part) -> list[_Ingredient]:
    """What the trial function is made of; numbers need no look."""
    faces = part.faces()
    if faces is None:
        items = [_Ingredient(side.condition, {}, side) for side in part.sides[: 1 if part.uniform else None]]
    else:
        low, high = part.domain._low, part.domain._high
        items = [
            _Ingredient(side.condition, {axis: high[axis] if end else low[axis]}, side)
            for (axis, end), side in faces.items()
        ]
    for condition in (part.initial, part.velocity):
        if condition is not None:
            axis, t0 = part.time
            items.append(_Ingredient(condition, {axis: t0}))
    return [item for item in items if item.varies]


def _derivatives(part: Part, item: _Ingredient) -> str | None:
    domain = part.domain
    if len(item.held) == domain.dim:
        return None
    names = tuple(domain.names)
    rounding = item.rounding
    why = fault(item, lines_through(domain, item.held), domain.contains, names, part.order, rounding)
    if why is None and rounding and float(item(domain.sample(SAMPLE)).detach().abs().max()) <= rounding:
        return None
    for order in sorted({2, part.order}):
        if why is None and (at := pole(item, domain, item.held, order)) is not None:
            why = f"its {ordinal(order)} derivatives grow without bound near {place(at, names)}"
    return why


def _seam(part: Part, item: _Ingredient, periodic: Sequence[int]) -> str | None:
    """Whether the function and its derivatives below the equation's order agree at both ends of a periodic coordinate."""
    domain = part.domain
    for axis in periodic:
        if axis in item.held:
            continue
        low, high = domain._low[axis], domain._high[axis]
        inner = domain.sample(SAMPLE, seed=0)
        ends = []
        for value in (low, high):
            x = moved(inner, {axis: inner.new_tensor(value)}).requires_grad_(True)
            source = AutogradSource(item, x)
            span = high - low
            ends.append([source.higher((axis,) * r).detach() * span**r for r in range(part.order)])
        size = size_of([ends[0][0], ends[1][0], item(inner)])
        jumps = [float((a - b).abs().max()) / size for a, b in zip(*ends, strict=True)]
        name = domain.names[axis]
        for r, jump in enumerate(jumps):
            what = ("value", "slope")[r] if r < 2 else f"{ordinal(r)} derivative"
            # of a smooth function that oscillates k times a higher derivative is larger by (2 pi k)^r
            if not jump <= TOLERANCE * (1 if r < 2 else max(1.0, size_of([e[r] for e in ends]) / size)):
                return f"its {what} differs between both ends of the periodic {name} by {jump:.1e} relative"
    return None


def _edges(part: Part) -> Fault | None:
    """Sides whose values differ where they meet."""
    if part.uniform:
        return None
    clashes: list[tuple[Side, Side, float, Tensor]] = []
    domain = part.domain
    for one, two, x in _meetings(part):
        a, b = one.value(x), two.value(x)
        size = size_of([a, b, one.value(one.boundary.sample(SAMPLE)), two.value(two.boundary.sample(SAMPLE))])
        noise = noise_of([one.condition, two.condition], domain)
        jump = ((a - b).abs()[:, 0] - noise) / size
        if float(jump.max()) > COMPATIBLE:
            clashes.append((one, two, float(jump.max()), x[int(jump.argmax())]))
    if not clashes:
        return None

    def rank(k: int) -> tuple[float, ...]:
        side = part.sides[k]
        count = sum(side in clash[:2] for clash in clashes)
        return count, side.condition.hard is not True, -side.boundary.measure, k

    # what differs from the most others gives way; of several the smallest
    side = part.sides[max(range(len(part.sides)), key=rank)]
    one, two, jump, x = next(clash for clash in clashes if side in clash[:2])
    other = two if side is one else one
    return Fault(
        [side.condition],
        f"its values differ from those of {other.condition.label} by {jump:.1e} relative where they meet, "
        f"at {place(x, tuple(part.domain.names))}",
    )


def _meetings(part: Part) -> list[tuple[Side, Side, Tensor]]:
    """Pairs of sides with other values, and points where they meet."""
    domain, faces = part.domain, part.faces()
    found = []
    if faces is not None:
        x = torch.cat([domain.sample(SAMPLE, seed=0), domain.grid(3)[0][:: max(1, 3**domain.dim // 81)]])
        for (axis, end), one in faces.items():
            for (other, stop), two in faces.items():
                if axis < other and one is not two:
                    at = {
                        axis: (domain.lower, domain.upper)[end][axis],
                        other: (domain.lower, domain.upper)[stop][other],
                    }
                    found.append((one, two, moved(x, at)))
        return found
    points = corners(domain)
    if len(points) == 0:
        return []
    touching = [_touching(part, side, points) for side in part.sides]
    for i, one in enumerate(part.sides):
        for j, two in enumerate(part.sides[:i]):
            shared = points[touching[i] & touching[j]]
            if len(shared) and (one.varies or two.varies or one.condition.value != two.condition.value):
                found.append((one, two, _at_times(part, shared)))
    return found


def _touching(part: Part, side: Side, points: Tensor) -> Tensor:
    space = part.domain.space
    gaps = [space._pieces[k].gap(points) for k in side.boundary.chosen]
    return torch.stack(gaps).amin(0) <= TOUCH * space._size


def _at_times(part: Part, points: Tensor) -> Tensor:
    """Points of space at some times, the first and last among them."""
    if part.domain.time_axis is None:
        return points
    low, high = part.domain._low[part.domain.time_axis], part.domain._high[part.domain.time_axis]
    t = torch.linspace(low, high, 9, dtype=points.dtype)
    return torch.cat([t.repeat_interleave(len(points))[:, None], points.repeat(len(t), 1)], 1)


def _corners(part: Part, known: Known) -> Fault | None:
    """Corners where the Laplacian of the blended values or of the distance grows."""
    if not part.sides:
        return None
    key = ("corners", tuple(id(side.condition) for side in part.sides))
    if key not in known:
        known[key] = _growth(part)
    if known[key] is None:
        return None
    kind, why = known[key]
    sides = part.sides
    if kind == "blend":  # without one of them it may be smooth: the last with a function
        sides = sorted(sides, key=lambda s: (s.condition.hard is not True, s.varies))[-1:]
    return Fault([side.condition for side in sides], why)


def _growth(part: Part) -> tuple[str, str] | None:
    """Which function grows, the ``"distance"`` or the ``"blend"``, and a clause for a note."""
    domain = part.domain
    at = corners(domain)
    order = part.order
    looked: list[tuple[str, str, Callable[[Tensor], Tensor]]] = [
        ("distance", "the distance to its part of the boundary", part.distance)
    ]
    if not part.uniform:
        looked.append(("blend", "what joins its values to those of the other sides", part.boundary_value))
    for kind, what, function in looked:
        for r in sorted({2, order}):
            corner = growing(function, domain, at, r)
            if corner is not None:
                where = place(corner, tuple(domain.names[i] for i in domain.space_axes))
                return (
                    kind,
                    f"{what} has {ordinal(r)} derivatives that grow without bound at the corner {where}",
                )
    return None


def ordinal(order: int) -> str:
    """``second``, ``third``, ...: the word for an order."""
    words = ("zeroth", "first", "second", "third", "fourth", "fifth", "sixth")
    return words[order] if order < len(words) else f"{order}th"


def _start(part: Part) -> Fault | None:
    """Initial data that do not meet those of the boundary."""
    if part.initial is None or not part.sides:
        return None
    domain = part.domain
    x = torch.cat([torch.cat([side.boundary.sample(SAMPLE), regular(side.boundary)]) for side in part.sides])
    x = first_instant(domain, x)
    inside = domain.initial().sample(SAMPLE, seed=0)
    u0 = evaluate(part.initial.value, x, part.initial.label)
    h = part.boundary_value(x).detach()
    size = size_of([h, u0, evaluate(part.initial.value, inside, part.initial.label)])
    noise = noise_of([part.initial, *(side.condition for side in part.sides)], domain)
    if part.jump is not None:  # carried values are differences of what is as large
        noise += ROUNDINGS * float(part.jump(domain.sample(SAMPLE, seed=0)).detach().abs().max())
    jump = (float((h - u0).abs().max()) - noise) / size
    if jump > COMPATIBLE:
        softened = [c for c in (part.initial, part.velocity) if c is not None]
        return Fault(softened, f"it differs from the boundary values by {jump:.1e} relative where they meet")
    if part.velocity is None:
        return None
    start, still = part.at_start(x)
    slope = part.start_slope(start, still).detach()
    v0 = evaluate(part.velocity.value, x, part.velocity.label)
    size = size_of([slope, v0, evaluate(part.velocity.value, inside, part.velocity.label)])
    assert domain.time_axis is not None
    span = domain._high[domain.time_axis] - domain._low[domain.time_axis]
    jump = (float((slope - v0).abs().max()) - noise_of([part.velocity], domain) - noise / span) / size
    if jump > COMPATIBLE:
        return Fault(
            [part.velocity],
            f"it differs from the rate of the boundary values by {jump:.1e} relative where they meet",
        )
    return None
