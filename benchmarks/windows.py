"""Solves in windows of time, against independent references.

    python -m benchmarks.windows --json [--only lorenz-20] [--seed 0] [--tuned]

Each case is solved with ``windows="auto"`` and the defaults, in one thread. A record holds the relative L2 error over all
unknowns and the worst over one of them, the estimated error, the CPU-seconds with the estimate, and the windows. A bar is an
error within CPU-seconds; a case without one is measured alone. ``--tuned`` solves a problem, fine-tunes it to a neighbour,
and solves that neighbour anew beside it.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import torch

import sciml
from benchmarks._common import machine, one_thread, show
from sciml import pdes
from sciml.solvers.comparison import comparison

CASES: dict[str, tuple[sciml.PDE, float | None, float | None]] = {  # problem, error, CPU-seconds
    "lorenz-2": (pdes.Lorenz(duration=2.0), 1e-8, 5.0),
    "lorenz-20": (pdes.Lorenz(duration=20.0), 1e-4, 5.0),
    "robertson-1e5": (pdes.Robertson(duration=1e5), 1e-6, None),
    "van-der-pol-10": (pdes.VanDerPol(mu=10.0, duration=20.0), None, None),
    "van-der-pol-100": (pdes.VanDerPol(mu=100.0, duration=200.0), 1e-4, None),
    "burgers": (pdes.Burgers(), 1e-6, 25.0),
    "kdv": (pdes.KdV(), 1e-4, 60.0),
}

NEIGHBOURS: dict[str, tuple[sciml.PDE, sciml.PDE]] = {  # problem, neighbour
    "lorenz-2": (CASES["lorenz-2"][0], pdes.Lorenz(duration=2.0, rayleigh=28.5)),
    "van-der-pol-10": (CASES["van-der-pol-10"][0], pdes.VanDerPol(mu=9.5, duration=20.0)),
    "burgers": (pdes.Burgers(), pdes.Burgers(nu=0.0035)),
}


def tuned(name: str, seed: int, seconds: float) -> dict[str, Any]:
    """A solution in windows, fine-tuned to a neighbour, and the neighbour solved anew."""
    problem, neighbour = NEIGHBOURS[name]
    options: dict[str, Any] = {"seed": seed, "max_time": seconds, "progress": False}
    base = sciml.solve(problem, windows="auto", **options)
    began = time.process_time()
    anew = sciml.solve(neighbour, windows="auto", **options)
    middle = time.process_time()
    found = base.finetune(neighbour, **options)
    ended = time.process_time()
    return {
        "record": "tuned",
        "case": name,
        "neighbour": repr(neighbour),
        "anew_error": anew.error(),
        "anew_cpu_s": round(middle - began, 2),
        "anew_steps": anew.stats.steps,
        "error": found.error(),
        "estimate": found.stats.error_estimate,
        "cpu_s": round(ended - middle, 2),
        "steps": found.stats.steps,
        "outcome": found.outcome,
    }


def measure(name: str, seed: int, seconds: float) -> dict[str, Any]:
    """One solve beside its reference."""
    problem, error, limit = CASES[name]
    began = time.process_time()
    solution = sciml.solve(problem, windows="auto", seed=seed, max_time=seconds, progress=False)
    took = time.process_time() - began
    x, expected = comparison(problem)
    # beyond the last window a solution is not a number
    there = x[:, 0] <= getattr(solution.trial, "until", torch.inf)
    off = torch.as_tensor(solution(x[there])) - expected[there]
    parts = off.norm(dim=0) / expected[there].norm(dim=0).clamp(min=1e-300)
    whole = float(off.norm() / expected[there].norm())
    complete = bool(there.all())
    met = None if error is None else complete and whole <= error and took <= (limit or torch.inf)
    return {
        "record": "case",
        "case": name,
        "error": whole,
        "worst_unknown": float(parts.max()),
        "estimate": solution.stats.error_estimate,
        "complete": complete,
        "outcome": solution.outcome,
        "windows": len(getattr(solution.trial, "windows", ())),
        "cpu_s": round(took, 2),
        "bar": error,
        "bar_cpu_s": limit,
        "met": met,
    }


def main() -> None:
    """A record a case."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="JSON lines")
    parser.add_argument("--only", default="", help="cases, with commas between them; all unless given")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=90.0, help="what a solve may take")
    parser.add_argument("--tuned", action="store_true", help="fine-tune to a neighbour")
    options = parser.parse_args()
    one_thread()
    show(machine(), options.json)
    work, cases = (tuned, NEIGHBOURS) if options.tuned else (measure, CASES)
    for name in options.only.split(",") if options.only else cases:
        show(work(name, options.seed, options.seconds), options.json)


if __name__ == "__main__":
    main()
