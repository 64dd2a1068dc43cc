"""The series on the square with unequal holes: an a-posteriori bound on its error, the equation, another method."""

from __future__ import annotations

import numpy as np
import torch

from sciml import pdes
from sciml.conditions import evaluate
from sciml.pdes import poisson_boltzmann
from sciml.pdes.references.screened_series import boundary_points, fit_on_boundary


def test_error_bound_by_the_maximum_principle():
    """Both parts of the solution satisfy their equation, so the error is largest on the boundary."""
    problem = pdes.PoissonBoltzmann()
    size = problem.reference().values.square().mean().sqrt()
    # points that the fit has not seen, crowding towards the corners too
    x, y = boundary_points(poisson_boltzmann.DISCS, 211, shift=0.37)
    wanted = torch.ones(len(x), 1, dtype=torch.float64)
    wanted[: 4 * 211] = 0.2
    error = (poisson_boltzmann._solution(torch.from_numpy(np.stack([x, y], axis=1))) - wanted).abs().max()
    assert error <= problem.floor * size
    for condition in problem.conditions:
        x = problem.domain.boundary(condition.on).sample(500, seed=7)
        error = (poisson_boltzmann._solution(x) - evaluate(condition.value, x, "value")).abs().max()
        assert error <= problem.floor * size


def test_reference_satisfies_the_equation_by_finite_differences():
    problem = pdes.PoissonBoltzmann()
    x = problem.domain.sample(300, seed=3)
    step = 4e-3
    directions = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]], dtype=torch.float64)
    x = x[torch.stack([problem.domain.contains(x + 2 * step * d) for d in directions]).all(dim=0)]
    assert len(x) > 250
    u = poisson_boltzmann._solution
    lap = torch.zeros(len(x), 1, dtype=torch.float64)
    for axis in (0, 1):
        e = torch.zeros(2, dtype=torch.float64)
        e[axis] = step
        lap += (-u(x + 2 * e) + 16 * u(x + e) - 30 * u(x) + 16 * u(x - e) - u(x - 2 * e)) / (12 * step**2)
    f = problem.source(x)
    assert (-lap + 64 * u(x) - f).abs().max() < 1e-4 * f.abs().max()


def test_fit_without_holes_against_a_closed_form():
    """``cosh(κ x / √2) cosh(κ y / √2)`` is a solution; without holes it has to come out."""

    def exact(x, y):
        return np.cosh(3 * x) * np.cosh(3 * y) / np.cosh(3.0) ** 2

    w = fit_on_boundary(3 * 2**0.5, [], exact)
    x, y = np.random.default_rng(1).uniform(-1, 1, (2, 50))
    np.testing.assert_allclose(w(x, y), exact(x, y), atol=1e-12)


def test_reference_layout():
    reference = pdes.PoissonBoltzmann().reference()
    assert reference.points.shape == (4000, 2)
    assert reference.values.shape == (4000, 1)
    assert pdes.PoissonBoltzmann().domain.contains(reference.points).all()
    assert reference.floor == pdes.PoissonBoltzmann.floor
