"""The table of docs/geometry.md from benchmarks/results/geometry.jsonl.

python -m benchmarks.geometry_table  # writes it into the page
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks._common import drawn_between

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "geometry.md"
START, END = "<!-- geometry -->\n", "<!-- end of geometry -->"


def records(without: bool = False) -> list[dict[str, Any]]:
    """What was measured, with or without what the rows are about; of a case and seed the last record counts."""
    lines = (HERE / "results" / "geometry.jsonl").read_text().splitlines()
    kept: dict[tuple[str, int], dict[str, Any]] = {}
    for r in map(json.loads, lines):
        if r["record"] == "geometry" and r["without"] == without:
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


def table() -> str:
    """A row a case."""
    rows = [
        "| case | asked | error, worst seed | estimated | CPU s | seeds | switched off | reference |",
        "|---|---|---|---|---|---|---|---|",
    ]
    off = worst(records(without=True))
    for case, r in worst(records()).items():
        bar = r["bars"][-1]
        asked = f"{bar['error']:.0e} in {bar['seconds']:.0f} s"
        error = f"{r['error']:.1e}"
        error = f"**{error}**" if r["error"] <= bar["error"] and r["cpu_s"] <= bar["seconds"] else error
        estimate = "unknown" if r["estimate"] is None else f"{r['estimate']:.1e}"
        without = f"{off[case]['error']:.1e}" if case in off else ""
        cells = [case, asked, error, estimate, f"{r['cpu_s']:.0f}", r["seeds"], without, r["reference"]]
        rows.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(rows) + "\n"


def drawn(text: str) -> str:
    """A page with its table drawn anew, between its marks."""
    return drawn_between(text, START, END, table())


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text()))
