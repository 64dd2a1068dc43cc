"""The tables of docs/derivatives.md: what jets cost beside nested autograd, and what solves of high order reach."""

from __future__ import annotations

from benchmarks.tables.page import Page, number, records, seconds, table

JETS = {
    "Wave": "Korteweg–de Vries, third order",
    "Flame": "Kuramoto–Sivashinsky, fourth order",
    "Plate": "biharmonic, fourth order in the plane",
}
NETWORKS = {"MLP 3x20": "MLP 3 × 20", "KAN 2x5": "KAN 2 × 5, degree 5"}
SOLVES = {
    "kuramoto-sivashinsky, mild": "Kuramoto–Sivashinsky on [-10, 10] to t = 10",
    "cahn-hilliard": "Cahn–Hilliard, interfaces of 0.1",
    "kdv": "Korteweg–de Vries, 0.0025 u_xxx, to t = 1",
    "kdv of the catalogue": "Korteweg–de Vries, 0.022² u_xxx, to t = 1",
    "clamped plate, two modes": "square clamped plate, two modes",
    "clamped plate, sin²2πx sin²3πy": "square clamped plate, sin²2πx sin²3πy",
    "clamped plate, f = 1, centre": "square clamped plate, f = 1, deflection at the centre",
    "clamped beam": "clamped beam (`tol=1e-10`)",
}
MARKS = ("1e-04", "1e-05", "1e-06")


def jets() -> str:
    """A row an equation and network."""
    rows = [
        [JETS[r["equation"]], NETWORKS[r["network"]], f"{r['jets_ms']:.0f}", f"{r['autograd_ms']:,.0f}", r["ratio"]]
        for r in records("jets", "jacobian")
    ]  # fmt: skip
    return table(("", "network", "jets", "nested autograd", "ratio"), rows)


def solves() -> str:
    """A row an equation, in the order of the page."""
    found = {r["case"]: r for r in records("equations", "equation")}
    rows = []
    for case, words in SOLVES.items():
        reached = {mark: r[0] for mark, r in found[case]["reached"].items()}
        rows.append(
            [
                words,
                *(seconds(reached.get(mark)) for mark in MARKS),
                number(found[case]["error"]),
                seconds(found[case]["cpu_s"]),
            ]
        )
    return table(("", "1e-4", "1e-5", "1e-6", "error at the end", "after"), rows)


PAGE = Page("derivatives", {"jets": jets, "solves": solves})
