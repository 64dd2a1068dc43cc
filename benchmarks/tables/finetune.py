"""The tables of docs/finetune.md: spans, adapters beside training from scratch, files, ranks of changes."""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks.tables.page import Page, number, records, seconds, table

FAMILIES = {"burgers": "Burgers", "burgers-kan": "Burgers, KAN", "poisson": "Poisson"}
NEXT = {
    "burgers-two": "Burgers, νπ and amplitude",
    "cavity": "cavity, lid",
    "allen-cahn": "Allen–Cahn, D",
    "helmholtz": "Helmholtz, two waves",
    "poisson-boltzmann": "Poisson–Boltzmann, source",
    "wave": "wave, speed",
    "allen-cahn-ball": "10-d Allen–Cahn, ε",
}
ROADS = {
    "span": "span",
    "head": "head",
    "lora": "LoRA",
    "lotra": "LoTRA",
    "svd": "SVD",
    "full": "full",
    "scratch": "anew",
    "auto": "`auto`",
    "scratch to accuracy": "anew, to accuracy",
}
KINDS = ("scratch", "full", "head", "lora r=4", "lotra r=2", "lotra r=4", "lotra r=8", "svd")
MARKS = ("1e-04", "1e-06")
MODES = ("in", "out", "basis")
MIDDLE = "layers.1.coef"
METHODS = {
    "full, gauss-newton": "full, Gauss–Newton",
    "full, adam": "full, Adam",
    "lotra (2, 4, 4)": "`LoTRA(r=(2, 4, 4))`",
    "lotra (2, 2, 2)": "`LoTRA(r=(2, 2, 2))`",
}


def spans() -> str:
    """A row a new member of a family."""
    rows = []
    for r in records("spans", "new"):
        rows.append(
            [
                f"{FAMILIES[r['case']]}, {r['value']:g}",
                f"{r['span_seconds']:.2f}",
                *(number(r[f"{what}_error"], 0) for what in ("span", "best", "nearest")),
                f"{r['auto_seconds']:.1f}, {number(r['auto_error'], 0)}",
                f"{r['scratch_seconds']:.1f}, {number(r['scratch_error'], 0)}",
            ]
        )
    head = ("new member", "span, s", "error", "best", "nearest", "the road: s, error", "anew: s, error")
    return table(head, rows)


def roads() -> str:
    """A row a new member and a column a road: seconds until the road ended, and the error there."""
    found: dict[tuple[str, tuple[float, ...]], dict[str, dict[str, Any]]] = {}
    for r in records("roads", "new"):
        found.setdefault((r["case"], tuple(r["value"])), {})[r["road"]] = r
    rows = [
        [
            f"{NEXT[case]}, {', '.join(f'{v:g}' for v in value)}"
            + ("" if runs["span"]["inside"] else " (outside)"),
            *("–" if road not in runs else _ended(runs[road]) for road in ROADS),
        ]
        for (case, value), runs in found.items()
    ]
    return table(("new member", *ROADS.values()), rows)


def _ended(r: dict[str, Any]) -> str:
    return f"{number(r['error'], 0)} ({seconds(r['cpu_seconds'])})"


def poisson() -> str:
    """A row a right-hand side: seconds to both marks by each method, and what the head gains."""
    rows = []
    for member, found in _members("poisson").items():
        times = {kind: [found[kind][mark] for mark in MARKS] for kind in KINDS}
        gains = [
            "–" if one is None or head is None else f"{one / head:.1f}"
            for one, head in zip(times["scratch"], times["head"], strict=True)
        ]
        rows.append(
            [
                member.rpartition(" ")[2],
                *(" / ".join(map(seconds, times[kind])) for kind in KINDS),
                " / ".join(gains),
                number(found["head"]["error"], 0),
            ]
        )
    return table(("distance", *KINDS, "scratch over head", "error of head"), [*rows, *_sizes("poisson", 2)])


def ball(case: str) -> str:
    """A row a member: the error at the end and the steps, medians of the seeds."""
    solves = [r for r in records("finetune", "solve") if r["case"] == case]
    rows = []
    for member in dict.fromkeys(r["member"] for r in solves):
        cells = []
        for kind in KINDS:
            runs = [r for r in solves if (r["member"], r["method"]) == (member, kind)]
            error = number(statistics.median(r["error"] for r in runs))
            cells.append(f"{error} ({statistics.median_high(r['steps'] for r in runs)})")
        rows.append([f"{float(member.removeprefix('eps=')):g}", *cells])
    return table(("ε", *KINDS), [*rows, *_sizes(case, 0)])


def files() -> str:
    """A row an adapter of a network of the published width."""
    rows = [
        [r["method"], f"{r['trained']:,}", f"{r['bytes']:,}", f"{100 * r['bytes'] / r['base_bytes']:.1f} %"]
        for r in records("finetune", "file")
    ]
    return table(("adapter", "numbers", "bytes", "share of the base's file"), rows)


def ranks() -> str:
    """A row a fine-tuning of the KAN: the least rank in each mode of the middle layer's change."""
    rows = []
    for r in records("spectra", "change"):
        full = r["method"].startswith("full")
        kept = [r["ranks"][MIDDLE][mode] for mode in MODES]
        cells = [f"{rank} of {of}" if full else str(rank) for rank, of in kept]
        rows.append(
            [r["problem"], METHODS[r["method"]], r["trained"], r["steps"], number(r["error"], 0), *cells]
        )
    return table(("source", "method", "numbers", "steps", "error", *MODES), rows)


def _members(case: str) -> dict[str, dict[str, dict[str, Any]]]:
    """The medians of a case, by member and method."""
    out: dict[str, dict[str, dict[str, Any]]] = {}
    for r in records("finetune", "median"):
        if r["case"] == case:
            out.setdefault(r["member"], {})[r["method"]] = r
    return out


def _sizes(case: str, empty: int) -> list[list[Any]]:
    """Two rows below a case's table: numbers that are trained, and bytes of the file that keeps them."""
    found = next(iter(_members(case).values()))
    return [
        [words, *(f"{found[kind][what]:,}" for kind in KINDS), *[""] * empty]
        for words, what in (("numbers trained", "trained"), ("bytes of the file", "bytes"))
    ]


PAGE = Page(
    "finetune",
    {
        "spans": spans,
        "roads": roads,
        "poisson": poisson,
        "allen-cahn": lambda: ball("allen-cahn-ball"),
        "parabolic": lambda: ball("parabolic-ball"),
        "adapter files": files,
        "ranks": ranks,
    },
)
