"""The tables of docs/optimisers.md about differential equations: CPU seconds to an error, by optimiser."""

from __future__ import annotations

from typing import Any

from benchmarks.tables.page import number, records, seconds, table

MARKS = (1e-2, 1e-4, 1e-6, 1e-8, 1e-10)
NAMES = {
    "auto": "`auto` (`gn-arc`)",
    "scipy": "SciPy L-BFGS-B, 1000 fixed points",
    "torch-lbfgs": "torch L-BFGS",
    "adam": "`adam`, 5e-3",
    "krylov": "`gn-krylov`",
}
NETWORKS = {"poisson/kan520": "KAN", "poisson/mlp91501": "91,501 parameters"}


def poisson() -> str:
    """A row a method, by the error that it comes to."""
    found = sorted(_medians("poisson/mlp501"), key=lambda r: r["best"])
    return _table([(_name(r["method"]), r) for r in found])


def networks() -> str:
    """A row a network and method."""
    rows = [(f"{words}, {_name(r['method'])}", r) for case, words in NETWORKS.items() for r in _medians(case)]
    return _table(rows)


def _medians(case: str) -> list[dict[str, Any]]:
    return [r for r in records("pinn", "median") if r["case"] == case]


def _name(method: str) -> str:
    return NAMES.get(method, f"`{method}`")


def _table(rows: list[tuple[str, dict[str, Any]]]) -> str:
    heads = [f"{mark:.0e}".replace("e-0", "e-") for mark in MARKS]
    cells = [[name, *(seconds(r[f"{mark:.0e}"]) for mark in MARKS), number(r["best"], 0)] for name, r in rows]
    return table(("method", *heads, "best"), cells)
