"""Interfaces between materials: where they are, what they refuse, and solutions with kinks against closed forms."""

from __future__ import annotations

import math

import pytest
import torch

import sciml
from sciml import Dirichlet, Initial, Interface, Neumann, nn
from sciml.ansatz import Trial
from sciml.derivatives import AutogradSource
from sciml.errors import SciMLError
from sciml.jets import DerivativePlan
from sciml.solvers.training.residual_system import ResidualSystem
from tests.sciml.checks.cases import notes, stated
from tests.solvers.training.test_residual_system import rows_by_autograd

LINE, SQUARE = sciml.Interval(0, 1), sciml.Box([0, 0], [1, 1])
MOVING = sciml.TimeInterval(0, 1) * sciml.Interval(0, 2)
RADIUS = 0.3
DISK = sciml.Disk((0.5, 0.5), RADIUS)
PI = math.pi


def k(x):
    """1 on the left, 10 on the right."""
    return torch.where(x[:, :1] < 0.5, 1.0, 10.0).to(x)


def flux(u, x):
    return k(x) * u.grad()


def front(x):
    return x[:, 1:] - 0.5 - x[:, :1]


PLACES = {
    "plane": (SQUARE, "x=0.25", lambda x: x[:, :1] - 0.25, lambda x: torch.tensor([1.0, 0.0])),
    "circle": (
        SQUARE,
        DISK,
        lambda x: (x - 0.5).norm(dim=1, keepdim=True) - RADIUS,
        lambda x: (x - 0.5) / RADIUS,
    ),
    "function": (
        SQUARE,
        lambda x: x[:, :1] + x[:, 1:] ** 2 - 1.0,
        lambda x: x[:, :1] + x[:, 1:] ** 2 - 1.0,
        lambda x: torch.cat([torch.ones_like(x[:, :1]), 2 * x[:, 1:]], 1),
    ),
    "moving front": (MOVING, front, front, lambda x: torch.tensor([0.0, 1.0])),
}


@pytest.mark.parametrize("case", PLACES.values(), ids=PLACES.keys())
def test_pairs_lie_on_both_sides(case):
    domain, where, phi, normal = case
    interface = Interface(where, lambda u, x, n: u)
    x = interface.draw(domain, 21, 3)
    near, far = x[::2], x[1::2]
    assert x.shape == (20, 2) and bool(domain.contains(x).all())
    assert bool((phi(near) < 0).all() and (phi(far) > 0).all())
    assert float((far - near).norm(dim=1).max()) < 1e-7
    wanted = normal(near).expand(10, 2).double()
    wanted = wanted / wanted.norm(dim=1, keepdim=True)
    torch.testing.assert_close(interface.normal(domain, near), wanted, atol=1e-6, rtol=0)
    assert not torch.equal(x, interface.draw(domain, 21, 4))


def test_one_point_on_a_line():
    x = Interface("x=0.5", flux).draw(LINE, 6, 0)
    torch.testing.assert_close(x, torch.full((6, 1), 0.5, dtype=torch.float64), atol=2e-8, rtol=0)


WRONG = {
    "nowhere": (lambda: Interface(None, flux), "where needs a plane"),
    "no flux": (lambda: Interface("x=0.5"), r"flux needs a function \(u, x\) or \(u, x, n\), got None"),
    "jump": (lambda: Interface("x=0.5", flux, jump="1"), "jump needs a number"),
    "hard": (lambda: Interface("x=0.5", flux, hard=True), "penalty"),
    "outside": (
        lambda: notes(LINE, [Dirichlet(0.0), Interface("x=2", flux)], bent),
        "a plane inside the domain",
    ),
    "no such coordinate": (
        lambda: notes(LINE, [Dirichlet(0.0), Interface("q=0.5", flux)], bent),
        "got 'q=0.5'",
    ),
    "no number": (lambda: notes(LINE, [Dirichlet(0.0), Interface("left", flux)], bent), "got 'left'"),
    "another space": (
        lambda: notes(LINE, [Dirichlet(0.0), Interface(DISK, flux)], bent),
        "shape in 1 coordinates",
    ),
    "never zero": (
        lambda: notes(SQUARE, [Dirichlet(0.0), Interface(lambda x: x[:, :1] + 9, flux)], bent),
        "no point of it leads to",
    ),
    "detached": (
        lambda: notes(SQUARE, [Dirichlet(0.0), Interface(lambda x: x.detach()[:, :1] - 0.5, flux)], bent),
        "carry no derivatives",
    ),
    "one column": (
        lambda: notes(SQUARE, [Dirichlet(0.0), Interface("x=0.5", lambda u, x: u.d("x"))], bent),
        r"needs to return shape \(n, 2\), a vector in space",
    ),
    "unknown component": (
        lambda: notes(LINE, [Dirichlet(0.0), Interface("x=0.5", flux, component="w")], bent),
        "'w' is not one of u",
    ),
    "it fails": (
        lambda: notes(LINE, [Dirichlet(0.0), Interface("x=0.5", lambda u, x: 1 // 0)], bent),
        "Zero",
    ),
    "float32": (
        lambda: sciml.solve(
            stated(LINE, [Dirichlet(0.0), Interface("x=0.5", flux)], bent),
            dtype=torch.float32,
            progress=False,
        ),
        "dtype=torch.float64",
    ),
    "another width": (
        lambda: Trial(stated(LINE, [Dirichlet(0.0), Interface("x=0.5", flux)], bent), nn.MLP([1, 4, 1])),
        r"2 inputs for the coordinates x \(an interface adds one\)",
    ),
}


def bent(u, x):
    return -sciml.div(k(x) * u.grad()) - 1.0


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_used_is_named(case):
    make, words = case
    with pytest.raises(SciMLError, match=words):
        make()


def test_a_jump_without_an_interface_is_noted():
    (note,) = notes(LINE, [Dirichlet(0.0)], bent)
    assert "a coefficient of the equation jumps near x = 0.5" in note and "sciml.Interface" in note
    assert notes(LINE, [Dirichlet(0.0), Interface("x=0.5", flux)], bent) == []
    (note,) = notes(LINE, [Dirichlet(0.0), Interface("x=0.25", flux)], bent)
    assert "near x = 0.5" in note


def test_jets_of_the_distance_are_those_of_autograd():
    problem = stated(SQUARE, [Dirichlet(0.0), Interface(DISK, flux), Interface("x=0.5", flux)], bent)
    trial = Trial(problem, nn.MLP([4, 6, 1], seed=1))
    x = SQUARE.sample(30, seed=1)
    plan = DerivativePlan.from_requests(2, (0, 1), (((0, 0),), ((0, 1),)))
    jets, graph = plan.source(trial.jets(trial.frozen_jets(x, plan), plan)), AutogradSource(trial, x)
    for ask in (
        lambda s: s.value,
        lambda s: s.first(1),
        lambda s: s.second(((0, 0),)),
        lambda s: s.second(((0, 1),)),
    ):
        torch.testing.assert_close(ask(jets), ask(graph))


def test_rows_against_autograd():
    problem = stated(SQUARE, [Dirichlet(0.0), Interface(DISK, flux, jump=lambda x: x[:, :1])], bent)
    system = ResidualSystem(problem, Trial(problem, nn.MLP([3, 5, 1], seed=1)), 7, 8, seed=3)
    assert system.pointwise and system.notes == []
    theta = system.theta
    expected = rows_by_autograd(system, theta)
    torch.testing.assert_close(system.linearize(theta).dense(), expected, rtol=1e-9, atol=1e-10)


def error_of(problem, exact, **limits):
    solution = sciml.solve(problem, progress=False, **limits)
    x = problem.domain.sample(400, seed=9)
    return solution, float((solution(x) - exact(x)).norm() / exact(x).norm())


def test_a_rod_of_two_materials():
    """k = 1 | 10, u(0) = 0, u(1) = 1: u(1/2) = 10/11."""
    rod = stated(
        LINE,
        [Dirichlet(0.0, on="x=0"), Dirichlet(1.0, on="x=1"), Interface("x=0.5", flux)],
        lambda u, x: -sciml.div(k(x) * u.grad()),
    )
    solution, error = error_of(
        rod, lambda x: torch.where(x < 0.5, 20 * x / 11, 1 - 2 * (1 - x) / 11), max_steps=40
    )
    assert error < 1e-6
    assert float(solution(torch.tensor([[0.5]]))) == pytest.approx(10 / 11, abs=1e-6)


@pytest.mark.parametrize("jump", [-1.0, 2.0])
def test_a_given_jump_of_the_flux(jump):
    """-u'' = -jump delta(x - 1/4): the slope jumps by ``jump``, from the smaller to the larger x."""
    bar = stated(
        LINE,
        [Dirichlet(0.0), Interface("x=0.25", lambda u, x: u.grad(), jump=jump)],
        lambda u, x: u.d("x", "x"),
    )
    _, error = error_of(bar, lambda x: -jump * torch.where(x < 0.25, 0.75 * x, 0.25 * (1 - x)), max_steps=40)
    assert error < 1e-4


def test_an_inclusion_in_a_square():
    """-div(k grad u) = 4 with k = 5 in the disk and 1 around it: u = 1 - r^2/k + a constant."""

    def conductivity(x):
        return torch.where(((x - 0.5) ** 2).sum(1, keepdim=True) < RADIUS**2, 5.0, 1.0).to(x)

    def exact(x):
        r2 = ((x - 0.5) ** 2).sum(1, keepdim=True)
        return torch.where(r2 < RADIUS**2, 1 - r2 / 5 + RADIUS**2 * (1 / 5 - 1), 1 - r2)

    problem = stated(
        SQUARE,
        [
            Dirichlet(lambda x: 1 - ((x - 0.5) ** 2).sum(1, keepdim=True)),
            Interface(DISK, lambda u, x: conductivity(x) * u.grad()),
        ],
        lambda u, x: -sciml.div(conductivity(x) * u.grad()) - 4.0,
    )
    assert error_of(problem, exact, max_steps=30)[1] < 1e-3


def test_heat_through_two_materials():
    """k = 1 | 4: exp(-pi^2 t) sin(pi x) on the left, half of it with sin(pi x / 2) on the right."""

    def diffusivity(x):
        return torch.where(x[:, 1:] < 0, 1.0, 4.0).to(x)

    def exact(x):
        left, right = torch.sin(PI * x[:, 1:]), 0.5 * torch.sin(PI / 2 * x[:, 1:])
        return torch.exp(-(PI**2) * x[:, :1]) * torch.where(x[:, 1:] < 0, left, right)

    problem = stated(
        sciml.TimeInterval(0, 0.2) * sciml.Interval(-1, 1),
        [
            Initial(exact, hard=False),
            Dirichlet(0.0, on="x=-1"),
            Neumann(0.0, on="x=1"),
            Interface("x=0", lambda u, x, n: diffusivity(x) * u.d("x") * n[:, 1:]),
        ],
        lambda u, x: u.d("t") - sciml.div(diffusivity(x) * u.grad()),
    )
    _, error = error_of(problem, exact, max_steps=25, points=400)
    assert error < 2e-3


def test_a_solution_is_saved_and_loaded(tmp_path):
    problem = stated(LINE, [Dirichlet(0.0), Interface("x=0.5", flux)], bent)
    solution = sciml.solve(problem, progress=False, max_steps=3)
    solution.save(tmp_path / "rod.h5")
    again = sciml.load(tmp_path / "rod.h5", problem=problem)
    x = LINE.sample(20)
    assert torch.equal(again(x), solution(x))
