"""Third and fourth derivatives with their dense Jacobian: jets against nested autograd, side by side.

    python -m benchmarks.jets --json

The residual of an equation on 1000 points and its Jacobian by all parameters, first as ``sciml.solve`` makes them, then with
the same network hidden in a plain module, for which derivatives are nested autograd and a row of the Jacobian is a backward
pass. ``ratio`` is between their CPU times, of a single run of autograd and the best of some runs of jets; ``difference`` is
between the two Jacobians, relative to the largest entry. The bar: 500 times faster.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable

import torch

import sciml
from benchmarks._common import machine, one_thread, show
from sciml import nn
from sciml.ansatz import Trial
from sciml.conditions import Dirichlet, Initial, Periodic
from sciml.domains import Box, Interval, TimeInterval
from sciml.solvers.training.residual_system import ResidualSystem

POINTS = 1000
BAR = 500.0


class Wave(sciml.PDE):
    """Third order: Korteweg-de Vries."""

    domain = TimeInterval(0.0, 1.0) * Interval(-1.0, 1.0)
    conditions = (Periodic("x"), Initial(lambda x: torch.cos(math.pi * x[:, 1:])))

    def residual(self, u, x):
        return u.d("t") + u * u.d("x") + 0.0025 * u.d("x", "x", "x")


class Flame(Wave):
    """Fourth order: Kuramoto-Sivashinsky."""

    def residual(self, u, x):
        return u.d("t") + u * u.d("x") + 0.5 * u.d("x", "x") + 0.005 * u.d("x", "x", "x", "x")


class Plate(sciml.PDE):
    """Fourth order in two directions: the biharmonic equation."""

    domain = Box([0.0, 0.0], [1.0, 1.0])
    conditions = (Dirichlet(0.0),)

    def residual(self, u, x):
        return u.biharmonic() - 1.0


class Plain(torch.nn.Module):
    """A network that does not show what it is."""

    def __init__(self, network: torch.nn.Module):
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network(x)


NETWORKS: dict[str, Callable[[int], nn.JetNetwork]] = {
    "MLP 3x20": lambda inputs: nn.MLP([inputs, 20, 20, 20, 1], seed=0),
    "KAN 2x5": lambda inputs: nn.KAN([inputs, 5, 5, 1], grid=5, degree=5, seed=0),
}


def measure(problem: sciml.PDE, kind: str) -> dict[str, object]:
    """One case: both roads, at the same parameters and points."""
    network = NETWORKS[kind](problem.inputs)
    fast, slow = (
        ResidualSystem(problem, Trial(problem, model), POINTS, 40, check=False)
        for model in (network, Plain(network))
    )
    theta = fast.theta
    runs = []
    for _ in range(8):
        start = time.process_time()
        jets = fast.linearize(theta).dense()
        runs.append(1e3 * (time.process_time() - start))
    start = time.process_time()
    graph = slow.linearize(theta).dense()
    autograd = 1e3 * (time.process_time() - start)
    plan = fast.points.terms[0].plan
    assert plan is not None and slow.points.terms[0].plan is None
    ratio = autograd / min(runs)
    return {
        "record": "jacobian",
        "equation": type(problem).__name__,
        "order": plan.order,
        "network": kind,
        "parameters": theta.numel(),
        "points": POINTS,
        "channels": plan.channels,
        "jets_ms": round(min(runs), 2),
        "autograd_ms": round(autograd, 1),
        "ratio": round(ratio),
        "bar": BAR,
        "met": ratio >= BAR,
        "difference": float((jets - graph).abs().max() / graph.abs().max()),
    }


def main() -> None:
    """A record a case."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="JSON lines")
    options = parser.parse_args()
    one_thread()
    show(machine(), options.json)
    for problem in (Wave(), Flame(), Plate()):
        for kind in NETWORKS:
            show(measure(problem, kind), options.json)


if __name__ == "__main__":
    main()
