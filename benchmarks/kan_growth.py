"""KANs whose grids grow while they are trained, beside the same KANs and beside fixed ones of the final size.

    python -m benchmarks.kan_growth --json [--only Burgers] [--seeds 1]

``grown`` starts coarse and gets knots up to as many numbers as ``fixed`` has from the start; ``coarse`` keeps the grid that
``grown`` starts with. CPU seconds of one thread at which the relative L2 error first fell below each mark, the best error,
and the held-out and the training loss at the end, whose ratio tells whether points are missing.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

import sciml
from benchmarks._common import machine, one_thread, show
from benchmarks.kan_cases import CASES, Manufactured
from sciml import nn, pdes

MARKS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)


def layer(x: Tensor) -> Tensor:
    """A layer of width 0.02 along a slanted line in the unit square, times what vanishes at the boundary."""
    walls = 16 * (x * (1 - x)).prod(1, keepdim=True)
    return walls * torch.tanh((x[:, :1] + 0.5 * x[:, 1:] - 0.75) / 0.02)


@dataclass(frozen=True)
class Case:
    """A problem, the widths and degree of its KANs, the coarse and the fine grid, and CPU seconds."""

    problem: sciml.PDE
    widths: list[int]
    degree: int
    coarse: int
    fine: int
    budget: float

    def network(self, grid: int, seed: int) -> nn.KAN:
        """A KAN with so many cells everywhere."""
        return nn.KAN(self.widths, grid=grid, degree=self.degree, seed=seed)


SQUARE = sciml.Box((0, 0), (1, 1))
DEFINED: dict[str, Case] = {
    "Burgers": Case(pdes.Burgers(), [2, 6, 6, 6, 1], 5, 1, 4, 75.0),
    "Allen-Cahn": Case(pdes.AllenCahn(), [3, 6, 6, 1], 5, 1, 4, 30.0),
    "slanted layer 0.02": Case(Manufactured(SQUARE, layer), [2, 5, 5, 1], 4, 2, 8, 25.0),
    "bump of width 0.05": Case(CASES["bump of width 0.05"].problem, [2, 4, 4, 1], 4, 2, 10, 15.0),
    "Poisson": Case(pdes.Poisson(2), [2, 5, 5, 1], 5, 2, 4, 6.0),
}


def solve(case: Case, kind: str, seed: int, budget: float) -> dict[str, Any]:
    """One solve with its marks."""
    reached: dict[str, float] = {}
    best, began, last = math.inf, time.process_time(), (math.nan, math.nan)

    def watch(event: Any) -> bool:
        nonlocal best, last
        used = time.process_time() - began
        best, last = min(best, event.error), (event.loss, event.held_out)
        for mark in MARKS:
            if event.error <= mark:
                reached.setdefault(f"{mark:.0e}", round(used, 2))
        return used > budget

    fine = case.network(case.fine, seed)
    most = sum(p.numel() for p in fine.parameters())
    network = fine if kind == "fixed" else case.network(case.coarse, seed)
    limits: dict[str, Any] = {"max_time": 1e6, "seed": seed, "callbacks": [watch], "progress": False}
    found = sciml.solve(case.problem, network, knots=most if kind == "grown" else False, **limits)
    out = {"best": best, "error": found.error(), "reached": reached, "parameters": found.stats.parameters}
    out |= {"steps": found.stats.steps, "points": found.stats.points, "outcome": found.stats.outcome}
    return out | {"loss": last[0], "held_out": last[1]}


def main() -> None:
    """One record a solve."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="JSON lines")
    parser.add_argument("--only", default="", help="cases whose name begins so")
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    one_thread()
    show(machine(), options.json)
    for name, case in DEFINED.items():
        if not name.startswith(options.only):
            continue
        solve(case, "fixed", 0, 0.0)  # compiles what is compiled once
        for seed in range(options.seeds):
            for kind in ("coarse", "fixed", "grown"):
                found = solve(case, kind, seed, case.budget)
                show({"record": "growth", "case": name, "kind": kind, "seed": seed, **found}, options.json)


if __name__ == "__main__":
    main()
