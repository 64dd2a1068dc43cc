"""The tables of docs/optimisers.md: cubic methods beside a trust region, and the parts of a step of Gauss-Newton."""

from __future__ import annotations

from benchmarks.cubic import TOLERANCES, summary
from benchmarks.tables import pinn
from benchmarks.tables.page import Page, records, seconds, table


def cubic() -> str:
    """A row a method: means, misses and medians at three tolerances, over all problems."""
    rows = []
    for r in summary(records("cubic", "run")):
        if r["record"] == "method":
            spent = [seconds(t) for t in r["median_seconds"]]
            rows.append(
                [
                    r["method"],
                    *(" / ".join(map(str, v)) for v in (r["mean_iterations"], r["not_reached"])),
                    " / ".join(spent),
                ]
            )
    marks = " / ".join(f"{t:.0e}".replace("e-0", "e-") for t in TOLERANCES)
    return table(("method", f"mean iterations to {marks}", "not reached", "median seconds"), rows)


def gains() -> str:
    """A row a pair of methods: the ratio of their iterations, median (best to worst) over the problems."""
    pairs: dict[str, list[str]] = {}
    for r in summary(records("cubic", "run")):
        if r["record"] == "bar":
            cell = f"{r['median']:.2f} ({r['best']:.2f}–{r['worst']:.2f})"
            pairs.setdefault(f"{r['method']} / {r['against']}", []).append(cell)
    return table(
        ("", *(f"{t:.0e}".replace("e-0", "e-") for t in TOLERANCES)), [[k, *v] for k, v in pairs.items()]
    )


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


PAGE = Page(
    "optimisers",
    {
        "cubic": cubic,
        "gains": gains,
        "parts": parts,
        "poisson": pinn.poisson,
        "networks": pinn.networks,
    },
)
