"""Plates: deflections of the tables, convergence of the series, and its equation and boundary."""

from __future__ import annotations

import pytest
import torch

from sciml import pdes
from sciml.derivatives import AutogradSource
from sciml.pdes.loaded_plate import _series
from sciml.pdes.references.bent_plate import bent_plate, deflection


def bent(aspect):
    return lambda x: deflection(_series(aspect), x, aspect)


@pytest.mark.parametrize(("aspect", "middle"), [(1.0, 0.00126), (1.5, 0.00220), (2.0, 0.00254)])
def test_deflections_of_the_table(aspect, middle):
    """Timoshenko and Woinowsky-Krieger, table 35, three digits."""
    x = torch.tensor([[0.5, aspect / 2]], dtype=torch.float64)
    assert bent(aspect)(x).item() == pytest.approx(middle, abs=1e-5)


def test_deflection_of_the_square_to_more_digits():
    x = torch.full((1, 2), 0.5, dtype=torch.float64)
    assert bent(1.0)(x).item() == pytest.approx(0.00126531908739, rel=1e-9)


@pytest.mark.parametrize("aspect", [1.0, 2.0])
def test_floor_by_convergence(aspect):
    problem = pdes.LoadedPlate(aspect=aspect)
    x, exact = problem.reference().points, problem.reference().values
    assert problem.domain.contains(x).all()
    errors = [
        float((deflection(bent_plate(aspect, n), x, aspect) - exact).norm() / exact.norm())
        for n in (16, 24, 56)
    ]
    assert errors[0] > 10 * errors[1] > 100 * errors[2]
    assert errors[2] < problem.floor


def test_series_satisfies_the_equation_in_the_middle():
    problem = pdes.LoadedPlate(aspect=1.5)
    x = 0.3 + 0.4 * torch.rand(20, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    field = problem.field(AutogradSource(bent(1.5), x))
    assert problem.residual(field, x).detach().abs().max() < 1e-4
    off = problem.field(AutogradSource(lambda y: 1.01 * bent(1.5)(y), x))
    assert problem.residual(off, x).detach().abs().max() > 5e-3


CLAMPED = [
    (pdes.ClampedPlate(m=2, n=1), pdes.ClampedPlate(m=2, n=1).exact),
    (pdes.LoadedPlate(aspect=1.3), bent(1.3)),
]


@pytest.mark.parametrize(("problem", "exact"), CLAMPED, ids=["smooth", "loaded"])
def test_plates_are_clamped(problem, exact):
    x = problem.domain.boundary().sample(101, seed=2).requires_grad_(True)
    u = exact(x)
    (gradient,) = torch.autograd.grad(u.sum(), x)
    assert u.detach().abs().max() < 1e-15
    assert gradient.abs().max() < 1e-13


def test_load_of_the_smooth_plate_by_differences():
    problem, h = pdes.ClampedPlate(m=2, n=3), 2e-3
    x = problem.sample(20, seed=3)
    steps = h * torch.eye(2, dtype=torch.float64)

    def laplacian(f):
        return lambda y: sum(f(y + e) - 2 * f(y) + f(y - e) for e in steps) / h**2

    f = laplacian(laplacian(problem.exact))(x)
    assert (f - problem.source(x)).abs().max() < 2e-3 * problem.source(x).abs().max()
