"""The tables of docs/bases.md: families of functions on the edges, and first layers of other scales."""

from __future__ import annotations

from benchmarks.tables.page import Page, number, records, table

PROBLEMS = ("Poisson k=1", "Poisson k=4", "Helmholtz", "Wave", "Burgers")


def families() -> str:
    """A row a problem, the worst of its seeds for each family."""
    worst: dict[str, dict[str, float]] = {}
    for r in records("bases", "solve"):
        row = worst.setdefault(r["problem"], {})
        row[r["basis"]] = max(r["error"], row.get(r["basis"], 0.0))
    found = dict.fromkeys(basis for row in worst.values() for basis in row)
    bases = sorted(found, key=lambda basis: basis == "skan")
    rows = [
        [name, *(number(worst[name][b], 0) if b in worst[name] else "not measured" for b in bases)]
        for name in PROBLEMS
        if name in worst
    ]
    return table(("problem", *bases), rows)


def scales() -> str:
    """A row a problem and seed: what was chosen, and what it is worth."""
    rows = [
        [
            *(r["problem"], r["seed"], f"{r['choice']:g}"),
            *(number(r["error"], 0), number(r["error_at_1"], 0), f"{r['share_of_the_solve']:.1%}"),
        ]
        for r in records("bases", "spectrum")
    ]
    return table(
        ("problem", "seed", "chosen scale", "error there", "error at scale 1", "share of the solve's time"),
        rows,
    )


PAGE = Page("bases", {"families": families, "scales": scales})
