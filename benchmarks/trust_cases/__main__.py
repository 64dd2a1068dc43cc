"""Every case: right, refused early, named in a note, told by its estimate, or wrong without a word.

    python -m benchmarks.trust_cases --json [--only sizes,equations] [--part 1/3] [--seed 0]

A case that is solved is broken off after fixed numbers of steps; at each stage its error is estimated and compared with the
true one. ``class`` says how it ended: ``right`` (its error is within the bar), ``refused`` (a named error before any
training), ``noted`` (``words`` begins the note), ``told by its estimate`` (unknown, or at least a third of the error), or
``silent``. The bar: none is silent.
"""

from __future__ import annotations

import argparse
import collections
from collections.abc import Sequence
from typing import Any

from benchmarks._common import machine, one_thread, show
from benchmarks.trust_cases import equations, exactness, kinds, sizes, statements

ROUNDING = 1e-14
CASES = (*exactness.CASES, *sizes.CASES, *statements.CASES, *equations.CASES, *kinds.CASES)


def summary(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """How many cases ended in which class, and the estimates of all their stages."""
    classes = collections.Counter(r["class"] for r in records)
    # where the conditions alone are the answer there is no error to compare with
    told = [s for r in records for s in r.get("stages", []) if s["true"] > ROUNDING]
    ratios, stages = [s["ratio"] for s in told if s["ratio"] is not None], len(told)
    known = max(len(ratios), 1)
    return {
        "record": "summary",
        "cases": len(records),
        "classes": dict(classes),
        "stages": stages,
        "unknown": stages - len(ratios),
        "within_3": round(sum(1 / 3 <= q <= 3 for q in ratios) / known, 3),
        "within_10": round(sum(0.1 <= q <= 10 for q in ratios) / known, 3),
        "least_ratio": min(ratios, default=None),
        "met": not classes["silent"] and not classes["foreign error"],
    }


def main() -> None:
    """Run the cases: a record each, and a summary."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="JSON lines")
    parser.add_argument(
        "--only", default="", help="kinds or names, with commas between them; all unless given"
    )
    parser.add_argument("--part", default="1/1", help="K/N: every N-th case from the K-th on")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    one_thread()
    show(machine(), options.json)
    chosen = options.only.split(",") if options.only else None
    k, n = (int(v) for v in options.part.split("/"))
    records = []
    for case in [c for c in CASES if chosen is None or {c.kind, c.name} & set(chosen)][k - 1 :: n]:
        records.append(case.run(options.seed))
        show(records[-1], options.json)
    show(summary(records), options.json)


if __name__ == "__main__":
    main()
