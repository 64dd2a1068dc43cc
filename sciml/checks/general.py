"""General conditions on a few points: shapes, what they depend on, and for how many conditions they count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sciml.checks.probe import NUDGES, Nudged, Question, Waves, call, sampled
from sciml.checks.trainable import check_terms
from sciml.conditions import Condition, Dirichlet, Initial, Neumann, Robin
from sciml.conditions.places import BOUNDARY, INSIDE, POINTS, START
from sciml.derivatives import DerivativeSource, RecordingSource
from sciml.errors import ArgumentError, ArgumentTypeError

if TYPE_CHECKING:
    from sciml.problem import PDE

SMALL, LARGE = 7, 11  # numbers of points that a shape must not follow
MANY = 32  # points that dependence is looked for on
SCALES = (1.0, 0.1, 1e-3, -1.0, 10.0, 300.0, 1e4)  # of the probe, the first for which the residual is finite
MIXES = 1e-6  # relative change of a row when other points come along
STEP = 1e-3  # of the derivative by the value or the slope


class General:
    """What the residual of one general condition asks for.

    Args:
        problem: The problem.
        condition: One of its conditions.
        label: Its name for messages.

    Attributes:
        place: Where it holds.
        points: Some points there, ``(n, d)``.
        counts: For each unknown, for how many conditions it stands at a point of its place: each column of the residual
            counts for one of the unknowns that it depends on.
        uses: Indices of the unknowns that it depends on.

    Raises:
        ArgumentError, ArgumentTypeError: The residual fails, returns something else than rows of real numbers, mixes points,
            or does not depend on the field.
    """

    def __init__(self, problem: PDE, condition: Condition, label: str):
        self.problem, self.condition, self.label = problem, condition, label
        self.place = condition.place(problem.domain)
        self.scale = 1.0
        self.points = sampled(self.place.draw, MANY)
        self._check_shapes()
        self._find_scale()
        self._depends = self._dependence()
        idle = ~self._depends.any(1)
        if bool(idle.any()):
            which = "it" if bool(idle.all()) else f"column {int(idle.nonzero()[0])} of it"
            raise ArgumentError(
                f"{label}: its residual needs to depend on the field u, got the same for {which} whatever u is."
            )
        self.uses = self._depends.any(0).nonzero()[:, 0].tolist()
        self.counts = self._shares()

    @property
    def on_boundary(self) -> bool:
        """Whether it holds at every point of a part of the boundary."""
        return self.place.kind == BOUNDARY and not self.condition.mean

    @property
    def instant(self) -> bool:
        """Whether it holds at every point of the first or the last instant."""
        return self.place.kind not in (BOUNDARY, INSIDE, POINTS) and not self.condition.mean

    @property
    def measurements(self) -> int:
        """At how many single points it says something, where these are its place; a mean counts as one."""
        if self.condition.mean:
            return 1
        return 0 if self.place.points is None else len(self.place.points)

    def notices(self, shift: dict[int, float]) -> bool:
        """Whether it changes when constants are added to some unknowns at once."""
        x = self.points
        base = torch.nan_to_num(self.rows(self.waves(x), x))
        moved: DerivativeSource = self.waves(x)
        for j, v in shift.items():
            moved = Nudged(moved, {((),)}, j, v, flat=True)
        change = torch.nan_to_num(self.rows(moved, x)) - base
        return bool(change.abs().max() > 1e-7 * base.abs().max())

    def rows(self, source: DerivativeSource, x: Tensor) -> Tensor:
        """All columns side by side, float64 ``(n, C)``, without a graph."""
        return torch.cat([part.detach().double() for part in self.parts(source, x).values()], dim=1)

    def waves(self, x: Tensor, seed: int = 0) -> Waves:
        """A smooth probe at points."""
        domain = self.problem.domain
        return Waves(x, domain.lower, domain.upper, len(self.problem.unknowns), seed, self.scale)

    def inflow(self) -> str | None:
        """A note where the outward slope grows with the value itself, as with heat that flows in the hotter a body is."""
        if not self.on_boundary or len(self.uses) != 1 or self._depends.shape[0] != 1:
            return None
        (j,) = self.uses
        x, found = self.points, []
        normal = self.place.normal(x)
        for seed in (0, 1):
            value = self._slope(self.waves(x, seed), {((),): torch.ones(len(x), dtype=torch.float64)}, j)
            axes = self.problem.domain.space_axes
            slope = self._slope(self.waves(x, seed), {((i,),): normal[:, i].double() for i in axes}, j)
            found.append((value * slope < 0).all())
        if not all(found):
            return None
        u = self.problem.unknowns[j]
        return (
            f"{self.label}: the slope of {u} along the outward normal grows with {u} itself, as with heat that flows in the "
            "hotter the body is. Is the sign of the normal derivative right? The normal points outward."
        )

    # ---- inside

    def _slope(self, source: Waves, along: dict[Question, Tensor], j: int) -> Tensor:
        """Derivative of the residual's one column by answers that change together, ``(n,)``."""

        size = STEP * abs(self.scale)
        up, down = (self.rows(_Moved(source, along, j, s), self.points)[:, 0] for s in (size, -size))
        return (up - down) / (2 * size)

    def parts(self, source: DerivativeSource, x: Tensor) -> dict[str, Tensor]:
        """The residual's terms for a field at points."""

        def residual(y: Tensor) -> dict[str, Tensor]:
            return self.condition.parts(self.place, self.problem.field(source), y)

        return call(f"{self.label}: its residual", residual, x)

    def _check_shapes(self) -> None:
        x = self.points
        few, more = (x[:SMALL], x[:LARGE]) if len(x) >= LARGE else (x[: max(1, len(x) - 1)], x)
        first, again = self.parts(self.waves(few), few), self.parts(self.waves(few), few)
        second = self.parts(self.waves(more), more)
        if list(first) != list(second):
            raise ArgumentError(
                f"{self.label}: its residual needs the same parts for every number of points, got {', '.join(first)} and "
                f"{', '.join(second)}."
            )
        for name, a in first.items():
            b = second[name]
            if a.dtype != x.dtype:
                raise ArgumentTypeError(
                    f"{self.label}: its residual needs dtype {x.dtype} like the points, got {a.dtype}."
                )
            if a.shape[1] != b.shape[1]:
                raise ArgumentError(
                    f"{self.label}: its residual needs as many columns for {len(few)} points as for {len(more)}, got "
                    f"shapes {tuple(a.shape)} and {tuple(b.shape)}: a column (n, 1) met a row (n,). Did you mean x[:, :1] "
                    "where it says x[:, 0]?"
                )
            check_terms(f"residual of {self.label}", a, again[name])
            a, b = torch.nan_to_num(a.detach()), torch.nan_to_num(b.detach())
            size = max(1e-300, float(b.abs().max()))
            if not torch.equal(a, torch.nan_to_num(again[name].detach())):
                raise ArgumentError(
                    f"{self.label}: its residual needs to be the same at the same points twice, got something random."
                )
            if len(few) < len(more) and float((a - b[: len(a)]).abs().max()) > MIXES * size:
                raise ArgumentError(
                    f"{self.label}: its residual needs rows that depend on their own point alone, got rows that change "
                    "with the other points. For a mean over the place write mean=True and return what is averaged."
                )

    def _find_scale(self) -> None:
        for self.scale in SCALES:
            if bool(self.rows(self.waves(self.points), self.points).isfinite().all()):
                return
        found = self.rows(self.waves(self.points), self.points)
        bad = ~found.isfinite().all(1)
        raise ArgumentError(
            f"{self.label}: its residual needs finite numbers, got {found[bad][0].tolist()} at "
            f"{self.points[bad][0].tolist()} for every smooth field that was tried."
        )

    def _dependence(self) -> Tensor:
        """Which column depends on which unknown, ``(C, m)`` bool."""
        x, m = self.points, len(self.problem.unknowns)
        recorder = RecordingSource(self.waves(x))
        base = self.rows(recorder, x)
        asked: set[Question] = {((),), *(((i,),) for i in recorder.firsts), *recorder.seconds}
        asked |= recorder.highers
        table = torch.zeros(base.shape[1], m, dtype=torch.bool)
        for j in range(m):
            for size in NUDGES:
                moved = self.rows(Nudged(self.waves(x), asked, j, size), x)
                table[:, j] |= (moved != base).any(0)
        return table

    def _shares(self) -> dict[int, int]:
        """Each column counts for the unknown with the fewest conditions at this place so far."""
        given = self._given()
        counts = dict.fromkeys(given, 0)
        for row in self._depends[self._depends.sum(1).argsort()]:
            on = row.nonzero()[:, 0].tolist()
            counts[min(on, key=lambda j: given[j] + counts[j])] += 1
        return counts

    def _given(self) -> dict[int, int]:
        """For each unknown, how many conditions with a name it has at this place."""
        problem, kind = self.problem, self.place.kind
        given = dict.fromkeys(range(len(problem.unknowns)), 0)
        for c in problem.conditions:
            if isinstance(c, Initial):
                there = kind == START
            elif isinstance(c, (Dirichlet, Neumann, Robin)) and kind == BOUNDARY:
                there = bool(problem.domain.boundary(c.on).contains(self.points).any())
            else:
                continue
            given[problem.component(c)] += there
        return given


class _Moved(Nudged):
    """``inner`` with some answers for one unknown moved together, each by its own share of ``size`` at each point."""

    def __init__(self, inner: DerivativeSource, along: dict[Question, Tensor], unknown: int, size: float):
        super().__init__(inner, set(along), unknown, size)
        self._along = along

    def _answer(self, question: Question, answer: Tensor) -> Tensor:
        if question not in self._along:
            return answer
        out = answer.clone()
        out[:, self._unknown] += self._size * self._along[question]
        return out


def generals(problem: PDE) -> list[General]:
    """The general conditions of a problem.

    Raises:
        ArgumentError, ArgumentTypeError: One that cannot be used, by its label.
    """
    labels = [c.label for c in problem.conditions]
    return [
        General(problem, c, c.label if labels.count(c.label) == 1 else f"{c.label} (conditions[{k}])")
        for k, c in enumerate(problem.conditions)
        if isinstance(c, Condition)
    ]
