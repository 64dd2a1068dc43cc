"""DeepXDE with the settings of its examples: Adam, then L-BFGS, in double precision."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("DDE_BACKEND", "pytorch")

import deepxde as dde  # pyright: ignore[reportMissingImports]
import numpy as np
import torch

from benchmarks.peers import problems
from benchmarks.peers.l_shape import VERTICES
from benchmarks.peers.libraries import Settings
from benchmarks.peers.watch import Watch

STEPS_A_LOOK = 50  # of L-BFGS, which DeepXDE leaves every 1000 steps otherwise
SETTINGS = {
    "poisson": Settings(
        "2-150-150-150-1 sine, conditions in the output transform, 400 + 80 points, Adam 1e-3 for 5000 steps, "
        "L-BFGS; float64",
        "examples/pinn_forward/Helmholtz_Dirichlet_2d.py, L-BFGS as in Poisson_Lshape.py",
    ),
    "burgers": Settings(
        "2-20-20-20-1 tanh, 2540 + 80 + 160 points, Adam 1e-3 for 15,000 steps, L-BFGS; float64",
        "examples/pinn_forward/Burgers.py",
    ),
    "allen-cahn": Settings(
        "2-20-20-20-1 tanh, conditions in the output transform, 8000 + 400 + 800 points, Adam 1e-3 for 40,000 steps, "
        "L-BFGS; float64",
        "examples/pinn_forward/Allen_Cahn.py, with D = 1e-4",
    ),
    "l-shape": Settings(
        "2-50-50-50-50-1 tanh, 1200 + 120 points, Adam 1e-3 for 50,000 steps, L-BFGS; float64",
        "examples/pinn_forward/Poisson_Lshape.py",
    ),
    "inverse heat": Settings(
        "2-32-32-32-1 tanh, 40 + 20 + 10 points and the measurements, Adam 1e-3 for 50,000 steps, L-BFGS; float64",
        "examples/pinn_inverse/diffusion_1d_inverse.py",
    ),
}


@dataclass
class Setup:
    """Data and network of a problem, and the steps of Adam. ``moving``: its unknown coefficient."""

    data: Any
    network: Any
    adam: int
    time_last: bool = True
    moving: Any = None


def solve(problem: str, seed: int, watch: Watch) -> None:
    """Adam, then L-BFGS until it ends."""
    dde.config.set_default_float("float64")
    dde.config.set_random_seed(seed)
    setup = SETUPS[problem]()
    model = dde.Model(setup.data, setup.network)

    def found(x: np.ndarray) -> Any:
        if setup.moving is not None:
            return setup.moving.detach().numpy()
        return model.predict(x[:, ::-1].copy() if setup.time_last else x)

    class Look(dde.callbacks.Callback):
        def on_epoch_end(self) -> None:
            if watch.due():
                watch.look(found, model.train_state.step)

    extra = {"external_trainable_variables": setup.moving} if setup.moving is not None else {}
    model.compile("adam", lr=1e-3, **extra)
    model.train(iterations=setup.adam, display_every=10**9, callbacks=[Look()])
    options = dde.optimizers.config.LBFGS_options
    options["fun_per_step"] = options["fun_per_step"] * STEPS_A_LOOK // options["iter_per_step"]
    options["iter_per_step"] = STEPS_A_LOOK
    model.compile("L-BFGS", **extra)
    model.train(display_every=10**9, callbacks=[Look()])
    watch.look(found, model.train_state.step)


def _poisson() -> Setup:
    def equation(x: Any, y: Any) -> Any:
        f = 2 * math.pi**2 * torch.sin(math.pi * x[:, :1]) * torch.sin(math.pi * x[:, 1:])
        return -_laplacian(x, y) - f

    square = dde.geometry.Rectangle([0, 0], [1, 1])
    data = dde.data.PDE(square, equation, [], num_domain=400, num_boundary=80)
    network = dde.nn.FNN([2] + [150] * 3 + [1], "sin", "Glorot uniform")
    network.apply_output_transform(lambda x, y: x[:, :1] * (1 - x[:, :1]) * x[:, 1:] * (1 - x[:, 1:]) * y)
    return Setup(data, network, 5000, time_last=False)


def _l_shape() -> Setup:
    region = dde.geometry.Polygon([list(corner) for corner in VERTICES])
    data = dde.data.PDE(
        region,
        lambda x, y: -_laplacian(x, y) - 1,
        dde.icbc.DirichletBC(region, lambda x: 0, _everywhere),
        num_domain=1200,
        num_boundary=120,
    )
    return Setup(data, dde.nn.FNN([2] + [50] * 4 + [1], "tanh", "Glorot uniform"), 50_000, time_last=False)


def _burgers() -> Setup:
    def equation(x: Any, y: Any) -> Any:
        u_x, u_t = dde.grad.jacobian(y, x, i=0, j=0), dde.grad.jacobian(y, x, i=0, j=1)
        return u_t + y * u_x - 0.01 / math.pi * dde.grad.hessian(y, x, i=0, j=0)

    place = _line(-1)
    conditions = [
        dde.icbc.DirichletBC(place, lambda x: 0, _everywhere),
        dde.icbc.IC(place, lambda x: problems.burgers_start(x[:, :1]), lambda _, on_initial: on_initial),
    ]
    data = dde.data.TimePDE(place, equation, conditions, num_domain=2540, num_boundary=80, num_initial=160)
    return Setup(data, dde.nn.FNN([2] + [20] * 3 + [1], "tanh", "Glorot normal"), 15_000)


def _allen_cahn() -> Setup:
    def equation(x: Any, y: Any) -> Any:
        u_t, u_xx = dde.grad.jacobian(y, x, i=0, j=1), dde.grad.hessian(y, x, i=0, j=0)
        return u_t - 1e-4 * u_xx - 5 * (y - y**3)

    def with_conditions(x: Any, y: Any) -> Any:
        place, t = x[:, :1], x[:, 1:]
        return place**2 * torch.cos(math.pi * place) + t * (1 - place**2) * y

    data = dde.data.TimePDE(_line(-1), equation, [], num_domain=8000, num_boundary=400, num_initial=800)
    network = dde.nn.FNN([2] + [20] * 3 + [1], "tanh", "Glorot normal")
    network.apply_output_transform(with_conditions)
    return Setup(data, network, 40_000)


def _inverse_heat() -> Setup:
    diffusivity = dde.Variable(problems.GUESS, dtype=torch.float64)

    def equation(x: Any, y: Any) -> Any:
        return dde.grad.jacobian(y, x, i=0, j=1) - diffusivity * dde.grad.hessian(y, x, i=0, j=0)

    places, values = problems.measurements()
    places, line = places[:, ::-1].copy(), _line(0)
    conditions = [
        dde.icbc.DirichletBC(line, lambda x: 0, _everywhere),
        dde.icbc.IC(line, lambda x: problems.heat_start(x[:, :1]), lambda _, on_initial: on_initial),
        dde.icbc.PointSetBC(places, values, component=0),
    ]
    counts = {"num_domain": 40, "num_boundary": 20, "num_initial": 10}
    data = dde.data.TimePDE(line, equation, conditions, anchors=places, **counts)
    network = dde.nn.FNN([2] + [32] * 3 + [1], "tanh", "Glorot uniform")
    return Setup(data, network, 50_000, moving=diffusivity)


def _line(low: float) -> Any:
    """``[low, 1]`` times unit time."""
    return dde.geometry.GeometryXTime(dde.geometry.Interval(low, 1), dde.geometry.TimeDomain(0, 1))


def _laplacian(x: Any, y: Any) -> Any:
    return dde.grad.hessian(y, x, i=0, j=0) + dde.grad.hessian(y, x, i=1, j=1)


def _everywhere(_: Any, on_boundary: bool) -> bool:
    return on_boundary


SETUPS: dict[str, Callable[[], Setup]] = {
    "poisson": _poisson,
    "burgers": _burgers,
    "allen-cahn": _allen_cahn,
    "l-shape": _l_shape,
    "inverse heat": _inverse_heat,
}
