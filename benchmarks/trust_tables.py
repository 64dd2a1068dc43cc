"""The tables of docs/trust.md from benchmarks/results.

python -m benchmarks.trust_tables  # writes them into the page
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks._common import drawn_between

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "trust.md"
HOW = {
    "right": "right",
    "refused": "refused",
    "noted": "a note",
    "told by its estimate": "the estimate tells",
    "silent": "**no word**",
    "foreign error": "**another library's error**",
}


def records(name: str, kind: str) -> list[dict[str, Any]]:
    """The records of a kind in a results file."""
    lines = (HERE / "results" / f"{name}.jsonl").read_text().splitlines()
    return [r for r in map(json.loads, lines) if r["record"] == kind]


def stages() -> str:
    """Estimated against true errors, a row a stage."""
    rows = [
        [r["problem"], r["step"], _number(r["true"]), _number(r["estimate"]), _ratio(r["ratio"]), f"{r['drop']:.2g}"]
        for r in records("trust", "stage")
    ]  # fmt: skip
    return _table(("problem", "step", "true error", "estimated", "ratio", "drop"), rows)


def cases() -> str:
    """How each case ends, a row a case."""
    rows = []
    for r in records("trust_cases", "case"):
        error, estimate = r.get("error"), r.get("estimate")
        solved = "estimate" in r
        rows.append(
            [
                r["case"],
                HOW[r["class"]],
                r["words"].split(": ")[0] if r["class"] == "refused" else r.get("outcome", ""),
                _number(error) if error is not None and r["class"] != "refused" else "",
                _number(estimate) if solved else "",
            ]
        )
    return _table(("case", "how it ends", "outcome", "error", "estimated"), rows)


def polish() -> str:
    """What a polish gained, a row a solve that gained."""
    rows = [
        [
            r["problem"],
            r["steps"],
            _number(r["error"]),
            _number(r["error_after"]),
            _number(r["estimate_after"]),
            f"{r['times_less']:.0f}",
            f"{r['polish_seconds']:.1f}",
        ]
        for r in records("polish", "polish")
        if r["polished"]
    ]
    return _table(("problem", "steps", "error", "polished", "estimated", "times less", "CPU s"), rows)


def words() -> str:
    """Problems in a user's words, a row a default solve."""
    rows = []
    for r in records("words", "problem"):
        measure = "" if r["measure"] == "relative L2" else f" ({r['measure']})"
        estimate = _number(r["estimate"]) if measure in ("", " (integral)") else ""
        before = "" if r["before"] is None else _number(r["before"])
        times = f"{r['max_time']:.0f}"
        rows.append(
            [
                r["said"] + measure,
                _number(r["error"]),
                estimate,
                before,
                _number(r["best"]),
                r["outcome"],
                times,
            ]
        )
    return _table(("problem", "error", "estimated", "0.1.0", "best variant of 0.1.0", "outcome", "s"), rows)


def drawn(text: str) -> str:
    """A page with its tables drawn anew, between their marks."""
    for name, table in (("stages", stages()), ("cases", cases()), ("polish", polish()), ("words", words())):
        text = drawn_between(text, f"<!-- {name} -->\n", f"<!-- end of {name} -->", table)
    return text


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(v) for v in line) + " |" for line in lines) + "\n"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1e}"


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2g}"


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text()))
