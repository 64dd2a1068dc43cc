"""The series on the square with holes: an a-posteriori bound on its error, and data of others."""

from __future__ import annotations

import numpy as np
import torch

from sciml import pdes
from sciml.conditions import evaluate
from tests.cases import ROOT

DATA = ROOT / "pdes" / "data" / "poisson_discs_pinnacle.npz"


def test_error_bound_by_the_maximum_principle():
    """Each term is harmonic, so the error is largest on the boundary; at points the fit has not seen."""
    problem = pdes.PoissonDiscs()
    inside = problem.sample(2000)
    size = problem.exact(inside).square().mean().sqrt()
    for condition in problem.conditions:
        x = problem.domain.boundary(condition.on).sample(3000, seed=7)
        error = (problem.exact(x) - evaluate(condition.value, x, "value")).abs().max()
        assert error <= problem.floor * size
    h = 0.1 / 2**0.5
    x = torch.tensor([[0.5, 0.5], [-0.5, 0.5], [0.4, 0.3], [0.3 + h, -0.3 - h]], dtype=torch.float64)
    expected = torch.tensor([[1.0], [1.0], [0.0], [0.0]], dtype=torch.float64)
    torch.testing.assert_close(problem.exact(x), expected, rtol=0, atol=1e-13)


def test_bounds_and_symmetry():
    problem = pdes.PoissonDiscs()
    x = problem.sample(500)
    u = problem.exact(x)
    assert (u > 0).all()
    assert (u < 1).all()
    for mirrored in (x * torch.tensor([-1.0, 1.0]), x.flip(1)):
        torch.testing.assert_close(problem.exact(mirrored), u, rtol=0, atol=1e-13)


def test_against_finite_elements_of_pinnacle():
    data = np.load(DATA, allow_pickle=False)
    x, theirs = (torch.from_numpy(data[key].astype(np.float64)) for key in ("points", "u"))
    ours = pdes.PoissonDiscs().exact(x)[:, 0]
    assert (ours - theirs).norm() < 4e-5 * ours.norm()  # 2.8e-5 measured
    assert (ours - theirs).abs().max() < 2e-4
