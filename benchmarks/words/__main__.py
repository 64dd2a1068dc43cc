"""Problems in a user's words, solved by default: error, estimate, outcome and CPU seconds.

    python -m benchmarks.words --json [--only layer,call] [--part 1/8] [--max-time 60]

Nobody has tuned a network, points or weights for them. ``best`` is what the best variant of the library reached before there
were estimates and other attempts; ``met`` says whether the default solve is within ten times of it. ``error`` is what
``measure`` says.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import sciml
from benchmarks._common import machine, one_thread, show
from benchmarks.words import evolutions, flows, inverse, shapes, trajectories
from benchmarks.words.case import Words
from sciml.errors import SciMLError

PROBLEMS = (
    *shapes.PROBLEMS,
    *evolutions.PROBLEMS,
    *trajectories.PROBLEMS,
    *flows.PROBLEMS,
    *inverse.PROBLEMS,
)
FACTOR = 10.0  # times the best that a default solve may be off by


def run(case: Words, max_time: float) -> dict[str, Any]:
    """Solve one problem by default."""
    head = {"record": "problem", "problem": case.name, "said": case.said, "max_time": max_time}
    start = time.process_time()
    try:
        solution = sciml.solve(case.problem(), max_time=max_time, progress=False)
    except SciMLError as error:
        return {**head, "outcome": "refused", "words": str(error)[:200]}
    cpu = time.process_time() - start
    error = case.error(solution)
    return {
        **head,
        "measure": case.measure,
        "error": error,
        "before": case.before,
        "best": case.best,
        "met": error <= FACTOR * case.best,
        "estimate": solution.stats.error_estimate,
        "outcome": solution.outcome,
        "attempts": solution.stats.attempts,
        "notes": solution.stats.notes,
        "cpu_s": round(cpu, 1),
    }


def main() -> None:
    """A record a problem."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="JSON lines")
    parser.add_argument("--only", default="", help="problems, with commas between them; all unless given")
    parser.add_argument("--part", default="1/1", help="K/N: every N-th problem from the K-th on")
    parser.add_argument("--max-time", type=float, default=60.0, help="seconds for each")
    options = parser.parse_args()
    one_thread()
    show(machine(), options.json)
    wanted = options.only.split(",") if options.only else None
    k, n = (int(v) for v in options.part.split("/"))
    for case in [c for c in PROBLEMS if wanted is None or c.name in wanted][k - 1 :: n]:
        show(run(case, options.max_time), options.json)


if __name__ == "__main__":
    main()
