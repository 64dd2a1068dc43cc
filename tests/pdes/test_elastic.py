"""The cantilever and the plate with a hole: numbers of the handbooks, and stresses by their own derivatives."""

from __future__ import annotations

import pytest
import torch

from sciml import pdes
from sciml.derivatives import AutogradSource


def test_tip_of_the_cantilever():
    """q L⁴ / (8 EI)."""
    problem = pdes.Beam(length=2.0, stiffness=20000.0, load=500.0)
    assert problem.exact(torch.tensor([[2.0]]).double()).item() == pytest.approx(500 * 16 / 8 / 20000)


@pytest.mark.parametrize("nu", [0.0, 0.3, 0.5])
def test_stresses_of_kirsch(nu):
    """3 and -1 on the hole, along its edge, and 1 far away."""
    problem = pdes.PlateWithHole(nu=nu)
    x = torch.tensor([[0.0, 1.0], [1.0, 0.0], [1e4, 3e3]], dtype=torch.float64)
    field = problem.field(AutogradSource(problem.exact, x))
    first_x, first_y = field.d("x"), field.d("y")
    stretch_x, stretch_y = first_x[:, 0], first_y[:, 1]
    along_x = ((stretch_x + nu * stretch_y) / (1 - nu**2)).detach()
    along_y = ((stretch_y + nu * stretch_x) / (1 - nu**2)).detach()
    assert along_x[0].item() == pytest.approx(3.0, rel=1e-12)
    assert along_y[1].item() == pytest.approx(-1.0, rel=1e-12)
    assert along_x[2].item() == pytest.approx(1.0, abs=1e-6)
    assert along_y[2].item() == pytest.approx(0.0, abs=1e-6)
