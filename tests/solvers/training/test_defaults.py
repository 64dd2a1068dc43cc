"""What a solve takes when it is told nothing: optimiser, points, network."""

from __future__ import annotations

import pytest

import sciml
from sciml import nn, optim, pdes
from sciml.optim.methods.gauss_newton import DENSE
from sciml.solvers.training.defaults import (
    FEW_POINTS,
    LARGE,
    default_method,
    default_points,
    most_points,
    with_lengths,
)


@pytest.mark.parametrize(
    "parameters, points, pointwise, seconds, expected",
    [
        (501, 200, True, 1.0, "gn-arc"),
        (94_201, 1000, True, 300.0, "gn-arc"),  # the points' system is small
        (94_201, 1000, True, 10.0, "adam"),  # ten steps would take a minute
        (2_000_000, 5000, True, 300.0, "adam"),
        (2_000_000, 5000, True, float("inf"), "gn-arc"),
        (501, 200, False, 300.0, "ssbroyden"),  # a row of the Jacobian is a backward pass
        (5001, 200, False, 300.0, "adam"),
    ],
)
def test_the_method_weighs_parameters_points_and_time(parameters, points, pointwise, seconds, expected):
    assert default_method(parameters, points, pointwise, seconds) == optim.method(expected)


def test_large_networks_begin_with_few_points_and_keep_the_points_system_dense():
    ball = pdes.AllenCahnBall()
    assert default_points(ball, LARGE) > FEW_POINTS
    assert default_points(ball, LARGE + 1) == FEW_POINTS
    assert default_points(pdes.Poisson(2), LARGE + 1) == default_points(pdes.Poisson(2))
    assert most_points(500) == 2000
    assert most_points(DENSE + 1) == DENSE


def test_a_network_of_ninety_thousand_parameters_is_solved_by_gauss_newton():
    model = nn.MLP([2, 300, 300, 1], "sine", seed=0)
    solution = sciml.solve(pdes.Poisson(2), model, max_steps=8, progress=False)
    assert "GaussNewton" in solution.stats["optimizer"]
    assert solution.error() < 1e-2


@pytest.mark.parametrize(
    ("parameters", "expected"), [(501, 200), (1347, 449), (2999, 999), (9000, FEW_POINTS), (LARGE + 1, 200)]
)
def test_a_third_as_many_rows_as_numbers_to_begin_with(parameters, expected):
    assert default_points(pdes.Poisson(2), parameters) == expected


def test_an_unknown_has_rows_of_its_own():
    assert default_points(pdes.LidDriven(), 3 * 1347) == 449  # three rows a point


def test_steps_of_a_kan_keep_their_lengths():
    """Its grids grow where a solve slows down."""
    method = default_method(100, 300, True, 60.0)
    assert with_lengths(method, nn.MLP([2, 5, 1])) == method
    assert with_lengths(method, nn.KAN([2, 5, 1])) == optim.method("gn-arc", lengths="parameters")
    assert with_lengths(optim.method("adam"), nn.KAN([2, 5, 1])) == optim.method("adam")
