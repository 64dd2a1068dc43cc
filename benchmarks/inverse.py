"""Unknown coefficients: how close they come, whether their intervals hold what they should, and what is not determined.

    python -m benchmarks.inverse --json [--only scalar,coverage] [--draws 100]

* ``scalar``: coefficients from measurements without noise, of several equations. The bar: relative error below 1e-4.
* ``burgers``: the viscosity from measurements with 1 % noise. The bar: 1 %.
* ``coverage``: ``-a u'' + u^3/2 = f`` with 20 measurements of noise 0.05, drawn again and again; how often the intervals of
  95 % hold the true coefficient and the true solution, with the noise told and with the noise estimated. The bars: 0.90 to
  0.99 and 0.88 to 0.99. ``stiff`` is the weight of the measurements against the equation (``sciml.solvers.terms.measured``).
* ``randomised``: standard deviations from samples over those of Laplace's approximation. The bar: within 25 %.
* ``field``: a coefficient that varies in space. The bars: error below 5 %, inside the band of 95 % at 85 % of the points.
* ``product``: two factors of a product have to be named as not determined.

CPU-seconds throughout.
"""

from __future__ import annotations

import argparse
import math
import time
from typing import Any

import torch

import sciml
from benchmarks._common import machine, one_thread, show
from sciml import pdes
from sciml.solvers.terms import measured

NOISE, COUNT, TRUTH = 0.05, 20, 0.7
PLACES = torch.linspace(0.03, 0.97, COUNT, dtype=torch.float64)[:, None]
LOOK = torch.linspace(0.01, 0.99, 99, dtype=torch.float64)[:, None]


def unknown(guess: float, **options: Any) -> Any:
    """A coefficient to be found; for a type checker whatever its place needs."""
    return sciml.Unknown(guess, **options)


def shape(x: torch.Tensor) -> torch.Tensor:
    """The solution that is measured for the coverage."""
    return torch.sin(math.pi * x) + 0.5 * torch.sin(2 * math.pi * x)


class Draw(sciml.PDE):
    """``-a u'' + u^3/2 = f`` with measurements of one draw of the noise."""

    domain = sciml.Interval(0, 1)

    def __init__(self, seed: int, told: bool):
        rng = torch.Generator().manual_seed(seed)
        values = shape(PLACES) + NOISE * torch.randn(COUNT, 1, generator=rng, dtype=torch.float64)
        self.a = unknown(1.0, positive=True)
        self.conditions = [sciml.Dirichlet(0.0), sciml.Data(PLACES, values, NOISE if told else None)]

    def source(self, x: torch.Tensor) -> torch.Tensor:
        first, second = torch.sin(math.pi * x), 0.5 * torch.sin(2 * math.pi * x)
        return TRUTH * math.pi**2 * (first + 4 * second) + shape(x) ** 3 / 2

    def residual(self, u: sciml.field.Field, x: torch.Tensor) -> torch.Tensor:
        return -self.a * u.laplacian() + u**3 / 2 - self.source(x)


class Product(Draw):
    """The same with a product in the place of the coefficient."""

    def __init__(self) -> None:
        super().__init__(0, True)
        self.b = unknown(1.0, positive=True)

    def residual(self, u: sciml.field.Field, x: torch.Tensor) -> torch.Tensor:
        return -(self.a * self.b) * u.laplacian() + u**3 / 2 - self.source(x)


def solved(problem: sciml.PDE, **options: Any) -> tuple[sciml.Solution, float]:
    """A solution and its CPU-seconds."""
    began = time.process_time()
    options = {"max_steps": 400, "max_time": 600.0} | options
    solution = sciml.solve(problem, progress=False, **options)
    return solution, round(time.process_time() - began, 2)


def scalar() -> list[dict[str, Any]]:
    """Coefficients without noise."""
    cases = {
        "heat diffusivity": (pdes.InverseHeat(diffusivity=unknown(1.0), noise=0), "diffusivity", 0.3),
        "burgers nu": (pdes.InverseBurgers(nu=unknown(0.2), noise=0), "nu", 0.05),
        "reaction rho": (pdes.InverseReaction(rho=unknown(1.0), noise=0), "rho", 3.0),
    }
    records = []
    for name, (problem, key, truth) in cases.items():
        solution, seconds = solved(problem)
        records.append({"case": name, **_against(solution.unknown[key], truth), "cpu_s": seconds})
    return records


def burgers() -> list[dict[str, Any]]:
    """The viscosity with 1 % noise."""
    records = []
    for seed in range(3):
        solution, seconds = solved(pdes.InverseBurgers(nu=unknown(0.2), draw=seed))
        records.append(
            {
                "noise_seed": seed,
                **_against(solution.unknown["nu"], 0.05),
                "outcome": solution.outcome,
                "cpu_s": seconds,
            }
        )
    return records


def _against(found: Any, truth: float) -> dict[str, Any]:
    low, high = found.interval or (math.nan, math.nan)
    return {
        "found": found.value,
        "relative_error": abs(found.value - truth) / truth,
        "half_width": (high - low) / 2,
        "covers": low <= truth <= high,
    }


def coverage(draws: int, told: bool, stiff: float | None = None) -> dict[str, Any]:
    """How often intervals hold the truth, over draws of the noise."""
    kept = measured.STIFF
    measured.STIFF = kept if stiff is None else stiff  # type: ignore[misc]
    began, covered, inside, z, width = time.process_time(), 0, 0.0, [], 0.0
    network, settled = sciml.nn.MLP([1, 10, 10, 1], "tanh", seed=0), 0
    try:
        for seed in range(draws):
            solution, _ = solved(Draw(seed, told), model=network, points=80, max_steps=150)
            found = solution.unknown["a"]
            if seed == 0:
                network = solution.network  # the next ones start from there
            if found.interval is None or found.std is None:
                continue
            settled += 1
            covered += found.interval[0] <= TRUTH <= found.interval[1]
            low, high = solution.interval(LOOK)
            inside += float(((low <= shape(LOOK)) & (shape(LOOK) <= high)).double().mean())
            z.append((found.value - TRUTH) / found.std)
            width += found.std
    finally:
        measured.STIFF = kept  # type: ignore[misc]
    deviations = torch.tensor(z, dtype=torch.float64)
    return {
        "noise": "told" if told else "estimated",
        "stiff": kept if stiff is None else stiff,
        "draws": draws,
        "with_interval": settled,
        "covers_a": covered / max(settled, 1),
        "covers_u": inside / max(settled, 1),
        "std_of_z": float(deviations.std()) if settled > 1 else None,
        "mean_std_a": width / max(settled, 1),
        "cpu_s": round(time.process_time() - began, 1),
    }


def randomised() -> list[dict[str, Any]]:
    """Samples against Laplace."""
    records = []
    for name, problem in (
        ("nonlinear", Draw(0, True)),
        ("heat", pdes.InverseHeat(diffusivity=unknown(1.0))),
    ):
        solution, _ = solved(
            problem, model=sciml.nn.MLP([problem.inputs, 12, 12, 1], "tanh", seed=0), points=150
        )
        key = next(iter(solution.unknown))
        began = time.process_time()
        samples = solution.randomised(100)
        seconds = round(time.process_time() - began, 2)
        x = problem.domain.sample(50, seed=5)
        deviations = [given.unknown[key].std or math.nan for given in (samples, solution)]
        ratio = (samples.std(x).double() / solution.std(x)).median()
        records.append(
            {
                "case": name,
                "samples": 100,
                "std_ratio": deviations[0] / deviations[1],
                "std_u_ratio_median": float(ratio),
                "notes": samples.notes,
                "cpu_s": seconds,
            }
        )
    return records


def field() -> list[dict[str, Any]]:
    """A coefficient that varies in space."""
    records = []
    for seed in range(3):
        problem = pdes.InversePoisson(draw=seed)
        solution, seconds = solved(problem)
        x = torch.linspace(0.005, 0.995, 100, dtype=torch.float64)[:, None]
        a, truth = solution(x)[:, 1], problem.exact(x)[:, 1]
        low, high = solution.interval(x)
        inside = (low[:, 1] <= truth) & (truth <= high[:, 1])
        records.append(
            {
                "noise_seed": seed,
                "relative_error_a": float((a - truth).norm() / truth.norm()),
                "inside": float(inside.double().mean()),
                "mean_std_a": float(solution.std(x)[:, 1].mean()),
                "outcome": solution.outcome,
                "cpu_s": seconds,
            }
        )
    return records


def product() -> list[dict[str, Any]]:
    """Two factors."""
    solution, seconds = solved(Product(), model=sciml.nn.MLP([1, 10, 10, 1], "tanh", seed=0), points=80)
    return [
        {
            "determined": {name: found.determined for name, found in solution.unknown.items()},
            "notes": solution.stats.notes,
            "cpu_s": seconds,
        }
    ]


PARTS = ("scalar", "burgers", "coverage", "randomised", "field", "product")


def main() -> None:
    """A record a measurement."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="JSON lines")
    parser.add_argument("--only", default="", help=f"parts ({', '.join(PARTS)}), with commas between them")
    parser.add_argument("--draws", type=int, default=100, help="of the noise, for the coverage")
    options = parser.parse_args()
    one_thread()
    show(machine(), options.json)
    for name in options.only.split(",") if options.only else PARTS:
        if name == "coverage":
            for told, stiff in ((True, None), (False, None), (True, 1e-4), (True, 1.0)):
                draws = options.draws if stiff is None else max(2, options.draws // 3)
                show({"record": name, **coverage(draws, told, stiff)}, options.json)
            continue
        for record in globals()[name]():
            show({"record": name, **record}, options.json)


if __name__ == "__main__":
    main()
