"""The table of the documentation's first page: what ``make demo`` prints."""

from __future__ import annotations

from benchmarks.tables.page import Page, number, records, table

PROBLEMS = {"poisson": "Poisson, 2-D", "burgers": "Burgers, ν = 0.01/π"}


def demo() -> str:
    """A row a solve."""
    rows = [
        [
            PROBLEMS[r["problem"]],
            r["model"].split("(")[0],
            r["parameters"],
            f"{r['seconds']:.0f}",
            number(r["error"], 0),
        ]
        for r in records("demo", "demo")
    ]
    return table(("problem", "network", "parameters", "seconds", "relative L2 error"), rows)


PAGE = Page("index", {"demo": demo})
