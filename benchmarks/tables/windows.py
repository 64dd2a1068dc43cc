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


def causal() -> str:
    """A row an evolution, with the same network and seconds three ways."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for r in records("causal", "evolution"):
        found.setdefault(r["case"], {})[r["way"]] = r
    rows = [
        [NAMES[case], *(f"{number(runs[way]['error'])} ({seconds(runs[way]['cpu_s'])})" for way in WAYS)]
        for case, runs in found.items()
    ]
    return table(("problem", *WAYS.values()), rows)


PAGE = Page("windows", {"evolutions": evolutions, "causal": causal})
