"""Fronts whose place an equation tells by terms of size exp(-1/eps): the error is told, or it is unknown."""

from __future__ import annotations

import math

import pytest
import torch

import sciml
from sciml import Dirichlet, nn
from sciml.ansatz import Trial
from sciml.solvers.estimate import newton
from sciml.solvers.estimate.correction import correct
from sciml.solvers.estimate.estimate import estimate_error
from sciml.solvers.estimate.free import Weak, weak_shapes
from sciml.solvers.terms.build import build_terms
from tests.sciml.checks.cases import stated

LINE = sciml.Interval(-1, 1)


def burgers(nu):
    """``nu u'' = u u'`` from 1 to -1: ``-a tanh(a x / (2 nu))``."""
    a = 1.0
    for _ in range(50):
        a = 1 / math.tanh(a / (2 * nu))
    ends = [Dirichlet(1.0, on="x=-1"), Dirichlet(-1.0, on="x=1")]
    return stated(
        LINE,
        ends,
        lambda u, x: nu * u.d("x", "x") - u * u.d("x"),
        exact=lambda self, x: -a * torch.tanh(a * x / (2 * nu)),
    )


def allen_cahn(eps):
    ends = [Dirichlet(-1.0, on="x=-1"), Dirichlet(1.0, on="x=1")]
    return stated(
        LINE,
        ends,
        lambda u, x: eps**2 * u.d("x", "x") + u - u**3,
        exact=lambda self, x: torch.tanh(x / (eps * 2**0.5)),
    )


PROBLEMS = {
    "burgers-0.07": burgers(0.07),
    "burgers-0.1": burgers(0.1),
    "allen-cahn-0.1": allen_cahn(0.1),
    "allen-cahn-0.14": allen_cahn(0.14),
}
ALWAYS = [("burgers-0.07", 12), ("allen-cahn-0.14", 40), ("allen-cahn-0.1", 12)]
# the others run on request
FRONTS = [
    pytest.param(
        problem, steps, id=f"{name}-{steps}", marks=[] if (name, steps) in ALWAYS else [pytest.mark.slow]
    )
    for name, problem in PROBLEMS.items()
    for steps in (12, 40)
]


@pytest.mark.parametrize(("problem", "steps"), FRONTS)
def test_the_error_is_told_or_unknown(problem, steps):
    model = nn.MLP([1, 12, 12, 1], "tanh", seed=1)
    solution = sciml.solve(problem, model, points=120, max_steps=steps, progress=False)
    found = estimate_error(problem, solution.trial)
    assert found.value is None or found.value > solution.error() / 3


def test_a_front_that_its_equation_places_has_an_estimate():
    model = nn.MLP([1, 12, 12, 1], "tanh", seed=1)
    solution = sciml.solve(burgers(0.4), model, points=120, max_steps=25, progress=False)
    found = estimate_error(solution.problem, solution.trial)
    assert found.value is not None and 1 / 3 < found.value / solution.error() < 3


class Line(torch.nn.Module):
    """Functions of one variable with known values; ``R`` is given beside them."""

    def __init__(self, values):
        super().__init__()
        self.functions, self.count = values, values(torch.zeros(1, 1)).shape[1]

    def values(self, x):
        return self.functions(x)


def weak(rates):
    """For an operator that multiplies the cosine of number k by ``rates[k]``, in orthonormal cosines."""
    soft = [sciml.Neumann(0.0, hard=False)]  # so that functions are not multiplied by anything
    problem = stated(LINE, soft, lambda u, x: u.d("x", "x") - u)
    trial = Trial(problem, nn.MLP([1, 4, 1], seed=0))
    numbers = torch.arange(len(rates), dtype=torch.float64)
    norm = torch.where(numbers == 0, 1.0, 2**0.5)
    features = Line(lambda x: norm * torch.cos(math.pi * numbers * (x.double() + 1) / 2))
    R = torch.diag(torch.tensor(rates, dtype=torch.float64))
    return weak_shapes(problem, trial, features, R, torch.ones(1, dtype=torch.float64))  # type: ignore[arg-type]


def test_what_singular_values_say():
    told = weak([1.0, 2.0, 3.0, 4.0])
    assert told._replace(gain=0.0) == Weak()
    assert told.gain == pytest.approx((1 + 1 / 4 + 1 / 9 + 1 / 16) ** 0.5, rel=0.05)
    assert weak([1e-6, 2.0, 3.0, 4.0]).free == 1
    assert weak([1e-6, 1e-6, 3.0, 4.0]).free == 2
    resolved = weak([0.02, 2.0, 3.0, 4.0])  # the first is among every second one
    assert resolved.alone == pytest.approx(0.02, rel=0.1) and not resolved.falls
    lost = weak([2.0, 0.02, 3.0, 4.0])  # the second is not
    assert lost.falls and "not resolved" in str(lost.why())


def square(x):
    return x**2 * (6 - 4 * x + x**2)


@pytest.mark.parametrize(("bent", "seed"), [(0.0, 5), (1.0, 1), (1.0, 2)])
def test_an_equation_with_conditions_that_are_not_exact_has_an_estimate(bent, seed):
    """Without its conditions a beam is free to move and to turn, and what follows a correction is no step of Newton's."""

    def residual(u, x):
        load = ((1 + x) * u.d("x", "x")).d("x", "x") - 24 * (3 * x - 1)
        return load + bent * (u**2 - square(x) ** 2)

    def end(u, x):
        moment = (1 + x) * u.d("x", "x")
        return moment, moment.d("x")

    clamped = [sciml.Dirichlet(0.0, on="x=0"), sciml.Condition("x=0", lambda u, x: u.d("x"))]
    beam = stated(
        sciml.Interval(0, 1),
        [*clamped, sciml.Condition("x=1", end)],
        residual,
        exact=lambda self, x: square(x),
    )
    solution = sciml.solve(beam, seed=seed, max_steps=40, progress=False)
    found = solution.error_estimate()
    assert found.value is not None, found.reason
    assert 1 / 5 < found.value / solution.error() < 5


@pytest.mark.parametrize(("power", "linear"), [(1, True), (4, False)])
def test_what_is_linear_is_asked_of_conditions_too(power, linear):
    """A rod that radiates at its end: the equation is linear, the problem is not."""
    radiating = sciml.Condition("x=1", lambda u, x: u.d("x") + u.value**power)
    rod = stated(sciml.Interval(0, 1), [Dirichlet(1.0, on="x=0"), radiating], lambda u, x: u.d("x", "x") - x)
    trial = Trial(rod, nn.MLP([1, 6, 1], "tanh", seed=1))
    terms = build_terms(rod, trial, 64, 64)
    for term in terms:
        term.record(trial, rod, torch.zeros(1, dtype=torch.float64))
    found = correct(rod, trial, terms, 40, 120, {}, 0, None)
    assert newton._System(rod, trial, terms, {}, found).is_linear(found.w) is linear
