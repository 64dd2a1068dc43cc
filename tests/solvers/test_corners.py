"""Problems with corners, solved: against closed forms and a series, on and off, through files and fine-tuning."""

from __future__ import annotations

import math

import pytest
import torch

import sciml
from benchmarks.rows import l_shape
from sciml import Box, Dirichlet, Initial, Interval, Polygon, TimeInterval, nn
from sciml.errors import ArgumentError, ArgumentTypeError

GAP = 1e-9
SLIT = Polygon([(-1, -1), (1, -1), (1, -GAP), (0, 0), (1, GAP), (1, 1), (-1, 1)])
L_SHAPE = Polygon([(-1, -1), (0, -1), (0, 0), (1, 0), (1, 1), (-1, 1)])
# the maximum and the integral of -Laplace u = 1, from 60 corner functions, logarithms and polynomials fitted to the
# boundary, where they are off by 4e-12
HIGHEST, INTEGRAL = 0.149412398608, 0.214075802687
TOP = (-0.33106534, 0.33106534)


def tip(x):
    """``r^(1/2) sin(theta / 2)``, zero on both sides of the slit."""
    theta = torch.atan2(x[:, 1:], x[:, :1]) % (2 * math.pi)
    return x.norm(dim=1, keepdim=True).sqrt() * torch.sin(theta / 2)


def along(axis, value):
    """The closed form on one side: a function of the other coordinate alone, which knows nothing of the inside."""

    def values(x):
        at = torch.full_like(x[:, :1], value)
        return tip(torch.cat([at, x[:, 1:]] if axis == 0 else [x[:, :1], at], 1))

    return values


class Slit(sciml.PDE):
    domain = SLIT
    conditions = (
        Dirichlet(0.0, on=["edge2", "edge3"]),
        Dirichlet(along(1, -1.0), on="edge0"),
        Dirichlet(along(0, 1.0), on=["edge1", "edge4"]),
        Dirichlet(along(1, 1.0), on="edge5"),
        Dirichlet(along(0, -1.0), on="edge6"),
    )

    def residual(self, u, x):
        return u.laplacian()


class Torsion(sciml.PDE):
    conditions = (Dirichlet(0.0),)

    def __init__(self, domain, source=1.0):
        self.domain, self.strength = domain, source

    def residual(self, u, x):
        return u.laplacian() + self.strength


def series(x):
    """``-Laplace u = 1`` on the unit square."""
    total = x[:, :1] * (1 - x[:, :1]) / 2
    for k in range(1, 400, 2):
        a = k * math.pi
        swing = (torch.exp(a * (x[:, 1:] - 1)) + torch.exp(-a * x[:, 1:])) / (1 + math.exp(-a))
        total = total - 4 / a**3 * torch.sin(a * x[:, :1]) * swing
    return total


def off(solution, x, expected):
    return float((solution(x).detach() - expected).norm() / expected.norm())


def test_the_slit():
    solution = sciml.solve(Slit(), points=300, max_steps=20, max_time=600, progress=False)
    x = SLIT.sample(2000, seed=5)
    assert off(solution, x, tip(x)) < 1e-6
    assert any("r^0.5 of the corner at (0, 0)" in note for note in solution.stats.notes)
    found = solution.stats.error_estimate
    assert found is None or found > 0.1 * off(solution, x, tip(x))


@pytest.fixture(scope="module")
def torsion():
    return sciml.solve(Torsion(Box([0, 0], [1, 1])), points=300, max_steps=20, max_time=600, progress=False)


def test_a_square_with_a_source_that_does_not_fit_its_corners(torsion):
    x = torsion.problem.domain.sample(2000, seed=5)
    assert off(torsion, x, series(x)) < 1e-5
    without = sciml.solve(
        torsion.problem, corners=False, points=300, max_steps=20, max_time=600, progress=False
    )
    assert without.network.widths[0] == 2
    assert off(without, x, series(x)) > 1e-4
    assert not any("corners=False" in note for note in without.stats.notes)


def test_conditions_stay_exact(torsion):
    edge = torsion.problem.domain.boundary().sample(64)
    assert float(torsion(edge).detach().abs().max()) == 0.0


def test_the_l_shape():
    solution = sciml.solve(Torsion(L_SHAPE), max_steps=15, points=200, max_time=600, progress=False)
    top = solution(torch.tensor([TOP], dtype=torch.float64))
    assert float(top.detach()) == pytest.approx(HIGHEST, rel=1e-3)
    mean = float(solution(L_SHAPE.sample(20000, seed=3)).detach().mean())
    assert 3 * mean == pytest.approx(INTEGRAL, rel=1e-3)


def test_files_know_the_functions(torsion, tmp_path):
    x = torsion.problem.domain.sample(50)
    torsion.save(tmp_path / "a.h5")
    again = sciml.load(tmp_path / "a.h5", problem=Torsion(Box([0, 0], [1, 1])))
    assert torch.equal(again(x), torsion(x))
    plain = sciml.solve(Torsion(L_SHAPE), nn.MLP([2, 6, 1]), max_steps=2, max_time=600, progress=False)
    plain.save(tmp_path / "b.h5")
    again = sciml.load(tmp_path / "b.h5", problem=Torsion(L_SHAPE))
    x = L_SHAPE.sample(50)
    assert again.network.widths[0] == 2 and torch.equal(again(x), plain(x))


def test_fine_tuning_keeps_the_functions_of_the_base(torsion):
    """A source of zero asks for none by itself; the network has inputs for them all the same."""
    twice = Torsion(torsion.problem.domain, source=2.0)
    tuned = torsion.finetune(twice, max_steps=6, max_time=600, progress=False)
    x = twice.domain.sample(500, seed=5)
    assert off(tuned, x, 2 * series(x)) < 1e-4
    none = torsion.finetune(
        Torsion(torsion.problem.domain, source=0.0), max_steps=2, max_time=600, progress=False
    )
    assert none.problem.corner_inputs.count == 0 and none.trial.corners is not None


class Heated(sciml.PDE):
    """From rest, one end at a value from the first instant on."""

    domain = TimeInterval(0, 0.5) * Interval(0, 1)

    def __init__(self, value=1.0):
        self.conditions = (Initial(0.0), Dirichlet(0.0, on="x=0"), Dirichlet(value, on="x=1"))

    def residual(self, u, x):
        return u.d("t") - u.d("x", "x")


def images(x):
    """The half-space's answers to it and to its images in both ends."""
    root = 2 * x[:, :1].sqrt()
    return sum(
        torch.erfc((2 * n + 1 - x[:, 1:]) / root) - torch.erfc((2 * n + 1 + x[:, 1:]) / root)
        for n in range(5)
    )


class Lid(sciml.PDE):
    """Laplace's equation with one side of a square at one."""

    domain = Box([0, 0], [1, 1])
    conditions = (Dirichlet(1.0, on="y=1"), Dirichlet(0.0, on=["x=0", "x=1", "y=0"]))

    def residual(self, u, x):
        return u.laplacian()


def lid_series(x):
    total = torch.zeros_like(x[:, :1])
    for n in range(1, 4000, 2):
        a = n * math.pi
        rise = (torch.exp(a * (x[:, 1:] - 1)) - torch.exp(-a * (x[:, 1:] + 1))) / (1 - math.exp(-2 * a))
        total = total + 4 / a * torch.sin(a * x[:, :1]) * rise
    return total


LIMITS = {"points": 300, "max_time": 600, "progress": False}


@pytest.fixture(scope="module")
def heated():
    return sciml.solve(Heated(), max_steps=15, **LIMITS)


def test_a_jump_between_the_first_instant_and_a_side(heated):
    x = Heated.domain.sample(2000, seed=5)
    assert off(heated, x, images(x)) < 5e-3
    assert heated.stats.error_estimate == pytest.approx(off(heated, x, images(x)), rel=0.5)
    assert any("u jumps between the first instant and x=1" in note for note in heated.stats.notes)
    without = sciml.solve(Heated(), corners=False, max_steps=15, **LIMITS)
    assert off(without, x, images(x)) > 10 * off(heated, x, images(x))


def test_files_and_fine_tuning_carry_the_jump(heated, tmp_path):
    x = Heated.domain.sample(200, seed=5)
    heated.save(tmp_path / "a.h5")
    again = sciml.load(tmp_path / "a.h5", problem=Heated())
    assert again.trial.ansatz.carries and torch.equal(again(x), heated(x))
    tuned = heated.finetune(Heated(-2.0), max_steps=5, max_time=600, progress=False)
    assert off(tuned, x, -2 * images(x)) < 2e-2
    without = sciml.solve(Heated(), corners=False, max_steps=2, **LIMITS)
    without.save(tmp_path / "b.h5")
    assert torch.equal(sciml.load(tmp_path / "b.h5", problem=Heated())(x), without(x))


def test_a_jump_in_windows_and_with_a_kan(heated, tmp_path):
    marched = sciml.solve(Heated(), windows=2, tol=1e-2, **LIMITS)
    x = Heated.domain.sample(500, seed=5)
    assert off(marched, x, images(x)) < 5e-3
    assert [w.ansatz.carries for w in marched.trial.windows] == [True, False]
    marched.save(tmp_path / "a.h5")
    assert torch.equal(sciml.load(tmp_path / "a.h5", problem=Heated())(x), marched(x))
    kan = sciml.solve(Heated(), nn.KAN([2, 4, 1]), max_steps=15, **LIMITS)
    assert off(kan, x, images(x)) < 5e-3


def test_sides_at_other_values():
    solution = sciml.solve(Lid(), max_steps=12, **LIMITS)
    x = Lid.domain.sample(1000, seed=5)
    assert off(solution, x, lid_series(x)) < 5e-4
    s = torch.linspace(0.1, 0.9, 5, dtype=torch.float64)[:, None]
    torch.testing.assert_close(solution(torch.cat([s, 0 * s + 1], 1)).detach(), 0 * s + 1, rtol=0, atol=1e-12)


def test_bad_arguments():
    with pytest.raises(ArgumentTypeError, match="corners needs True or False, got 1"):
        sciml.solve(Slit(), corners=1)
    with pytest.raises(ArgumentError, match="model needs 2 inputs"):
        sciml.solve(Torsion(L_SHAPE), nn.MLP([9, 5, 1]), corners=False)


class Pipe(sciml.PDE):
    """Warm inside, cooled by the air outside: ``1 + b log(r)`` with ``b = -1 / (log 2 + 1/2)``."""

    domain = sciml.Disk((0, 0), 2.0) - sciml.Disk((0, 0), 1.0)
    conditions = (
        Dirichlet(1.0, on=lambda x: x.square().sum(1) < 1.5),
        sciml.Robin(1.0, 1.0, 0.0, on=lambda x: x.square().sum(1) > 3),
    )

    def residual(self, u, x):
        return u.laplacian()


def test_a_pipe_that_the_air_cools():
    solution = sciml.solve(Pipe(), max_steps=40, **LIMITS)
    x = Pipe.domain.sample(1000, seed=5)
    assert off(solution, x, 1 - torch.log(x.norm(dim=1, keepdim=True)) / (math.log(2) + 0.5)) < 1e-7


def test_finite_elements_give_the_same_integral():
    pytest.importorskip("skfem")
    assert l_shape.integral() == pytest.approx(INTEGRAL, rel=l_shape.FLOOR)
