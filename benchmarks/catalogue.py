"""How far, and how fast, each equation of the catalogue is solved with the defaults.

    python -m benchmarks.catalogue --json [--only kovasznay,black-scholes] [--budget 60] [--seed 0]

One solve an equation, on one thread, stopped when it has used ``--budget`` CPU-seconds or ends by itself. ``1e-02``,
``1e-04`` and ``1e-06`` are the CPU-seconds at which the relative L2 error was first below (null: never), ``best`` the
smallest error seen, ``end`` that of the solution handed over, beside the ``estimate`` that the solve makes without the
answer; ``ratio`` is the one over the other.
"""

from __future__ import annotations

import argparse
import math
import time
from typing import Any

import sciml
from benchmarks._common import machine, one_thread, show
from sciml import pdes

MARKS = (1e-2, 1e-4, 1e-6)


class Watch:
    """Notes the CPU-seconds at which the error first fell below each mark; stops at the budget."""

    def __init__(self, budget: float):
        self.began, self.budget = time.process_time(), budget
        self.best, self.reached = math.inf, dict.fromkeys((f"{mark:.0e}" for mark in MARKS), None)

    @property
    def used(self) -> float:
        """CPU-seconds so far."""
        return time.process_time() - self.began

    def __call__(self, event: Any) -> bool:
        self.best = min(self.best, event.error)
        for mark in MARKS:
            name = f"{mark:.0e}"
            if event.error <= mark and self.reached[name] is None:
                self.reached[name] = round(self.used, 2)
        return self.used > self.budget


def measure(name: str, budget: float, seed: int) -> dict[str, Any]:
    """One solve with the defaults."""
    problem = pdes.build(name)
    watch = Watch(budget)
    solution = sciml.solve(problem, max_time=1e6, seed=seed, callbacks=[watch], progress=False)
    seconds, stats = watch.used, solution.stats
    true, found = float(solution.error()), solution.error_estimate()
    return {
        "problem": name,
        **watch.reached,
        "best": watch.best,
        "end": true,
        "estimate": found.value,
        "ratio": None if found.value is None else round(found.value / true, 3),
        "drop": round(found.drop, 4),
        "cpu_s": round(seconds, 1),
        "steps": stats.steps,
        "parameters": stats.parameters,
        "outcome": stats.outcome,
        "notes": list(stats.notes),
    }


def main() -> None:
    """A record an equation."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="JSON lines")
    parser.add_argument("--only", default="", help="problems, with commas between them; all unless given")
    parser.add_argument("--budget", type=float, default=60.0, help="CPU-seconds a solve")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    one_thread()
    show(machine(), options.json)
    sciml.solve(pdes.Poisson(2), max_steps=2, progress=False)  # imports and kernels first
    for name in options.only.split(",") if options.only else pdes.names():
        show({"record": "solve", **measure(name, options.budget, options.seed)}, options.json)


if __name__ == "__main__":
    main()
