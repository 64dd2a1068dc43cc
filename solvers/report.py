"""How a solve ended, as typed plain data that also reads as a dictionary."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from types import NoneType
from typing import Any, get_args, get_type_hints

from sciml.solvers.files.limits import MAX_LINE, MAX_LINES
from sciml.solvers.files.printable import printable
from sciml.solvers.found import Found

OUTCOMES = ("converged", "max_time", "max_steps", "stalled", "diverged", "interrupted")

# of a history's rows, besides the user's metrics
COLUMNS = ("step", "seconds", "loss", "held_out", "points", "draws", "error", "estimate")


@dataclass(kw_only=True, eq=False)
class Report(Mapping[str, Any]):
    """What a solve or a fine-tuning cost and gave; None where it is not known.

    ``report["steps"]`` is ``report.steps``; as a mapping it holds what is known.

    Attributes:
        outcome: ``converged``, ``max_time``, ``max_steps``, ``stalled``, ``diverged`` or ``interrupted``; ``unknown`` for a
            solution that was not trained here.
        seconds: Wall time of the training.
        steps, rejected: Steps of the optimiser, and those of them that were not taken.
        points: Interior points at the end.
        parameters: Trained numbers.
        optimizer: Its name or description.
        residual: On held-out points, relative to that of the trial function without a network.
        scale: The residual that this is relative to.
        start: The relative residual before the first step of a fine-tuning.
        error_estimate: Estimated relative L2 error (``sciml.solvers.estimate``); None where nothing is known.
        error_drop: Share of the residual that the estimate's correction leaves: near 0 it is sharp, near 1 a guess.
        polished: How many times smaller a polish made the estimated error; None where there was none.
        unknown: Coefficient -> what was found, with its interval.
        noise: Label of measurements -> their standard deviation, as given or as estimated, where it counts.
        weights: Term -> weight in the loss.
        hard: Labels of the conditions that hold exactly.
        attempts: What was tried, with its outcome and estimated error, where the first attempt stalled; the stages of a
            fine-tuning.
        notes: What a user should know.
        seed, dtype, threads: Of the computation.
    """

    outcome: str = "unknown"
    seconds: float | None = None
    steps: int | None = None
    rejected: int | None = None
    points: int | None = None
    parameters: int | None = None
    optimizer: str | None = None
    residual: float | None = None
    scale: float | None = None
    start: float | None = None
    error_estimate: float | None = None
    error_drop: float | None = None
    polished: float | None = None
    unknown: dict[str, Found] = field(default_factory=dict)
    noise: dict[str, float] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
    hard: list[str] = field(default_factory=list)
    attempts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seed: int | None = None
    dtype: str | None = None
    threads: int | None = None

    def __getitem__(self, name: str) -> Any:
        if name not in NAMES or getattr(self, name) is None:
            raise KeyError(name)
        return getattr(self, name)

    def __iter__(self) -> Iterator[str]:
        return (name for name in NAMES if getattr(self, name) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def to_json(self) -> dict[str, Any]:
        """What is known, as JSON allows it: a number that is not finite is left out."""
        found = {
            name: {k: v for k, v in value.items() if math.isfinite(v)} if isinstance(value, dict) else value
            for name, value in self.items()
            if name != "unknown" and not (isinstance(value, float) and not math.isfinite(value))
        }
        if self.unknown:
            found["unknown"] = {name: one.to_json() for name, one in self.unknown.items()}
        return found

    @classmethod
    def from_dict(cls, data: Any) -> Report:
        """The report that ``to_json`` described; names that this version does not know are left out.

        It may come from a file of unknown origin: texts become printable, numbers are at least 0.

        Raises:
            ValueError: A value of another type than the field's, a negative number, an outcome that is no word, or too
                many lines.
        """
        if not isinstance(data, Mapping):
            raise ValueError("the statistics are no dictionary")
        hints = get_type_hints(cls)
        known = {f.name: data[f.name] for f in fields(cls) if data.get(f.name) is not None}
        for name, value in known.items():
            if not _fits(value, hints[name]):
                raise ValueError(f"the statistics hold {name} = {value!r:.80}")
        if not re.fullmatch("[a-z_]{1,40}", known.get("outcome", "unknown")):
            raise ValueError(f"the statistics hold outcome = {known['outcome']!r:.80}")
        if known.get("polished", 1.0) < 1.0:  # a correction is kept where it gains
            raise ValueError(f"the statistics hold polished = {known['polished']!r:.80}, below 1")
        kept = {name: _printable(value) for name, value in known.items() if name != "unknown"}
        coefficients = known.get("unknown", {})
        return cls(**kept, unknown={_printable(k): Found.from_json(v) for k, v in coefficients.items()})


NAMES = tuple(f.name for f in fields(Report))


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value read from a file is of a field's type and size; an int may stand for a float."""
    if isinstance(value, (list, dict)) and len(value) > MAX_LINES:
        return False
    if hint == list[str]:
        return isinstance(value, list) and all(isinstance(v, str) for v in value)
    if hint == dict[str, Found]:
        return isinstance(value, dict)
    if hint == dict[str, float]:
        return isinstance(value, dict) and all(_is_number(v) for v in value.values())
    kind = next((k for k in get_args(hint) if k is not NoneType), hint)
    if kind is str:
        return type(value) is str
    return _is_number(value) and (kind is float or type(value) is int)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < math.inf


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value, MAX_LINE)
    if isinstance(value, list):
        return [_printable(v) for v in value]
    return {_printable(k): v for k, v in value.items()} if isinstance(value, dict) else value
