"""The tables of docs/peers.md: solves by several libraries, and what each was told."""

from __future__ import annotations

from typing import Any

from benchmarks.peers.watch import MARKS
from benchmarks.tables.page import Page, number, records, seconds, table


def measured() -> list[dict[str, Any]]:
    """The records in the order of the run; of a library, problem and seed the last one counts."""
    kept = {(r["problem"], r["library"], r["seed"]): r for r in records("peers", "solve")}
    return list(kept.values())


def solves() -> str:
    """A row a solve: CPU seconds to each error, and the best one."""
    marks = [f"{mark:.0e}" for mark in MARKS]
    rows, before = [], ""
    for r in measured():
        times = [seconds(r["reached"].get(mark, (None,))[0]) for mark in marks]
        name = r["problem"] if r["problem"] != before else ""
        ended = f"{r['ended']}: {seconds(r['seconds'])} s, {r['steps']:,} steps"
        rows.append(
            [name, r["library"], *times, number(r["best"]), seconds(r["best_at"]), number(r["last"]), ended]
        )
        before = r["problem"]
    head = ["problem", "library", *(mark.replace("e-0", "e-") for mark in marks)]
    return table([*head, "best error", "after", "at the end", "ended"], rows)


def settings() -> str:
    """A row for what each library was told, and where its documentation says so."""
    rows = [
        [f"{r['library']} {r['version']}", r["problem"], r["settings"], r["source"]]
        for r in sorted(measured(), key=lambda r: r["library"].lower())
        if r["library"] != "sciml"
    ]
    return table(["library", "problem", "settings", "source"], rows)


PAGE = Page("peers", {"solves": solves, "settings": settings})
