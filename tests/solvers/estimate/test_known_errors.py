"""Estimates of an error that is known in advance: a network that is the right solution plus a given function."""

import math

import pytest
import torch
from torch import nn

import sciml
from sciml import pdes
from sciml.adapters import Adapter
from sciml.ansatz import Trial
from sciml.conditions import Data, Dirichlet, Initial, Neumann, Periodic
from sciml.nn import MLP
from sciml.solvers.comparison import comparison, relative_error
from sciml.solvers.estimate.estimate import estimate_error


class Given(nn.Module):
    """A network whose trial function is a given ``u (n, d) -> (n, m)``, times a number ``size`` that could be trained."""

    def __init__(self, problem, u, dtype=torch.float64):
        super().__init__()
        self.bare = Trial(problem, Blank(problem, dtype))
        self.u = u
        self.size = nn.Parameter(torch.ones((), dtype=dtype))

    def forward(self, z):
        lower, upper = self.bare.inputs.lower, self.bare.inputs.upper
        plain = z[:, : len(self.bare.inputs.plain)]
        x = torch.zeros(len(z), len(lower), dtype=z.dtype)
        columns = list(x.unbind(1))
        for k, axis in enumerate(self.bare.inputs.plain):
            columns[axis] = plain[:, k]
        for k, axis in enumerate(self.bare.inputs.periodic):
            half = (z.shape[1] - plain.shape[1]) // 2
            cos, sin = z[:, plain.shape[1] + k], z[:, plain.shape[1] + half + k]
            columns[axis] = torch.atan2(sin, cos) / math.pi
        x = (torch.stack(columns, 1) + 1) / 2 * (upper - lower) + lower
        u = self.u(x)
        if not self.bare.ansatz.trivial:
            u = (u - self.bare.ansatz.offset(x)) / self.bare.ansatz.factor(x)
        return self.size * u


class Blank(nn.Module):
    """Of the right widths, never called in earnest."""

    def __init__(self, problem, dtype):
        super().__init__()
        self.outputs = problem.outputs
        self.size = nn.Parameter(torch.ones((), dtype=dtype))

    def forward(self, z):
        return self.size * z[:, :1].expand(-1, self.outputs)


def trial_of(problem, u, dtype=torch.float64):
    return Trial(problem, Given(problem, u, dtype))


def truth(trial):
    return relative_error(trial, *comparison(trial.problem))


class Beam(sciml.PDE):
    """``u' = cos x - u + sin x`` with a value at one end, or one that is only a penalty term."""

    domain = sciml.Interval(0.0, 2.0)

    def __init__(self, hard=None, weight=1.0):
        self.conditions = [Dirichlet(0.0, on="x=0", hard=hard, weight=weight)]

    def residual(self, u, x):
        return u.d("x") + u - torch.cos(x) - torch.sin(x)

    def exact(self, x):
        return torch.sin(x)


class Ring(sciml.PDE):
    """``u_t = u_xx`` on a circle: a sine that decays."""

    domain = sciml.TimeInterval(0.0, 0.5) * sciml.Interval(0.0, 1.0)

    def __init__(self, hard=None):
        self.conditions = [Periodic("x", hard=hard), Initial(lambda x: torch.sin(2 * math.pi * x[:, 1:]))]

    def residual(self, u, x):
        return u.d("t") - u.d("x", "x") / 20

    def exact(self, x):
        return torch.exp(-((2 * math.pi) ** 2) * x[:, :1] / 20) * torch.sin(2 * math.pi * x[:, 1:])


class Pair(sciml.PDE):
    """``v = u'``, ``v' = -u``: an error of one unknown is none of the other."""

    domain = sciml.Interval(0.0, 1.5)
    unknowns = ("u", "v")
    conditions = (Dirichlet(0.0, on="x=0", component="u"), Dirichlet(1.0, on="x=0", component="v"))

    def residual(self, u, x):
        return u["u"].d("x") - u["v"], u["v"].d("x") + u["u"] - self.push(x)

    def push(self, x):
        return torch.zeros_like(x)

    def exact(self, x):
        return torch.cat([torch.sin(x), torch.cos(x)], 1)


class Third(sciml.PDE):
    """``u''' + u' = 0``: more than a jet can hold."""

    domain = sciml.Interval(0.0, 1.0)
    # as a penalty: a given function over the distance is 0/0 where the slope is looked at
    conditions = (
        Dirichlet(0.0, on="x=0", hard=False),
        Neumann(-1.0, on="x=0"),
        Neumann(math.cos(1.0), on="x=1"),
    )

    def residual(self, u, x):
        return u.d("x", "x", "x") + u.d("x")

    def exact(self, x):
        return torch.sin(x)


@pytest.mark.parametrize("size", [1e-1, 1e-5, 1e-9])
def test_a_known_error_is_found(size):
    problem = Beam()
    trial = trial_of(problem, lambda x: problem.exact(x) + size * x * torch.cos(3 * x))
    found = estimate_error(problem, trial)
    assert found.value == pytest.approx(truth(trial), rel=0.05)
    assert found.drop < 0.1


def test_the_correction_is_the_error():
    problem = Beam()
    trial = trial_of(problem, lambda x: problem.exact(x) + 1e-3 * x * torch.exp(-x))
    x = torch.linspace(0.0, 2.0, 31, dtype=torch.float64)[1:, None]
    moved = estimate_error(problem, trial).correction(x)
    torch.testing.assert_close(moved, -1e-3 * x * torch.exp(-x), rtol=0.05, atol=3e-6)


@pytest.mark.parametrize("weight", [1.0, 30.0])
def test_penalty_terms_count(weight):
    """The equation holds exactly here; the value at the end alone is wrong."""
    problem = Beam(hard=False, weight=weight)
    trial = trial_of(problem, lambda x: problem.exact(x) + 1e-2 * torch.exp(-x))
    assert estimate_error(problem, trial).value == pytest.approx(truth(trial), rel=0.1)


def test_measurements_count():
    points = torch.linspace(0.1, 1.9, 9, dtype=torch.float64)[:, None]

    class Measured(Beam):
        def __init__(self):
            self.conditions = [Data(points, torch.sin(points))]

    problem = Measured()
    trial = trial_of(problem, lambda x: problem.exact(x) + 1e-2 * torch.exp(-x))
    assert estimate_error(problem, trial).value == pytest.approx(truth(trial), rel=0.1)


def test_a_periodic_correction_is_periodic():
    problem = Ring()
    trial = trial_of(
        problem, lambda x: problem.exact(x) + 1e-3 * x[:, :1] * torch.cos(4 * math.pi * x[:, 1:])
    )
    found = estimate_error(problem, trial)
    assert found.value == pytest.approx(truth(trial), rel=0.3)
    left, right = (torch.tensor([[0.3, end]], dtype=torch.float64) for end in (0.0, 1.0))
    torch.testing.assert_close(found.correction(left), found.correction(right), rtol=1e-9, atol=1e-12)


def test_each_unknown_has_its_own_error():
    problem = Pair()

    def u(x):
        return problem.exact(x) + torch.cat([torch.zeros_like(x), 1e-3 * x * x], 1)

    trial = trial_of(problem, u)
    found = estimate_error(problem, trial)
    x, exact = comparison(problem)
    difference = trial(x).detach() - exact
    for k, name in enumerate(problem.unknowns):
        # the smaller of the two is small beside the other one's uncertainty
        true = float(difference[:, k].norm() / exact[:, k].norm())
        assert found.unknowns[name] == pytest.approx(true, rel=0.1, abs=2e-5)
    assert found.value == pytest.approx(truth(trial), rel=0.1)


def test_third_order_equations_and_modules_without_jets():
    problem = Third()
    trial = trial_of(problem, lambda x: problem.exact(x) + 1e-3 * x * torch.cos(2 * x))
    assert estimate_error(problem, trial).value == pytest.approx(truth(trial), rel=0.2)


def test_jets_and_nested_autograd_agree():
    """The same network as a chain of layers with jets, and hidden in a plain module."""
    problem = pdes.Poisson()
    network = MLP([2, 8, 1], seed=3)

    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = network

        def forward(self, z):
            return self.inner(z)

    by_jets = estimate_error(problem, Trial(problem, network))
    by_autograd = estimate_error(problem, Trial(problem, Plain()))
    true = truth(Trial(problem, network))
    assert by_jets.value == pytest.approx(true, rel=0.2)
    assert by_autograd.value == pytest.approx(true, rel=0.2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_a_trained_network(dtype):
    problem = pdes.Poisson()
    solution = sciml.solve(problem, max_steps=6, dtype=dtype, progress=False)
    found = estimate_error(problem, solution.trial, solution.stats.weights)
    assert 1 / 3 < found.value / solution.error() < 3
    assert found.correction(torch.rand(5, 2, dtype=dtype)).dtype == dtype


def test_a_nonlinear_equation():
    problem = pdes.KleinGordon()
    exact = problem.exact

    def u(x):
        return exact(x) + 1e-4 * x[:, :1] ** 2 * torch.sin(math.pi * x[:, 1:])

    trial = trial_of(problem, u)
    assert 1 / 3 < estimate_error(problem, trial).value / truth(trial) < 3


def test_an_adapter_merged_into_its_base():
    problem = pdes.Poisson()
    solution = sciml.solve(problem, max_steps=15, progress=False)
    adapter = Adapter("lora", solution.network)
    rng = torch.Generator().manual_seed(1)
    adapter.load_vector(
        adapter.vector() + 1e-2 * torch.randn(adapter.size, generator=rng, dtype=torch.float64)
    )
    trial = Trial(problem, adapter.merge(solution.network))
    assert 1 / 2 < estimate_error(problem, trial).value / truth(trial) < 2


def test_nothing_is_claimed_where_nothing_is_found():
    """A residual that oscillates faster than any feature."""
    problem = Beam()
    trial = trial_of(problem, lambda x: problem.exact(x) + 1e-3 * torch.sin(3000 * x))
    found = estimate_error(problem, trial)
    assert found.value is None and str(found) == "unknown"
    assert found.reason is not None and "residual" in found.reason


def test_a_solution_that_is_zero():
    class Zero(Beam):
        def residual(self, u, x):
            return u.d("x") + u

        def exact(self, x):
            return torch.zeros_like(x)

    problem = Zero()
    found = estimate_error(problem, trial_of(problem, torch.zeros_like))
    assert found.value is None and "zero" in found.reason


def test_the_trial_function_stays_as_it_is():
    problem = pdes.Poisson()
    trial = Trial(problem, MLP([2, 8, 1], seed=0))
    before = [p.clone() for p in trial.parameters()]
    first, again = estimate_error(problem, trial), estimate_error(problem, trial)
    assert first.value == again.value
    assert all(torch.equal(p, q) and p.grad is None for p, q in zip(trial.parameters(), before, strict=True))


def test_functions_that_fit_noise_are_too_few():
    """Of a plate's equation of fourth order 100 functions leave little, and what they find is noise."""
    problem = pdes.ClampedPlate()
    solution = sciml.solve(problem, max_steps=20, progress=False)
    found = estimate_error(problem, solution.trial, solution.stats.weights, seconds=30.0)
    assert found.features > 100
    assert 1 / 2 < found.value / solution.error() < 2
