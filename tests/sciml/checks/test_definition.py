"""Attributes of a problem are checked before training."""

from __future__ import annotations

import pytest

from sciml.conditions import Data, Dirichlet, Initial, Periodic
from sciml.domains import Box
from sciml.errors import ArgumentError, ArgumentTypeError
from tests.sciml.test_jets import Everything


@pytest.mark.parametrize(
    "domain, conditions, unknowns, words",
    [
        (Box([0, 0], [1, 1]), [Initial(0.0)], ("u",), "Initial needs a domain with time"),
        (Box([0, 0], [1, 1]), [Dirichlet(0.0)], ("u", "v"), "component needs one of u, v"),
        (Box([0, 0], [1, 1]), [Dirichlet(0.0, component="w")], ("u", "v"), "'w' is not one of u, v"),
        (Box([0, 0], [1, 1]), [Periodic("z")], ("u",), "'z' is unknown"),
        (Box([0, 0], [1, 1]), [Data(points=[[0.5, 3.0]], values=[1.0])], ("u",), "outside the domain"),
        (Box([0, 0], [1, 1]), [Data(points=[[0.5]], values=[1.0])], ("u",), "need 2 columns"),
        (Box([0, 0], [1, 1]), ["u=0"], ("u",), "needs a condition such as Dirichlet.*got"),
        (Box([0, 0], [1, 1]), [], ("u", "u"), "distinct names"),
        ("unit square", [], ("u",), "domain needs a sciml domain"),
    ],
)
def test_problems_are_validated_before_training(domain, conditions, unknowns, words):
    with pytest.raises((ArgumentError, ArgumentTypeError), match=words):
        Everything(domain, conditions, unknowns).validate()
