"""pykan with the settings of its example of a partial differential equation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from kan import KAN, LBFGS  # pyright: ignore[reportMissingImports, reportAttributeAccessIssue]

from benchmarks.peers.libraries import Settings
from benchmarks.peers.watch import Watch
from benchmarks.usual_kan import nested_laplacian

SIDE, WEIGHT = 21, 0.1  # points along a side, weight of the equation against the boundary
UPDATES, EVERY = 50, 5  # steps in which the grid follows the points, and how often
SETTINGS = {
    "poisson": Settings(
        "KAN 2-2-1, cubic on 5 intervals, 441 random points and 21 a side, weights 0.1 and 1, L-BFGS, the grid updated "
        "every 5 of the first 50 steps; float64",
        "tutorials/Example_6_PDE.ipynb",
    )
}


def solve(problem: str, seed: int, watch: Watch) -> None:
    """L-BFGS as long as there is time. The example's square is [-1, 1]², to which this one is scaled."""
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(seed)
    model = KAN(width=[2, 2, 1], grid=5, k=3, grid_eps=1.0, noise_scale=0.25, seed=seed, auto_save=False)
    model.speed()  # leaves out the symbolic branch, which is not used
    inside = torch.rand(SIDE**2, 2) * 2 - 1
    t = torch.linspace(-1, 1, SIDE)
    ends = [torch.full_like(t, end) for end in (-1.0, 1.0)]
    boundary = torch.cat([torch.stack(p, 1) for end in ends for p in ((end, t), (t, end))])
    # x = 2 y - 1: the Laplacian on the unit square is four times that on the larger one
    source = 2 * math.pi**2 * torch.sin(math.pi * (inside + 1) / 2).prod(1)
    optimizer = LBFGS(
        model.parameters(),
        lr=1,
        history_size=10,
        line_search_fn="strong_wolfe",
        tolerance_grad=1e-32,
        tolerance_change=1e-32,
        tolerance_ys=1e-32,
    )

    def loss() -> Any:
        optimizer.zero_grad()
        equation = (4 * nested_laplacian(model, inside) + source).square().mean()
        total = WEIGHT * equation + model(boundary).square().mean()
        total.backward()
        return total

    def found(x: np.ndarray) -> Any:
        with torch.no_grad():
            return model(2 * torch.from_numpy(x) - 1).numpy()

    step = 0
    while True:  # the watch ends it
        if step % EVERY == 0 and step < UPDATES:
            model.update_grid_from_samples(inside)
        optimizer.step(loss)
        step += 1
        if watch.due():
            watch.look(found, step)
