"""What a problem says its solution is, in every form a user writes it, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import sciml
from sciml import nn
from sciml.ansatz import Trial
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.problem import Reference
from sciml.solvers.answer import Answer
from sciml.solvers.comparison import comparison, known_at
from sciml.solvers.report import Report


def problem(answer, unknowns=("u",)):
    class Stated(sciml.PDE):
        domain = sciml.Interval(0, 1)
        conditions = tuple(sciml.Dirichlet(0.0, component=name) for name in unknowns)

        def residual(self, u, x):
            return tuple(u[name].d("x", "x") + 1 for name in unknowns)

        def exact(self, x):
            return answer(x)

    Stated.unknowns = unknowns
    return Stated()


X = torch.linspace(0, 1, 7, dtype=torch.float64)[:, None]


@pytest.mark.parametrize(
    "answer",
    [
        lambda x: torch.sin(math.pi * x),
        lambda x: torch.sin(math.pi * x[:, 0]),
        lambda x: np.sin(math.pi * x.detach().numpy()),
        lambda x: np.sin(math.pi * np.asarray(x)[:, 0]),
        lambda x: np.vectorize(math.sin)(math.pi * x),
        lambda x: np.interp(x[:, 0], X[:, 0].numpy(), np.sin(math.pi * X[:, 0].numpy())),
    ],
)
def test_an_answer_in_any_form_is_one_number_a_point(answer):
    values = known_at(problem(answer), X)
    assert values.shape == (7, 1)
    assert torch.allclose(values, torch.sin(math.pi * X), atol=1e-14)


@pytest.mark.parametrize("constant", [2, 2.0, np.float32(2), torch.tensor(2.0)])
def test_a_constant_is_the_answer_everywhere(constant):
    assert (known_at(problem(lambda x: constant), X) == 2).all()


@pytest.mark.parametrize(
    "answer, unknowns",
    [
        (lambda x: x, ("u", "v")),  # one column would be compared with both
        (lambda x: x[:, 0], ("u", "v")),
        (lambda x: torch.cat([x, x], 1), ("u",)),
        (lambda x: x[:3], ("u",)),
        (lambda x: 1.0, ("u", "v")),
    ],
)
def test_an_answer_of_another_shape_is_refused(answer, unknowns):
    with pytest.raises((ArgumentError, ArgumentTypeError), match="exact of Stated needs"):
        known_at(problem(answer, unknowns), X)


@pytest.mark.parametrize(
    "answer", [lambda x: "x", lambda x: None, lambda x: x.to(torch.complex128), lambda x: [1.0]]
)
def test_an_answer_of_another_kind_is_refused(answer):
    with pytest.raises(ArgumentTypeError, match="exact of Stated needs"):
        known_at(problem(answer), X)


def test_an_answer_that_raises_is_named():
    with pytest.raises(ArgumentError, match=r"exact of Stated needs .* raised ZeroDivisionError"):
        known_at(problem(lambda x: 1 / 0), X)


def test_a_table_of_another_shape_is_refused():
    class Tabled(sciml.PDE):
        domain = sciml.Interval(0, 1)
        conditions = (sciml.Dirichlet(0.0),)

        def residual(self, u, x):
            return u.d("x", "x") + 1

        def reference(self):
            return Reference(X, X.expand(7, 2), 0.0, "nowhere")

    with pytest.raises(ArgumentError, match=r"reference of Tabled needs shape \(7, 1\)"):
        comparison(Tabled())


def test_the_error_of_a_row_is_that_of_a_column():
    column, row = problem(lambda x: x**2), problem(lambda x: (x**2)[:, 0])
    network = nn.MLP([1, 5, 1], seed=1)
    errors = [Answer(p, Trial(p, network), [], Report()).error() for p in (column, row)]
    assert errors[0] == errors[1]
    points = [Answer(p, Trial(p, network), [], Report()).error(X) for p in (column, row)]
    assert points[0] == points[1]
