"""The tables of docs/kans.md: a KAN and an MLP on each problem, and grids that grow."""

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


def growth() -> str:
    """A row a solve; the smallest of a problem's best errors is bold."""
    marks = ("1e-03", "1e-04", "1e-05", "1e-06")
    rows, found = [], records("kan_growth", "growth")
    for r in found:
        least = min(other["best"] for other in found if other["case"] == r["case"])
        best = number(r["best"], 0)
        best = f"**{best}**" if r["best"] == least else best
        times = [f"{r['reached'][mark]:.2g}" if mark in r["reached"] else "never" for mark in marks]
        name = r["case"] if r["kind"] == "coarse" else ""
        ratio = f"{r['held_out'] / r['loss']:.1f}"
        rows.append([name, r["kind"], r["parameters"], r["points"], *times, best, ratio])
    head = ("problem", "grid", "numbers", "points", *(mark.replace("e-0", "e-") for mark in marks), "best")
    return table((*head, "held-out over training loss"), rows)


PAGE = Page("kans", {"twelve": twelve, "growth": growth})
