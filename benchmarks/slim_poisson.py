"""Poisson's equation by a KAN, by Slim KANs, by one cut from the KAN and trained on, and by an MLP of their size.

A part of ``python -m benchmarks.slim``: relative L2 error and CPU seconds of a solve to ``tol=1e-8``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import sciml
from sciml import nn, pdes

WIDTHS, GRID, DEGREE, CUT = [2, 8, 8, 1], 6, 4, 4
TOL, STEPS = 1e-8, 600
NETWORKS: dict[str, Callable[[int], nn.JetNetwork]] = {
    "kan": lambda seed: nn.KAN(WIDTHS, grid=GRID, degree=DEGREE, seed=seed),
    "slim 4": lambda seed: nn.SlimKAN(WIDTHS, r=4, grid=GRID, degree=DEGREE, seed=seed),
    "slim 3": lambda seed: nn.SlimKAN(WIDTHS, r=3, grid=GRID, degree=DEGREE, seed=seed),
    "mlp": lambda seed: nn.MLP([2, 17, 17, 1], "sine", seed=seed),
}


def solved(network: nn.JetNetwork, seed: int, **limits: Any) -> tuple[sciml.Solution, dict[str, Any]]:
    """A solve, and its record."""
    began = time.process_time()
    solution = sciml.solve(pdes.Poisson(2), network, tol=TOL, seed=seed, progress=False, **limits)
    spent = round(time.process_time() - began, 2)
    stats = solution.stats
    return solution, {
        "parameters": stats.parameters,
        "seed": seed,
        "error": float(solution.error()),
        "cpu_seconds": spent,
        "steps": stats.steps,
    }


def solves(seeds: int, quick: bool) -> Iterator[dict[str, Any]]:
    """Every network from every seed; a KAN is then cut and trained on."""
    # steps, since a busy machine stretches seconds
    limits = {"max_steps": 5 if quick else STEPS, "max_time": 1e4}
    for make in NETWORKS.values():
        solved(make(0), 0, max_steps=1)  # compiles what is compiled once
    for name, make in NETWORKS.items():
        for seed in range(seeds):
            solution, record = solved(make(seed), seed, **limits)
            yield {"record": "poisson", "model": name, **record}
            if isinstance(solution.network, nn.KAN):
                _, record = solved(nn.SlimKAN.from_kan(solution.network, CUT), seed, **limits)
                yield {"record": "poisson", "model": f"cut {CUT}", **record}
