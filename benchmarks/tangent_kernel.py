"""What the tangent kernel predicts of gradient descent, beside descents that are run.

    python -m benchmarks.tangent_kernel --json [--seeds 3] [--only wide] [--case fit] [--rate 1] [--widths 32 128 512]

``wide``: two-layer KANs of growing width, fitted to values and to ``-u'' = f``: measured over predicted loss after 10, 100,
300 and 1000 steps at the kernel's rate and at half of it, and the kernel's drift; measured over foretold loss after the last
of the steps, by ``follow``, its kernels, and CPU seconds of both. ``deep``: the same with two hidden layers at a twentieth
of the rate. ``catalogue``: 200 steps at the kernel's fixed rate for every entry, and by the method ``gd``,
which looks it up again. ``batches``: mean loss of 20 stochastic runs. ``heat``: share of the loss of multiscale heat that
10,000 steps leave, as predicted and as measured, and the error that Gauss-Newton reaches within a minute.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

import sciml
from benchmarks._common import machine, one_thread, show
from sciml import nn, pdes

MARKS = (10, 100, 300, 1000)
Record = dict[str, object]


class Line(sciml.PDE):
    """``-u'' = pi^2 sin(pi x)`` with ``u = 0`` at both ends."""

    domain = sciml.Interval(-1, 1)
    conditions = (sciml.Dirichlet(0.0),)

    def residual(self, u: Any, x: Tensor) -> Tensor:
        """Left minus right side."""
        return -u.d("x", "x") - math.pi**2 * torch.sin(math.pi * x)


class Fit(sciml.PDE):
    """Values in the plane to be fitted; no derivative."""

    domain = sciml.Box([-1, -1], [1, 1])
    conditions = ()

    def residual(self, u: Any, x: Tensor) -> Tensor:
        """Difference to the values."""
        return u.value - torch.sin(math.pi * x[:, :1]) * torch.cos(math.pi * x[:, 1:])


CASES: dict[str, tuple[sciml.PDE, int, int, int]] = {"fit": (Fit(), 2, 4, 3), "equation": (Line(), 1, 8, 5)}


def _ratios(case: str, hidden: list[int], seed: int, factor: float, marks: tuple[int, ...]) -> Record:
    problem, inputs, grid, degree = CASES[case]
    network = nn.KAN([inputs, *hidden, 1], grid=grid, degree=degree, base=False, seed=seed)
    kernel = sciml.tangent_kernel(problem, network, points=40)
    rate = factor * kernel.rate
    began = time.process_time()
    descent = kernel.descend(marks[-1], rate)
    between = time.process_time()
    ahead = kernel.follow(marks[-1], rate)
    ended = time.process_time()
    found = {t: float(descent.losses[t]) / sum(kernel.predict(t, rate).values()) for t in marks}
    return {
        "case": case,
        "hidden": hidden,
        "seed": seed,
        "rate": factor,
        "measured_over_predicted": {str(t): round(v, 4) for t, v in found.items()},
        "measured_over_followed": round(float(descent.losses[-1]) / ahead.loss, 4),
        "expected_error": round(ahead.error, 3),
        "looks": ahead.looks,
        "cpu_seconds": {"descent": round(between - began, 2), "follow": round(ended - between, 2)},
        "drift": round(descent.drift, 5),
        "lazy": descent.lazy,
        "condition": kernel.condition,
    }


def wide(
    seeds: int,
    only: str | None = None,
    rates: Sequence[float] = (1.0, 0.5),
    widths: Sequence[int] = (8, 32, 128, 512),
) -> Iterator[Record]:
    """Two layers."""
    for case in CASES if only is None else (only,):
        for width in widths:
            for seed in range(seeds):
                for factor in rates:
                    yield {"record": "wide", **_ratios(case, [width], seed, factor, MARKS)}


def deep(seeds: int) -> Iterator[Record]:
    """Two hidden layers."""
    for width in (16, 64, 256):
        for seed in range(seeds):
            yield {"record": "deep", **_ratios("equation", [width, width], seed, 0.05, (10, 100, 300))}


def catalogue(seeds: int) -> Iterator[Record]:
    """Every entry, one seed."""
    for name in pdes.__all__:
        make = getattr(pdes, name)
        if not (isinstance(make, type) and issubclass(make, sciml.PDE)):
            continue
        kernel = sciml.tangent_kernel(make(), points=100)
        losses = kernel.descend(200).losses / kernel.descend(1).losses[0]
        again = sciml.solve(make(), optimizer="gd", points=100, max_steps=200, max_time=60, progress=False)
        yield {
            "record": "catalogue",
            "problem": name,
            "end": float(losses[-1]),
            "largest": float(losses.max()),
            "gd": again.outcome,
        }


def batches(seeds: int) -> Iterator[Record]:
    """Mean loss of 20 runs with batches of four rows at every twentieth step."""
    network = nn.KAN([1, 64, 1], grid=8, degree=5, base=False)
    kernel = sciml.tangent_kernel(Line(), network, points=40)
    mean = torch.stack([kernel.descend(200, batch=4, seed=s).losses for s in range(20)]).mean(0)
    yield {
        "record": "batches",
        "marks": [float(v) for v in mean[::20]],
        "falls": bool((mean[20::20] < mean[:-1:20]).all()),
    }


def heat(seeds: int, widths: Sequence[int] = (20, 100, 400)) -> Iterator[Record]:
    """Multiscale heat, narrow to wide."""
    problem = pdes.HeatMultiscale()
    for width in widths:
        network = nn.MLP([problem.inputs, width, 1])
        kernel = sciml.tangent_kernel(problem, network, points=300)
        descent, ahead = kernel.descend(10_000), kernel.follow(10_000)
        yield {
            "record": "heat",
            "width": width,
            "predicted": kernel.unreached(10_000),
            "followed": ahead.left,
            "looks": ahead.looks,
            "measured": float(descent.losses[-1] / descent.losses[0]),
            "drift": descent.drift,
        }
    newton = sciml.solve(problem, max_time=60, progress=False)
    yield {
        "record": "gauss-newton",
        "problem": "HeatMultiscale",
        "error": newton.error(),
        "steps": newton.stats["steps"],
        "seconds": newton.stats["seconds"],
    }


PARTS = {"wide": wide, "deep": deep, "catalogue": catalogue, "batches": batches, "heat": heat}


def main() -> None:
    """Print one record a line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", choices=PARTS, default=None)
    parser.add_argument("--case", choices=CASES, default=None, help="of wide")
    parser.add_argument("--rate", type=float, nargs="+", default=(1.0, 0.5), help="of the kernel's, of wide")
    parser.add_argument("--widths", type=int, nargs="+", default=None, help="of wide, or of heat")
    options = parser.parse_args()
    one_thread()
    show(machine(), options.json)
    for name, part in PARTS.items():
        if options.only in (None, name):
            given = {} if options.widths is None else {"widths": options.widths}
            if name == "wide":
                found = wide(options.seeds, options.case, options.rate, **given)
            elif name == "heat":
                found = heat(options.seeds, **given)
            else:
                found = part(options.seeds)
            for record in found:
                show(record, options.json)


if __name__ == "__main__":
    main()
