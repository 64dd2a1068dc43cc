"""Values along lines, against nested automatic differentiation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import sciml
from sciml import Box, Dirichlet, Polygon, pdes
from sciml.ansatz import Ansatz, Trial
from sciml.errors import ArgumentTypeError
from sciml.jacobian.along import Along, along
from sciml.jets import DerivativePlan

PLAN = DerivativePlan.from_requests(2, (0, 1), (((0, 0), (1, 1)), ((0, 1),)))
X = torch.rand(40, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64) - 0.3


def everything(x):
    a, b = x[:, 0], x[:, 1:].sum(1)
    c = torch.where(a < 0, -a, a**3) + torch.cos(a * b) / (2.0 + torch.sin(b))
    d = torch.atan2(b - 2.0, 1.5 - a) * (1 + a**2).log() - (3.0 + b).sqrt()
    e = torch.exp(1 - b).clamp(max=2.0) * x.new_tensor(0.5) + (2.0 - a) ** -1.5 + b.abs()
    return torch.cat([torch.stack([c, d, e], 1), 1.0 - x, torch.ones_like(x[:, :1])], 1)


def test_every_operation_has_the_derivatives_of_nested_autograd():
    torch.testing.assert_close(PLAN.pushed(everything, X), PLAN.jet_of(everything, X), rtol=1e-12, atol=1e-12)


SHAPES = {
    "re-entrant": Polygon([(-1, -1), (1, -1), (1, 0), (0, 0), (0, 1), (-1, 1)]),
    "acute": Polygon([(0, 0), (1, 0), (0.3, 0.6)]),
    "square": Box([0, 0], [1, 1]),
    "hole": Box([0, 0], [1, 1]) - sciml.Disk((0.4, 0.5), 0.2),
}


@pytest.mark.parametrize("name", SHAPES)
def test_functions_of_corners_and_holes(name):
    class Torsion(sciml.PDE):
        domain = SHAPES[name]
        conditions = (Dirichlet(0.0),)

        def residual(self, u, x):
            return -u.laplacian() - 1.0

    problem = Torsion()
    x = problem.domain.sample(60)
    found, expected = (jet(problem.corner_inputs, x) for jet in (PLAN.pushed, PLAN.jet_of))
    assert problem.corner_inputs.count > 0
    size = expected.abs().amax((0, 2), keepdim=True)
    torch.testing.assert_close(found / size, expected / size, rtol=0, atol=1e-11)


def lid(value):
    class Lid(pdes.LidDriven):
        @property
        def conditions(self):
            return [Dirichlet(value, on="y=1", component="u"), *super().conditions[1:]]

    return Lid()


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        lambda x: 4 * x[:, :1] * (1 - x[:, :1]),
        lambda x: torch.tanh(x[:, :1]),
        lambda x: np.tanh(x[:, :1]),
        lambda x: (1 + x[:, 0]).reshape(-1, 1),
        lambda x: x[:, :1].clone().add_(1.0),
        lambda x: (1 + x[:, :1]) ** x.new_tensor([1.5]),
        lambda x: 1 + x.unbind(1)[0][:, None] ** 2,
    ],
    ids=[
        *("number", "polynomial", "another operation", "an array"),
        *("another shape", "in place", "a power of a tensor", "columns"),
    ],
)
def test_exact_conditions_with_a_flow_in_them(value):
    problem = lid(value)
    trial = Trial(problem, sciml.nn.MLP([2, 4, 3]))
    if not trial.ansatz.carries:
        pytest.skip("a table is a penalty")
    x = problem.domain.sample(30)
    expected = PLAN.jet_of(Ansatz(problem).offset, x)
    size = expected.abs().amax((0, 2), keepdim=True)
    torch.testing.assert_close(trial._offset_jet(x, PLAN) / size, expected / size, rtol=0, atol=1e-11)


def test_what_it_does_not_know_is_refused():
    line = Along.line(X, torch.ones_like(X))
    for function in (
        torch.tanh,
        lambda x: torch.erfc(x[:, :1]),
        lambda x: x[:, :1].numpy(),
        lambda x: x,
        lambda x: 1.0,
    ):
        with pytest.raises(ArgumentTypeError, match="Along needs"):
            along(function, line)
