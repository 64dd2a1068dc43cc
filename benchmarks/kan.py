"""KANs with knots where the solution needs them, beside KANs with even knots and MLPs.

    python -m benchmarks.kan --json [--seeds 3] [--budget 6] [--only rod]

``exact``: how far refining, inserting, extending and moving the grids changes a solved network. ``solve``: a rod whose
coefficient jumps from 1 to 10 and boundary layers of width eps, by ``sciml.solve`` as it comes; CPU seconds of one thread at
which the relative L2 error first fell below each mark, the best error, and the error where a run ended by itself. The
problems are those of docs/kans.md. Points are the same for all models of one problem.
"""

from __future__ import annotations

import argparse
import copy
import math
import statistics
import time
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

import sciml
from benchmarks._common import machine, median_seconds, one_thread, show
from sciml import nn, pdes

MARKS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
JUMP = 0.4

Make = Callable[[int], nn.JetNetwork | None]


class Rod(sciml.PDE):
    """``a u' = q, -q' = pi^2 sin(pi x)`` with ``a = 1`` left of the jump and 10 right of it; ``u = 0`` at both ends."""

    unknowns = ("u", "q")
    domain = sciml.Interval(0, 1)
    conditions = (sciml.Dirichlet(0.0, component="u"),)

    def residual(self, u: Any, x: Tensor) -> dict[str, Tensor]:
        """Both equations of first order."""
        a = torch.where(x < JUMP, 1.0, 10.0)
        return {
            "flux": a * u["u"].d("x") - u["q"].value,
            "balance": -u["q"].d("x") - math.pi**2 * torch.sin(math.pi * x),
        }

    def exact(self, x: Tensor) -> Tensor:
        """``u`` and ``q``, (n, 2)."""
        s = math.sin(math.pi * JUMP)
        c = -0.9 * s / (JUMP + (1 - JUMP) / 10)
        left = c * x + torch.sin(math.pi * x)
        right = c * JUMP + s + (c * (x - JUMP) + torch.sin(math.pi * x) - s) / 10
        return torch.cat([torch.where(x < JUMP, left, right), c + math.pi * torch.cos(math.pi * x)], 1)


class Layer(sciml.PDE):
    """``-eps u'' + u' = 1``, ``u = 0`` at both ends: a layer of width eps at the right one."""

    domain = sciml.Interval(0, 1)
    conditions = (sciml.Dirichlet(0.0),)

    def __init__(self, eps: float):
        self.eps = eps

    def residual(self, u: Any, x: Tensor) -> Tensor:
        """Left minus right side."""
        return -self.eps * u.d("x", "x") + u.d("x") - 1.0

    def exact(self, x: Tensor) -> Tensor:
        """The solution, (n, 1)."""
        layer = torch.exp((x - 1) / self.eps) - math.exp(-1 / self.eps)
        return x - layer / (1 - math.exp(-1 / self.eps))


def graded(eps: float, ratio: float = 0.2) -> list[float]:
    """Knots on [-1, 1] whose cells grow in proportion to eps plus the distance from the right end."""
    count = math.ceil(math.log1p(0.7 / eps) / ratio)
    return [1 - 2 * eps * math.expm1(ratio * j) for j in range(count)]


def layered(eps: float) -> nn.KAN:
    """One spline of degree 7 on graded knots; full knots at the ends, so that no cell outside takes part."""
    network = nn.KAN([1, 1], grid=1, degree=7, base=False)
    return network.insert(0, graded(eps)).insert(0, [-1.0, 1.0], multiplicity=7)


def rod_case() -> dict[str, Make]:
    """By degree and cells."""

    def even(degree: int, grid: int) -> nn.KAN:
        return nn.KAN([1, 2], grid=grid, degree=degree, base=False)

    def kinked(degree: int, grid: int) -> nn.KAN:
        return even(degree, grid).insert(0, 2 * JUMP - 1, multiplicity=degree)

    return {
        "kan, even, degree 5, grid 16": lambda seed: even(5, 16),
        "kan, full knot, degree 4, grid 8": lambda seed: kinked(4, 8),
        "kan, full knot, degree 5, grid 16": lambda seed: kinked(5, 16),
        "kan, full knot, degree 7, grid 16": lambda seed: kinked(7, 16),
        "mlp [1, 8, 8, 2]": lambda seed: nn.MLP([1, 8, 8, 2], "tanh", seed=seed),
        "default": lambda seed: None,
    }


def layer_case(eps: float) -> dict[str, Make]:
    """One layer's width."""
    return {
        "kan, even, degree 5, grid 50": lambda seed: nn.KAN([1, 1], grid=50, degree=5, base=False),
        "kan, graded, degree 7": lambda seed: layered(eps),
        "mlp [1, 8, 8, 1]": lambda seed: nn.MLP([1, 8, 8, 1], "tanh", seed=seed),
        "default": lambda seed: None,
    }


# problem, models, points
CASES: dict[str, tuple[sciml.PDE, dict[str, Make], int]] = {
    "rod": (Rod(), rod_case(), 400),
    "layer 1e-2": (Layer(1e-2), layer_case(1e-2), 2000),
    "layer 1e-3": (Layer(1e-3), layer_case(1e-3), 20_000),
    "layer 1e-4": (Layer(1e-4), layer_case(1e-4), 40_000),
}


def solve(name: str, model: str, seed: int, budget: float) -> dict[str, Any]:
    """One solve with its marks."""
    problem, makes, points = CASES[name]
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

    network = makes[model](seed)
    limits: dict[str, Any] = {"max_time": 1e6, "points": points, "seed": seed, "callbacks": [watch]}
    solution = sciml.solve(problem, network, progress=False, **limits)
    kept = {key: solution.stats[key] for key in ("steps", "parameters", "points", "outcome")}
    return {**kept, "error": solution.error(), "reached": reached, "best": best}


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
    parser.add_argument("--only", default="", help="cases whose name begins so")
    options = parser.parse_args()
    one_thread()
    show(machine(), options.json)
    for record in exactness() if not options.only else []:
        show(record, options.json)
    for name, (_, makes, _) in CASES.items():
        if not name.startswith(options.only):
            continue
        for model in makes:
            solve(name, model, 0, 0.0)  # compiles what is compiled once
            runs = []
            for seed in range(options.seeds):
                runs.append(solve(name, model, seed, options.budget))
                show(
                    {"record": "solve", "case": name, "model": model, "seed": seed, **runs[-1]}, options.json
                )
            best = statistics.median(run["best"] for run in runs)
            median = {"best": best, **median_seconds(runs, MARKS)}
            show({"record": "median", "case": name, "model": model, **median}, options.json)


if __name__ == "__main__":
    main()
