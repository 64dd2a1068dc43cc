"""Where the values on the sides of a box contradict the initial value, and what carries that.

The half-space's answers (``sciml.corners.steps``) are those of the equation with its rates at the corner of space and time:
they take the jump away, and what they leave of the equation is bounded where the rates vary smoothly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from sciml.ansatz.lines import fault, lines_through, place
from sciml.ansatz.values import noise_of, size_of
from sciml.checks.probe import highest_order
from sciml.conditions import BaseCondition, Dirichlet, Initial, Neumann, Robin, evaluate
from sciml.conditions.base import ROUNDINGS
from sciml.corners.evolution import Evolution, evolution, rate_in_time
from sciml.corners.jumps import Rise, StartJump, at_values
from sciml.corners.operator import Local
from sciml.corners.steps import HalfSpace
from sciml.domains import Box, Domain
from sciml.problem import PDE

JUMPS = 1e-6  # of the size of the data
RAMPS = 1e-4  # the same for jumps of the flux and of the rate, over the size of the domain and its time
ALONG = 16  # points along a face
SAME = 1e-6  # relative change of a diffusion that counts as none


class StartJumps:
    """The search for one unknown.

    Args:
        problem: With time, over a box or an interval.
        unknown: Index of the unknown.
        conditions: With numbers in the place of unknown coefficients.
    """

    def __init__(self, problem: PDE, unknown: int, conditions: Sequence[BaseCondition]):
        self.problem, self.unknown = problem, unknown
        self.conditions = [c for c in conditions if isinstance(c, (Initial, Dirichlet, Neumann, Robin))]
        own = [c for c in self.conditions if problem.component(c) == unknown]
        starts = [c for c in own if isinstance(c, Initial)]
        self.initial = starts[0] if len(starts) == 1 and starts[0].order == 0 else None
        self.sides = [c for c in own if not isinstance(c, Initial)]
        self.domain: Domain = problem.domain
        self.time = problem.domain.time_axis

    def find(self) -> StartJump | str | None:
        """What carries the jumps; words why nothing can; None where there are none."""
        domain = self.domain
        if self.time is None or self.initial is None or not domain.space_axes:
            return None
        if not isinstance(domain.space, Box):
            return None
        self.size = self._size()
        held = list(self._held())
        steps = [(k, c) for k, c in held if isinstance(c, Dirichlet) and self._steps(k, c)]
        if not steps and len(domain.space_axes) > 1:
            return None
        if highest_order(self.problem) != 2:
            return "the equation is not of second order" if steps else None
        rises: list[Rise] = []
        for k, c in steps:
            found = self._step(k, c, held)
            if isinstance(found, str):
                return found
            rises.append(found)
        if len(domain.space_axes) == 1:
            rises += self._weaker(held, rises)
        if not rises:
            return None
        faces = tuple(self._face(k) for k in range(len(domain._pieces)))
        names = ", ".join(dict.fromkeys(f"{domain.names[r.space.axis]}={r.space.at:.4g}" for r in rises))
        unknown = self.problem.unknowns[self.unknown]
        what = "jumps" if steps else "has a jump of its flux or rate"
        return StartJump(
            tuple(rises),
            faces,
            f"{unknown} {what} between the first instant and {names}: the trial function carries what a half-space "
            "answers to that (corners=False: not).",
        )

    # ---- the faces

    def _face(self, piece: int) -> tuple[int, float]:
        axis, end = self.domain.space_axes[piece // 2], piece % 2
        return axis, (self.domain._high if end else self.domain._low)[axis]

    def _held(self) -> Iterator[tuple[int, BaseCondition]]:
        """Faces with their condition, where one holds all over it."""
        for condition in self.sides:
            for piece in self.domain.boundary(condition.on).chosen:  # type: ignore[attr-defined]
                yield piece, condition

    def _points(self, piece: int) -> Tensor:
        """Points of a face at the first instant, its edges among them."""
        axis, at = self._face(piece)
        assert self.time is not None
        x = torch.cat([self.domain.sample(ALONG, seed=0), self.domain.grid(3)[0]])
        return at_values(x, {axis: at, self.time: self.domain._low[self.time]})

    def _start(self, x: Tensor) -> Tensor:
        assert self.initial is not None
        return evaluate(self.initial.value, x, self.initial.label)

    def _height(self, c: Dirichlet) -> Callable[[Tensor], Tensor]:
        return lambda x: evaluate(c.value, x, c.label) - self._start(x)

    def _size(self) -> float:
        x = self.domain.sample(64, seed=0)
        assert self.time is not None
        values = [self._start(at_values(x, {self.time: self.domain._low[self.time]}))]
        for c in self.sides:
            if isinstance(c, Dirichlet):
                values.append(evaluate(c.value, self.domain.boundary(c.on).sample(64), c.label))
        noise = noise_of([self.initial, *self.sides], self.domain)  # type: ignore[list-item]
        return max(size_of(values), noise / JUMPS)  # what is smaller than that is no jump

    def _steps(self, piece: int, c: Dirichlet) -> bool:
        found = self._height(c)(self._points(piece)).detach()
        return bool(torch.isfinite(found).all()) and float(found.abs().max()) > JUMPS * self.size

    # ---- jumps of the value

    def _step(self, piece: int, c: Dirichlet, held: Sequence[tuple[int, BaseCondition]]) -> Rise | str:
        domain, axis = self.domain, self._face(piece)[0]
        height = self._height(c)
        names = tuple(domain.names)
        if len(domain.space_axes) > 1:
            fixed = dict([self._face(piece)]) | {self.time: domain._low[self.time]}  # type: ignore[index]
            lines = lines_through(domain, fixed)  # type: ignore[arg-type]
            why = fault(lambda x: height(at_values(x, fixed)), lines, domain.contains, names)  # type: ignore[arg-type]
            if why is not None:
                return f"along {names[axis]}={self._face(piece)[1]:.4g} {why}"
            if (at := self._edge(piece, c, held)) is not None:
                return f"the values of two sides differ at {place(at, names)}, too"
        space = self._half_space(piece, c)
        return space if isinstance(space, str) else Rise(space, "step", height)

    def _edge(self, piece: int, c: Dirichlet, held: Sequence[tuple[int, BaseCondition]]) -> Tensor | None:
        """A point at which the values of a face and of a neighbour differ at the first instant."""
        axis, at = self._face(piece)
        for other, d in held:
            if isinstance(d, Dirichlet) and self._face(other)[0] != axis:
                x = at_values(self._points(other), {axis: at})
                gap = (evaluate(c.value, x, c.label) - evaluate(d.value, x, d.label)).detach().abs()[:, 0]
                if float(gap.max()) > JUMPS * self.size:
                    return x[int(gap.argmax())]
        return None

    def _half_space(self, piece: int, c: Dirichlet | None) -> HalfSpace | str:
        """The space behind a face with the rates of the equation there."""
        domain, (axis, at) = self.domain, self._face(piece)
        k = domain.space_axes.index(axis)
        found: list[tuple[float, float, float]] = []
        x = self._points(piece)
        for point in x[:3] if len(domain.space_axes) > 1 else x[:1]:
            values = self._values(point[None])
            ends = [values]
            if c is not None:  # between both values, and at each of them
                given = evaluate(c.value, point[None], c.label)[0, 0].detach()
                middle, other = values.clone(), values.clone()
                middle[self.unknown] = (values[self.unknown] + given) / 2
                other[self.unknown] = given
                ends = [middle, values, other]
            rates = [evolution(Local(self.problem, self.unknown, point[None], v)) for v in ends]
            for rate in rates:
                if isinstance(rate, str):
                    return rate
                off = rate.diffusion[k].clone()
                off[k] = 0.0
                if float(rate.diffusion[k, k]) <= 0:
                    return "there is no diffusion across the side"
                if float(off.abs().max()) > SAME * float(rate.diffusion[k, k]):
                    return "the diffusion is oblique to the side"
            assert isinstance(rates[0], Evolution)
            found += [(float(r.diffusion[k, k]), float(r.drift[k]), r.decay) for r in rates[1:] or rates]  # type: ignore[union-attr]
        rates_ = torch.tensor(found, dtype=torch.float64)
        diffusion = rates_[:, 0]
        if float(diffusion.max() - diffusion.min()) > SAME * float(diffusion.max()):
            return "the diffusion depends on the solution, or varies along the side"
        inward = 1.0 if at == domain._low[axis] else -1.0
        assert self.time is not None
        low, high = domain._low[self.time], domain._high[self.time]
        drift, decay = float(rates_[:, 1].mean()) * inward, float(rates_[:, 2].mean())
        return HalfSpace(axis, at, inward, self.time, low, high - low, float(diffusion[0]), drift, decay)

    def _values(self, x: Tensor) -> Tensor:
        """All unknowns at a point of the first instant."""
        values = torch.zeros(self.problem.outputs, dtype=torch.float64)
        for c in self.conditions:
            if isinstance(c, Initial) and c.order == 0:
                values[self.problem.component(c)] = evaluate(c.value, x, c.label)[0, 0].detach()
        return values

    # ---- jumps of the flux and of the rate, on a line

    def _weaker(self, held: Sequence[tuple[int, BaseCondition]], steps: Sequence[Rise]) -> Iterator[Rise]:
        domain = self.domain
        for piece, c in held:
            axis, at = self._face(piece)
            x = self._points(piece)[:1]
            if isinstance(c, Dirichlet):
                kind, size, unit = (
                    "ramp",
                    self._rate(c, x, [r for r in steps if r.space.at == at]),
                    self._duration,
                )
            else:
                kind, size = "flux", self._flux(c, x, piece)
                unit = domain._high[axis] - domain._low[axis]
            if size is None or not self._counts(size, unit):
                continue
            space = self._half_space(piece, None)
            if not isinstance(space, str):
                yield Rise(space, kind, lambda x, size=size: torch.full_like(x[:, :1], size))

    @property
    def _duration(self) -> float:
        assert self.time is not None
        return self.domain._high[self.time] - self.domain._low[self.time]

    def _counts(self, size: float, unit: float) -> bool:
        """Whether a rate or a slope, over the whole time or length, is one to carry."""
        return RAMPS * self.size < abs(size) * unit < float("inf")

    def _rate(self, c: Dirichlet, x: Tensor, step: Sequence[Rise]) -> float | None:
        """What the rate of a side's value is above the one that the equation has for the initial values."""
        assert self.time is not None
        given = _slope(lambda y: evaluate(c.value, y, c.label), x, self.time, c.value)
        starts = {
            self.problem.component(d): d for d in self.conditions if isinstance(d, Initial) and d.order == 0
        }
        if given is None or len(starts) < self.problem.outputs:
            return None
        local = Local(self.problem, self.unknown, x, self._values(x))
        first = {self.time: self.domain._low[self.time]}

        def fields(y: Tensor) -> Tensor:
            still = at_values(y, first)
            rows = [evaluate(starts[i].value, still, starts[i].label) for i in range(len(starts))]
            return torch.cat(rows, 1) + 0.0 * y.sum(1, keepdim=True)

        if any(callable(d.value) and not _carries(d, x) for d in starts.values()):
            return None
        row = self.unknown if self.problem.outputs > 1 else 0
        equations = local.of_fields(fields)[0]
        if row >= len(equations):
            return None
        left, rate = float(equations[row]), rate_in_time(local)
        # the same all along the start: what is left at a corner where the data fit is what these numbers are rounded by
        along = at_values(self.domain.sample(ALONG, seed=0), first)
        usual = local.of_fields(fields, along)[:, row].abs()
        if abs(left) <= ROUNDINGS * float(usual[torch.isfinite(usual)].sum()) / ALONG:
            left = 0.0
        if not step and rate != 0 and not self._counts(given + left / rate, self._duration):
            return None  # too little to be carried, whatever the equation is like; which takes longer to see
        found = evolution(local)
        if isinstance(found, str):
            return None
        height = sum(float(r.height(x).detach()) for r in step)
        return given + (step[0].space.decay * height if step else 0.0) + left / found.rate

    def _flux(self, c: BaseCondition, x: Tensor, piece: int) -> float | None:
        """What the outward slope that a side asks for is above that of the initial value."""
        assert self.initial is not None
        axis, at = self._face(piece)
        outward = -1.0 if at == self.domain._low[axis] else 1.0
        slope = _slope(self._start, x, axis, self.initial.value)
        if slope is None:
            return None
        if isinstance(c, Neumann):
            return float(evaluate(c.value, x, c.label).detach()) - outward * slope
        assert isinstance(c, Robin)
        alpha, beta, value = (float(evaluate(v, x, c.label).detach()) for v in (c.alpha, c.beta, c.value))
        if beta == 0:
            return None
        return (value - alpha * float(self._start(x).detach())) / beta - outward * slope


def _slope(function: Callable[[Tensor], Tensor], x: Tensor, axis: int, value: object) -> float | None:
    """Derivative along an axis at one point; None of a function that carries none."""
    if not callable(value):
        return 0.0
    with torch.enable_grad():
        y = x.detach().clone().requires_grad_(True)
        out = function(y)
        if not out.requires_grad:
            return None
        return float(torch.autograd.grad(out.sum(), y)[0][0, axis])


def _carries(condition: Initial, x: Tensor) -> bool:
    with torch.enable_grad():
        return evaluate(
            condition.value, x.detach().clone().requires_grad_(True), condition.label
        ).requires_grad
