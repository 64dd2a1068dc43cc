"""``sciml.check``: what a problem states, as a table, with what is odd about it."""

from __future__ import annotations

import html
from dataclasses import dataclass

from sciml.ansatz import Ansatz
from sciml.checks.equation import Equation
from sciml.checks.findings import examine
from sciml.coefficients import with_coefficients
from sciml.conditions import BaseCondition, Condition, Interface, Periodic
from sciml.derivatives import recording_gradients
from sciml.errors import ArgumentTypeError
from sciml.problem import PDE


@dataclass(frozen=True)
class Report:
    """What ``sciml.check`` found.

    Attributes:
        problem: The problem's ``repr``.
        unknowns: Names of the unknowns.
        equations: Number of columns of the residual; 0 where it could not be run.
        orders: For each unknown the highest derivative along each coordinate, ``{"u": {"t": 1, "x": 2}}``.
        conditions: For each condition its label, its unknown, and ``"hard"`` (built into the trial function) or
            ``"penalty"``.
        notes: What may be wrong; empty when nothing was found.
    """

    problem: str
    unknowns: tuple[str, ...]
    equations: int
    orders: dict[str, dict[str, int]]
    conditions: list[tuple[str, str, str]]
    notes: list[str]

    @property
    def ok(self) -> bool:
        """Whether there are no notes."""
        return not self.notes

    def __str__(self) -> str:
        lines = [
            self.problem,
            f"{self.equations} {_plural('equation', self.equations)} for {len(self.unknowns)} "
            f"{_plural('unknown', len(self.unknowns))}: {', '.join(self.unknowns)}",
        ]
        for unknown, orders in self.orders.items():
            asked = ", ".join(f"{k} in {name}" for name, k in orders.items() if k)
            lines.append(f"  derivatives of {unknown}: {'up to ' + asked if asked else 'none'}")
        width = max((len(label) for label, _, _ in self.conditions), default=0)
        lines += [f"  {label:<{width}}  on {unknown}: {how}" for label, unknown, how in self.conditions]
        lines += [f"note: {note}" for note in self.notes] or ["nothing odd found"]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def check(problem: PDE) -> Report:
    """Look at a problem without solving it.

    Every solve looks for the same and shows the notes.

    Raises:
        ArgumentError, ArgumentTypeError: The problem contradicts itself, or a part of it cannot be used.
    """
    if not isinstance(problem, PDE):
        got = f"the class {problem.__name__}" if isinstance(problem, type) else type(problem).__name__
        raise ArgumentTypeError(f"problem needs an instance of a sciml.PDE, got {got}.")
    problem.validate()
    equation, _, notes = examine(problem)
    shown = repr(problem)
    problem, _ = with_coefficients(problem)
    with recording_gradients():
        ansatz = Ansatz(problem)
    looked = iter(equation.others)
    hard = {id(c) for c in ansatz.hard}
    conditions = []
    for c in ansatz.stated:
        if isinstance(c, Condition):
            unknown = ", ".join(problem.unknowns[j] for j in next(looked).uses)
        else:
            unknown = _unknown(problem, c)
        conditions.append((c.label, unknown, "hard" if id(c) in hard else "penalty"))
    return Report(
        shown,
        tuple(problem.unknowns),
        len(equation.columns) if equation.elsewhere is None else 0,
        _orders(equation),
        conditions,
        [*notes, *ansatz.notes],
    )


def _unknown(problem: PDE, condition: BaseCondition) -> str:
    every = isinstance(condition, (Interface, Periodic)) and condition.component is None
    return "all" if every else problem.unknowns[problem.component(condition)]


def _orders(equation: Equation) -> dict[str, dict[str, int]]:
    if not equation.usable:
        return {}
    names = equation.problem.domain.names
    with recording_gradients():
        return {
            u: {name: equation.order(j, axis) for axis, name in enumerate(names)}
            for j, u in enumerate(equation.problem.unknowns)
        }


def _plural(word: str, n: int) -> str:
    return word if n == 1 else f"{word}s"
