"""KANs beside MLPs of as many numbers on twelve problems, and how exactly a KAN's grids change.

    python -m benchmarks.kan --json [--seeds 3] [--budget 6] [--only layer]

``exact``: how far refining, inserting, extending and moving the grids changes a solved network. ``solve``: one of the
problems of ``benchmarks/kan_cases.py``, by a KAN and by an MLP of at least as many numbers; CPU seconds of one thread at
which the relative L2 error first fell below each mark, the best error, and the error where a run ended by itself. On a line
with layers or jumps the KAN is the spline that ``sciml.solve`` places by itself, with points of its own.
"""

from __future__ import annotations

import argparse
import copy
import math
import statistics
import time
from collections.abc import Callable
from typing import Any, cast

import sciml
from benchmarks._common import machine, median_seconds, one_thread, show
from benchmarks.kan_cases import CASES, mlp_of
from sciml import nn, pdes

MARKS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10)


def solve(name: str, model: str, seed: int, budget: float, numbers: int = 0) -> dict[str, Any]:
    """One solve with its marks; an MLP gets ``numbers`` parameters at least."""
    case = CASES[name]
    reached: dict[str, tuple[float, int]] = {}
    best, began = math.inf, time.process_time()

    def watch(event: Any) -> bool:
        nonlocal best
        used = time.process_time() - began
        best = min(best, event.error)
        for mark in MARKS:
            if event.error <= mark:
                reached.setdefault(f"{mark:.0e}", (round(used, 3), event.step))
        return used > budget

    placed = model == "kan" and case.kan is None
    make = case.kan or (lambda seed: None)
    network = make(seed) if model == "kan" else mlp_of(case, numbers, seed)
    points = None if placed else case.points
    limits: dict[str, Any] = {"max_time": 1e6, "points": points, "seed": seed, "callbacks": [watch]}
    solution = sciml.solve(case.problem, network, progress=False, **limits)
    kept = {key: solution.stats[key] for key in ("steps", "parameters", "points", "outcome")}
    kind = type(solution.network).__name__
    return {**kept, "network": kind, "error": solution.error(), "reached": reached, "best": best}


def exactness() -> list[dict[str, Any]]:
    """A KAN that has solved Poisson's equation, then each change of its grids: largest change over largest value."""
    problem = pdes.Poisson(2)
    limits: dict[str, Any] = {"max_steps": 300, "max_time": 1e6}
    solution = sciml.solve(problem, nn.KAN([2, 5, 5, 1]), progress=False, **limits)
    x = problem.domain.sample(4000, seed=3)
    changes: dict[str, Callable[[nn.KAN], Any]] = {
        "refine(10)": lambda net: net.refine(10),
        "refine(7)": lambda net: net.refine(7),
        "insert, multiplicity 3": lambda net: net.insert(1, [0.3, -4.0], multiplicity=3),
        "extend": lambda net: net.extend(2 * x - 1),
        "update_grid": lambda net: net.update_grid(2 * x - 1, mix=0.5),
    }
    out, z = [], 3 * x - 1.5
    for name, change in changes.items():
        network = cast(nn.KAN, copy.deepcopy(solution.network))
        before = network(z).detach()
        change(network)
        moved = float((network(z).detach() - before).abs().max() / before.abs().max())
        out.append({"record": "exact", "change": name, "grids": network.grids, "moved": moved})
    before = solution.error()
    cast(nn.KAN, solution.network).refine(10)
    out.append({"record": "exact", "change": "error before, after", "errors": [before, solution.error()]})
    return out


def main() -> None:
    """Run the cases and print a record a solve and a median a case and model."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="JSON lines")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--budget", type=float, default=6.0, help="CPU seconds a solve")
    parser.add_argument(
        "--only", default="", help="cases whose name begins so; exact for the changes of grids"
    )
    options = parser.parse_args()
    one_thread()
    show(machine(), options.json)
    for record in exactness() if "exact".startswith(options.only) else []:
        show(record, options.json)
    for name in CASES:
        if not name.startswith(options.only):
            continue
        numbers = 0
        for model in ("kan", "mlp"):
            solve(name, model, 0, 0.0, numbers)  # compiles what is compiled once
            runs = []
            for seed in range(options.seeds):
                runs.append(solve(name, model, seed, options.budget, numbers))
                show(
                    {"record": "solve", "case": name, "model": model, "seed": seed, **runs[-1]}, options.json
                )
            numbers = numbers or max(run["parameters"] for run in runs)
            best = statistics.median(run["best"] for run in runs)
            kept = {key: runs[0][key] for key in ("parameters", "network")}
            median = {"best": best, **median_seconds(runs, MARKS), **kept}
            show({"record": "median", "case": name, "model": model, **median}, options.json)


if __name__ == "__main__":
    main()
