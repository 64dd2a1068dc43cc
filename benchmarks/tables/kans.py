"""The table of docs/kans.md: a KAN and an MLP on each problem."""

from __future__ import annotations

from typing import Any

from benchmarks.tables.page import Page, number, records, table

MARKS = ("1e-04", "1e-06", "1e-08")


def medians() -> list[dict[str, Any]]:
    """The records of medians, in the order of the run."""
    return records("kan", "median")


def twelve() -> str:
    """A row a network; the smaller of a problem's two best errors is bold."""
    rows, found = [], medians()
    for r in found:
        least = min(other["best"] for other in found if other["case"] == r["case"])
        best = number(r["best"], 0)
        best = f"**{best}**" if r["best"] == least else best
        times = ["never" if r[mark] is None else f"{r[mark]:.2g}" for mark in MARKS]
        name = r["case"] if r["model"] == "kan" else ""
        rows.append([name, f"{r['model'].upper()} ({r['parameters']})", *times, best])
    return table(("problem", "network (numbers)", "1e-4", "1e-6", "1e-8", "best"), rows)


PAGE = Page("kans", {"twelve": twelve})
