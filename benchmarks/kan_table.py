"""The table of docs/kans.md from benchmarks/results/kan.jsonl.

python -m benchmarks.kan_table  # writes it into the page
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks._common import drawn_between

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "kans.md"
START, END = "<!-- twelve -->\n", "<!-- end of twelve -->"
MARKS = ("1e-04", "1e-06", "1e-08")


def medians() -> list[dict[str, Any]]:
    """The records of medians, in the order of the run."""
    lines = (HERE / "results" / "kan.jsonl").read_text().splitlines()
    return [r for r in map(json.loads, lines) if r["record"] == "median"]


def table() -> str:
    """A row a network; the smaller of a problem's two best errors is bold."""
    rows = ["| problem | network (numbers) | 1e-4 | 1e-6 | 1e-8 | best |", "|---|---|---|---|---|---|"]
    found = medians()
    for r in found:
        least = min(other["best"] for other in found if other["case"] == r["case"])
        best = f"**{r['best']:.0e}**" if r["best"] == least else f"{r['best']:.0e}"
        seconds = ["never" if r[mark] is None else f"{r[mark]:.2g}" for mark in MARKS]
        name = r["case"] if r["model"] == "kan" else ""
        rows.append(f"| {name} | {r['model'].upper()} ({r['parameters']}) | {' | '.join(seconds)} | {best} |")
    return "\n".join(rows) + "\n"


def drawn(text: str) -> str:
    """A page with its table drawn anew, between its marks."""
    return drawn_between(text, START, END, table())


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text()))
