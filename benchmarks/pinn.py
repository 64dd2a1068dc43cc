"""Optimisers on PDE problems: CPU-seconds to a relative L2 error, for every method in one run.

    python -m benchmarks.pinn --json [--quick] [--seeds 3] [--budget 30] [--only poisson] [--methods auto,lm]

Cases: 2-D Poisson with MLPs of 501 and 91,501 parameters, with a KAN of 520 numbers, and with MLPs and KANs of equal width;
Burgers with nu = 0.01/pi; reaction and diffusion; Allen-Cahn in 1+1 dimensions; the 10-d Allen-Cahn family at eps 0 and
50. The default (``optimizer="auto"``, default network) runs beside the named optimisers; ``adam+auto`` is 300 steps of
Adam before it; ``scipy`` is SciPy's L-BFGS-B on 1000 fixed points. A run ends at its budget or last mark. Times are CPU
seconds of one thread inside ``solve``, its set-up included. The claims that the documentation makes close the run.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

import sciml
from benchmarks._common import machine, median_seconds, one_thread, show
from sciml import nn, optim, pdes
from sciml.ansatz import Trial
from sciml.solvers.comparison import comparison, relative_error
from sciml.solvers.training.defaults import default_network
from sciml.solvers.training.settings import Settings, training_system

MARKS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10)
FIRST = "adam+auto"
SCIPY_POINTS = 1000

METHODS: dict[str, Any] = {"torch-lbfgs": torch.optim.LBFGS, "adam": optim.method("adam", lr=5e-3)}
SCALAR = ("adam", "lbfgs", "torch-lbfgs", "scipy", "ssbroyden")
RESIDUAL = ("lm", "gn-arc", "gn-arcm")
HESSIAN = ("arc-krylov", "arcm-krylov")  # the exact Hessian, by products


@dataclass(frozen=True)
class Case:
    """A problem, its network for a seed, the methods, the CPU-seconds and the last mark of a run."""

    problem: sciml.PDE
    model: Callable[[int], torch.nn.Module] | None
    methods: tuple[str, ...]
    budget: float
    last: float = MARKS[-1]


def mlp(*widths: int) -> Callable[[int], torch.nn.Module]:
    return lambda seed: nn.MLP(list(widths), "sine", seed=seed)


def kan(*widths: int, grid: int, degree: int) -> Callable[[int], torch.nn.Module]:
    return lambda seed: nn.KAN(list(widths), grid=grid, degree=degree, seed=seed)


POISSON = pdes.Poisson(2)
CASES = {
    "poisson/default": Case(POISSON, None, ("auto",), 15.0),
    "poisson/mlp501": Case(POISSON, mlp(2, 20, 20, 1), (*RESIDUAL, *SCALAR, *HESSIAN), 10.0),
    "poisson/kan520": Case(
        POISSON,
        kan(2, 5, 5, 1, grid=8, degree=4),
        ("auto", "lm", "gn-arcm", "ssbroyden", "adam"),
        15.0,
    ),
    "poisson/width5 mlp": Case(POISSON, mlp(2, 5, 5, 1), ("auto",), 5.0),
    "poisson/width5 kan": Case(POISSON, kan(2, 5, 5, 1, grid=4, degree=5), ("auto",), 5.0),
    "poisson/width10 mlp": Case(POISSON, mlp(2, 10, 10, 1), ("auto",), 10.0),
    "poisson/width10 kan": Case(POISSON, kan(2, 10, 10, 1, grid=4, degree=5), ("auto",), 10.0),
    "poisson/mlp91501": Case(POISSON, mlp(2, 300, 300, 1), ("auto", "krylov", "adam"), 25.0),
    "burgers/default": Case(pdes.Burgers(), None, ("auto", FIRST), 120.0, 1e-6),
    "burgers/others": Case(pdes.Burgers(), None, ("lm", "gn-arcm", "ssbroyden", "lbfgs", "adam"), 40.0, 1e-6),
    "burgers/kan": Case(pdes.Burgers(), kan(2, 6, 6, 6, 1, grid=4, degree=5), ("auto",), 60.0, 1e-6),
    "reaction-diffusion/default": Case(pdes.ReactionDiffusion(), None, ("auto", "lm"), 15.0, 1e-6),
    "allen-cahn/default": Case(pdes.AllenCahn(), None, ("auto",), 60.0, 1e-5),
    "allen-cahn-ball eps=0": Case(pdes.AllenCahnBall(), None, ("auto",), 200.0, 1e-2),
    "allen-cahn-ball eps=50": Case(pdes.AllenCahnBall(eps=50.0), None, ("auto",), 200.0, 1e-2),
}

# claim: case, method, mark, most CPU-seconds
CLAIMS = {
    "2-D Poisson with its defaults to 1e-6": ("poisson/default", "auto", 1e-6, 0.5),
    "2-D Poisson with its defaults to 1e-8": ("poisson/default", "auto", 1e-8, 2.0),
    "2-D Poisson with its defaults to 1e-10": ("poisson/default", "auto", 1e-10, 15.0),
    "2-D Poisson with a KAN of 520 numbers to 1e-6": ("poisson/kan520", "auto", 1e-6, 20.0),
    "Burgers to 1e-5": ("burgers/default", "auto", 1e-5, 30.0),
    "Burgers to 1e-6": ("burgers/default", "auto", 1e-6, 120.0),
    "Allen-Cahn to 1e-4": ("allen-cahn/default", "auto", 1e-4, 180.0),
    "10-d Allen-Cahn, eps = 0, to 1e-2": ("allen-cahn-ball eps=0", "auto", 1e-2, 600.0),
    "10-d Allen-Cahn, eps = 50, to 1e-2": ("allen-cahn-ball eps=50", "auto", 1e-2, 600.0),
}


class Race:
    """Notes the CPU-seconds and steps at which the error first fell below each mark; says when to stop."""

    def __init__(self, budget: float, last: float):
        self.began, self.budget, self.last = time.process_time(), budget, last
        self.reached: dict[str, tuple[float, int]] = {}
        self.best, self.steps_before = math.inf, 0

    def __call__(self, event: Any) -> bool:
        return self.note(event.error, event.step)

    def note(self, error: float, step: int) -> bool:
        used = time.process_time() - self.began
        self.best = min(self.best, error)
        for mark in MARKS:
            if error <= mark:
                self.reached.setdefault(f"{mark:.0e}", (round(used, 3), self.steps_before + step))
        return used > self.budget or error <= self.last


def race(case: Case, method: str, seed: int, budget: float) -> dict[str, Any]:
    """One solve, or SciPy on the same equations."""
    model = case.model(seed) if case.model else default_network(case.problem, seed, torch.float64)
    watch = Race(budget, case.last)
    if method == "scipy":
        return {**scipy_lbfgs(case.problem, model, seed, watch), "reached": watch.reached, "best": watch.best}
    # the solve's own limits are out of the way: CPU-seconds decide
    common: dict[str, Any] = {"seed": seed, "tol": 0.0, "callbacks": [watch], "progress": False}
    if method == FIRST:
        adam = optim.method("adam", lr=3e-3)
        first = sciml.solve(case.problem, model, optimizer=adam, max_steps=300, max_time=1e6, **common)
        watch.steps_before, model = first.stats["steps"], first.network
    optimizer = "auto" if method == FIRST else METHODS.get(method, method)
    solution = sciml.solve(case.problem, model, optimizer=optimizer, max_time=1e6, **common)
    kept = {name: solution.stats[name] for name in ("steps", "parameters", "points", "outcome")}
    return {**kept, "reached": watch.reached, "best": watch.best}


def scipy_lbfgs(problem: sciml.PDE, model: torch.nn.Module, seed: int, watch: Race) -> dict[str, Any]:
    """SciPy's L-BFGS-B on the residual of fixed points."""
    from scipy.optimize import minimize

    trial = Trial(problem, model)
    system = training_system(Settings(problem, points=SCIPY_POINTS, seed=seed), trial)
    answer, steps = comparison(problem), 0

    def look(theta: Any) -> None:
        nonlocal steps
        steps += 1
        if steps % 20 == 0:
            system.load(torch.as_tensor(theta))
            if watch.note(relative_error(trial, *answer), steps):
                raise StopIteration

    def loss(theta: Any) -> tuple[float, Any]:
        f, g = system.value_and_grad(torch.as_tensor(theta))
        return f, g.numpy()

    limits = {"maxiter": 10**6, "maxfun": 10**6, "ftol": 0.0, "gtol": 0.0, "maxcor": 50}
    found = minimize(loss, system.theta.numpy(), jac=True, method="L-BFGS-B", callback=look, options=limits)
    watch.note(relative_error(trial, *answer), steps)
    return {
        "steps": steps,
        "parameters": len(found.x),
        "points": SCIPY_POINTS,
        "outcome": str(found.message),
    }


def medians(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Median seconds to each mark (a seed that never got there counts as infinite, and shows as null) and error."""
    out: dict[str, Any] = {"best": statistics.median(run["best"] for run in runs)}
    return {**out, **median_seconds(runs, MARKS)}


def claims(table: dict[tuple[str, str], dict[str, Any]]) -> list[dict[str, Any]]:
    """The claims whose cases were run, with the medians that decide them."""
    out = []
    for name, (case, method, mark, bar) in CLAIMS.items():
        if (case, method) in table:
            value = table[case, method][f"{mark:.0e}"]
            met = value is not None and value <= bar
            out.append({"record": "claim", "name": name, "cpu_s": value, "bar": bar, "met": met})
    for width in (5, 10):
        pair = [table.get((f"poisson/width{width} {kind}", "auto")) for kind in ("mlp", "kan")]
        if all(pair):
            for mark in (1e-6, 1e-8, 1e-10):
                mlp, kan = (found[f"{mark:.0e}"] for found in pair if found)
                met = kan is not None and (mlp is None or kan <= mlp)
                name = f"2-D Poisson, a KAN no slower than an MLP of width {width}, to {mark:.0e}"
                out.append({"record": "claim", "name": name, "kan_cpu_s": kan, "mlp_cpu_s": mlp, "met": met})
    return out


def main() -> None:
    """Run the cases and print a record a solve, a median a case and method, and the claims."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="JSON lines")
    parser.add_argument("--quick", action="store_true", help="one seed, a tenth of the time")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--budget", type=float, help="CPU-seconds a solve, in the place of each case's own")
    parser.add_argument("--only", default="", help="cases whose name begins so")
    parser.add_argument("--methods", default="", help="comma-separated; all unless given")
    options = parser.parse_args()
    one_thread()
    show(machine(), options.json)
    table = {}
    # imports and kernels first: the first solve of a process waits for both
    for case in (CASES["poisson/default"], CASES["poisson/kan520"], CASES["poisson/width5 kan"]):
        race(case, "auto", 0, 0.0)
    for name, case in CASES.items():
        if not name.startswith(options.only):
            continue
        budget = options.budget or (case.budget / 10 if options.quick else case.budget)
        for method in case.methods:
            if options.methods and method not in options.methods.split(","):
                continue
            runs = []
            for seed in range(1 if options.quick else options.seeds):
                runs.append(race(case, method, seed, budget))
                where = {"case": name, "method": method, "seed": seed, "budget_s": budget}
                show({"record": "solve", **where, **runs[-1]}, options.json)
            table[name, method] = medians(runs)
            show({"record": "median", "case": name, "method": method, **table[name, method]}, options.json)
    for claim in claims(table):
        show(claim, options.json)


if __name__ == "__main__":
    main()
