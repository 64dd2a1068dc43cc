"""The table of docs/catalogue.md: how far a default solve gets."""

from __future__ import annotations

from benchmarks.tables.page import Page, number, records, seconds, table


def defaults() -> str:
    """A row an equation."""
    rows = [
        [
            r["problem"],
            *(seconds(r[mark]) for mark in ("1e-02", "1e-04", "1e-06")),
            *(number(r[what]) for what in ("best", "end", "estimate")),
            "" if r["ratio"] is None else f"{r['ratio']:.2g}",
        ]
        for r in records("catalogue", "solve")
    ]
    return table(("problem", "1e-2", "1e-4", "1e-6", "best", "end", "estimate", "ratio"), rows)


PAGE = Page("catalogue", {"defaults": defaults})
