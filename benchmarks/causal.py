"""Causal weights, the rival of windows in time: evolutions solved at all times at once, the later the less it counts.

    python -m benchmarks.causal --json [--only burgers] [--seed 0] [--seconds 60]

After Wang, Sankaran and Perdikaris (2022, arXiv 2203.07404): the residual in the k-th of ``SLICES`` slices of time counts
``exp(-eps (L_1 + ... + L_{k-1}))``, with ``L`` the mean square of a slice relative to that of the conditions alone. ``eps``
grows whenever every weight is above ``SETTLED``. The weights are made anew every ``STEPS`` steps of Gauss-Newton. Beside it
the same network without weights, and windows by themselves. Each has so many CPU seconds; a record holds the error and what
the weights came to.
"""

from __future__ import annotations

import argparse
import copy
import time
from typing import Any

import torch
from torch import Tensor

import sciml
from benchmarks._common import machine, one_thread, show
from sciml import nn, pdes
from sciml.ansatz import Trial
from sciml.derivatives import AutogradSource

SLICES, STEPS = 32, 50
TOLERANCES = (1e-2, 1e-1, 1.0, 1e1, 1e2)  # of the weights, as in the paper
SETTLED = 0.99
POINTS = 4000  # that weights are made from

CASES: dict[str, sciml.PDE] = {
    "burgers": pdes.Burgers(),
    "allen-cahn": pdes.AllenCahn(),
    "kdv": pdes.KdV(),
}


def weighted(problem: sciml.PDE, table: Tensor) -> sciml.PDE:
    """The problem with its residual in each slice of time multiplied by the root of a weight, ``table (SLICES,)``."""
    low, high = float(problem.domain.lower[0]), float(problem.domain.upper[0])
    plain = type(problem).residual

    def residual(self: Any, u: Any, x: Tensor) -> Tensor:
        return plain(self, u, x) * table.sqrt().to(x)[slices(x, low, high)][:, None]

    new = copy.copy(problem)
    object.__setattr__(
        new, "__class__", type(type(problem).__name__, (type(problem),), {"residual": residual})
    )
    return new


def slices(x: Tensor, low: float, high: float) -> Tensor:
    """The slice of each point, ``(n,)``."""
    return ((x[:, 0] - low) / (high - low) * SLICES).long().clamp(0, SLICES - 1)


def slice_losses(problem: sciml.PDE, trial: Trial) -> Tensor:
    """Mean square of the residual in each slice, ``(SLICES,)``."""
    x = problem.sample(POINTS, seed=77).requires_grad_(True)
    r = problem.residual(problem.field(AutogradSource(trial, x)), x)
    assert isinstance(r, Tensor)
    low, high = float(problem.domain.lower[0]), float(problem.domain.upper[0])
    k, square = slices(x, low, high), r.detach().square().sum(1)
    total = torch.zeros(SLICES, dtype=x.dtype).index_add_(0, k, square)
    return total / torch.bincount(k, minlength=SLICES).clamp(min=1)


def causal(problem: sciml.PDE, model: Any, seed: int, seconds: float) -> dict[str, Any]:
    """Rounds of training, each with weights from what the one before left."""
    began, table, level, steps = time.process_time(), torch.ones(SLICES).double(), 0, 0
    trial = Trial(problem, nn.MLP(model.widths, "tanh", seed=seed).double())
    with torch.no_grad():
        for p in trial.network.parameters():
            p.zero_()
    size = float(slice_losses(problem, trial).mean())
    network, solution = model, None
    while time.process_time() - began < seconds:
        solution = sciml.solve(
            weighted(problem, table), network, seed=seed, max_steps=STEPS, max_time=1e5, tol=0.0,
            windows=False, progress=False,
        )  # fmt: skip
        steps += solution.stats["steps"]
        network = solution.network
        loss = slice_losses(problem, solution.trial) / size
        earlier = torch.cat([loss.new_zeros(1), loss.cumsum(0)[:-1]])
        table = torch.exp(-TOLERANCES[level] * earlier)
        if float(table.min()) > SETTLED and level + 1 < len(TOLERANCES):
            level += 1
            table = torch.exp(-TOLERANCES[level] * earlier)
    assert solution is not None
    found = {"error": solution.error(), "steps": steps, "eps": TOLERANCES[level]}
    return {**found, "least_weight": float(table.min()), "cpu_s": round(time.process_time() - began, 1)}


def plain(problem: sciml.PDE, model: Any, seed: int, seconds: float, windows: Any) -> dict[str, Any]:
    """One solve, at all times at once or in windows."""
    began = time.process_time()

    def late(_: Any) -> bool:
        return time.process_time() - began > seconds

    # a march plans by its seconds, which pass more quickly beside others
    limits: dict[str, Any] = {"max_time": 4 * seconds} if windows else {"max_time": 1e5, "tol": 0.0}
    solution = sciml.solve(
        problem,
        None if windows else model,
        seed=seed,
        windows=windows,
        callbacks=[late],
        progress=False,
        **limits,
    )
    used = round(time.process_time() - began, 1)
    complete = getattr(solution.trial, "until", torch.inf) >= float(problem.domain.upper[0])
    error = solution.error() if complete else None
    return {"error": error, "steps": solution.stats["steps"], "outcome": solution.outcome, "cpu_s": used}


def main() -> None:
    """Three records a case."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="JSON lines")
    parser.add_argument("--only", default="", help="cases whose name begins so")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=60.0, help="CPU seconds of each")
    options = parser.parse_args()
    one_thread()
    show(machine(), options.json)
    for name, problem in CASES.items():
        if not name.startswith(options.only):
            continue
        model = nn.MLP([problem.inputs, 20, 20, 20, 1], "tanh", seed=options.seed)
        ways = {
            "causal": lambda p=problem, m=model: causal(p, m, options.seed, options.seconds),
            "even": lambda p=problem, m=model: plain(p, m, options.seed, options.seconds, False),
            "windows": lambda p=problem, m=model: plain(p, m, options.seed, options.seconds, "auto"),
        }
        for way, call in ways.items():
            show(
                {"record": "evolution", "case": name, "seed": options.seed, "way": way, **call()},
                options.json,
            )


if __name__ == "__main__":
    main()
