"""Problems that the exact conditions solve: nothing but rounding is left for a network."""

from __future__ import annotations

import pytest
import torch

import sciml


def _constant(x):
    return torch.exp(torch.log(x[:, -1:] + 2.0))  # x + 2, whose second derivative is rounding


class Heat(sciml.PDE):
    domain = sciml.TimeInterval(0, 1) * sciml.Interval(0, 1)
    conditions = (sciml.Dirichlet(_constant), sciml.Initial(_constant))

    def residual(self, u, x):
        return u.d("t") - u.d("x", "x")


class Laplace(sciml.PDE):
    domain = sciml.Box([0, 0], [3e-6, 2e-6], names=("x", "y"))
    conditions = (
        sciml.Dirichlet(
            lambda x: 300 + 1e7 * x[:, 1:] * (torch.sin(x[:, :1]) ** 2 + torch.cos(x[:, :1]) ** 2)
        ),
    )

    def residual(self, u, x):
        return u.laplacian()


class Straight(sciml.PDE):
    domain = sciml.Interval(0, 1)
    conditions = (sciml.Dirichlet(lambda x: 3.0 - x),)

    def residual(self, u, x):
        return u.d("x", "x") + 0.0 * u


@pytest.mark.parametrize("kind, exact", [(Heat, _constant), (Straight, lambda x: 3.0 - x)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_what_the_conditions_solve_ends_at_once(kind, exact, dtype):
    solution = sciml.solve(kind(), progress=False, dtype=dtype)
    assert (solution.outcome, solution.stats.steps) == ("converged", 1)
    assert solution.stats.residual <= 1e-8
    assert "the conditions alone solve the equation" in " ".join(solution.stats.notes)
    x = kind.domain.sample(50).to(dtype)
    assert torch.allclose(solution.trial(x), exact(x), rtol=8 * torch.finfo(dtype).eps)


def test_in_small_lengths_and_large_values():
    assert sciml.solve(Laplace(), progress=False).stats.steps == 1


class Faint(sciml.PDE):
    """A rise of 1e-9 on a base of 300."""

    domain = sciml.Interval(0, 1)
    conditions = (sciml.Dirichlet(300.0),)

    def residual(self, u, x):
        return u.d("x", "x") + 1e-8


def test_a_small_source_on_a_large_value_is_not_rounding():
    solution = sciml.solve(Faint(), max_steps=30, progress=False)
    rise = float(solution([[0.5]])[0, 0]) - 300.0
    assert solution.stats.steps > 1
    assert rise == pytest.approx(1e-8 / 8, rel=1e-3)


def _eigen(u, x):
    return {"bending": u["u"].d("x", "x") + u["k"] * u["u"], "number": u["k"].d("x")}


class Eigen(sciml.PDE):
    """``u'' + k u = 0``: zero solves it, whatever the number k is."""

    domain = sciml.Interval(0, 1)
    unknowns = ("u", "k")
    conditions = (sciml.Dirichlet(0.0, component="u"),)

    def residual(self, u, x):
        return _eigen(u, x)


class Logistic(sciml.PDE):
    domain = sciml.TimeInterval(0, 1) * sciml.Interval(0, 1)
    conditions = (sciml.Dirichlet(0.0), sciml.Initial(0.0))

    def residual(self, u, x):
        return u.d("t") - u.d("x", "x") - 20 * u * (1 - u)


@pytest.mark.parametrize("problem", [Eigen(), Logistic()], ids=str)
def test_the_solution_zero_is_named(problem):
    solution = sciml.solve(problem, progress=False)
    (note,) = [note for note in solution.stats.notes if "the conditions alone" in note]
    assert "the solution zero" in note and "a condition that zero fails" in note
    assert solution.stats.error_estimate is None


def test_a_solution_that_is_not_zero_is_not_called_so():
    solution = sciml.solve(Straight(), progress=False)
    assert not any("solution zero" in note for note in solution.stats.notes)
