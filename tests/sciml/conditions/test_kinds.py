"""What conditions take and refuse."""

from __future__ import annotations

import math
import pickle
from fractions import Fraction

import numpy as np
import pytest
import torch

import sciml
from sciml import Data, Dirichlet, Initial, Neumann, Periodic, Robin
from sciml.errors import ArgumentError, ArgumentTypeError, SciMLError

NUMBERS = [
    1,
    1.0,
    np.float32(1),
    np.float64(1),
    np.int64(1),
    np.array(1.0),
    torch.tensor(1.0),
    torch.tensor(1),
    Fraction(1),
]
KINDS = [
    Dirichlet,
    Neumann,
    Initial,
    lambda v: Robin(1.0, 1.0, v),
    lambda v: Robin(v),
    lambda v: Robin(1.0, v),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", NUMBERS, ids=repr)
def test_numbers_of_every_library_are_numbers(kind, number):
    condition = kind(number)
    assert condition == kind(1.0)
    assert hash(condition) == hash(kind(1.0))
    assert pickle.loads(pickle.dumps(condition)) == condition


WRONG = [
    True,
    np.bool_(True),
    torch.tensor(True),
    "1",
    None,
    [1.0],
    np.ones(2),
    torch.ones(1),
    1j,
    np.array("a"),
    dict,
    b"1",
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", WRONG, ids=repr)
def test_what_is_no_number_is_named(kind, value):
    with pytest.raises(
        ArgumentTypeError, match=r"(value|alpha|beta) needs a number or a function of the coordinates, got"
    ):
        kind(value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "value", [math.nan, math.inf, np.float32("nan"), torch.tensor(-math.inf), 10**400], ids=str
)
def test_what_is_not_finite_is_named(kind, value):
    with pytest.raises(ArgumentError, match=r"(value|alpha|beta) needs a finite number"):
        kind(value)


@pytest.mark.parametrize(
    "make", [Dirichlet, Initial, Neumann, Periodic, Robin, lambda **k: Data([[0.0]], [0.0], **k)]
)
@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("weight", math.nan),
        ("weight", 0),
        ("weight", -1.0),
        ("weight", True),
        ("weight", "1"),
        ("weight", None),
        ("component", 3),
        ("component", ""),
        ("component", ["u"]),
        ("name", 5),
        ("name", ""),
        ("hard", 1),
        ("hard", "yes"),
    ],
)
def test_options_are_named(make, option, value):
    with pytest.raises(SciMLError, match=f"^{option} needs .*, got"):
        make(**{option: value})


def test_weights_of_every_library_are_numbers():
    assert Dirichlet(0.0, weight=np.float32(2)) == Dirichlet(0.0, weight=2)


@pytest.mark.parametrize("order", [2, -1, 0.0, "1", True, None, math.nan])
def test_orders_are_named(order):
    with pytest.raises(SciMLError, match="order needs an int from 0 to 1"):
        Initial(0.0, order=order)
    if order != 2:
        with pytest.raises(SciMLError, match="order needs an int of at least 0"):
            Periodic("x", order=order)


@pytest.mark.parametrize("coordinate", [0, None, ["x"]])
def test_coordinates_are_named(coordinate):
    with pytest.raises(ArgumentTypeError, match="Periodic coordinate needs a name"):
        Periodic(coordinate)


def test_a_robin_condition_needs_the_unknown():
    with pytest.raises(ArgumentError, match="alpha and beta"):
        Robin(0.0, 0.0, 1.0)
    Robin(lambda x: 0 * x[:, :1], 0.0, 1.0)


BAD_DATA = {
    "nothing": ((), "points needs an array of numbers, got None"),
    "no values": (([[0.0]],), "values needs an array of numbers, got None"),
    "words": (([["a"]], [1.0]), "points needs an array of numbers, got .*a"),
    "words as values": (([[1.0]], ["a"]), "values needs an array of numbers"),
    "ragged": (([[1.0], [1.0, 2.0]], [1.0, 2.0]), "points needs an array of numbers, got ragged"),
    "ragged values": (([[1.0], [2.0]], [[1.0], [1.0, 2.0]]), "values needs an array of numbers, got ragged"),
    "flat points": (([0.0, 1.0], [1.0, 2.0]), r"points needs shape \(n, d\).*got \(2,\).*points\[:, None\]"),
    "one point": ((0.0, 1.0), "points needs shape"),
    "three axes": ((np.zeros((2, 1, 1)), [0.0, 0.0]), "points needs shape"),
    "empty": ((np.zeros((0, 2)), []), "points needs shape"),
    "other lengths": (([[0.0], [1.0]], [1.0]), r"values needs shape \(2,\) or \(2, 1\).*got \(1, 1\)"),
    "two columns": (([[0.0], [1.0]], np.zeros((2, 2))), "values needs shape"),
    "row": (([[0.0], [1.0]], [[0.0, 1.0]]), "values needs shape"),
    "nan": (([[math.nan]], [1.0]), "points needs finite"),
    "infinite": (([[0.0]], [math.inf]), "values needs finite"),
    "complex": (([[1j]], [1.0]), "points needs an array of numbers"),
    "complex tensor": (
        (torch.ones(1, 1), torch.ones(1, dtype=torch.complex64)),
        "values needs an array of numbers",
    ),
    "bools": (([[True]], [1.0]), "points needs an array of numbers"),
    "objects": (([[None]], [1.0]), "points needs an array of numbers"),
    "dates": ((np.array([["2020-01-01"]], dtype="datetime64"), [1.0]), "points needs an array of numbers"),
    "with a graph": ((torch.ones(1, 1, requires_grad=True), [1.0]), "points needs fixed numbers"),
    "values with a graph": (([[0.0]], torch.ones(1, requires_grad=True)), "values needs fixed numbers"),
}


@pytest.mark.parametrize("case", BAD_DATA.values(), ids=BAD_DATA.keys())
def test_data_that_cannot_be_used_are_named(case):
    arguments, words = case
    with pytest.raises(SciMLError, match="Data " + words):
        Data(*arguments)


@pytest.mark.parametrize(
    "make",
    [
        list,
        np.array,
        lambda v: np.array(v, np.float32),
        lambda v: np.array(v, int),
        torch.tensor,
        lambda v: torch.tensor(v).float(),
    ],
)
def test_data_of_every_library_are_copied(make):
    points, values = make([[0, 1], [2, 3]]), make([4, 5])
    data = Data(points, values)
    assert data.points.dtype == data.values.dtype == torch.float64
    assert data.points.tolist() == [[0, 1], [2, 3]]
    assert data.values.tolist() == [[4], [5]]
    points[0] = points[1]
    assert data.points.tolist() == [[0, 1], [2, 3]]
    assert Data([[0.0]], [[1.0]]).values.shape == (1, 1)
    assert sciml.Data is Data
