"""How a case is measured: the error at every look of a solve, outside the time that counts."""

from __future__ import annotations

import time
from typing import Any

import sciml
from benchmarks.rows.case import Case

LONGER = 10.0  # seconds that such an estimate may take
MARKS = tuple(10.0**-k for k in range(1, 11))


def measure(case: Case, seed: int, longer: float = 1.0, without: bool = False) -> dict[str, Any]:
    """Solve a case and record when each error was reached.

    Args:
        case: The case.
        seed: Of the solve.
        longer: Times the last bar's seconds that the solve may use.
        without: Whether to switch off what the case is about.
    """
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
    if without:
        options |= case.without or {}
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
    took = clock()
    estimate = solution.stats.error_estimate
    if estimate is None:  # a solve that was broken off has none yet
        estimate = solution.error_estimate(seconds=LONGER).value
    return {
        "case": case.name,
        "seed": seed,
        "outcome": solution.stats["outcome"],
        "cpu_s": round(took, 2),
        "steps": solution.stats["steps"],
        "parameters": solution.stats["parameters"],
        "points": solution.stats["points"],
        "error": last,
        "estimate": estimate,
        "reached": reached,
        "bars": bars,
        "today": case.today,
    }
