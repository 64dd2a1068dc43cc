"""Estimated against true errors: every catalogue problem at an early, a middle and a late stage of its solve.

    python -m benchmarks.trust --json [--only burgers] [--seconds 3] [--seed 0]

A solve is broken off after a fixed number of steps, and its trial function is copied at two looks on the way. Each copy's
relative L2 error is estimated without a reference (``sciml.solvers.estimate``) and compared with the true one: once in the
time that ``solution.error_estimate()`` takes by default, and once in what a solve that ended there would allow itself
(``quick``). ``cost`` is the CPU time of the quick one over that of the solve up to that stage. The summary says how many
estimates are within factors of 3 and 10 of the truth, how many are unknown, and the worst under-estimate. The bar: 90 % of
the known ones within 3, none below a tenth, a cost of a tenth.
"""

from __future__ import annotations

import argparse
import copy
import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sciml
from benchmarks._common import machine, one_thread, show
from sciml import pdes
from sciml.ansatz import Trial
from sciml.solvers.comparison import comparison, relative_error
from sciml.solvers.estimate.estimate import estimate_error
from sciml.solvers.posterior.error import estimate_fit, is_fit
from sciml.solvers.posterior.posterior import Posterior
from sciml.solvers.report import Report
from sciml.solvers.training.loop import ESTIMATE_SHARE
from sciml.solvers.training.run_state import ESTIMATE_LAST

STAGES = ("early", "middle", "late")
USUAL = (20, 60, 150)  # steps
STEPS = {  # where the usual ones miss: fast, slow, and large problems
    "advection": (40, 80, 140),
    "allen-cahn": (40, 80, 160),
    "allen-cahn-ball": (10, 20, 30),
    "heat": (10, 20, 40),
    "heat-ball": (10, 20, 30),
    "helmholtz": (40, 80, 200),
    "kdv": (10, 30, 80),
    "kuramoto-sivashinsky": (10, 30, 80),
    "lid-driven": (20, 80, 300),
    "parabolic-ball": (10, 20, 30),
    "poisson": (10, 20, 40),
    "poisson-boltzmann": (20, 80, 250),
    "poisson-cosine": (10, 20, 30),
    "poisson-discs": (40, 160, 450),
    "wave": (20, 80, 200),
}


@dataclass(frozen=True)
class Snapshot:
    """A trial function on its way: after how many steps and CPU-seconds."""

    trial: Trial
    step: int
    seconds: float


def snapshots(problem: sciml.PDE, steps: Sequence[int], seed: int) -> tuple[list[Snapshot], sciml.Solution]:
    """Copies at the first looks from the first steps on and at the end, and the solution of the last ones."""
    taken: list[Snapshot] = []
    start = time.process_time()

    def keep(event: Any) -> None:
        if len(taken) < len(steps) - 1 and event.step >= steps[len(taken)]:
            taken.append(Snapshot(copy.deepcopy(event.trial), event.step, time.process_time() - start))

    solution = sciml.solve(problem, max_steps=steps[-1], seed=seed, callbacks=[keep], progress=False)
    end = Snapshot(solution.trial, int(solution.stats.steps or 0), time.process_time() - start)
    return [*taken, end], solution


def measure(
    problem: sciml.PDE, snapshot: Snapshot, weights: dict[str, float], seconds: float
) -> dict[str, Any]:
    """The estimate beside the truth."""
    true = relative_error(snapshot.trial, *comparison(problem))
    record: dict[str, Any] = {"step": snapshot.step, "true": true}
    own = max(ESTIMATE_LAST, ESTIMATE_SHARE * snapshot.seconds)
    fit = is_fit(snapshot.trial, False)
    for prefix, work in (("", math.inf), ("quick_", own)):
        began = time.process_time()
        if fit:
            report = Report(outcome="max_steps", weights=weights)
            found = estimate_fit(snapshot.trial, Posterior(problem, snapshot.trial, report, {}))
        else:
            found = estimate_error(problem, snapshot.trial, weights, seconds=seconds, work=work)
        took = time.process_time() - began
        record |= {
            f"{prefix}estimate": found.value,
            f"{prefix}ratio": None if found.value is None else found.value / max(true, 1e-300),
            f"{prefix}drop": round(found.drop, 4),
            f"{prefix}features": found.features,
            f"{prefix}cpu_s": round(took, 3),
        }
    record["solve_cpu_s"] = round(snapshot.seconds, 2)
    record["cost"] = round(record["quick_cpu_s"] / snapshot.seconds, 3)
    return record


def summary(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Shares over all stages of all problems."""
    out: dict[str, Any] = {"record": "summary", "stages": len(records)}
    for prefix in ("", "quick_"):
        ratios = [r[f"{prefix}ratio"] for r in records if r[f"{prefix}ratio"] is not None]
        known = max(len(ratios), 1)
        out |= {
            f"{prefix}unknown": len(records) - len(ratios),
            f"{prefix}within_3": round(sum(1 / 3 <= q <= 3 for q in ratios) / known, 3),
            f"{prefix}within_10": round(sum(0.1 <= q <= 10 for q in ratios) / known, 3),
            f"{prefix}least_ratio": min(ratios, default=None),
            f"{prefix}largest_ratio": max(ratios, default=None),
        }
    out["median_cost"] = statistics.median(r["cost"] for r in records)
    least = min(out["least_ratio"] or 1.0, out["quick_least_ratio"] or 1.0)
    out["met"] = out["within_3"] >= 0.9 and least >= 0.1 and out["median_cost"] <= 0.1
    return out


def main() -> None:
    """Solve, estimate, compare: a record a stage, and a summary."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="JSON lines")
    parser.add_argument("--only", default="", help="problems, with commas between them; all unless given")
    parser.add_argument("--seconds", type=float, default=3.0, help="what an estimate may take")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    one_thread()
    show(machine(), options.json)
    records = []
    for name in options.only.split(",") if options.only else pdes.names():
        problem = pdes.build(name)
        taken, solution = snapshots(problem, STEPS.get(name, USUAL), options.seed)
        weights = dict(solution.stats.weights)
        for stage, snapshot in zip(STAGES, taken, strict=False):
            records.append(measure(problem, snapshot, weights, options.seconds))
            show({"record": "stage", "problem": name, "stage": stage, **records[-1]}, options.json)
    show(summary(records), options.json)


if __name__ == "__main__":
    main()
