"""Domains with corners, with and without the functions of their corners.

    python -m benchmarks.geometry --json [--seeds 3] [--max-time 20]

``l-shape``: ``-Δu = 1``, ``u = 0`` on the boundary; its integral is 0.214076 and its maximum 0.149412 (six digits of a
refined and extrapolated finite element solution). CPU seconds of one thread.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import torch
from torch import Tensor

import sciml
from benchmarks._common import machine, one_thread, show

GRID = 1000  # points along each side of the L-shape's square
LONGER = 10.0  # seconds that a second estimate may take
INTEGRAL, HIGHEST = 0.214076, 0.149412


class LShape(sciml.PDE):
    """``-Δu = 1`` on the square [-1, 1]² without its upper right quarter."""

    domain = sciml.Polygon([(-1, -1), (1, -1), (1, 0), (0, 0), (0, 1), (-1, 1)])
    conditions = (sciml.Dirichlet(0.0),)

    def residual(self, u: Any, x: Tensor) -> Tensor:
        """Left minus right side."""
        return -u.laplacian() - 1.0


def l_shape(seed: int, corners: bool, max_time: float) -> dict[str, object]:
    """Integral and maximum of a solve."""
    began = time.process_time()
    solution = sciml.solve(LShape(), seed=seed, max_time=max_time, corners=corners, progress=False)
    took = time.process_time() - began
    axis = (torch.arange(GRID, dtype=torch.float64) + 0.5) / GRID * 2 - 1
    x = torch.cartesian_prod(axis, axis)
    u = solution(x[~(x > 0).all(1)])
    return {
        "record": "l-shape",
        "seed": seed,
        "corners": corners,
        "integral": float(u.sum()) * (2 / GRID) ** 2,
        "integral_error": abs(float(u.sum()) * (2 / GRID) ** 2 / INTEGRAL - 1),
        "maximum_error": abs(float(u.max()) / HIGHEST - 1),
        "estimate": solution.stats.error_estimate,
        "longer_estimate": solution.error_estimate(seconds=LONGER).value,
        "outcome": solution.outcome,
        "cpu_seconds": round(took, 1),
    }


def main() -> None:
    """Print one record a line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--max-time", type=float, default=20.0)
    options = parser.parse_args()
    one_thread()
    show(machine(), options.json)
    for corners in (True, False):
        for seed in range(options.seeds):
            show(l_shape(seed, corners, options.max_time), options.json)


if __name__ == "__main__":
    main()
