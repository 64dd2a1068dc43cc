"""Optimisers on PDE problems: CPU-seconds to a relative L2 error, for every method in one run.

    python -m benchmarks.pinn --json [--quick] [--seeds 3] [--budget 30] [--only poisson]

Cases: 2-D Poisson with an MLP of 501 parameters and with a KAN of 520 numbers, Burgers with nu = 0.01/pi, Allen-Cahn in
1+1 dimensions, and the 10-d Allen-Cahn family at eps 0 and 50. The default road (``optimizer="auto"``, default network)
runs beside the named optimisers. Times are CPU seconds of one thread inside ``solve`` after import, its set-up included.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

import sciml
from benchmarks._common import machine, median_seconds, show
from sciml import nn, pdes

MARKS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10)
SCALAR = ("adam", "lbfgs", "ssbroyden")
RESIDUAL = ("lm", "gn-arc", "gn-arcm")
HESSIAN = ("arc-krylov", "arcm-krylov")  # the exact Hessian, by products

Model = Callable[[int], torch.nn.Module | None]


def default(seed: int) -> None:
    """The network that ``solve`` picks."""
    return None


CASES: dict[str, tuple[Any, Model, tuple[str, ...], float]] = {
    "poisson/default": (pdes.Poisson(2), default, ("auto",), 15.0),
    "poisson/mlp501": (
        pdes.Poisson(2),
        lambda seed: nn.MLP([2, 20, 20, 1], "sine", seed=seed),
        (*RESIDUAL, *SCALAR, *HESSIAN),
        15.0,
    ),
    "poisson/kan520": (
        pdes.Poisson(2),
        lambda seed: nn.KAN([2, 5, 5, 1], grid=8, degree=4, seed=seed),
        ("auto", "lm", "gn-arcm", "ssbroyden", "adam"),
        20.0,
    ),
    "burgers/default": (
        pdes.Burgers(),
        default,
        ("auto", "lm", "gn-arcm", "ssbroyden", "lbfgs", "adam"),
        120.0,
    ),
    "allen-cahn/default": (pdes.AllenCahn(), default, ("auto",), 180.0),
    "allen-cahn-ball eps=0": (pdes.AllenCahnBall(), default, ("auto",), 600.0),
    "allen-cahn-ball eps=50": (pdes.AllenCahnBall(eps=50.0), default, ("auto",), 600.0),
}


def race(problem: Any, model: Model, optimizer: str, seed: int, budget: float) -> dict[str, Any]:
    """One solve; the CPU-seconds and steps at which the error first fell below each mark."""
    began = time.process_time()
    reached: dict[str, tuple[float, int]] = {}
    best = [math.inf]

    def look(event: Any) -> bool:
        used = time.process_time() - began
        if event.error is not None:
            best[0] = min(best[0], event.error)
            for mark in MARKS:
                if event.error <= mark:
                    reached.setdefault(f"{mark:.0e}", (round(used, 3), event.step))
        return used > budget

    # the solve's own limits are out of the way: CPU-seconds decide
    solution = sciml.solve(
        problem,
        model(seed),
        optimizer=optimizer,
        seed=seed,
        tol=0.0,
        max_time=20 * budget,
        callbacks=[look],
        progress=False,
    )
    return {
        "reached": reached,
        "best": best[0],
        "final": solution.error(),
        "steps": solution.stats["steps"],
        "parameters": solution.stats["parameters"],
        "points": solution.stats["points"],
        "outcome": solution.outcome,
    }


def main() -> None:
    """Run the cases and print a record a solve and a median a case and method."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="JSON lines")
    parser.add_argument("--quick", action="store_true", help="one seed, a tenth of the time")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--budget", type=float, help="CPU-seconds a solve, in the place of each case's own")
    parser.add_argument("--only", default="", help="cases whose name begins so")
    parser.add_argument("--methods", default="", help="comma-separated; all unless given")
    options = parser.parse_args()
    torch.set_num_threads(1)
    show(machine(), options.json)
    for name, (problem, model, methods, full) in CASES.items():
        if not name.startswith(options.only):
            continue
        budget = options.budget or (full / 10 if options.quick else full)
        for method in methods:
            if options.methods and method not in options.methods.split(","):
                continue
            runs = []
            for seed in range(1 if options.quick else options.seeds):
                found = race(problem, model, method, seed, budget)
                runs.append(found)
                record = {
                    "record": "solve",
                    "case": name,
                    "method": method,
                    "seed": seed,
                    "budget_s": budget,
                    **found,
                }
                show(record, options.json)
            show({"record": "median", "case": name, "method": method, **medians(runs)}, options.json)


def medians(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Median seconds to each mark (a seed that never got there counts as infinite, and shows as null) and error."""
    out: dict[str, Any] = {"best": statistics.median(run["best"] for run in runs)}
    return {**out, **median_seconds(runs, MARKS)}


if __name__ == "__main__":
    main()
