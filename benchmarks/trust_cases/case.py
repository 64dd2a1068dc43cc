"""A case: a problem with a closed-form answer, or a call that should be refused, and what sciml makes of it."""

from __future__ import annotations

import math
import re
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sciml
from benchmarks.trust import measure, snapshots
from sciml.errors import SciMLError

HONEST = 3.0  # an estimate of at least the error over this factor tells a wrong answer

# how it was solved and how it ended is no word on why
NO_WORD = re.compile(
    "^(no more progress|stopped after|solved in units|solved by a spline|derivatives by nested|the network sees)"
    "|attempts were made"
)


@dataclass(frozen=True)
class Case:
    """A problem to be solved.

    Attributes:
        name: What it is, in a few words.
        kind: Of fault, as the groups of modules.
        problem: Makes it; its ``exact`` is the answer.
        bar: Relative L2 error from which the answer counts as right.
        steps: Of the optimiser, at the early, middle and late stage.
        model: Makes the network; None for the default.
        check: Error of a solution, where ``exact`` is not known everywhere.
    """

    name: str
    kind: str
    problem: Callable[[], sciml.PDE]
    bar: float
    steps: Sequence[int] = (10, 40, 150)
    model: Callable[[], Any] | None = None
    check: Callable[[Any], float] | None = None

    def run(self, seed: int) -> dict[str, Any]:
        """Solve it to three stages; the outcome class and what the estimate said."""
        start = time.process_time()
        try:
            problem = self.problem()
            if self.check is None:
                taken, solution = snapshots(problem, self.steps, seed)
            else:
                solution = sciml.solve(problem, max_steps=self.steps[-1], seed=seed, progress=False)
                taken = []
        except SciMLError as error:
            return {**_head(self), "class": "refused", "words": f"{type(error).__name__}: {error}"[:200]}
        stages = [measure(problem, stage, dict(solution.stats.weights), 3.0) for stage in taken]
        error = solution.error() if self.check is None else self.check(solution)
        estimate = solution.stats.error_estimate
        kind, words = _judged(error, self.bar, estimate, solution.stats.notes)
        return {
            **_head(self),
            "class": kind,
            "words": words,
            "outcome": solution.outcome,
            "error": error,
            "bar": self.bar,
            "estimate": estimate,
            "cpu_s": round(time.process_time() - start, 1),
            "stages": [{k: s[k] for k in ("step", "true", "estimate", "ratio", "drop")} for s in stages],
        }


@dataclass(frozen=True)
class Call:
    """Something that is done wrong, or a value that should be right.

    Attributes:
        name, kind: As for a case.
        call: Does it; returns an error relative to the right value, or nothing.
        bar: Of that error.
        accepted: Error classes beside ``SciMLError`` that count as a refusal.
    """

    name: str
    kind: str
    call: Callable[[], float | None]
    bar: float = 0.0
    accepted: tuple[type[BaseException], ...] = field(default=())

    def run(self, seed: int) -> dict[str, Any]:
        """Do it; the outcome class."""
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                error = self.call()
        except (SciMLError, *self.accepted) as refusal:
            return {**_head(self), "class": "refused", "words": f"{type(refusal).__name__}: {refusal}"[:200]}
        except Exception as foreign:
            words = f"{type(foreign).__name__}: {foreign}"[:200]
            return {**_head(self), "class": "foreign error", "words": words}
        if error is not None and error <= self.bar:
            return {**_head(self), "class": "right", "words": "", "error": error, "bar": self.bar}
        if caught:
            return {**_head(self), "class": "noted", "words": str(caught[0].message)[:200], "error": error}
        return {**_head(self), "class": "silent", "words": "", "error": error, "bar": self.bar}


def _head(case: Case | Call) -> dict[str, Any]:
    return {"record": "case", "case": case.name, "kind": case.kind}


def _judged(error: float, bar: float, estimate: float | None, notes: Sequence[str]) -> tuple[str, str]:
    """The class of an answer: right, named in a note, told by its estimate, or wrong without a word."""
    words = [note for note in notes if not NO_WORD.search(note)]
    if error <= bar:
        return "right", words[0][:200] if words else ""
    if words:
        return "noted", words[0][:200]
    told = estimate is None or (math.isfinite(error) and estimate >= error / HONEST)
    return ("told by its estimate" if told else "silent"), "" if estimate is None else f"{estimate:.1e}"
