"""Cost as work grows: seconds a step, set-up and peak memory over points, parameters, dimensions and members of a family.

    python -m benchmarks.growth --json [--only points,dimensions] [--most 1000000]

* ``points``: Gauss-Newton on Burgers' equation, an MLP of 921 numbers.
* ``parameters``: the default method on the 2-D Poisson equation, 1000 points, MLPs of two hidden layers.
* ``dimensions``: default solves of Poisson's equation that may take 20 s; how long they take in the end is noted, too.
* ``members``: a family of Burgers' equation around a solved member, seconds a member.

Each figure comes from a process of its own with one thread. Memory is the largest resident size above that after the imports
and a small solve. A step's seconds are the mean over those after the first look, CPU time.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import sciml
from benchmarks._common import machine, one_thread, peak_megabytes, show
from sciml import nn, pdes

STEPS, MOST_SECONDS = 6, 20.0
LIMIT = 400.0  # seconds that a figure may take
WIDTHS = {100: 8, 1000: 29, 10_000: 98, 100_000: 314}  # of two hidden layers


def by_points(count: int) -> dict[str, Any]:
    """Steps of Gauss-Newton at so many points."""
    model = nn.MLP([2, 20, 20, 20, 1], "tanh", seed=0)
    return _steps(pdes.Burgers(), model, optimizer="gn-arc", points=count)


def by_parameters(count: int) -> dict[str, Any]:
    """Steps of the default method with about so many numbers."""
    width = WIDTHS[count]
    return _steps(pdes.Poisson(2), nn.MLP([2, width, width, 1], "sine", seed=0), points=1000)


def by_dimensions(dim: int) -> dict[str, Any]:
    """A default solve within a few seconds."""
    return _steps(pdes.Poisson(dim), None, max_steps=None, max_time=MOST_SECONDS, asked=MOST_SECONDS)


def by_members(count: int) -> dict[str, Any]:
    """A family after one solve, without the solve."""
    base = sciml.solve(pdes.Burgers(nu=0.05), accuracy=1e-5, progress=False)
    members = pdes.Burgers().family(nu=[0.03 + 0.05 * k / max(count - 1, 1) for k in range(count)])
    spent = 0.0

    def call() -> None:
        nonlocal spent
        began = time.process_time()
        base.finetune_family(members, accuracy=1e-3)
        spent = time.process_time() - began

    megabytes = peak_megabytes(call)
    return {"seconds_a_step": spent / count, "seconds": round(spent, 2), "megabytes": megabytes}


AXES: dict[str, tuple[Callable[[int], dict[str, Any]], tuple[int, ...]]] = {
    "points": (by_points, (1000, 10_000, 100_000, 1_000_000)),
    "parameters": (by_parameters, tuple(WIDTHS)),
    "dimensions": (by_dimensions, (1, 2, 5, 10, 20, 50, 100)),
    "members": (by_members, (1, 10, 100, 1000, 10_000)),
}


def _steps(problem: sciml.PDE, model: Any, asked: float | None = None, **options: Any) -> dict[str, Any]:
    sciml.solve(pdes.Poisson(1), max_steps=2, progress=False)  # what every process needs is loaded
    looks: list[tuple[int, float]] = []
    found: dict[str, Any] = {}

    def call() -> None:
        began, clock = time.process_time(), time.perf_counter()
        options.setdefault("max_steps", STEPS)
        options.setdefault("max_time", LIMIT)

        def look(event: Any) -> None:
            looks.append((event.step, time.process_time() - began))

        solution = sciml.solve(problem, model, seed=0, tol=0.0, progress=False, callbacks=[look], **options)
        found.update(took=round(time.perf_counter() - clock, 2), stats=solution.stats)
        found["cpu_s"] = round(time.process_time() - began, 2)

    megabytes = peak_megabytes(call)
    stats = found["stats"]
    (first, began), (last, ended) = looks[0], looks[-1]
    return {
        "seconds_a_step": (ended - began) / max(1, last - first) if last > first else math.nan,
        "seconds_to_first_look": round(began, 2),
        "asked": asked,
        "took": found["took"],
        "cpu_s": found["cpu_s"],
        "megabytes": megabytes,
        "steps": stats["steps"],
        "points": stats["points"],
        "parameters": stats["parameters"],
        "optimizer": str(stats["optimizer"]).partition("(")[0],
        "outcome": stats["outcome"],
    }


def main() -> None:
    """A record a figure; or one figure, in a process of its own."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="JSON lines")
    parser.add_argument("--only", default=",".join(AXES), help="axes, with commas between them")
    parser.add_argument("--most", type=int, default=100_000, help="largest size")
    parser.add_argument("--one", nargs=2, metavar=("AXIS", "SIZE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        axis, size = options.one
        one_thread()
        print(json.dumps(AXES[axis][0](int(size))))
        return
    show(machine(), options.json)
    for axis in options.only.split(","):
        for size in (size for size in AXES[axis][1] if size <= options.most):
            show({"record": "growth", "axis": axis, "size": size, **apart(axis, size)}, options.json)


def apart(axis: str, size: int) -> dict[str, Any]:
    """A figure from a new process; in words where there is none."""
    command = [sys.executable, "-m", "benchmarks.growth", "--one", axis, str(size)]
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            text=True,
            timeout=LIMIT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"no end within {LIMIT:.0f} s"}
    return json.loads(done.stdout) if done.returncode == 0 else {"failed": f"exit status {done.returncode}"}


if __name__ == "__main__":
    main()
