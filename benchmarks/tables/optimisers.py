"""The table of docs/optimisers.md on the step of Gauss-Newton: CPU seconds by part."""

from __future__ import annotations

from benchmarks.tables.page import Page, records, table


def parts() -> str:
    """A row a part, two columns a network; the dense parts beside the same operations in a large matrix product."""
    (rates,), solves = records("gauss_newton", "rates"), records("gauss_newton", "solve")
    rate = rates["gflops"]["matrix product"]
    rows = []
    for part in solves[0]["seconds"]:
        row = [part]
        for r in solves:
            least = f"{r['gigaflop'][part] / rate:.2f}" if part in r["gigaflop"] else ""
            row += [f"{r['seconds'][part]:.2f}", least]
        rows.append(row)
    rows.append(["all", *(cell for r in solves for cell in (f"{r['total']:.2f}", ""))])
    names = [f"{r['model']} ({r['parameters']}), {r['steps']} steps" for r in solves]
    return table(("CPU seconds", *(head for name in names for head in (name, "at the core's peak"))), rows)


PAGE = Page("optimisers", {"parts": parts})
