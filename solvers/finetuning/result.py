"""What became of a family."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from sciml.errors import ArgumentError
from sciml.problem import PDE
from sciml.solvers.adapted import AdaptedAnswer
from sciml.solvers.finetuning.greedy import Greedy
from sciml.solvers.finetuning.surrogate import Surrogate

COLUMNS = (
    "member",
    "adapter",
    "outcome",
    "seconds",
    "steps",
    "residual",
    "error_estimate",
    "error",
    "trained",
)
SHOWN = 40  # rows that are printed unasked

A = TypeVar("A", bound=AdaptedAnswer)
B = TypeVar("B", bound=AdaptedAnswer)


@dataclass
class FamilyResult(Generic[A]):
    """What became of every member.

    Attributes:
        solutions: Member -> adapted solution.
        failures: Member -> what went wrong (``on_error="skip"``).
        resumed: Members that were read from the folder instead of trained.
        solved: Members that were trained; the others are spans of these.
        notes: Decisions taken, such as serial instead of ray.
        greedy: The choice of members, where one was made.
        made: What the solutions were passed through, so that a surrogate's answers are of their kind.
    """

    solutions: dict[str, A] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    resumed: list[str] = field(default_factory=list)
    solved: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    greedy: Greedy | None = field(default=None, repr=False)
    made: Callable[[AdaptedAnswer], Any] | None = field(default=None, repr=False)

    def map(self, function: Callable[[A], B]) -> FamilyResult[B]:
        """The same with every solution passed through a function."""
        solutions = {name: function(tuned) for name, tuned in self.solutions.items()}
        return replace(self, solutions=solutions, made=function)  # type: ignore[return-value]

    def surrogate(self) -> Surrogate[A]:
        """The family as a function ``u(x; parameters)``, which answers for any parameters in some milliseconds.

        Raises:
            ArgumentError: The family was not made with ``adapter="auto"``, or its base is one in windows.
        """
        greedy = self.greedy
        if greedy is None:
            raise ArgumentError(
                "surrogate needs a family of adapter='auto' whose base has no windows, got one of single adapters."
            )

        made = self.made or (lambda answer: answer)

        def make(problem: PDE) -> A:
            began = time.perf_counter()
            answer = greedy.spanned("surrogate", problem, greedy.span(problem))
            answer.stats.seconds = time.perf_counter() - began
            return made(answer)

        return Surrogate(greedy.base.problem, make, greedy.goal)

    def rows(self, most: int | None = None) -> list[dict[str, Any]]:
        """One row of plain data a member, of the first ``most`` members.

        The error is measured where a solution is known, which may take longer than a span.
        """
        out = []
        for name, tuned in list(self.solutions.items())[:most]:
            report = tuned.report
            out.append({"member": name, **{k: report[k] for k in COLUMNS[1:] if k in report}})
        failed = [{"member": name, "outcome": f"failed: {why}"} for name, why in self.failures.items()]
        return [*out, *failed[:most]]

    def table(self, most: int | None = None) -> str:
        """The rows as aligned text."""
        cells = [list(COLUMNS)] + [[_cell(row.get(c, "")) for c in COLUMNS] for row in self.rows(most)]
        widths = [max(len(row[k]) for row in cells) for k in range(len(COLUMNS))]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells]
        left = len(self.solutions) - (len(self.solutions) if most is None else most)
        return "\n".join([*lines, f"... and {left} more"] if left > 0 else lines)

    def __repr__(self) -> str:
        return self.table(SHOWN)


def _cell(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
