"""Of what rank is a fine-tuning? A KAN's change to a near and to a far right-hand side, trained in full and by LoTRA.

    python -m benchmarks.spectra --json [--quick] [--figure spectra.png]

One base of the 2-D Poisson equation, Gauss-Newton and Adam, the same CPU seconds for every run. ``ranks`` holds, for each
parameter and mode, the least rank that keeps the change to 10 % of its norm in that mode, and the length of the mode. The
figure shows the two that Gauss-Newton trained in full, near above far.
"""

from __future__ import annotations

import argparse
import io
import math
import time
from typing import Any

import matplotlib.image
import numpy as np
from torch import Tensor

import sciml
from benchmarks._common import machine, one_thread, show
from benchmarks.finetune import wave
from sciml import adapters, nn, pdes

KEPT = 0.1
METHODS = {
    "full, gauss-newton": ("full", "auto"),
    "full, adam": ("full", "adam"),
    "lotra (2, 4, 4)": (adapters.LoTRA(r=(2, 4, 4)), "auto"),
    "lotra (2, 2, 2)": (adapters.LoTRA(r=(2, 2, 2)), "auto"),
}


def member(size: float, p: int, q: int) -> Any:
    """Poisson whose solution gains ``size`` times a wave."""
    poisson = pdes.Poisson(2)

    def source(x: Tensor) -> Tensor:
        return poisson.source(x) + (p * p + q * q) * math.pi**2 * size * wave(x, p, q)

    return poisson.with_source(source, exact=lambda x: poisson.exact(x) + size * wave(x, p, q))


def ranks(spectra: dict[str, dict[str, np.ndarray]]) -> dict[str, dict[str, tuple[int, int]]]:
    """``{parameter: {mode: (least rank, length)}}``."""
    out: dict[str, dict[str, tuple[int, int]]] = {}
    for name, modes in spectra.items():
        tails = {mode: np.sqrt((s**2)[::-1].cumsum()[::-1]) for mode, s in modes.items()}
        out[name] = {mode: (int((tail > KEPT).sum()), len(tail)) for mode, tail in tails.items()}
    return out


def limit(seconds: float) -> Any:
    """A callback that ends a run after so many CPU seconds."""
    began = time.process_time()
    return lambda event: time.process_time() - began > seconds


def main() -> None:
    """Solve the base, fine-tune, and say of what rank each change is."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="JSON lines")
    parser.add_argument("--quick", action="store_true", help="a quarter of the time")
    parser.add_argument("--figure", help="write the picture here")
    options = parser.parse_args()
    one_thread()
    show(machine(), options.json)
    seconds = 3.0 if options.quick else 12.0
    common: dict[str, Any] = {"max_time": 1e5, "progress": False}
    network = nn.KAN([2, 8, 8, 1], grid=6, degree=4)
    base = sciml.solve(pdes.Poisson(2), network, tol=1e-5, callbacks=[limit(1.5 * seconds)], **common)
    show({"record": "base", "error": base.error(), "parameters": base.stats["parameters"]}, options.json)
    pictures = []
    for place, problem in {"near": member(0.1, 2, 1), "far": member(1.0, 3, 2)}.items():
        x = problem.sample(4096, seed=5)
        distance = float((problem.source(x) - base.problem.source(x)).norm() / base.problem.source(x).norm())
        for name, (kind, optimizer) in METHODS.items():
            tuned = base.finetune(
                problem, kind, optimizer=optimizer, tol=1e-6, callbacks=[limit(seconds)], **common
            )
            record = {"record": "change", "problem": place, "distance": distance, "method": name}
            record |= {"trained": tuned.adapter.size, "steps": tuned.stats["steps"], "error": tuned.error()}
            show({**record, "ranks": ranks(tuned.spectra())}, options.json)
            if name == "full, gauss-newton":
                buffer = io.BytesIO()
                tuned.plot("spectra").savefig(buffer, format="png", dpi=80)
                buffer.seek(0)
                pictures.append(matplotlib.image.imread(buffer))
    if options.figure:
        matplotlib.image.imsave(options.figure, np.concatenate(pictures))


if __name__ == "__main__":
    main()
