"""A first look: two equations, each solved with the default network and with a KAN, kept and drawn in ``out/``.

    python -m benchmarks.demo            a table
    python -m benchmarks.demo --json     one record a line

Burgers' equation is compared with the solution that Raissi et al. (2019) published (``pdes/data``), Poisson's
with its closed form.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import sciml
from benchmarks._common import machine, show
from sciml import nn, pdes
from sciml.solvers.plots.html import describe

SHOCK = Path(__file__).parents[1] / "pdes" / "data" / "burgers_shock.mat"


class Case(NamedTuple):
    """A problem, a network (None takes the default) and the seconds it may take."""

    problem: str
    model: Any
    seconds: float


CASES = {
    "poisson": Case("poisson", None, 8.0),
    "burgers": Case("burgers", None, 70.0),
    "poisson_kan": Case("poisson", lambda: nn.KAN([2, 8, 1], grid=6, degree=5), 30.0),
    "burgers_kan": Case("burgers", lambda: nn.KAN([2, 6, 6, 6, 1], grid=4, degree=5), 45.0),
}
COLUMNS = ("problem", "model", "parameters", "seconds", "error", "outcome")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.demo", description="Solve two equations, keep and draw them."
    )
    parser.add_argument("--json", action="store_true", help="JSON lines instead of a table")
    parser.add_argument("--out", default="out", help="folder of the files and figures (out)")
    parser.add_argument("--only", nargs="*", choices=CASES, default=list(CASES), help="some of the cases")
    options = parser.parse_args()
    folder = Path(options.out)
    folder.mkdir(parents=True, exist_ok=True)
    if options.json:
        show(machine(), as_json=True)
    else:
        print("  ".join(_cell(name, name) for name in COLUMNS))
    for name in options.only:
        record = run(name, folder, progress=not options.json)
        if options.json:
            show({"record": "demo", **record}, as_json=True)
        else:
            print("  ".join(_cell(column, record[column]) for column in COLUMNS), flush=True)
    if not options.json:
        print(f"\nsolutions and figures are in {folder}/")


def run(name: str, folder: Path, progress: bool) -> dict[str, Any]:
    """Solve one case, keep and draw it; the figures of the table."""
    case = CASES[name]
    problem = pdes.build(case.problem)
    started = time.perf_counter()
    solution = sciml.solve(
        problem, None if case.model is None else case.model(), max_time=case.seconds, progress=progress
    )
    seconds = time.perf_counter() - started
    solution.save(folder / f"{name}.h5")
    solution.plot().savefig(folder / f"{name}.png", dpi=110)
    return {
        "case": name,
        "problem": case.problem,
        "model": describe(solution.network),
        "parameters": solution.stats["parameters"],
        "seconds": round(seconds, 2),
        "error": shock_error(solution) if case.problem == "burgers" else solution.error(),
        "outcome": solution.outcome,
    }


def shock_error(solution: sciml.Solution) -> float:
    """Relative L2 error on the 256 x 100 published values of Burgers' equation."""
    from scipy.io import loadmat

    data = loadmat(SHOCK)
    t, x = np.meshgrid(data["t"].ravel(), data["x"].ravel())
    values = solution(np.column_stack([t.ravel(), x.ravel()])).reshape(data["usol"].shape)
    return float(np.linalg.norm(values - data["usol"]) / np.linalg.norm(data["usol"]))


def _cell(column: str, value: Any) -> str:
    if isinstance(value, float):
        value = f"{value:.1e}" if column == "error" else f"{value:.1f}"
    width = {"model": 36, "parameters": 10}.get(column, 8)
    return f"{value!s:<{width}}"


if __name__ == "__main__":
    main()
