"""The table of docs/howto/families.md: one solve for all values of a parameter."""

from __future__ import annotations

from benchmarks.tables.page import Page, number, records, seconds, table

NAMES = {
    "heat": "heat, diffusivity from 0.05 to 0.2",
    "membrane": "a held disk on springs, stiffness from 1 to 25",
    "burgers": "Burgers, viscosity from 0.02 to 0.1",
}


def coordinates() -> str:
    """A row an equation."""
    rows = [
        [
            NAMES[r["case"]],
            seconds(r["seconds"]),
            number(r["estimate"]),
            number(r["least"]),
            number(r["worst"]),
        ]
        for r in records("parameters", "parameter")
    ]
    head = ("equation", "CPU s", "estimate", "error, best of 5 values", "error, worst of 5 values")
    return table(head, rows)


PAGE = Page("howto/families", {"coordinates": coordinates})
