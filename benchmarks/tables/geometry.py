"""The table of docs/geometry.md: corners, jumps, holes and layers, each at its worst seed."""

from __future__ import annotations

from typing import Any

from benchmarks.tables.page import Page, number, records, table


def measured(without: bool = False) -> list[dict[str, Any]]:
    """What was measured, with or without what the rows are about; of a case and seed the last record counts."""
    kept: dict[tuple[str, int], dict[str, Any]] = {}
    for r in records("geometry", "geometry"):
        if r["without"] == without:
            kept[r["case"], r["seed"]] = r
    return list(kept.values())


def worst(found: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The record of the seed with the largest error, with the number of seeds, by the case."""
    out: dict[str, dict[str, Any]] = {}
    for r in found:
        before = out.get(r["case"])
        seeds = 1 if before is None else before["seeds"] + 1
        out[r["case"]] = {**(r if before is None or r["error"] > before["error"] else before), "seeds": seeds}
    return out


def cases() -> str:
    """A row a case."""
    head = (
        *("case", "asked", "error, worst seed", "estimated", "CPU s", "seeds"),
        *("switched off", "reference"),
    )
    off, rows = worst(measured(without=True)), []
    for case, r in worst(measured()).items():
        bar = r["bars"][-1]
        asked = f"{bar['error']:.0e} in {bar['seconds']:.0f} s"
        error, estimate = number(r["error"]), number(r["estimate"])
        error = f"**{error}**" if r["error"] <= bar["error"] and bar["met"] else error
        without = number(off[case]["error"]) if case in off else ""
        rows.append([case, asked, error, estimate, f"{r['cpu_s']:.0f}", r["seeds"], without, r["reference"]])
    return table(head, rows)


PAGE = Page("geometry", {"geometry": cases})
