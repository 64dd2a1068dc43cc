"""The picture of docs/solving.md from benchmarks/results/growth.jsonl.

python -m benchmarks.growth_picture  # draws docs/images/growth.png
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

HERE = Path(__file__).parent
PICTURE = HERE.parent / "docs" / "images" / "growth.png"


def records() -> dict[str, list[dict[str, Any]]]:
    """The figures of each axis, in the order of their sizes."""
    out: dict[str, list[dict[str, Any]]] = {}
    for r in map(json.loads, (HERE / "results" / "growth.jsonl").read_text().splitlines()):
        if r["record"] == "growth" and "failed" not in r:
            out.setdefault(r["axis"], []).append(r)
    return {axis: sorted(rows, key=lambda r: r["size"]) for axis, rows in out.items()}


def picture() -> Figure:
    """Seconds a step, and memory, over the size of each axis."""
    found = records()
    figure = Figure(figsize=(3.1 * len(found), 4.4), layout="constrained")
    axes = figure.subplots(2, len(found), sharey="row", squeeze=False)
    for k, (name, rows) in enumerate(found.items()):
        sizes = [r["size"] for r in rows]
        for row, key in enumerate(("seconds_a_step", "megabytes")):
            axes[row, k].loglog(sizes, [r[key] for r in rows], "o-")
            axes[row, k].grid(alpha=0.3)
        axes[1, k].set_xlabel(name)
    axes[0, 0].set_ylabel("CPU seconds a step")
    axes[1, 0].set_ylabel("peak memory, MB")
    return figure


if __name__ == "__main__":
    picture().savefig(PICTURE, dpi=110)
