"""Which state a solve keeps: by 500 held-out points, as an earlier version did, and by the points that choose it today.

    python -m benchmarks.selection --json [--only burgers,kdv] [--seeds 0,1,2] [--budget 60]

One run tells both, since what is kept changes no step: ``by_500`` is the error of the look with the least held-out loss
(since the weights last changed), ``kept`` that of the solution handed over, ``best`` the smallest of all looks. ``share`` is
the part of the CPU-seconds that choosing took.
"""

from __future__ import annotations

import argparse
import math
import time
from typing import Any

import sciml
from benchmarks._common import machine, one_thread, show
from benchmarks.kan_growth import DEFINED
from sciml import pdes
from sciml.solvers.training.loop import Run
from sciml.solvers.training.residual_system import ResidualSystem

NAMES = ("burgers", "KAN Burgers", "allen-cahn", "kdv", "poisson-discs")


class Watch:
    """Notes errors and held-out losses at every look; stops at the budget."""

    def __init__(self, budget: float):
        self.began, self.budget = time.process_time(), budget
        self.best, self.by_500, self.least, self.draws = math.inf, math.nan, math.inf, 0.0

    @property
    def used(self) -> float:
        """CPU-seconds so far."""
        return time.process_time() - self.began

    def __call__(self, event: Any) -> bool:
        several = len(event.trial.ansatz.soft) > 0
        if several and event.numbers["draws"] != self.draws:
            self.least = math.inf  # losses under other weights do not compare
        self.draws = event.numbers["draws"]
        self.best = min(self.best, event.error)
        if event.held_out < self.least:
            self.least, self.by_500 = event.held_out, event.error
        return self.used > self.budget


class Choosing:
    """CPU-seconds that evaluations on the points of the choice take."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def watch(self) -> None:
        """Time these evaluations in every run from now on."""
        made, value, clock = Run.__init__, ResidualSystem.value, self

        def init(run: Run, *args: Any, **options: Any) -> None:
            made(run, *args, **options)
            if run.selection is not run.held_out:
                run.selection.value = timed(run.selection)  # type: ignore[method-assign, assignment]

        def timed(system: Any) -> Any:
            def value_of(theta: Any) -> float:
                began = time.process_time()
                found = value(system, theta)
                clock.seconds += time.process_time() - began
                return found

            return value_of

        Run.__init__ = init  # type: ignore[method-assign]


def measure(name: str, seed: int, budget: float, clock: Choosing) -> dict[str, Any]:
    """One solve with the defaults, of a KAN where the name says so."""
    case = DEFINED[name.removeprefix("KAN ")] if name.startswith("KAN ") else None
    problem = case.problem if case else pdes.build(name)
    network = case.network(case.fine, seed) if case else None
    clock.seconds = 0.0
    watch = Watch(budget)
    found = sciml.solve(problem, network, max_time=1e6, seed=seed, callbacks=[watch], progress=False)
    used = watch.used
    return {
        "problem": name,
        "seed": seed,
        "by_500": watch.by_500,
        "kept": float(found.error()),
        "best": watch.best,
        "share": round(clock.seconds / used, 4),
        "cpu_s": round(used, 1),
        "steps": found.stats.steps,
        "outcome": found.stats.outcome,
    }


def main() -> None:
    """A record a solve."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="JSON lines")
    parser.add_argument("--only", default=",".join(NAMES), help="problems, with commas between them")
    parser.add_argument("--seeds", default="0,1,2", help="with commas between them")
    parser.add_argument("--budget", type=float, default=60.0, help="CPU-seconds a solve")
    options = parser.parse_args()
    one_thread()
    show(machine(), options.json)
    sciml.solve(pdes.Poisson(2), max_steps=2, progress=False)  # imports and kernels first
    clock = Choosing()
    clock.watch()
    for name in options.only.split(","):
        for seed in options.seeds.split(","):
            show({"record": "selection", **measure(name, int(seed), options.budget, clock)}, options.json)


if __name__ == "__main__":
    main()
