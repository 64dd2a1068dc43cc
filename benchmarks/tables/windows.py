"""The table of docs/windows.md: evolutions in windows, beside their references."""

from __future__ import annotations

from typing import Any

from benchmarks.tables.page import Page, number, records, seconds, table

NAMES = {
    "lorenz-2": "Lorenz to t = 2",
    "lorenz-20": "Lorenz to t = 20",
    "robertson-1e5": "Robertson to t = 1e5",
    "van-der-pol-10": "Van der Pol, mu = 10, t = 20",
    "van-der-pol-100": "Van der Pol, mu = 100, t = 200",
    "burgers": "Burgers of the catalogue",
    "allen-cahn": "Allen–Cahn of the catalogue",
    "kdv": "Korteweg–de Vries of the catalogue",
}
WAYS = {"even": "all times alike", "causal": "causal weights", "windows": "windows"}


def evolutions() -> str:
    """A row an evolution."""
    rows = [
        [
            NAMES[r["case"]],
            r["windows"],
            seconds(r["cpu_s"]),
            number(r["error"]),
            number(r["estimate"]),
            r["outcome"],
        ]
        for r in records("windows", "case")
    ]
    return table(("problem", "windows", "CPU s", "error", "estimate", "outcome"), rows)


def tuned() -> str:
    """A row a neighbour: solved anew, and fine-tuned to."""
    rows = [
        [
            r["neighbour"],
            r["anew_steps"],
            seconds(r["anew_cpu_s"]),
            number(r["anew_error"]),
            r["steps"],
            seconds(r["cpu_s"]),
            number(r["error"]),
            number(r["estimate"]),
        ]
        for r in records("windows", "tuned")
    ]
    heads = ("problem", "steps anew", "CPU s", "error", "steps fine-tuned", "CPU s", "error", "estimate")
    return table(heads, rows)


def causal() -> str:
    """A row an evolution, with the same network and seconds three ways."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for r in records("causal", "evolution"):
        found.setdefault(r["case"], {})[r["way"]] = r
    rows = [
        [NAMES[case], *(_ended(runs[way]) if way in runs else "" for way in WAYS)]
        for case, runs in found.items()
    ]
    return table(("problem", *WAYS.values()), rows)


def _ended(r: dict[str, Any]) -> str:
    """The error and the seconds; a march that was not at its end has no error."""
    error = "not to the end" if r["error"] is None else number(r["error"])
    return f"{error} ({seconds(r['cpu_s'])})"


PAGE = Page("windows", {"evolutions": evolutions, "tuned": tuned, "causal": causal})
