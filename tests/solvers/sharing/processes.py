"""The cases of ``test_sharing``, and what each of its processes runs."""

from __future__ import annotations

import math
import os
import pickle
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

import sciml
import sciml.ansatz
from sciml import nn, pdes
from sciml.solvers.sharing.group import Group
from sciml.solvers.sharing.worker import follow, leading, share
from sciml.solvers.training.residual_system import ResidualSystem

SHARES = (33, 34, 50, 51)  # of 101 points: set-up and checks look at other numbers of them


class Leaky(sciml.PDE):
    """Penalties of three kinds: a slope, values, and one row that adds up all of its points."""

    domain = sciml.Box([0, 0], [1, 1], names=("x", "y"))
    conditions = (
        sciml.Neumann(0.0, on="x=0"),
        sciml.Dirichlet(0.0, on=["x=1", "y=0", "y=1"], hard=False),
        sciml.Condition(on="inside", residual=lambda u, x: u.value - 0.1, mean=True),
    )

    def residual(self, u, x):
        return -u.laplacian() - torch.exp(x[:, :1])


class Around(sciml.PDE):
    """Pairs of points that make one row, and two unknowns."""

    domain = sciml.Box([0, 0], [1, 1], names=("x", "y"))
    unknowns = ("u", "v")
    conditions = (
        sciml.Periodic("x", hard=False),
        sciml.Dirichlet(0.0, on=["y=0", "y=1"], component="u"),
        sciml.Dirichlet(0.0, on=["y=0", "y=1"], component="v"),
    )

    def residual(self, u, x):
        value, laplacian = u.value, u.laplacian()
        return {
            "first": -laplacian[:, :1] + value[:, 1:] - torch.cos(2 * math.pi * x[:, :1]),
            "second": -laplacian[:, 1:] - value[:, :1] ** 2 - x[:, 1:],
        }


class Rod(sciml.PDE):
    """An unknown coefficient and measurements, which go by their order."""

    domain = sciml.Interval(0, 1, name="x")
    conditions = (
        sciml.Dirichlet(0.0),
        sciml.Data(
            torch.linspace(0.05, 0.95, 19, dtype=torch.float64)[:, None],
            torch.sin(math.pi * torch.linspace(0.05, 0.95, 19, dtype=torch.float64)[:, None]),
            noise=0.01,
        ),
    )

    def __init__(self) -> None:
        self.k = sciml.Unknown(guess=0.5)

    def residual(self, u, x):
        return -self.k * u.laplacian() - 2 * math.pi**2 * torch.sin(math.pi * x)


class Faulty(sciml.PDE):
    """Fails in the second process, in the middle of the run.

    Args:
        fail: What it does then.
    """

    domain = sciml.Box([0, 0], [1, 1])
    conditions = (sciml.Dirichlet(0.0),)

    def __init__(self, fail: Callable[[], None]):
        self.fail, self.calls = fail, 0

    def residual(self, u, x):
        if dist.is_initialized() and dist.get_rank() == 1 and len(x) in SHARES:
            self.calls += 1
            if self.calls > 5:
                self.fail()
        return -u.laplacian() - 1.0


def no_value() -> None:
    raise ValueError("no such value")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def mlp(width: int = 6, inputs: int = 2, outputs: int = 1) -> nn.MLP:
    return nn.MLP([inputs, width, outputs], "sine", seed=1)


def kan() -> nn.KAN:
    return nn.KAN([2, 3, 1], grid=3, degree=4, seed=1)


# name -> problem, network, optimiser, points, steps
CASES: dict[str, tuple[Any, Any, Any, int, int]] = {
    "primal": (pdes.Poisson(2), mlp, "gn-arc", 301, 4),
    "dual": (pdes.Poisson(2), lambda: mlp(40), "gn-arc", 61, 3),
    "penalties": (Leaky(), kan, "lm", 101, 4),
    "redrawn": (Leaky(), mlp, "lm", 97, 24),
    "pairs and systems": (Around(), lambda: mlp(5, 2, 2), "lm", 83, 4),
    "measurements": (Rod(), lambda: mlp(5, 1), "lm", 40, 4),
    "krylov": (pdes.Poisson(2), kan, "krylov", 101, 3),
    "singular values": (pdes.Poisson(2), mlp, sciml.optim.method("gn-arc", form="qr"), 101, 3),
    "hessian": (pdes.Poisson(2), mlp, "arcm", 101, 3),
    "adam": (pdes.Poisson(2), mlp, "adam", 101, 20),
}
OPTIONS: dict[str, Any] = {"progress": False, "tol": 0.0, "seed": 4, "max_time": 200.0}


def told(solution: sciml.Solution) -> dict[str, Any]:
    """What is compared between processes."""
    theta = torch.nn.utils.parameters_to_vector(solution.network.parameters()).detach()
    losses = [row["loss"] for row in solution.history]
    return {"theta": theta, "losses": losses, "points": solution.stats.points, "notes": solution.stats.notes}


def run(name: str, **more: Any) -> dict[str, Any]:
    problem, model, optimizer, points, steps = CASES[name]
    options = OPTIONS | {"points": points, "max_steps": steps} | more
    return told(sciml.solve(problem, model(), optimizer=optimizer, **options))


def failing(problem: sciml.PDE, **more: Any) -> dict[str, Any]:
    """What a solve raises, or how it ended."""
    try:
        solution = sciml.solve(problem, mlp(), **(OPTIONS | {"points": 101, "max_steps": 30} | more))
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}
    return {"outcome": solution.stats.outcome, "notes": solution.stats.notes}


def sent(process_group: Any) -> dict[str, int]:
    """Bytes that the first process sends and gets for each of what a step asks for."""
    group = Group(process_group)
    system = ResidualSystem(pdes.Poisson(2), sciml.ansatz.Trial(pdes.Poisson(2), mlp()), 301, 40)
    if not group.leads:
        follow(group, lambda network, penalties: sciml.ansatz.Trial(pdes.Poisson(2), network))
        return {}
    counts: dict[str, int] = {}

    def counted(name: str, call: Any) -> Any:
        before = group.sent
        answer = call()
        counts[name] = group.sent - before
        return answer

    with leading(group):
        shared = share(system, group)
        linearization = counted("linearize", lambda: shared.linearize(system.theta))
        counted("residual", lambda: shared.residual(system.theta))
        counted("normal", linearization.normal)
        counted("mv", lambda: linearization.mv(system.theta))
        counted("rmv", lambda: linearization.rmv(linearization.residual))
    return counts | {"M": linearization.shape[0], "P": linearization.shape[1]}


def main(folder: Path, rank: int, size: int, which: str) -> None:
    """One process: all cases, or one that ends a process."""
    dist.init_process_group("gloo", init_method=f"file://{folder / 'meet'}", rank=rank, world_size=size)
    group = {"process_group": dist.group.WORLD}
    found: dict[str, Any] = {}
    if which == "all":
        found = {name: run(name, **group) for name in CASES}
        found["faulty"] = failing(Faulty(no_value), **group)
        found["different"] = failing(pdes.Poisson(2, frequency=1 + rank), **group)
        found["few"] = failing(pdes.Poisson(2), points=2, **group)
        found["sent"] = sent(dist.group.WORLD)
        path = folder / "run.h5"
        run("redrawn", **(group | {"max_steps": 11, "checkpoint": path, "every": 0.0}))
        found["resumed"] = run("redrawn", **(group | {"resume": path}))
    else:
        found["dying"] = failing(Faulty(die), **group)
    (folder / f"{rank}.pkl").write_bytes(pickle.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
