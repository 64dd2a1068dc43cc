"""The residual on a few points: its shape, and which terms ask for which derivatives of which unknowns."""

from __future__ import annotations

import inspect
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sciml.checks.general import General, generals
from sciml.checks.probe import COLUMN, NUDGES, Nudged, Question, Waves, call, interior
from sciml.checks.trainable import check_terms
from sciml.derivatives import DerivativeSource, RecordingSource
from sciml.errors import ArgumentError, ArgumentTypeError

if TYPE_CHECKING:
    from sciml.problem import PDE

SMALL, LARGE = 7, 11  # two numbers of points: what is (n, k) must not follow them
MANY = 64  # points that dependence is looked for on
GROUPS = 24  # more kinds of derivatives than that are taken together by their orders
SCALES = (1.0, 0.1, 1e-3, -1.0, 10.0, 1e3)  # of the probe, the first for which the residual is finite
MIXES = 1e-6  # relative change of a row when other points come along


class Equation:
    """What the residual of a problem asks for.

    Attributes:
        problem: The problem.
        dtype: The first dtype that the residual takes.
        elsewhere: Why it could not be run at all on the CPU, or None.
        notes: What is worth knowing.
    """

    def __init__(self, problem: PDE):
        self.problem = problem
        self.what = f"residual of {type(problem).__name__}"
        self.notes: list[str] = []
        self.dtype, self.elsewhere = torch.float64, None
        self.scale, self.repeatable, self.finite = 1.0, True, True
        self._check_signature()
        self._points = interior(problem, MANY)
        try:
            first = self.terms(self.waves(self._points[:SMALL]), self._points[:SMALL])
        except ArgumentError as error:
            first = self._second_chance(error)
        if first is not None:
            self._check_shapes(first)
            self._find_scale()

    @cached_property
    def others(self) -> list[General]:
        """The problem's general conditions.

        Raises:
            ArgumentError, ArgumentTypeError: One that cannot be used.
        """
        return generals(self.problem)

    # ---- evaluation

    def terms(self, source: DerivativeSource, x: Tensor) -> dict[str, Tensor]:
        """The residual's terms for a field at points."""

        def residual(y: Tensor) -> dict[str, Tensor]:
            return self.problem.residual_terms(self.problem.field(source), y)

        return call(self.what, residual, x.to(self.dtype))

    def rows(self, source: DerivativeSource, x: Tensor) -> Tensor:
        """All columns of all terms side by side, float64 ``(n, C)``, without a graph."""
        terms = self.terms(source, x).values()
        return torch.cat([t.detach().double() for t in terms], dim=1)

    def waves(self, x: Tensor, seed: int = 0, scale: float = 1.0) -> Waves:
        """A smooth probe at points."""
        domain = self.problem.domain
        unknowns = len(self.problem.unknowns)
        return Waves(x.to(self.dtype), domain.lower, domain.upper, unknowns, seed, scale * self.scale)

    @cached_property
    def columns(self) -> list[str]:
        """The name of the term that each column of ``rows`` belongs to."""
        return [name for name, k in self._widths.items() for _ in range(k)]

    # ---- shapes

    def _check_signature(self) -> None:
        try:
            signature = inspect.signature(self.problem.residual)
            signature.bind(None, None)
        except TypeError:
            got = ", ".join(["self", *inspect.signature(self.problem.residual).parameters])
            raise ArgumentTypeError(
                f"{self.what} needs the signature residual(self, u, x) with all coordinates in x (n, d), got "
                f"({got}). {COLUMN}"
            ) from None
        except ValueError:  # a callable without a signature
            return

    def _second_chance(self, error: ArgumentError) -> dict[str, Tensor] | None:
        """A residual may hold tables of another dtype or on another device."""
        said = str(error)
        if "device" in said and isinstance(error.__cause__, RuntimeError):
            self.elsewhere = "it needs another device"
            self.notes.append(f"{self.what} was not looked at: it could not be run on the CPU.")
            return None
        if "dtype" not in said:
            raise error
        self.dtype = torch.float32
        try:
            x = self._points[:SMALL]
            return self.terms(self.waves(x), x)
        except ArgumentError:
            raise error from error.__cause__

    def _check_shapes(self, first: dict[str, Tensor]) -> None:
        few, more = self._points[:SMALL], self._points[:LARGE]
        if len(more) < LARGE:  # a sample of a handful of fixed points
            few, more = more[: max(1, len(more) - 1)], more
            first = self.terms(self.waves(few), few)
        again = self.terms(self.waves(few), few)
        second = self.terms(self.waves(more), more)
        if list(first) != list(second):
            raise ArgumentError(
                f"{self.what} needs the same terms for every number of points, got {', '.join(first)} and "
                f"{', '.join(second)}."
            )
        for name in first:
            a, b = first[name], second[name]
            if a.shape[1] != b.shape[1]:
                raise ArgumentError(self._square(name, a, b))
            check_terms(f"term {name!r} of the {self.what}", a, again[name])
        self._widths = {name: term.shape[1] for name, term in first.items()}
        self._check_rows(first, again, second)

    def _square(self, name: str, a: Tensor, b: Tensor) -> str:
        got = f"({a.shape[0]}, {a.shape[1]}) and ({b.shape[0]}, {b.shape[1]})"
        flat = ""
        x = self._points[:SMALL].to(self.dtype)
        source = call(f"source of {type(self.problem).__name__}", self.problem.source, x)
        if isinstance(source, Tensor) and source.ndim == 1:
            flat = "source returns shape (n,) where it needs (n, 1). "
        return (
            f"{self.what}: term {name!r} needs as many columns for {a.shape[0]} points as for {b.shape[0]}, got shapes "
            f"{got}: a column (n, 1) met a row (n,). {flat}Did you mean x[:, :1] where it says x[:, 0]?"
        )

    def _check_rows(
        self, first: dict[str, Tensor], again: dict[str, Tensor], second: dict[str, Tensor]
    ) -> None:
        self.repeatable = all(torch.equal(_number(first[n]), _number(again[n])) for n in first)
        if not self.repeatable:
            self.notes.append(
                f"{self.what} is not the same at the same points twice: is something random in it? Nothing else could "
                "be looked at."
            )
            return
        for name in self._mixing(first, second):
            self.notes.append(
                f"{self.what}: term {name!r} at one point depends on which other points come along, as a mean or a "
                "maximum over the points does."
            )

    def _mixing(self, first: dict[str, Tensor], second: dict[str, Tensor]) -> list[str]:
        """Terms whose rows change in another company or order: of three subsets no point is in all."""
        n = len(next(iter(second.values())))
        subsets = {tuple(range(len(next(iter(first.values()))))): first}
        for chosen in (tuple(range(n - 1, 3, -1)), (0, 1, 2, 3, 9, 8, 7)):
            if n == LARGE:
                x = self._points[list(chosen)]
                subsets[chosen] = self.terms(self.waves(x), x)
        found = []
        for name, whole in second.items():
            size = float(_number(whole).abs().max())
            off = [(_number(t[name]) - _number(whole)[list(c)]).abs().max() for c, t in subsets.items()]
            if float(max(off)) > MIXES * size + 1e-300:
                found.append(name)
        return found

    def _find_scale(self) -> None:
        """Take a smaller probe where the residual is not finite for one of size 1, as for the logarithm of 1 - u."""
        for self.scale in SCALES:
            rows = self.rows(self.waves(self._points), self._points)
            if bool(rows.isfinite().any(0).all()):
                return
        self.finite = False

    @property
    def usable(self) -> bool:
        """Whether the residual can be asked further questions."""
        return self.elsewhere is None and self.repeatable and self.finite

    # ---- dependence

    @cached_property
    def questions(self) -> list[set[Question]]:
        """Groups of the derivatives that the residual asks for; the value comes first."""
        recorder = RecordingSource(self.waves(self._points))
        self.terms(recorder, self._points)
        asked: list[Question] = [((i,),) for i in sorted(recorder.firsts)]
        asked += sorted(recorder.seconds)
        asked += sorted(recorder.highers)
        groups: dict[object, set[Question]] = {}
        for q in asked:
            key = q if len(asked) <= GROUPS else self.orders({q})
            groups.setdefault(key, set()).add(q)
        return [{((),)}, *groups.values()]

    def orders(self, group: set[Question]) -> tuple[int, int]:
        """The highest order in time and in space among a group."""
        axis = self.problem.domain.time_axis
        parts = [part for question in group for part in question]
        times = [sum(i == axis for i in part) for part in parts]
        return max(times), max(len(p) - t for p, t in zip(parts, times, strict=True))

    @cached_property
    def depends(self) -> Tensor:
        """Which column of the residual depends on which group for which unknown: ``(C, groups, m)`` bool."""
        x = self._points
        base = self.rows(self.waves(x), x)
        m = len(self.problem.unknowns)
        table = torch.zeros(base.shape[1], len(self.questions), m, dtype=torch.bool)
        for g, group in enumerate(self.questions):
            for j in range(m):
                for size in NUDGES:
                    moved = self.rows(Nudged(self.waves(x), group, j, size), x)
                    table[:, g, j] |= ~((moved == base) | (moved.isnan() & base.isnan())).all(0)
                    if table[:, g, j].any():
                        break
        return table

    def order(self, unknown: int, *axes: int) -> int:
        """The highest derivative of an unknown along one axis, or all together along several."""
        found = [0]
        for g, group in enumerate(self.questions):
            if bool(self.depends[:, g, unknown].any()):
                found += [sum(map(part.count, axes)) for question in group for part in question]
        return max(found)

    def space_order(self, unknown: int) -> int:
        """The highest order of derivatives of an unknown in space."""
        found = [
            self.orders(group)[1]
            for g, group in enumerate(self.questions)
            if bool(self.depends[:, g, unknown].any())
        ]
        return max(found, default=0)

    def is_differential(self, unknown: int) -> bool:
        """Whether derivatives of an unknown enter."""
        return bool(self.depends[:, 1:, unknown].any())

    @cached_property
    def blocks(self) -> list[list[int]]:
        """The unknowns, grouped by the equations that they share."""
        blocks: list[set[int]] = [{j} for j in range(len(self.problem.unknowns))]
        for row in self.depends.any(1):
            together = set(row.nonzero()[:, 0].tolist())
            if together:
                joined = [b for b in blocks if b & together]
                blocks = [b for b in blocks if not b & together] + [set().union(*joined)]
        return sorted(sorted(b) for b in blocks)

    def slope(self, x: Tensor, group: set[Question], unknown: int, seed: int = 0) -> Tensor:
        """The derivative of the residual by the answers of one group: ``(n, C)``."""
        size = 1e-3
        up = self.rows(Nudged(self.waves(x, seed), group, unknown, size, flat=True), x)
        down = self.rows(Nudged(self.waves(x, seed), group, unknown, -size, flat=True), x)
        return (up - down) / (2 * size)


def _number(term: Tensor) -> Tensor:
    return torch.nan_to_num(term.detach().double())
