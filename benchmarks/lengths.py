"""Gauss-Newton where a loss crawls: lengths of steps by the parameters alone, by columns, and as it goes.

    python -m benchmarks.lengths --json [--only wave] [--seeds 2]

Every problem is solved from scratch with the same network and so many steps; CPU seconds of one thread and the error.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from typing import Any

import torch

import sciml
from benchmarks._common import machine, one_thread, show
from sciml import nn, optim, pdes

CASES: dict[str, tuple[Callable[[], Any], Callable[[int], torch.nn.Module], int]] = {
    "wave": (lambda: pdes.Wave(2.0), lambda seed: nn.MLP([2, 30, 30, 1], "sine", seed=seed), 150),
    "burgers": (
        lambda: pdes.Burgers(0.01 / math.pi),
        lambda seed: nn.MLP([2, 20, 20, 20, 1], "tanh", seed=seed),
        150,
    ),
    "helmholtz": (lambda: pdes.Helmholtz(), lambda seed: nn.MLP([2, 20, 60, 1], "sine", seed=seed), 80),
}
LENGTHS = ("parameters", "columns", "auto")


def main() -> None:
    """One record a line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="JSON lines")
    parser.add_argument("--only", default="", help="cases whose name begins so")
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()
    one_thread()
    show(machine(), options.json)
    for name, (problem, model, steps) in CASES.items():
        if name.startswith(options.only):
            for seed in range(options.seeds):
                for lengths in LENGTHS:
                    began = time.process_time()
                    solved = sciml.solve(
                        problem(),
                        model(seed),
                        optimizer=optim.method("gn-arc", lengths=lengths),
                        max_time=math.inf,
                        max_steps=steps,
                        seed=seed,
                        progress=False,
                    )
                    used = round(time.process_time() - began, 2)
                    where = {"record": "solve", "case": name, "seed": seed, "lengths": lengths}
                    show(
                        {**where, "steps": solved.stats.steps, "cpu_seconds": used, "error": solved.error()},
                        options.json,
                    )


if __name__ == "__main__":
    main()
