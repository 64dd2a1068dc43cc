"""The tables of docs/optimisers.md: cubic methods beside a trust region, and Gauss-Newton by parts and by form."""

from __future__ import annotations

from benchmarks.cubic import TOLERANCES, summary
from benchmarks.tables import pinn
from benchmarks.tables.page import Page, number, records, seconds, table


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


def forms() -> str:
    """A row a case: CPU seconds to two errors with either form, and the best where neither is reached."""
    found: dict[str, dict[str, dict]] = {}
    for r in records("forms", "solve"):
        found.setdefault(r["case"], {})[r["form"]] = r
    rows = []
    for case, by_form in found.items():
        cells = []
        for r in (by_form["dual"], by_form["krylov"]):
            reached = {mark: spent for mark, (spent, _) in r["reached"].items()}
            cells += [*(seconds(reached.get(mark)) for mark in ("1e-04", "1e-06")), number(r["best"])]
        problem, network = case.split("/")
        parameters, points = (by_form["dual"][name] for name in ("parameters", "points"))
        rows.append(
            [f"{problem.capitalize()}, {network[:3]}, {parameters:,} numbers, {points} points", *cells]
        )
    heads = (f"`{form}`: {what}" for form in ("dual", "krylov") for what in ("1e-4", "1e-6", "best"))
    return table(("", *heads), rows)


def lengths() -> str:
    """A row a problem and seed: the error with every measure of a step's length, CPU seconds in brackets."""
    found: dict[tuple[str, int], dict[str, dict]] = {}
    for r in records("lengths", "solve"):
        found.setdefault((r["case"], r["seed"]), {})[r["lengths"]] = r
    kinds = ("parameters", "columns", "auto")
    rows = []
    for (case, seed), by_kind in found.items():
        cells = [f"{number(by_kind[k]['error'])} ({seconds(by_kind[k]['cpu_seconds'])})" for k in kinds]
        rows.append([f"{case.capitalize()}, {by_kind['auto']['steps']} steps", str(seed), *cells])
    return table(("", "seed", *(f"`{kind}`" for kind in kinds)), rows)


PAGE = Page(
    "optimisers",
    {
        "cubic": cubic,
        "gains": gains,
        "parts": parts,
        "forms": forms,
        "lengths": lengths,
        "poisson": pinn.poisson,
        "networks": pinn.networks,
    },
)
