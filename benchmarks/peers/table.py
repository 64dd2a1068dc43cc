"""The tables of docs/peers.md from benchmarks/results/peers.jsonl.

python -m benchmarks.peers.table  # writes them into the page
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks._common import drawn_between
from benchmarks.peers.watch import MARKS

HERE = Path(__file__).parents[1]
PAGE = HERE.parent / "docs" / "peers.md"
RESULTS = HERE / "results" / "peers.jsonl"


def records() -> list[dict[str, Any]]:
    """What was measured; of a library, problem and seed the last record counts."""
    kept = {}
    for r in map(json.loads, RESULTS.read_text().splitlines()):
        if r["record"] == "solve":
            kept[r["problem"], r["library"], r["seed"]] = r
    return list(kept.values())


def solves() -> str:
    """A row a solve: CPU seconds to each error, or the best one."""
    head = ["problem", "library", *(f"{mark:.0e}" for mark in MARKS), "best error", "after", "ended"]
    rows, before = [], ""
    for r in sorted(records(), key=lambda r: list(_order()).index(r["problem"])):
        seconds = [_seconds(r["reached"].get(f"{mark:.0e}")) for mark in MARKS]
        ended = f"{r['ended']}, {r['seconds']:.0f} s, {r['steps']:,} steps"
        name = r["problem"] if r["problem"] != before else ""
        rows.append([name, r["library"], *seconds, f"{r['best']:.1e}", f"{r['best_at']:.1f}", ended])
        before = r["problem"]
    return _table(head, rows)


def settings() -> str:
    """A row for what each library was told, and where its documentation says so."""
    seen = {(r["library"], r["problem"]): r for r in records()}
    rows = [
        [f"{library} {r['version']}", problem, r["settings"], r["source"]]
        for (library, problem), r in sorted(seen.items(), key=lambda item: item[0][0].lower())
        if library != "sciml"
    ]
    return _table(["library", "problem", "settings", "source"], rows)


def drawn(text: str) -> str:
    """A page with its tables drawn anew, between their marks."""
    for name, table in (("solves", solves()), ("settings", settings())):
        text = drawn_between(text, f"<!-- {name} -->\n", f"<!-- end of {name} -->", table)
    return text


def _order() -> dict[str, None]:
    return dict.fromkeys(r["problem"] for r in records())


def _seconds(found: list[Any] | None) -> str:
    return "–" if found is None else f"{found[0]:.2g}" if found[0] < 10 else f"{found[0]:.0f}"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text()))
