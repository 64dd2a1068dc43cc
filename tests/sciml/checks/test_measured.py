"""Measurements against conditions at the same place."""

from __future__ import annotations

import math
import re

import pytest
import torch

import sciml
from sciml import Data, Dirichlet, Initial, Neumann
from tests.sciml.checks.cases import SQUARE, TIME_LINE, heat, notes, poisson

SIDES = [Dirichlet(0.0)]
START = Initial(lambda x: torch.sin(math.pi * x[:, 1:]))


@pytest.mark.parametrize(
    "conditions, words",
    [
        (
            [*SIDES, Data([[0.0, 0.5], [0.5, 0.5]], [1.0, 0.2])],
            r"1 of 2 .* differ from dirichlet .* 1 against 0 at x = 0, y",
        ),
        ([Dirichlet(lambda x: x[:, :1]), Data([[1.0, 0.3]], [0.0])], "0 against 1 at x = 1"),
        ([*SIDES, Data([[0.0, 0.5]], [1.0], noise=0.1)], "differ from dirichlet"),
    ],
)
def test_data_against_a_value_on_the_boundary_are_noted(conditions, words):
    (found,) = notes(SQUARE, conditions, poisson)
    assert re.search(words, found)


@pytest.mark.parametrize(
    "conditions",
    [
        [*SIDES, Data([[0.5, 0.5]], [1.0])],
        [*SIDES, Data([[0.0, 0.5], [0.5, 0.2]], [0.05, 0.5])],
        [*SIDES, Data([[0.0, 0.5]], [0.3], noise=0.1)],
        [Dirichlet(0.0, on=["x=0", "x=1", "y=0"]), Neumann(1.0, on="y=1"), Data([[0.5, 1.0]], [1.0])],
    ],
)
def test_data_that_agree_or_stand_alone_are_not(conditions):
    assert notes(SQUARE, conditions, poisson) == []


def test_data_against_an_initial_value_are_noted():
    (found,) = notes(TIME_LINE, [Dirichlet(0.0), START, Data([[0.0, 0.5], [0.5, 0.5]], [2.0, 0.0])], heat)
    assert "2 against 1 at t = 0, x = 0.5" in found


def test_data_beside_a_curved_domain_are_noted():
    corner = Data([[0.95, 0.95], [0.0, 0.0]], [1.0, 0.25])
    (found,) = notes(sciml.Disk([0, 0], 1), [Dirichlet(0.0), corner], poisson)
    assert "1 of 2 points of data lie outside the domain, e.g. at x = 0.95, y = 0.95" in found
