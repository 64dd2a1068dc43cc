"""Cubic-regularised Newton methods against SciPy's trust region on two regression losses, in iterations and
seconds.

    python -m benchmarks.cubic [--json] [--quick] [--only dense]

Losses: logistic regression with the nonconvex penalty ``alpha sum w^2/(1+w^2)``, and robust regression
``mean log(1 + e^2/2)`` with a fifth of the labels spoilt. Data are drawn from a seed in the sizes of a9a
(32561 x 123, sparse zeros and ones), covtype (20000 x 54, ten correlated measurements and forty-four
indicators) and a dense set (5000 x 500); starts are normal with three scales. An iteration is one solved
subproblem, rejected or not; seconds are of the processor.

Every pair shares its rule for sigma: "published" (Cartis, Gould, Toint's own) and "default" (ours).
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize as scipy_minimize

from benchmarks._common import machine, one_thread, show
from sciml import optim
from sciml.optim.steps.cubic.exact import DenseCurvature

TOLERANCES = (1e-3, 1e-6, 1e-9)
LIMIT = 300  # iterations; CR and CRm stop at half of it
METHODS = {
    "CR": optim.CubicMethod(adaptive=False, sigma=5.0),
    "CRm": optim.CubicMethod(adaptive=False, sigma=5.0, momentum="wang"),
    "ARC published": optim.CubicMethod(update="published", sigma=1.0),
    "ARCm published": optim.CubicMethod(update="published", sigma=1.0, momentum="ls"),
    "ARC": optim.CubicMethod(),
    "ARCm": optim.CubicMethod(momentum="ls"),
}
SCIPY = ("trust-exact", "trust-krylov")
# (method, against, largest median, best at most, worst at most)
BARS = (
    ("ARCm published", "ARC published", 0.85, 0.70, 1.05),
    ("ARCm", "ARC", 0.85, 0.70, 1.05),
    ("ARC", "trust-exact", 1.0, None, None),
    ("ARCm", "trust-exact", 1.0, None, None),
)


class Regression:
    """``mean phi(x_i'w, label_i)`` plus a penalty, with its derivatives in closed form; a problem for
    ``sciml.optim``.
    """

    def __init__(self, x: np.ndarray, label: np.ndarray, alpha: float):
        self.x, self.label, self.alpha = x, label, alpha

    def phi(self, z: np.ndarray) -> np.ndarray:
        return 0.5 * (z - self.label) ** 2

    def phi1(self, z: np.ndarray) -> np.ndarray:
        return z - self.label

    def phi2(self, z: np.ndarray) -> np.ndarray:
        return np.ones_like(z)

    def value(self, theta: torch.Tensor) -> float:
        return self.f(theta.numpy())

    def value_and_grad(self, theta: torch.Tensor) -> tuple[float, torch.Tensor]:
        return self.f(theta.numpy()), torch.from_numpy(self.g(theta.numpy()))

    def curvature(self, theta: torch.Tensor) -> DenseCurvature:
        w = theta.numpy()
        return DenseCurvature(self.f(w), torch.from_numpy(self.g(w)), torch.from_numpy(self.h(w)))

    def f(self, w: np.ndarray) -> float:
        return float(np.mean(self.phi(self.x @ w)) + self.alpha * np.sum(w * w / (1.0 + w * w)))

    def g(self, w: np.ndarray) -> np.ndarray:
        slope = self.phi1(self.x @ w) / len(self.x)
        return self.x.T @ slope + 2.0 * self.alpha * w / (1.0 + w * w) ** 2

    def _curvatures(self, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        q = w * w
        return self.phi2(self.x @ w) / len(self.x), self.alpha * (2.0 - 6.0 * q) / (1.0 + q) ** 3

    def h(self, w: np.ndarray) -> np.ndarray:
        curvature, penalty = self._curvatures(w)
        return (self.x.T * curvature) @ self.x + np.diag(penalty)

    def hv(self, w: np.ndarray, v: np.ndarray) -> np.ndarray:
        curvature, penalty = self._curvatures(w)
        return self.x.T @ (curvature * (self.x @ v)) + penalty * v


class Logistic(Regression):
    def phi(self, z: np.ndarray) -> np.ndarray:
        return np.logaddexp(0.0, z) - self.label * z

    def phi1(self, z: np.ndarray) -> np.ndarray:
        return 0.5 * (1.0 + np.tanh(0.5 * z)) - self.label

    def phi2(self, z: np.ndarray) -> np.ndarray:
        return 0.25 / np.cosh(0.5 * np.clip(z, -1400.0, 1400.0)) ** 2


class Robust(Regression):
    def phi(self, z: np.ndarray) -> np.ndarray:
        return np.log1p(0.5 * (z - self.label) ** 2)

    def phi1(self, z: np.ndarray) -> np.ndarray:
        e = z - self.label
        return e / (0.5 * e * e + 1.0)

    def phi2(self, z: np.ndarray) -> np.ndarray:
        q = 0.5 * (z - self.label) ** 2
        return (1.0 - q) / (1.0 + q) ** 2


def features(name: str, quick: bool, rng: np.random.Generator) -> np.ndarray:
    rows, columns = {"a9a": (32561, 123), "covtype": (20000, 54), "dense": (5000, 500)}[name]
    if quick:
        rows, columns = (1500, 150) if name == "dense" else (rows // 10, columns)
    if name == "a9a":
        frequency = np.minimum(1.0, 14.0 * rng.dirichlet(np.full(columns, 0.5)))
        return (rng.random((rows, columns)) < frequency).astype(float)
    if name == "covtype":
        x = (rng.random((rows, columns)) < 0.2 * rng.random(columns)).astype(float)
        x[:, :10] = rng.standard_normal((rows, 10)) @ (np.eye(10) + 0.5 * rng.standard_normal((10, 10)))
        return x
    return rng.standard_normal((rows, columns)) / columns**0.5


def problems(quick: bool, seed: int) -> Iterator[tuple[str, str, float, Regression, np.ndarray]]:
    for name in ("a9a", "covtype", "dense"):
        for loss in ("logistic", "robust"):
            rng = np.random.default_rng(seed)
            x = features(name, quick, rng)
            z = x @ rng.standard_normal(x.shape[1])
            if loss == "logistic":
                chance = 1.0 / (1.0 + np.exp(-3.0 * z / z.std()))
                problem: Regression = Logistic(x, (rng.random(len(x)) < chance).astype(float), 1e-3)
            else:
                label = z + 0.1 * rng.standard_normal(len(x))
                spoilt = rng.random(len(x)) < 0.2
                label[spoilt] += 10.0 * rng.standard_normal(spoilt.sum())
                problem = Robust(x, label, 0.0)
            for scale in (0.1, 1.0, 3.0):
                start = scale * np.random.default_rng(seed + 1).standard_normal(x.shape[1])
                yield name, loss, scale, problem, start


def first_hits(norms: list[float], seconds: list[float]) -> tuple[list[int | None], list[float | None]]:
    """For each tolerance the first iteration with a gradient below it, and the processor time until then."""
    hits = [next((k for k, norm in enumerate(norms) if norm <= tol), None) for tol in TOLERANCES]
    return hits, [None if k is None else round(seconds[k], 4) for k in hits]


def run_ours(
    method: optim.CubicMethod, problem: Regression, start: np.ndarray, limit: int
) -> tuple[Any, Any]:
    theta, norms, seconds = torch.from_numpy(start.copy()), [], []
    begin = time.process_time()
    state = method.init(problem, theta)
    for _ in range(limit + 1):
        theta, state = method.step(problem, theta, state)
        # the norm is of the point that the step left
        norms.append(state.grad_norm)
        seconds.append(time.process_time() - begin)
        if state.grad_norm <= TOLERANCES[-1]:
            break
    return first_hits(norms, seconds)


def run_scipy(name: str, problem: Regression, start: np.ndarray, limit: int) -> tuple[Any, Any]:
    points, seconds = [start.copy()], [0.0]
    begin = time.process_time()

    def watch(intermediate_result: Any) -> None:
        points.append(intermediate_result.x.copy())
        seconds.append(time.process_time() - begin)

    second = {"hess": problem.h} if name == "trust-exact" else {"hessp": problem.hv}
    options = {"gtol": TOLERANCES[-1], "maxiter": limit}
    scipy_minimize(problem.f, start, jac=problem.g, method=name, callback=watch, options=options, **second)
    return first_hits([float(np.linalg.norm(problem.g(x))) for x in points], seconds)


def ratios(
    counts: dict[str, list[list[int | None]]], one: str, other: str, k: int, limit: int
) -> list[float]:
    """Iterations of one method over another's at tolerance k; a miss counts as the limit, two misses not at
    all.
    """
    pairs = [(a[k], b[k]) for a, b in zip(counts[one], counts[other], strict=True)]
    return [
        (limit if a is None else a) / max(1, limit if b is None else b)
        for a, b in pairs
        if (a, b) != (None, None)
    ]


def summary(runs: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Each method over all problems of some runs, then the bars."""
    names = list(dict.fromkeys(r["method"] for r in runs))
    counts = {name: [r["iterations"] for r in runs if r["method"] == name] for name in names}
    times = {name: [r["seconds"] for r in runs if r["method"] == name] for name in names}
    for name in names:
        done = [[t for row in times[name] if (t := row[k]) is not None] for k in range(3)]
        spent = [[LIMIT if (n := row[k]) is None else n for row in counts[name]] for k in range(3)]
        yield {
            "record": "method",
            "method": name,
            "mean_iterations": [round(statistics.fmean(n), 1) for n in spent],
            "not_reached": [sum(row[k] is None for row in counts[name]) for k in range(3)],
            "median_seconds": [round(statistics.median(d), 3) if d else None for d in done],
        }
    for one, other, *bars in BARS:
        for k, tolerance in enumerate(TOLERANCES):
            r = ratios(counts, one, other, k, LIMIT)
            found = {"median": statistics.median(r), "best": min(r), "worst": max(r)}
            missed = [
                f"{what} {got:.2f} > {bar}"
                for (what, got), bar in zip(found.items(), bars, strict=True)
                if bar is not None and got > bar
            ]
            where = {"record": "bar", "method": one, "against": other, "tolerance": tolerance}
            yield {**where, **{what: round(got, 3) for what, got in found.items()}, "missed": missed}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="one JSON record a line")
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows; half a minute")
    parser.add_argument("--seed", type=int, default=0, help="of data and starts")
    parser.add_argument("--only", default="", help="problems whose data and loss begin so: dense/robust")
    args = parser.parse_args()
    one_thread()
    show(machine(), args.json)
    runs = []
    for data, loss, scale, problem, start in problems(args.quick, args.seed):
        if not f"{data}/{loss}".startswith(args.only):
            continue
        for name in (*METHODS, *SCIPY):
            if name in SCIPY:
                hits, seconds = run_scipy(name, problem, start, LIMIT)
            else:
                limit = LIMIT // 2 if name.startswith("CR") else LIMIT
                hits, seconds = run_ours(METHODS[name], problem, start, limit)
            where = {"data": data, "loss": loss, "scale": scale, "method": name}
            runs.append({"record": "run", **where, "iterations": hits, "seconds": seconds})
            show(runs[-1], args.json)
    for record in summary(runs):
        show(record, args.json)


if __name__ == "__main__":
    main()
