"""The table of docs/conditions.md: what solves reach across an interface, and with conditions of a user's own."""

from __future__ import annotations

from benchmarks.tables.page import Page, number, records, seconds, table

NAMES = {
    "diffusion, smooth k": "`div(k ∇u)`, smooth k",
    "diffusion, k as a table": "the same, k read from a table",
    "two materials, rod": "two materials: a rod, k = 1 and 10",
    "two materials, inclusion": "two materials: a disc with k = 5 in a square of 1",
    "radiating rod": "a rod that radiates at its end",
    "beam, no moment at its ends": "a beam without moments at its ends",
    "plate with a hole": "the stress beside a hole in a plate",
}


def interfaces() -> str:
    """A row a problem."""
    rows = [
        [NAMES[r["case"]], number(r["error"]), number(r["estimate"]), seconds(r["cpu_s"])]
        for r in records("conditions", "equation")
    ]
    return table(("", "error", "estimated", "CPU s"), rows)


PAGE = Page("conditions", {"interfaces": interfaces})
