"""Families of functions on the edges of a KAN at equal parameters, S-KAN, and networks matched to an equation's spectrum.

    python -m benchmarks.bases --json [--seeds 3] [--only solves|spectrum|cost] [--problem "Poisson k=1"] [--basis skan]

``solves``: relative L2 error of one solve with Gauss-Newton for every family and for S-KAN, which is not told which to take;
the same number of steps for all, so that the load of a machine does not count. ``spectrum``: the first-layer scale that
``match_spectrum`` chooses for a sine MLP, and the error there and at scale 1. ``cost``: one residual with its Jacobian.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch

import sciml
from benchmarks._common import machine, one_thread, show, time_side_by_side
from sciml import nn, pdes
from sciml.ansatz import Trial
from sciml.problem import PDE
from sciml.solvers.training.settings import Settings, training_system

Record = dict[str, Any]

SIZE, DEGREE, STEPS = 10, 5, 120
OTHERS = ("chebyshev", "fourier", "rbf", "wavelet")
SCALES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)

# problem and widths
PROBLEMS: dict[str, tuple[Callable[[], PDE], list[int]]] = {
    "Poisson k=1": (lambda: pdes.Poisson(), [2, 6, 1]),
    "Poisson k=4": (lambda: pdes.Poisson(frequency=4), [2, 6, 1]),
    "Helmholtz": (lambda: pdes.Helmholtz(), [2, 6, 1]),
    "Wave": (lambda: pdes.Wave(), [2, 6, 6, 1]),
    "Burgers": (lambda: pdes.Burgers(), [2, 6, 6, 1]),
}


def network(basis: str, widths: list[int], seed: int) -> nn.JetNetwork:
    """A network of about the same number of parameters with any basis; ``"skan"`` has all but wavelets."""
    if basis == "skan":
        return nn.SKAN(widths, ("bspline", "chebyshev", "fourier", "rbf"), SIZE, DEGREE, seed=seed)
    if basis == "bspline":
        return nn.KAN(widths, SIZE - DEGREE, DEGREE, seed=seed)
    return nn.KAN(widths, basis=basis, size=SIZE, seed=seed)


BASES = ("bspline", *OTHERS, "skan")


def solves(name: str, seeds: int, only: str | None = None) -> Iterator[Record]:
    """One problem with every basis, or with one."""
    make, widths = PROBLEMS[name]
    for basis in BASES if only is None else (only,):
        for seed in range(seeds):
            model = network(basis, widths, seed)
            began = time.process_time()
            solution = sciml.solve(
                make(), model, max_steps=STEPS, max_time=math.inf, tol=0.0, seed=seed, progress=False
            )
            chosen = getattr(solution.network, "chosen", None)
            yield {
                "record": "solve",
                "problem": name,
                "basis": basis,
                "seed": seed,
                "error": solution.error(),
                "parameters": sum(p.numel() for p in solution.network.parameters()),
                "steps": solution.stats.steps,
                "cpu_seconds": round(time.process_time() - began, 2),
                "chosen": chosen,
                "kept": [note for note in solution.stats.notes if note.startswith("Kept")],
            }


def spectrum(seeds: int) -> Iterator[Record]:
    """A sine MLP of matched scale beside one of scale 1."""
    problems = {f"Poisson k={k}": pdes.Poisson(frequency=k) for k in (1, 2, 4)} | {
        "Helmholtz": pdes.Helmholtz()
    }
    firsts = []
    for _ in range(2):
        began = time.process_time()
        sciml.match_spectrum(pdes.Poisson(), nn.MLP([2, 20, 20, 1], "sine"), SCALES)
        firsts.append(time.process_time() - began)
    yield {"record": "first call", "cpu_seconds": firsts[0], "second": firsts[1]}
    for name, problem in problems.items():
        for seed in range(seeds):
            began = time.process_time()
            match = sciml.match_spectrum(problem, nn.MLP([2, 20, 20, 1], "sine", seed=seed), SCALES)
            took = time.process_time() - began
            errors, spent = {}, {}
            for scale in sorted({1.0, match.choice}):
                began = time.process_time()
                model = nn.MLP([2, 20, 20, 1], "sine", scale=scale, seed=seed)
                found = sciml.solve(
                    problem, model, max_steps=STEPS, max_time=math.inf, tol=0.0, seed=seed, progress=False
                )
                errors[scale], spent[scale] = found.error(), time.process_time() - began
            yield {
                "record": "spectrum",
                "problem": name,
                "seed": seed,
                "choice": match.choice,
                "distances": [round(d, 3) for d in match.distances.values()],
                "error": errors[match.choice],
                "error_at_1": errors[1.0],
                "share_of_the_solve": took / spent[match.choice],
            }


def cost() -> Iterator[Record]:
    """Milliseconds of one linearised residual of Poisson's equation on 1000 points, [2, 8, 8, 1]."""
    problem, calls = pdes.Poisson(), {}
    for basis in ("bspline", *OTHERS):
        trial = Trial(problem, network(basis, [2, 8, 8, 1], 0))
        system = training_system(Settings(problem, points=1000), trial, check=False)
        theta = system.theta

        def call(system: Any = system, theta: torch.Tensor = theta) -> object:
            return system.linearize(theta).dense()

        calls[basis] = call
    for basis, times in time_side_by_side(calls).items():
        yield {"record": "cost", "basis": basis, **times}


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", choices=("solves", "spectrum", "cost"))
    parser.add_argument("--problem", choices=list(PROBLEMS))
    parser.add_argument("--basis", choices=BASES, help="of the solves")
    options = parser.parse_args()
    one_thread()
    show(machine(), options.json)
    if options.only in (None, "solves"):
        for name in PROBLEMS if options.problem is None else (options.problem,):
            for record in solves(name, options.seeds, options.basis):
                show(record, options.json)
    if options.only in (None, "spectrum"):
        for record in spectrum(options.seeds):
            show(record, options.json)
    if options.only in (None, "cost"):
        for record in cost():
            show(record, options.json)


if __name__ == "__main__":
    main()
