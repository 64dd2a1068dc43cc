"""Problems that a given trial function misses by a given amount: the right answer is the trial function plus a bump."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from sciml import nn
from sciml.ansatz import Trial
from sciml.conditions import Dirichlet, Initial, Periodic
from sciml.derivatives import AutogradSource
from sciml.domains import Box, Interval, TimeInterval
from sciml.problem import PDE


class Manufactured(PDE):
    """``operator(u) = f`` where ``f`` is what the operator makes of ``answer``, by nested autograd."""

    answer: Callable[[Tensor], Tensor] | None = None

    def residual(self, u, x):
        made = self.operator(u, x)
        if self.answer is None:
            return made
        with torch.enable_grad():
            wanted = self.operator(self.field(AutogradSource(self.answer, x.detach())), x.detach())
        return {name: part - wanted[name].detach() for name, part in made.items()}


class Poisson(Manufactured):
    domain = Box([0, 0], [1, 1])
    conditions = (Dirichlet(0.0),)

    def operator(self, u, x):
        return {"pde": -u.laplacian()}

    def bump(self, x):
        return (x * (1 - x)).prod(1, keepdim=True) * torch.cos(4 * x[:, :1] + x[:, 1:])


class Heat(Manufactured):
    domain = TimeInterval(0, 1) * Interval(0, 1)
    conditions = (Initial(lambda x: torch.sin(math.pi * x[:, 1:])), Dirichlet(0.0))

    def operator(self, u, x):
        return {"pde": u.d("t") - 0.3 * u.d("x", "x")}

    def bump(self, x):
        t, y = x[:, :1], x[:, 1:]
        return t * torch.sin(math.pi * y) * torch.exp(y - t)


class SoftHeat(Heat):
    """The bump does not vanish where the conditions are: they are missed, too."""

    def __init__(self):
        def value(x):
            return torch.zeros_like(x[:, :1]) if self.answer is None else self.answer(x).detach()

        self.conditions = (Initial(value, hard=False), Dirichlet(value, hard=False))

    def bump(self, x):
        return torch.cos(2 * x[:, :1] - 3 * x[:, 1:] + 0.4)


class Pair(Manufactured):
    """Two unknowns, the second a thousand times smaller."""

    domain = Box([0, 0], [1, 1])
    unknowns = ("u", "v")
    conditions = (Dirichlet(0.0, component="u"), Dirichlet(0.0, component="v"))

    def operator(self, u, x):
        first, second = u["u"], u["v"]
        return {
            "first": -first.laplacian() + 100 * second.value,
            "second": 1e3 * second.laplacian() - first.value,
        }

    def bump(self, x):
        first = Poisson.bump(self, x)
        return torch.cat([first, 3e-3 * first * torch.sin(3 * x[:, :1] + 1)], 1)


class Advection(Manufactured):
    domain = TimeInterval(0, 1) * Interval(-1, 1)
    conditions = (Initial(lambda x: torch.sin(math.pi * x[:, 1:])), Periodic("x"))

    def operator(self, u, x):
        return {"pde": u.d("t") + 0.7 * u.d("x")}

    def bump(self, x):
        return x[:, :1] * torch.exp(torch.sin(math.pi * x[:, 1:]))


class Burgers(Manufactured):
    domain = TimeInterval(0, 1) * Interval(-1, 1)
    conditions = (Initial(lambda x: -torch.sin(math.pi * x[:, 1:])), Dirichlet(0.0))

    def operator(self, u, x):
        return {"pde": u.d("t") + u.value * u.d("x") - 0.1 * u.d("x", "x")}

    def bump(self, x):
        return x[:, :1] * torch.cos(math.pi / 2 * x[:, 1:]) * torch.exp(-x[:, 1:])


class Ring(Heat):
    """Both ends compared by a penalty: a row holds numbers of two points."""

    conditions = (Initial(lambda x: torch.sin(2 * math.pi * x[:, 1:])), Periodic("x", hard=False))

    def bump(self, x):
        return x[:, :1] * torch.cos(2 * math.pi * x[:, 1:] + x[:, :1])


class Mean(Heat):
    """A loss of heat that all points share: every row depends on all points."""

    def operator(self, u, x):
        return {"pde": u.d("t") - 0.3 * u.d("x", "x") + 3 * (u.value + u.d("x").square()).mean(0)}


class MeanPair(Pair):
    """Each equation sees the other unknown's spread over all points."""

    def operator(self, u, x):
        made = super().operator(u, x)
        made["first"] = made["first"] + 50 * (u["v"].value - u["v"].value.mean(0)) * u["u"].value.std()
        return made


class KdV(Manufactured):
    """A third derivative."""

    domain = TimeInterval(0, 1) * Interval(-1, 1)
    conditions = (Initial(lambda x: torch.cos(math.pi * x[:, 1:])), Periodic("x"))

    def operator(self, u, x):
        return {"pde": u.d("t") + u.value * u.d("x") + 0.02 * u.d("x", "x", "x")}

    def bump(self, x):
        return x[:, :1] * torch.sin(math.pi * x[:, 1:] + 0.3)


class Plain(torch.nn.Module):
    """A smooth function that offers no jets."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        torch.manual_seed(0)
        self.a = torch.nn.Linear(inputs, outputs, dtype=torch.float64)

    def forward(self, z):
        return torch.sin(1.5 * self.a(z)) + 0.3


def network(problem: PDE, kind: str = "mlp", dtype: torch.dtype = torch.float64) -> torch.nn.Module:
    widths = [problem.inputs, 9, 7, problem.outputs]
    if kind == "kan":
        return nn.KAN(widths, grid=3, degree=4, seed=1, dtype=dtype)
    if kind == "plain":
        return Plain(problem.inputs, problem.outputs).to(dtype)
    return nn.MLP(widths, "sine", seed=1, dtype=dtype)


def missed(
    make: Callable[[], Manufactured],
    epsilon: float,
    kind: str = "mlp",
    dtype: torch.dtype = torch.float64,
    scale: list[float] | None = None,
    size: float = 1.0,
) -> tuple[Manufactured, Trial, list[float], float]:
    """A trial function and a problem whose answer is that function plus ``epsilon size bump``.

    Returns:
        Problem, trial function, relative L2 error of each unknown and of all of them, by a plain mean over a grid.
    """
    problem = make()
    trial = Trial(
        problem,
        network(problem, kind, dtype),
        scale=None if scale is None else torch.tensor(scale, dtype=dtype),
    )
    exact = Trial(problem, network(problem, kind), trial.ansatz, trial.scale)
    exact.network.load_state_dict(trial.network.state_dict())
    problem.answer = lambda x: (exact(x.double()) + epsilon * size * problem.bump(x.double())).to(x)
    low, high = problem.domain.lower, problem.domain.upper
    axis = (torch.arange(41, dtype=torch.float64) + 0.5) / 41
    x = low + (high - low) * torch.cartesian_prod(*[axis] * problem.domain.dim)
    with torch.no_grad():
        off, right = epsilon * size * problem.bump(x), problem.answer(x)
    each = (off.norm(dim=0) / right.norm(dim=0)).tolist()
    return problem, trial, each, float(off.norm() / right.norm())


class Missed(PDE):
    """A problem with an ``operator`` whose source is such that ``trial`` misses the answer by the function ``off``."""

    trial = None

    def residual(self, u, x):
        made = self.operator(u)
        if self.trial is None:
            return made
        with torch.enable_grad():
            answer = AutogradSource(lambda y: self.trial(y) + self.off(y), x.detach())
            wanted = self.operator(self.field(answer))
        return made - wanted.detach()
