"""PINA with the settings of its tutorials and examples: Adam, then L-BFGS by its own switch, in double precision."""

# ruff: noqa: RUF012 - PINA states problems by attributes of classes

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import lightning  # pyright: ignore[reportMissingImports]
import numpy as np
import torch
from pina import Condition, LabelTensor, Trainer  # pyright: ignore[reportMissingImports]
from pina.callback import SwitchOptimizer  # pyright: ignore[reportMissingImports]
from pina.domain import CartesianDomain, Union  # pyright: ignore[reportMissingImports]
from pina.equation import Equation  # pyright: ignore[reportMissingImports]
from pina.equation.zoo import FixedValue, PoissonEquation  # pyright: ignore[reportMissingImports]
from pina.model import FeedForward  # pyright: ignore[reportMissingImports]
from pina.model.block import PeriodicBoundaryEmbedding  # pyright: ignore[reportMissingImports]
from pina.operator import grad, laplacian  # pyright: ignore[reportMissingImports]
from pina.optim import TorchOptimizer  # pyright: ignore[reportMissingImports]
from pina.problem import InverseProblem, SpatialProblem, TimeDependentProblem  # pyright: ignore[reportMissingImports]
from pina.problem.zoo import AllenCahnProblem  # pyright: ignore[reportMissingImports]
from pina.solver import (  # pyright: ignore[reportMissingImports]
    PhysicsInformedSingleModelSolver,
    RBAPhysicsInformedSingleModelSolver,
)

from benchmarks.peers import problems
from benchmarks.peers.libraries import Settings
from benchmarks.peers.watch import TimeIsOver, Watch

_SWITCH = "L-BFGS by SwitchOptimizer, its tolerances set to 0"
_SMALL = "2-10-10-1 softplus, 30 by 30 points and 30 a side, Adam 0.006 with decay 1e-8 for 1000 steps, L-BFGS; float64"
_LARGE = "softplus 30-20-10-5, 2000 points and 150 a side, Adam 0.006 for 5000 steps, L-BFGS; float64"
SETTINGS = {
    "poisson": Settings(_SMALL, f"Tutorial 2; {_SWITCH}"),
    "burgers": Settings(_LARGE, f"examples/run_burgers.py; {_SWITCH}"),
    "allen-cahn": Settings(
        f"periodic embedding, residual-based attention, {_LARGE}",
        f"zoo: AllenCahnProblem; examples/run_burgers.py; PeriodicBoundaryEmbedding; {_SWITCH}",
    ),
    "l-shape": Settings(_SMALL, f"Tutorial 2, on three squares together; {_SWITCH}"),
    "inverse heat": Settings(
        "2-20-20-20-1 softplus, 100 by 100 points, 100 a side and the measurements, Adam 1e-3 for 5000 steps, "
        "L-BFGS; float64",
        f"Tutorial 7; {_SWITCH}",
    ),
}


@dataclass
class Setup:
    """A problem with its points, a network, and the steps of Adam."""

    problem: Any
    network: Any
    optimizer: Any
    adam: int
    solver: Any = PhysicsInformedSingleModelSolver


def solve(problem: str, seed: int, watch: Watch) -> None:
    """Adam, then L-BFGS as long as there is time."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    torch.set_default_dtype(torch.float64)
    lightning.seed_everything(seed, verbose=False)
    setup = SETUPS[problem]()
    solver = setup.solver(problem=setup.problem, model=setup.network, optimizer=setup.optimizer)
    labels = ["x", "y"] if problem in ("poisson", "l-shape") else ["t", "x"]

    def found(x: np.ndarray) -> Any:
        if problem == "inverse heat":
            return setup.problem.unknown_parameters["diffusivity"].detach().numpy()
        with torch.no_grad():
            return solver(LabelTensor(torch.from_numpy(x), labels)).tensor.numpy()

    class Look(lightning.Callback):
        over = False

        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            try:
                if watch.due():
                    watch.look(found, trainer.current_epoch + 1)
            except TimeIsOver:
                self.over = trainer.should_stop = True

    look = Look()
    # without tolerances, or it stops for good where the loss changes by 1e-9
    quiet = {"tolerance_grad": 0.0, "tolerance_change": 0.0}
    second = TorchOptimizer(torch.optim.LBFGS, lr=1.0, line_search_fn="strong_wolfe", **quiet)
    Trainer(
        solver,
        max_epochs=10**9,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[SwitchOptimizer(second, epoch_switch=setup.adam), look],
    ).train()
    if look.over:
        raise TimeIsOver


class Poisson(SpatialProblem):
    """``-Δu = f`` on the unit square."""

    output_variables = ["u"]
    spatial_domain = CartesianDomain({"x": [0, 1], "y": [0, 1]})
    domains = {"D": spatial_domain, "boundary": spatial_domain.partial()}
    conditions = {
        "D": Condition(
            domain="D",
            equation=PoissonEquation(
                forcing_term=lambda x: (
                    -2
                    * math.pi**2
                    * torch.sin(math.pi * x.extract(["x"]))
                    * torch.sin(math.pi * x.extract(["y"]))
                )
            ),
        ),
        "boundary": Condition(domain="boundary", equation=FixedValue(0.0)),
    }


def _sides() -> list[Any]:
    corners = [*problems.l_shape.VERTICES, problems.l_shape.VERTICES[0]]
    sides = []
    for (a, b), (c, d) in pairwise(corners):
        sides.append(
            CartesianDomain({"x": a if a == c else sorted((a, c)), "y": b if b == d else sorted((b, d))})
        )
    return sides


class LShape(SpatialProblem):
    """``-Δu = 1`` on three squares together."""

    output_variables = ["u"]
    spatial_domain = CartesianDomain({"x": [-1, 1], "y": [-1, 1]})
    domains = {
        **{
            f"D{i}": CartesianDomain({"x": [x, x + 1], "y": [y, y + 1]})
            for i, (x, y) in enumerate(((-1, -1), (0, -1), (-1, 0)))
        },
        "boundary": Union(_sides()),
    }
    conditions = {
        **{
            f"D{i}": Condition(
                domain=f"D{i}",
                equation=Equation(lambda x, u: laplacian(u, x, components=["u"], d=["x", "y"]) + 1),
            )
            for i in range(3)
        },
        "boundary": Condition(domain="boundary", equation=FixedValue(0.0)),
    }


def _domains(low: float) -> dict[str, Any]:
    return {
        "D": CartesianDomain({"x": [low, 1], "t": [0, 1]}),
        "t0": CartesianDomain({"x": [low, 1], "t": 0}),
        "left": CartesianDomain({"x": low, "t": [0, 1]}),
        "right": CartesianDomain({"x": 1, "t": [0, 1]}),
    }


def _burgers_equation(x: Any, u: Any) -> Any:
    slope = grad(u, x)
    u_t, u_x = slope.extract(["dudt"]), slope.extract(["dudx"])
    return u_t + u * u_x - 0.01 / math.pi * laplacian(u, x, d=["x"])


class Burgers(TimeDependentProblem, SpatialProblem):
    """Viscous Burgers."""

    output_variables = ["u"]
    spatial_domain = CartesianDomain({"x": [-1, 1]})
    temporal_domain = CartesianDomain({"t": [0, 1]})
    domains = _domains(-1)
    conditions = {
        "D": Condition(domain="D", equation=Equation(_burgers_equation)),
        "t0": Condition(
            domain="t0", equation=Equation(lambda x, u: u + torch.sin(math.pi * x.extract(["x"])))
        ),
        "left": Condition(domain="left", equation=FixedValue(0.0)),
        "right": Condition(domain="right", equation=FixedValue(0.0)),
    }


def _heat_equation(x: Any, u: Any, unknown: Any) -> Any:
    return grad(u, x, d=["t"]) - unknown["diffusivity"] * laplacian(u, x, d=["x"])


class InverseHeat(TimeDependentProblem, SpatialProblem, InverseProblem):
    """The heat equation with measurements and its diffusivity unknown."""

    output_variables = ["u"]
    spatial_domain = CartesianDomain({"x": [0, 1]})
    temporal_domain = CartesianDomain({"t": [0, 1]})
    # the guess is drawn in the range that sciml allows, and then set to the same as the others'
    unknown_parameter_domain = CartesianDomain({"diffusivity": [1e-4, 10.0]})
    domains = _domains(0)
    conditions = {
        "D": Condition(domain="D", equation=Equation(_heat_equation)),
        "t0": Condition(
            domain="t0", equation=Equation(lambda x, u: u - torch.sin(math.pi * x.extract(["x"])))
        ),
        "left": Condition(domain="left", equation=FixedValue(0.0)),
        "right": Condition(domain="right", equation=FixedValue(0.0)),
    }


def _poisson() -> Setup:
    problem = Poisson()
    problem.discretise_domain(30, "grid", domains=["D", "boundary"])
    return _small(problem)


def _l_shape() -> Setup:
    problem = LShape()
    problem.discretise_domain(30, "grid", domains=["D0", "D1", "D2"])
    problem.discretise_domain(180, "random", domains="boundary")
    return _small(problem)


def _small(problem: Any) -> Setup:
    network = FeedForward(2, 1, layers=[10, 10], func=torch.nn.Softplus)
    return Setup(problem, network, TorchOptimizer(torch.optim.Adam, lr=0.006, weight_decay=1e-8), 1000)


def _burgers() -> Setup:
    problem = Burgers()
    problem.discretise_domain(2000, "latin", domains="D")
    problem.discretise_domain(150, "random", domains=["t0", "left", "right"])
    return _evolution(problem, FeedForward(2, 1, layers=[30, 20, 10, 5], func=torch.nn.Softplus))


def _allen_cahn() -> Setup:
    problem = AllenCahnProblem(alpha=1e-4, beta=5.0)
    problem.discretise_domain(2000, "latin", domains="D")
    problem.discretise_domain(150, "random", domains="t0")
    setup = _evolution(problem, Periodic())
    setup.solver = RBAPhysicsInformedSingleModelSolver
    return setup


class Periodic(torch.nn.Module):
    """PINA's periodic embedding of x before its network, with t as it is."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = PeriodicBoundaryEmbedding(1, periods=2.0)
        self.network = FeedForward(4, 1, layers=[30, 20, 10, 5], func=torch.nn.Softplus)

    def forward(self, x: Any) -> Any:
        around = self.embedding(x.extract(["x"]))
        return self.network(torch.cat([x.extract(["t"]).tensor, getattr(around, "tensor", around)], 1))


def _evolution(problem: Any, network: Any) -> Setup:
    return Setup(problem, network, TorchOptimizer(torch.optim.Adam, lr=0.006), 5000)


def _inverse_heat() -> Setup:
    problem = InverseHeat()
    problem.unknown_parameters["diffusivity"].data.fill_(problems.GUESS)
    places, values = (torch.from_numpy(a) for a in problems.measurements())
    measured = Condition(input=LabelTensor(places, ["t", "x"]), target=LabelTensor(values, ["u"]))
    measured.problem, measured.name = problem, "data"
    problem.conditions["data"] = measured
    problem.discretise_domain(100, "grid", domains=["D", "t0", "left", "right"])
    network = FeedForward(2, 1, layers=[20, 20, 20], func=torch.nn.Softplus)
    return Setup(problem, network, TorchOptimizer(torch.optim.Adam, lr=1e-3), 5000)


SETUPS: dict[str, Callable[[], Setup]] = {
    "poisson": _poisson,
    "burgers": _burgers,
    "allen-cahn": _allen_cahn,
    "l-shape": _l_shape,
    "inverse heat": _inverse_heat,
}
