"""Slim KANs against the KANs they stand for, and MLPs of the size of each: error and accuracy by number of parameters.

    python -m benchmarks.slim --json [--quick] [--seeds 3] [--only fit]

``poisson``: see benchmarks/slim_poisson.py. ``fit``: four special functions of two variables, Gauss-Newton on 1000 points,
the same CPU seconds for every network; relative L2 error on 4000 others. ``digits``: the 8x8 digits of scikit-learn, Adam
for the same number of epochs; learning rate and weight decay of each network are those of the same grid that did best on a
part of the training images.
``cut``: the trained KAN of the same seed brought to the same ranks by a truncated HOSVD, as it is (``right_after``) and
after a short training (a quarter of the seconds, a tenth of the epochs).
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import math
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from scipy import special
from torch import Tensor

import sciml
from benchmarks import slim_poisson
from benchmarks._common import machine, one_thread, show
from sciml import nn, optim
from sciml.ansatz import Trial
from sciml.solvers.comparison import relative_error
from sciml.solvers.training.residual_system import ResidualSystem

Make = Callable[[int], nn.JetNetwork]  # seed -> network

# name: function, lower and upper corner
TARGETS: dict[str, tuple[Callable[..., Any], list[float], list[float]]] = {
    "ellipj sn(x | m)": (lambda x, m: special.ellipj(x, m)[0], [0.0, 0.0], [10.0, 0.95]),
    "ellipkinc F(phi | m)": (special.ellipkinc, [0.0, 0.0], [math.pi, 0.95]),
    "jv J_nu(x)": (special.jv, [0.0, 0.5], [4.0, 20.0]),
    "sph_harm_y Re Y_6^3": (
        lambda theta, phi: special.sph_harm_y(6, 3, theta, phi).real,
        [0.0, 0.0],
        [math.pi, 2 * math.pi],
    ),
}
FIT_WIDTHS, FIT_RANKS = [2, 10, 10, 1], ((2, 2, 2), (3, 3, 3), (4, 4, 4))
POINTS, SECONDS, RETRAIN = 1000, 3.0, 0.25

DIGITS_WIDTHS, DIGITS_RANKS = [64, 32, 10], ((6, 6, 2), (12, 8, 2), (16, 16, 4))
RATES, DECAYS = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1), (0.0, 0.1)
EPOCHS, BATCH = 50, 64


class Fit(sciml.PDE):
    """``u = f`` on a rectangle: what a solver's machinery needs to fit a function."""

    def __init__(self, f: Callable[..., Any], lower: list[float], upper: list[float]):
        self.domain, self.conditions = sciml.Box(lower, upper, names=("x", "y")), ()
        self.f = f

    def residual(self, u: Any, x: Tensor) -> Tensor:
        """``u - f``, (n, 1)."""
        return u.value - self.exact(x)

    def exact(self, x: Tensor) -> Tensor:
        """``f`` at ``x (n, 2)``, (n, 1)."""
        a, b = x.detach().cpu().double().numpy().T
        return torch.from_numpy(np.asarray(self.f(a, b)))[:, None].to(x)


def count(network: torch.nn.Module) -> int:
    """Number of parameters."""
    return sum(p.numel() for p in network.parameters())


def networks(
    widths: list[int], ranks: tuple[tuple[int, int, int], ...], hidden: int, activation: str
) -> dict[str, Make]:
    """The KAN, a Slim KAN for each rank, and for each of these an MLP whose ``hidden`` layers make it as large."""
    makes: dict[str, Make] = {"kan": lambda seed: nn.KAN(widths, seed=seed)}
    for r in ranks:
        makes[f"slim {r}"] = lambda seed, r=r: nn.SlimKAN(widths, r, seed=seed)
    for name, make in list(makes.items()):
        sizes = [[widths[0], *[h] * hidden, widths[-1]] for h in range(1, 500)]
        target = count(make(0))
        nearest = min(sizes, key=lambda w: abs(sum((a + 1) * b for a, b in itertools.pairwise(w)) - target))
        makes[f"mlp, as {name}"] = lambda seed, w=nearest: nn.MLP(w, activation, seed=seed)
    return makes


# ---- functions


def fit(problem: Fit, network: nn.JetNetwork, seed: int, seconds: float) -> dict[str, Any]:
    """Gauss-Newton for so many CPU seconds; nothing but the held-out error counts."""
    trial = Trial(problem, network)
    system = ResidualSystem(problem, trial, POINTS, 0, seed)
    optim.least_squares(system, system.theta, options={"maxiter": 1})  # compiles what is compiled once
    began = time.process_time()

    def watch(_: Any) -> None:
        if time.process_time() - began > seconds:
            raise StopIteration

    options = {"maxiter": 100_000, "gtol": 0.0}
    found = optim.least_squares(system, system.theta, "gn-arc", options=options, callback=watch)
    system.load(found.x)
    return {"error": held_out(problem, network), "steps": found.nit, "outcome": found.outcome}


def held_out(problem: Fit, network: nn.JetNetwork) -> float:
    """Relative L2 error where no network was trained."""
    x = problem.sample(4000, seed=9)
    return relative_error(Trial(problem, network), x, problem.exact(x))


def fits(seeds: int, quick: bool) -> Iterator[dict[str, Any]]:
    """Every target by every network, then cut."""
    seconds = SECONDS / 3 if quick else SECONDS
    makes = networks(FIT_WIDTHS, FIT_RANKS, 2, "tanh")
    for target, (f, lower, upper) in list(TARGETS.items())[:: 3 if quick else 1]:
        problem = Fit(f, lower, upper)
        for seed in range(seeds):
            for name, make in makes.items():
                network = make(seed)
                where = {"target": target, "model": name, "parameters": count(network), "seed": seed}
                yield {"record": "fit", **where, **fit(problem, network, seed, seconds)}
                if not isinstance(network, nn.KAN):
                    continue
                for r in FIT_RANKS:
                    slim = nn.SlimKAN.from_kan(network, r)
                    where = {"target": target, "model": f"cut {r}", "parameters": count(slim), "seed": seed}
                    after = held_out(problem, slim)
                    trained = fit(problem, slim, seed, RETRAIN * seconds)
                    yield {"record": "fit", **where, "right_after": after, **trained}


# ---- digits


class Digits:
    """Images in [-1, 1], a quarter for the test; another quarter of the rest chooses the rates."""

    def __init__(self) -> None:
        # no dependency: installed with the benchmarks' extra, and asked for before this is built
        from sklearn.datasets import load_digits  # type: ignore[import-not-found]
        from sklearn.model_selection import train_test_split  # type: ignore[import-not-found]

        data = load_digits()
        self.x = torch.from_numpy(data.data) / 8 - 1
        self.y = torch.from_numpy(data.target).long()
        rest, test = train_test_split(np.arange(len(self.y)), stratify=data.target, random_state=0)
        chosen, choosing = train_test_split(rest, stratify=data.target[rest], random_state=0)
        self.rest, self.test, self.chosen, self.choosing = map(
            torch.from_numpy, (rest, test, chosen, choosing)
        )

    def accuracy(self, network: nn.JetNetwork, rows: Tensor) -> float:
        """Per cent."""
        with torch.no_grad():
            return 100 * float((network(self.x[rows]).argmax(1) == self.y[rows]).double().mean())

    def train(
        self, network: nn.JetNetwork, rows: Tensor, rate: float, decay: float, epochs: int, seed: int
    ) -> None:
        """AdamW on the cross-entropy, the rate falling along a cosine."""
        optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=decay)
        batches = len(rows) // BATCH
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * batches)
        rng = torch.Generator().manual_seed(seed)
        for _ in range(epochs):
            for batch in rows[torch.randperm(len(rows), generator=rng)].split(BATCH)[:batches]:
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(network(self.x[batch]), self.y[batch]).backward()
                optimizer.step()
                schedule.step()

    def tuned(self, make: Make, epochs: int, seeds: int = 3) -> tuple[float, float]:
        """Rate and decay of the best mean accuracy on the images kept for choosing, over seeds used nowhere else."""
        scores = {}
        for rate, decay in itertools.product(RATES, DECAYS):
            found = []
            for seed in range(100, 100 + seeds):
                network = make(seed)
                self.train(network, self.chosen, rate, decay, epochs, seed)
                found.append(self.accuracy(network, self.choosing))
            scores[rate, decay] = statistics.mean(found)
        return max(scores, key=lambda key: scores[key])


def digits(seeds: int, quick: bool) -> Iterator[dict[str, Any]]:
    """Every network with its own rates, then cut."""
    if importlib.util.find_spec("sklearn") is None:
        yield {"record": "digits", "skipped": "scikit-learn is not installed (pip install scikit-learn)"}
        return
    data, epochs = Digits(), EPOCHS // 5 if quick else EPOCHS
    kans: dict[int, nn.KAN] = {}
    chosen: dict[str, tuple[float, float]] = {}
    makes = networks(DIGITS_WIDTHS, DIGITS_RANKS, 1, "silu")
    for name, make in makes.items():
        chosen[name] = rate, decay = data.tuned(make, epochs, 1 if quick else 3)
        for seed in range(seeds):
            network = make(seed)
            data.train(network, data.rest, rate, decay, epochs, seed)
            where = {"model": name, "parameters": count(network), "seed": seed, "rate": rate, "decay": decay}
            yield {"record": "digits", **where, "accuracy": data.accuracy(network, data.test)}
            if isinstance(network, nn.KAN):
                kans[seed] = network
    for r, (seed, kan) in itertools.product(DIGITS_RANKS, kans.items()):
        slim = nn.SlimKAN.from_kan(kan, r)
        after = data.accuracy(slim, data.test)
        data.train(slim, data.rest, *chosen[f"slim {r}"], max(1, epochs // 10), seed)
        where = {"model": f"cut {r}", "parameters": count(slim), "seed": seed, "right_after": after}
        yield {"record": "digits", **where, "accuracy": data.accuracy(slim, data.test)}


def main() -> None:
    """Run the parts; a record a network and seed, then medians over the seeds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="JSON lines")
    parser.add_argument("--quick", action="store_true", help="one seed, two targets, a fraction of the time")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", choices=("poisson", "fit", "digits"), help="one part")
    options = parser.parse_args()
    one_thread()
    show(machine(), options.json)
    seeds = 1 if options.quick else options.seeds
    for part, run in {"poisson": slim_poisson.solves, "fit": fits, "digits": digits}.items():
        if options.only not in (None, part):
            continue
        runs: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for record in run(seeds, options.quick):
            show(record, options.json)
            if "seed" in record:
                runs.setdefault((record.get("target", ""), record["model"]), []).append(record)
        for records in runs.values():
            kept = {k: records[0][k] for k in ("target", "model", "parameters") if k in records[0]}
            numbers = [k for k in ("right_after", "error", "accuracy", "cpu_seconds") if k in records[0]]
            medians = {k: statistics.median(r[k] for r in records) for k in numbers}
            show({"record": "median", "part": part, **kept, **medians}, options.json)


if __name__ == "__main__":
    main()
