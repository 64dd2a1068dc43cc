"""A parameter of the equation as a coordinate: one solve for all its values.

    python -m benchmarks.parameters --json [--only heat] [--budget 60]

Each case is solved by the default in so many seconds of a processor. Its error is taken over all values of the parameter,
and for each of five single ones. One thread, one seed.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from typing import Any

import torch
from scipy import special
from torch import Tensor

import sciml
from benchmarks._common import machine, one_thread, show
from sciml import pdes

POINTS, SEED = 2000, 4321
VALUES = 5  # of the parameter, both ends among them


class Heat(sciml.PDE):
    """u_t = a u_xx for all a from 0.05 to 0.2."""

    domain = sciml.TimeInterval(0, 1) * sciml.Interval(0, 1, "x") * sciml.Interval(0.05, 0.2, "a")
    conditions = (
        sciml.Initial(lambda x: torch.sin(math.pi * x[:, 1:2])),
        sciml.Dirichlet(0.0, on=["x=0", "x=1"]),
    )

    def residual(self, u: Any, x: Tensor) -> Tensor:
        return u.d("t") - x[:, 2:] * u.d("x", "x")


def heat(x: Tensor, a: float) -> Tensor:
    return math.e ** (-a * math.pi**2 * x[:, :1]) * torch.sin(math.pi * x[:, 1:2])


class Membrane(sciml.PDE):
    """-Laplace u + k^2 u = 1 on the unit disk for all k from 1 to 5."""

    domain = sciml.Disk([0, 0], 1) * sciml.Interval(1, 5, "k")
    conditions = (sciml.Dirichlet(0.0, on="circle"),)

    def residual(self, u: Any, x: Tensor) -> Tensor:
        return -u.d("x", "x") - u.d("y", "y") + x[:, 2:] ** 2 * u - 1.0


def membrane(x: Tensor, k: float) -> Tensor:
    bessel = special.i0(k * x[:, :2].norm(dim=1, keepdim=True).numpy()) / special.i0(k)
    return (1 - torch.from_numpy(bessel)) / k**2


class Burgers(sciml.PDE):
    """Burgers' equation for all viscosities from 0.02 to 0.1, by their logarithm."""

    domain = (
        sciml.TimeInterval(0, 1)
        * sciml.Interval(-1, 1, "x")
        * sciml.Interval(math.log(0.02), math.log(0.1), "s")
    )
    conditions = (
        sciml.Initial(lambda x: -torch.sin(math.pi * x[:, 1:2])),
        sciml.Dirichlet(0.0, on=["x=-1", "x=1"]),
    )

    def residual(self, u: Any, x: Tensor) -> Tensor:
        return u.d("t") + u * u.d("x") - x[:, 2:].exp() * u.d("x", "x")


def burgers(x: Tensor, s: float) -> Tensor:
    return pdes.Burgers(nu=math.exp(s)).exact(x[:, :2])


# a problem, whose last coordinate is the parameter, and its answer for one value of that
CASES: dict[str, tuple[Any, Callable[[Tensor, float], Tensor]]] = {
    "heat": (Heat, heat),
    "membrane": (Membrane, membrane),
    "burgers": (Burgers, burgers),
}


def run(name: str, budget: float) -> dict[str, object]:
    """Solve for all values, and compare at single ones."""
    problem, answer = CASES[name]
    began = time.process_time()
    solution = sciml.solve(problem(), max_time=budget, progress=False)
    seconds = time.process_time() - began
    domain = solution.problem.domain
    x = domain.sample(POINTS, seed=SEED)
    low, high = float(domain.lower[-1]), float(domain.upper[-1])
    errors = []
    for value in torch.linspace(low, high, VALUES, dtype=torch.float64).tolist():
        x[:, -1] = value
        truth = answer(x, value)
        errors.append(float((solution(x) - truth).norm() / truth.norm()))
    return {
        "record": "parameter",
        "case": name,
        "seconds": round(seconds, 1),
        "steps": solution.stats.steps,
        "estimate": solution.stats.error_estimate,
        "worst": max(errors),
        "least": min(errors),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--only", default="", help="cases whose name begins so")
    parser.add_argument("--budget", type=float, default=60.0)
    options = parser.parse_args()
    one_thread()
    show(machine(), options.json)
    for name in CASES:
        if name.startswith(options.only):
            show(run(name, options.budget), options.json)


if __name__ == "__main__":
    main()
