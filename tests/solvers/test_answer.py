"""Points in every form a user may give, values and derivatives at them, and what a solution says about itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import sciml
from sciml import ArgumentError, nn
from sciml.ansatz import Trial
from sciml.errors import ArgumentTypeError
from sciml.solvers.answer import Answer
from sciml.solvers.report import Report


class Plate(sciml.PDE):
    domain = sciml.Box([0, 0], [1, 2])
    conditions = (sciml.Dirichlet(0.5),)

    def residual(self, u, x):
        return u.laplacian()


class Bar(sciml.PDE):
    domain = sciml.Interval(0, 3)
    conditions = (sciml.Dirichlet(0.25),)

    def residual(self, u, x):
        return u.d("x", "x")


def answer(problem, dtype=torch.float64) -> Answer:
    network = nn.MLP([problem.inputs, 7, problem.outputs], seed=3, dtype=dtype)
    return Answer(problem, Trial(problem, network), [], Report())


PLATE, BAR = answer(Plate()), answer(Bar())
POINTS = np.random.default_rng(0).uniform([0, 0], [1, 2], (11, 2))


def test_arrays_lists_and_tensors_give_the_same_values_in_their_own_kind():
    values = PLATE(POINTS)
    assert values.shape == (11, 1) and values.dtype == np.float64
    assert np.array_equal(PLATE(POINTS.tolist()), values)
    tensor = PLATE(torch.from_numpy(POINTS))
    assert isinstance(tensor, torch.Tensor) and np.array_equal(tensor.numpy(), values)
    single = PLATE(torch.from_numpy(POINTS).float())
    assert single.dtype == torch.float32 and np.allclose(single.numpy(), values, atol=1e-6)
    assert np.allclose(
        PLATE(POINTS[3]), values[3], rtol=1e-13
    )  # one point; sums of another length round otherwise


def test_grids_and_coordinates_apart():
    X, Y = np.meshgrid(np.linspace(0, 1, 5), np.linspace(0, 2, 3))
    together = PLATE(np.stack([X, Y], axis=-1))
    assert together.shape == (3, 5, 1)
    assert np.array_equal(PLATE(X, Y), together)
    assert np.array_equal(PLATE(X, 0.5)[..., 0], PLATE(X, np.full_like(X, 0.5))[..., 0])  # broadcast
    assert PLATE.residual(X, Y).shape == (3, 5, 1)


def test_in_one_dimension_a_vector_is_points():
    x = np.linspace(0, 3, 4)
    expected = BAR(x[:, None])
    assert np.array_equal(BAR(x), expected) and expected.shape == (4, 1)
    assert np.allclose(BAR(x[1:2]), expected[1:2], rtol=1e-13)  # of whatever length
    assert BAR(1.0).shape == (1,) and np.allclose(BAR(np.float32(1.0)), expected[1], rtol=1e-13)


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8])
def test_integers_are_points_and_values_stay_real(dtype):
    values = BAR(torch.tensor([[1], [2]], dtype=dtype))
    assert values.dtype == torch.float64
    assert np.array_equal(values.numpy(), BAR([[1.0], [2.0]]))
    assert np.array_equal(BAR(np.array([[1], [2]])), values.numpy())


def test_gradients_go_through_where_they_are_asked_for():
    x = torch.from_numpy(POINTS).requires_grad_()
    (slope,) = torch.autograd.grad(PLATE(x).sum(), x)
    assert torch.allclose(
        slope, torch.cat([PLATE.field(POINTS).d(0), PLATE.field(POINTS).d(1)], 1), rtol=1e-10
    )
    assert not PLATE(x.detach()).requires_grad
    with torch.no_grad():
        assert not PLATE(x).requires_grad


def test_derivatives_in_parts_are_those_of_the_whole(monkeypatch):
    whole = PLATE.field(POINTS)
    laplacian, mixed, third = whole.laplacian(), whole.d("x", "y"), whole.d("x", "x", "y")
    monkeypatch.setattr("sciml.solvers.answer.DERIVATIVE_CHUNK", 3)
    parts = PLATE.field(POINTS)
    for one, other in (
        (laplacian, parts.laplacian()),
        (mixed, parts.d("x", "y")),
        (third, parts.d("x", "x", "y")),
    ):
        assert torch.allclose(one, other, rtol=1e-12, atol=1e-14) and not other.requires_grad
    assert np.allclose(PLATE.residual(POINTS), laplacian.numpy(), atol=1e-12)


def test_a_million_points_of_a_laplacian_take_little_memory():
    import resource

    x = torch.rand(300_000, 2, dtype=torch.float64)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    PLATE.field(x).laplacian()
    assert (
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000
    )  # kB; the graph of all takes 2.3 GB


def test_points_outside_are_noted_and_answered():
    with pytest.warns(
        UserWarning, match=r"2 of 3 points lie outside the domain, the first at \[1\.5, 0\.5\]"
    ):
        values = PLATE([[0.5, 0.5], [1.5, 0.5], [0.5, -1.0]])
    assert np.isfinite(values).all()
    PLATE([[1.0 + 1e-9, 2.0]])  # rounding is not outside


@pytest.mark.parametrize(
    ("x", "error", "words"),
    [
        ((np.linspace(0, 1, 5),), ArgumentError, r"x needs shape \(n, 2\) with columns x, y, got \(5,\)"),
        ((np.zeros((4, 3)),), ArgumentError, r"got \(4, 3\)"),
        ((np.zeros(3), np.zeros(4)), ArgumentError, r"broadcast together, got shapes \(3,\), \(4,\)"),
        ((1.0, 2.0, 3.0), ArgumentError, r"one array \(n, 2\) or 2 arrays \(x, y\), got 3"),
        ((0.5,), ArgumentError, r"got \(\)"),
        (("middle",), ArgumentTypeError, "x needs a tensor or an array of numbers, got str"),
        (([[1.0], [1.0, 2.0]],), ArgumentTypeError, "ragged"),
        ((torch.zeros(2, 2, dtype=torch.complex128),), ArgumentTypeError, "real numbers"),
        ((np.array([[True, False]]),), ArgumentTypeError, "numbers"),
        ((None,), ArgumentTypeError, "NoneType"),
    ],
)
def test_points_that_cannot_be_used(x, error, words):
    for ask in (PLATE, PLATE.field, PLATE.residual):
        with pytest.raises(error, match=words):
            ask(*x)


def test_no_points_are_no_values():
    assert PLATE(np.zeros((0, 2))).shape == (0, 1) and PLATE.residual(np.zeros((0, 2))).shape == (0, 1)


def test_a_report_is_a_mapping_of_what_is_known_and_goes_there_and_back():
    report = Report(outcome="stalled", steps=3, residual=math.inf, weights={"pde": 1.0}, notes=["a"])
    assert report["steps"] == report.steps == 3 and "seed" not in report and report.get("seed") is None
    assert dict(report)["residual"] == math.inf
    again = Report.from_dict(report.to_json())
    assert again.residual is None and again.weights == {"pde": 1.0} and again.notes == ["a"]
    for bad in (
        "ab",
        {"steps": "3"},
        {"notes": [1]},
        {"weights": {"pde": "1"}},
        {"steps": True},
        {"outcome": 3},
    ):
        with pytest.raises(ValueError, match="statistics"):
            Report.from_dict(bad)


def test_a_summary_says_why_an_error_is_unknown():
    known = Answer(PLATE.problem, PLATE.trial, [], Report(outcome="converged", error_estimate=1e-6))
    assert "unknown" not in known.summary()
    notes = ["no condition on u at x=1.", "the error could not be estimated: no condition on u at x=1."]
    open_ = Answer(PLATE.problem, PLATE.trial, [], Report(outcome="converged", notes=notes))
    assert open_.summary().endswith("error unknown: no condition on u at x=1")
