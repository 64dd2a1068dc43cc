"""How the systems of Gauss-Newton are solved: CPU seconds to an error, by the form of the step.

    python -m benchmarks.forms --json [--budget 60] [--only burgers] [--forms auto,dual,krylov]

MLPs and KANs of some 5,000, 20,000 and 90,000 numbers on Poisson's and on Burgers' equation, each with the points' dense
system (``dual``) and with products alone (``krylov``); ``auto`` is the solver's choice. CPU seconds of one thread inside
``solve``, set-up included, kernels compiled before. The points begin as by default, and each run adds its own.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch

import sciml
from benchmarks._common import machine, one_thread, show
from benchmarks.pinn import Race
from sciml import nn, pdes
from sciml.optim.methods.gauss_newton import GaussNewtonMethod

FORMS = ("dual", "krylov")
LAST = 1e-6
BUDGET = 60.0  # CPU seconds a solve


def mlp(*widths: int, kind: str = "sine") -> Callable[[], torch.nn.Module]:
    return lambda: nn.MLP(list(widths), kind, seed=0)


def kan(*widths: int) -> Callable[[], torch.nn.Module]:
    return lambda: nn.KAN(list(widths), grid=8, degree=4, seed=0)


POISSON, BURGERS = pdes.Poisson(2), pdes.Burgers()
CASES: dict[str, tuple[sciml.PDE, Callable[[], torch.nn.Module]]] = {
    "poisson/MLP 5k": (POISSON, mlp(2, 70, 70, 1)),
    "poisson/MLP 20k": (POISSON, mlp(2, 140, 140, 1)),
    "poisson/MLP 90k": (POISSON, mlp(2, 300, 300, 1)),
    "poisson/KAN 5k": (POISSON, kan(2, 19, 19, 1)),
    "poisson/KAN 20k": (POISSON, kan(2, 38, 38, 1)),
    "poisson/KAN 90k": (POISSON, kan(2, 81, 81, 1)),
    "burgers/MLP 5k": (BURGERS, mlp(2, 50, 50, 50, 1, kind="tanh")),
    "burgers/MLP 20k": (BURGERS, mlp(2, 100, 100, 100, 1, kind="tanh")),
    "burgers/MLP 90k": (BURGERS, mlp(2, 212, 212, 212, 1, kind="tanh")),
    "burgers/KAN 5k": (BURGERS, kan(2, 13, 13, 13, 1)),
    "burgers/KAN 20k": (BURGERS, kan(2, 27, 27, 27, 1)),
}


def race(case: str, form: str, budget: float) -> dict[str, object]:
    """One solve."""
    problem, model = CASES[case]
    network = model()
    watch = Race(budget, LAST)
    solution = sciml.solve(
        problem,
        network,
        optimizer=GaussNewtonMethod(form=form),
        max_time=1e6,
        tol=0.0,
        knots=False,
        callbacks=[watch],
        progress=False,
    )
    stats = solution.stats
    return {
        "record": "solve",
        "case": case,
        "form": form,
        "parameters": stats.parameters,
        "points": stats.points,
        "steps": stats.steps,
        "budget_s": budget,
        "reached": {mark: found for mark, found in watch.reached.items() if mark in ("1e-04", "1e-06")},
        "best": float(f"{watch.best:.2e}"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="JSON lines")
    parser.add_argument("--budget", type=float, default=BUDGET, help="CPU seconds a solve")
    parser.add_argument("--only", default="", help="cases whose name begins so")
    parser.add_argument("--forms", default=",".join(FORMS), help="with commas between them")
    options = parser.parse_args()
    one_thread()
    show(machine(), options.json)
    for case in ("poisson/MLP 5k", "poisson/KAN 5k", "burgers/KAN 5k"):  # kernels are compiled and loaded
        race(case, "krylov", 0.0)
    for case in CASES:
        if case.startswith(options.only):
            for form in options.forms.split(","):
                show(race(case, form, options.budget), options.json)


if __name__ == "__main__":
    main()
