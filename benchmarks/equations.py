"""Equations that people ask about: CPU time of a default solve to each error, beside what is asked of it.

    python -m benchmarks.equations --json [--only kdv,beam] [--longer 1.5] [--seed 0]

A solve runs on one thread until it ends by itself or has used the time of its last bar (``--longer`` times it). The error is
measured at every look, against a closed form or an independent reference, outside the time that counts. ``reached`` holds
the CPU-seconds and steps to each error. A bar is met where its error was reached in its time.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import sciml
from benchmarks._common import machine, one_thread, show
from benchmarks.rows import conditions, higher_order
from benchmarks.rows.case import Case

CASES = (*higher_order.CASES, *conditions.CASES)
MARKS = tuple(10.0**-k for k in range(1, 11))


def measure(case: Case, seed: int, longer: float) -> dict[str, Any]:
    """Solve a case and record when each error was reached."""
    problem, error = case.problem(), case.answer()
    limit = longer * max(seconds for _, seconds in case.bars)
    reached: dict[str, tuple[float, int]] = {}
    aside = 0.0  # CPU time of looking

    def clock() -> float:
        return time.process_time() - start - aside

    def look(trial: Any, step: int) -> float:
        nonlocal aside
        now, began = clock(), time.process_time()
        found = error(trial)
        aside += time.process_time() - began
        for mark in [*MARKS, *(bar for bar, _ in case.bars)]:
            if found <= mark:
                reached.setdefault(f"{mark:.0e}", (round(now, 2), step))
        return found

    def watch(event: Any) -> bool:
        look(event.trial, event.step)
        return clock() > limit

    start = time.process_time()
    options = {"max_time": 4 * limit, "progress": False, "seed": seed, "callbacks": [watch], **case.options}
    solution = sciml.solve(problem, **options)
    last = look(solution.trial, int(solution.stats["steps"]))
    bars = [
        {
            "error": bar,
            "seconds": seconds,
            "took": reached.get(f"{bar:.0e}", (None,))[0],
            "met": reached.get(f"{bar:.0e}", (float("inf"),))[0] <= seconds,
        }
        for bar, seconds in case.bars
    ]
    estimate = solution.stats.error_estimate
    return {
        "record": "equation",
        "case": case.name,
        "seed": seed,
        "outcome": solution.stats["outcome"],
        "cpu_s": round(clock(), 2),
        "steps": solution.stats["steps"],
        "parameters": solution.stats["parameters"],
        "points": solution.stats["points"],
        "error": last,
        "estimate": estimate,
        "reached": reached,
        "bars": bars,
        "today": case.today,
    }


def main() -> None:
    """A record a case."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="JSON lines")
    parser.add_argument(
        "--only", default="", help="parts of names, with commas between them; all unless given"
    )
    parser.add_argument(
        "--longer", type=float, default=1.0, help="times the last bar's seconds that a solve may use"
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    one_thread()
    show(machine(), options.json)
    wanted = [part for part in options.only.split(",") if part]
    for case in CASES:
        if not wanted or any(part in case.name for part in wanted):
            show(measure(case, options.seed, options.longer), options.json)


if __name__ == "__main__":
    main()
