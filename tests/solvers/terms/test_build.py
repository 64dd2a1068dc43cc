"""Terms of general conditions against those of the kinds that have a name, and solves that need them."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.optimize import brentq

import sciml
from sciml import Condition, Dirichlet, Initial, Neumann, Periodic, Robin, nn
from sciml.ansatz import Ansatz, Trial
from sciml.solvers.training.residual_system import ResidualSystem
from tests.sciml.checks.cases import heat, poisson, stated

FLOW = sciml.TimeInterval(0, 1) * sciml.Box([0, 0], [1, 2])
PI = math.pi


def normal_slope(u, x, n):
    return n[:, 1:2] * u.d("x") + n[:, 2:] * u.d("y")


SAME = {
    "neumann": (
        Neumann(lambda x: x[:, :1], on=["x=1", "y=0"]),
        lambda u, x, n: normal_slope(u, x, n) - x[:, :1],
    ),
    "robin": (Robin(2.0, 3.0, 1.0, weight=4.0), lambda u, x, n: 2 * u + 3 * normal_slope(u, x, n) - 1.0),
    "initial": (Initial(2.0, hard=False), lambda u, x: u - 2.0),
    "rate": (Initial(0.5, order=1, hard=False), lambda u, x: u.d("t") - 0.5),
}


def system_of(condition, kind="mlp"):
    problem = stated(FLOW, [Dirichlet(0.0, on="x=0"), condition], heat_in_space)
    make = nn.MLP if kind == "mlp" else nn.KAN
    return ResidualSystem(
        problem, Trial(problem, make([3, 6, 1], seed=1), Ansatz(problem, jumps=False)), 11, 9, seed=3
    )


def heat_in_space(u, x):
    return u.d("t") - u.laplacian()


@pytest.mark.parametrize("case", SAME.values(), ids=SAME.keys())
def test_named_kinds_are_small_cases(case):
    named, residual = case
    on = "start" if isinstance(named, Initial) else named.on
    general = Condition(on, residual, weight=named.weight)
    one, two = system_of(named), system_of(general)
    theta = one.theta
    torch.testing.assert_close(one.residual(theta), two.residual(theta), rtol=1e-14, atol=1e-15)
    torch.testing.assert_close(
        one.linearize(theta).dense(), two.linearize(theta).dense(), rtol=1e-13, atol=1e-14
    )
    one.balance(theta), two.balance(theta)
    assert list(one.points.weights.values()) == pytest.approx(list(two.points.weights.values()), rel=1e-12)


@pytest.mark.parametrize("kind", ["mlp", "kan"])
def test_periodicity_as_a_penalty_goes_through_jets(kind):
    problem = stated(FLOW, [Periodic("x", hard=False), Periodic("t", hard=False, order=0)], heat_in_space)
    make = nn.MLP if kind == "mlp" else nn.KAN
    system = ResidualSystem(
        problem, Trial(problem, make([3, 6, 1], seed=1), Ansatz(problem, jumps=False)), 11, 8, seed=3
    )
    assert system.pointwise and system.notes == []
    _, x_ends, t_ends = system.points.terms
    assert list(x_ends.parts) == ["periodic:x", "periodic:x_x"] and x_ends.rows == 4
    low, high = x_ends.x[::2], x_ends.x[1::2]
    u = system.trial
    expected = (u(high) - u(low)).detach()
    torch.testing.assert_close(system.points.evaluate(x_ends)["periodic:x"].detach(), expected)
    assert bool((t_ends.x[::2, 0] == 0).all() and (t_ends.x[1::2, 0] == 1).all())


def test_each_part_of_a_condition_has_its_weight_and_name():
    condition = Condition("x=1", lambda u, x: {"flux": u.d("x"), "value": u}, weight=5.0, name="wall")
    system = system_of(condition)
    assert list(system.points.terms[1].parts) == ["wall_flux", "wall_value"]
    assert system.points.factors == {"pde": 1.0, "wall_flux": 5.0, "wall_value": 5.0}
    twice = stated(FLOW, [condition, condition], heat_in_space)
    system = ResidualSystem(twice, Trial(twice, nn.MLP([3, 4, 1])), 11, 9)
    assert list(system.points.terms[2].parts) == ["wall#2_flux", "wall#2_value"]


def solved(problem, exact, **limits):
    solution = sciml.solve(problem, progress=False, **limits)
    x = problem.domain.sample(300, seed=9)
    error = float((solution(x) - exact(x)).norm() / exact(x).norm())
    return solution, error


def test_a_radiating_rod_in_kelvin():
    """-50 T'' = 1000, T(0) = 300, radiation at x = 1: T = 300 + a x - 10 x^2 with one equation for a."""
    loss = 0.8 * 5.67e-8
    rod = stated(
        sciml.Interval(0, 1),
        [
            Dirichlet(300.0, on="x=0"),
            Condition("x=1", lambda u, x, n: 50 * n * u.d("x") + loss * (u**4 - 250.0**4)),
        ],
        lambda u, x: -50 * u.d("x", "x") - 1000.0,
    )
    a = brentq(lambda a: 50 * (a - 20) + loss * ((290 + a) ** 4 - 250.0**4), -200, 200, xtol=1e-14)
    solution, error = solved(rod, lambda x: 300 + a * x - 10 * x**2, max_steps=60)
    assert error < 1e-9 and solution.stats["notes"] == []


def test_a_mean_fixes_the_constant():
    def source(x):
        return 2 * PI**2 * torch.cos(PI * x[:, :1]) * torch.cos(PI * x[:, 1:])

    problem = stated(
        sciml.Box([0, 0], [1, 1]),
        [Neumann(0.0), Condition("inside", lambda u, x: u - 2.0, mean=True)],
        lambda u, x: -u.laplacian() - source(x),
    )
    solution, error = solved(problem, lambda x: 2 + source(x) / (2 * PI**2), max_steps=40)
    assert error < 1e-6
    assert solution.error_estimate().value < 1e-5


@pytest.mark.parametrize("periodic", [Periodic("t"), Periodic("t", hard=False, order=0)])
def test_periodic_in_time(periodic):
    def exact(x):
        return torch.sin(PI * x[:, 1:]) * torch.cos(2 * PI * x[:, :1])

    def residual(u, x):
        t, s = 2 * PI * x[:, :1], torch.sin(PI * x[:, 1:])
        return heat(u, x) + (2 * PI * torch.sin(t) - PI**2 * torch.cos(t)) * s

    domain = sciml.TimeInterval(0, 1) * sciml.Interval(0, 1)
    problem = stated(domain, [Dirichlet(0.0), periodic], residual)
    _, error = solved(problem, exact, max_steps=25, points=400)
    assert error < 2e-3
    assert ("penalty" in str(sciml.check(problem))) == (periodic.hard is False)


def test_a_last_instant_runs_backwards():
    problem = stated(
        sciml.TimeInterval(0, 0.2) * sciml.Interval(0, 1),
        [Dirichlet(0.0), Condition("end", lambda u, x: u - torch.sin(PI * x[:, 1:]))],
        lambda u, x: u.d("t") + u.d("x", "x"),
    )

    def exact(x):
        return torch.sin(PI * x[:, 1:]) * torch.exp(PI**2 * (x[:, :1] - 0.2))

    assert solved(problem, exact, max_steps=25, points=300)[1] < 1e-4


def test_a_condition_at_points_of_an_interior_line():
    line = torch.stack([torch.full((40,), 0.5), torch.linspace(0.02, 0.98, 40)], 1)
    problem = stated(
        sciml.Box([0, 0], [1, 1]),
        [Dirichlet(0.0, on=["y=0", "y=1"]), Condition(line, lambda u, x: u.d("x")), Neumann(0.0, on="x=0")],
        poisson,
    )
    notes = sciml.check(problem).notes
    assert notes == [] or all("x=1" in note for note in notes)
    solution = sciml.solve(problem, progress=False, max_steps=30)
    slopes = solution.field(line.double()).d("x")
    assert float(slopes.abs().max()) < 1e-4


def test_a_beam_of_varying_stiffness_with_a_free_end():
    """(k u'')'' = f with k = 1 + x, clamped at 0, no moment and a given shear force at 1: u = x^2 (6 - 4 x + x^2)."""

    def stiffness(x):
        return 1 + x

    def residual(u, x):
        # u'' = 12 (1 - x)^2, so (k u'')'' = 24 (3 x - 1)
        return (stiffness(x) * u.d("x", "x")).d("x", "x") - 24 * (3 * x - 1)

    def end(u, x):
        moment = stiffness(x) * u.d("x", "x")
        return moment, moment.d("x")

    beam = stated(
        sciml.Interval(0, 1),
        [Dirichlet(0.0, on="x=0"), Condition("x=0", lambda u, x: u.d("x")), Condition("x=1", end)],
        residual,
    )
    solution, error = solved(beam, lambda x: x**2 * (6 - 4 * x + x**2), max_steps=40)
    assert solution.stats["notes"] == []
    assert error < 1e-5
