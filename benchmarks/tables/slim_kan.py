"""The table of docs/slim_kan.md: Slim KANs on Poisson's equation."""

from __future__ import annotations

from benchmarks.tables.page import Page, number, records, table

SOLVED = {
    "kan": "KAN",
    "slim 4": "Slim KAN, r = 4",
    "slim 3": "Slim KAN, r = 3",
    "cut 4": "cut from the KAN, r = 4, trained on",
    "mlp": "MLP [2, 17, 17, 1], sine",
}


def poisson() -> str:
    """A row a network: the errors of its seeds, and the least and the most CPU seconds."""
    rows = []
    for model, words in SOLVED.items():
        found = [r for r in records("slim", "poisson") if r["model"] == model]
        spent = [r["cpu_seconds"] for r in found]
        errors = ", ".join(number(r["error"], 0) for r in found)
        rows.append([words, found[0]["parameters"], errors, f"{min(spent):.1f} to {max(spent):.1f}"])
    return table(("network", "numbers", "errors", "CPU seconds"), rows)


PAGE = Page("slim_kan", {"poisson": poisson})
