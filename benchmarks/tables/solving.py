"""The table of docs/solving.md: which state is kept."""

from __future__ import annotations

from benchmarks.tables.page import Page, number, records, table

NAMES = {
    "burgers": "Burgers",
    "KAN Burgers": "Burgers by a KAN",
    "allen-cahn": "Allen–Cahn",
    "poisson-discs": "Poisson, four discs",
}


def selection() -> str:
    """A row a solve."""
    rows = [
        [
            NAMES[r["problem"]],
            r["seed"],
            number(r["by_500"]),
            number(r["kept"]),
            number(r["best"]),
            f"{100 * r['share']:.2f} %",
        ]
        for r in records("selection", "selection")
    ]
    return table(("problem", "seed", "by 500 points", "kept", "best of all looks", "of the CPU time"), rows)


PAGE = Page("solving", {"selection": selection})
