"""The tables of docs/kans.md from benchmarks/results/kan.jsonl and kan_growth.jsonl.

python -m benchmarks.kan_table  # writes them into the page
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks._common import drawn_between

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "kans.md"
START, END = "<!-- twelve -->\n", "<!-- end of twelve -->"
GROWTH, GROWTH_END = "<!-- growth -->\n", "<!-- end of growth -->"
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


def growth_table() -> str:
    """A row a solve; the smallest of a problem's best errors is bold."""
    marks = ("1e-03", "1e-04", "1e-05", "1e-06")
    lines = (HERE / "results" / "kan_growth.jsonl").read_text().splitlines()
    found = [r for r in map(json.loads, lines) if r["record"] == "growth"]
    rows = [
        f"| problem | grid | numbers | points | {' | '.join(m.replace('e-0', 'e-') for m in marks)} | best | "
        "held-out over training loss |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for r in found:
        least = min(other["best"] for other in found if other["case"] == r["case"])
        best = f"**{r['best']:.0e}**" if r["best"] == least else f"{r['best']:.0e}"
        seconds = [f"{r['reached'][mark]:.2g}" if mark in r["reached"] else "never" for mark in marks]
        name = r["case"] if r["kind"] == "coarse" else ""
        cells = [
            name,
            r["kind"],
            r["parameters"],
            r["points"],
            *seconds,
            best,
            f"{r['held_out'] / r['loss']:.1f}",
        ]
        rows.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(rows) + "\n"


def drawn(text: str) -> str:
    """A page with its tables drawn anew, between their marks."""
    return drawn_between(drawn_between(text, START, END, table()), GROWTH, GROWTH_END, growth_table())


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text()))
