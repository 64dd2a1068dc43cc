"""Free constants, and data that the divergence theorem rules out."""

from __future__ import annotations

import math

import pytest
import torch

import sciml
from sciml import Data, Dirichlet, Initial, Neumann, Periodic, Robin
from tests.sciml.checks.cases import LINE, SQUARE, TIME_LINE, heat, notes, poisson

DISK = sciml.Disk((0.0, 0.0), 1.0)
HOLED = SQUARE - sciml.Disk((0.5, 0.5), 0.2)
PIN = Data([[0.5, 0.5]], [0.0])


def source_of(f, k=lambda x: 1.0, slope=lambda u, x: 0.0):
    return lambda u, x: -k(x) * u.laplacian() - slope(u, x) - f(x)


def balanced(x):
    return torch.cos(math.pi * x[:, :1])


FREE = {
    "slopes around": (SQUARE, [Neumann(0.0)], source_of(balanced)),
    "slopes in a disc": (DISK, [Neumann(0.5)], lambda u, x: u.laplacian() - 1.0),
    "an interval": (LINE, [Neumann(0.0)], lambda u, x: u.d("x", "x") - balanced(x)),
    "Robin without the value": (SQUARE, [Robin(0.0, 2.0, 0.0)], source_of(balanced)),
    "periodic all around": (
        SQUARE,
        [Periodic("x"), Periodic("y")],
        source_of(lambda x: torch.cos(2 * math.pi * x[:, :1])),
    ),
    "not linear": (SQUARE, [Neumann(0.0)], lambda u, x: u.laplacian() * (1 + u.d("x") ** 2) - balanced(x)),
}


@pytest.mark.parametrize("case", FREE.values(), ids=FREE.keys())
def test_a_free_constant_is_noted(case):
    (found,) = notes(*case)
    assert "a constant is free in u" in found


def test_a_missing_start_is_noted_once():
    (found,) = notes(TIME_LINE, [Neumann(0.0)], lambda u, x: heat(u, x) - 1.0)
    assert "no initial condition on u" in found


PINNED = {
    "a measurement": (SQUARE, [Neumann(0.0), PIN], source_of(balanced)),
    "a value somewhere": (
        SQUARE,
        [Dirichlet(0.0, on="x=0"), Neumann(0.0, on=["x=1", "y=0", "y=1"])],
        poisson,
    ),
    "Robin": (SQUARE, [Robin(1.0, 1.0, 0.0)], poisson),
    "Robin on a part of it": (SQUARE, [Robin(lambda x: x[:, :1], 1.0, 0.0)], poisson),
    "the equation": (SQUARE, [Neumann(0.0)], lambda u, x: poisson(u, x) + u),
    "not linear": (SQUARE, [Neumann(0.0)], lambda u, x: poisson(u, x) + u**3),
    "a start": (TIME_LINE, [Neumann(0.0), Initial(0.0)], lambda u, x: heat(u, x) - 1.0),
}


@pytest.mark.parametrize("case", PINNED.values(), ids=PINNED.keys())
def test_what_sees_the_value_fixes_it(case):
    assert notes(*case) == []


def test_constants_of_systems():
    def stokes(u, x):
        a, b, p = u["a"], u["b"], u["p"]
        return p.d("x") - a.laplacian() - x[:, 1:], p.d("y") - b.laplacian(), a.d("x") + b.d("y")

    walls = [Dirichlet(0.0, component="a"), Dirichlet(0.0, component="b")]
    (found,) = notes(SQUARE, walls, stokes, ("a", "b", "p"))
    assert "free in p" in found
    assert 'component="p"' in found
    slopes = [Neumann(0.0, component="a"), Neumann(0.0, component="b")]

    def exchange(u, x):
        flow = u["a"].value - u["b"].value
        return u["a"].laplacian() - flow, u["b"].laplacian() + flow

    (found,) = notes(SQUARE, slopes, exchange, ("a", "b"))
    assert "free in a and b together" in found
    square = lambda u, x: (  # noqa: E731
        u["a"].laplacian() - (u["a"].value - u["b"].value) ** 2,
        u["b"].laplacian() + (u["a"].value - u["b"].value) ** 2,
    )
    (found,) = notes(SQUARE, slopes, square, ("a", "b"))
    assert "free in a and b together" in found
    apart = lambda u, x: (u["a"].laplacian() + u["b"].d("x"), u["b"].laplacian() + u["a"].d("x"))  # noqa: E731
    found = notes(SQUARE, slopes, apart, ("a", "b"))
    assert any("free in a:" in n for n in found) and any("free in b:" in n for n in found)
    pinned = [*slopes, Data([[0.5, 0.5]], [1.0], component="b")]
    assert notes(SQUARE, pinned, exchange, ("a", "b")) == []


UNBALANCED = {
    "insulated square": (SQUARE, [Neumann(0.0), PIN], poisson, "to 1 over the domain", "flux to 0"),
    "a disc of wrong slopes": (
        DISK,
        [Neumann(1.0), Data([[0.0, 0.0]], [0.0])],
        lambda u, x: u.laplacian() - 1.0,
        "to 3.14",
        "flux to 6.28",
    ),
    "an interval": (
        LINE,
        [Neumann(0.0), Data([[0.5]], [0.0])],
        lambda u, x: u.d("x", "x") + 2.0,
        "",
        "flux to 0",
    ),
    "a hole": (HOLED, [Neumann(0.0), Data([[0.1, 0.1]], [0.0])], poisson, "to 0.87", "flux to 0"),
    "periodic": (SQUARE, [Periodic("x"), Periodic("y"), PIN], poisson, "to 1 over", "flux to 0"),
    "variable coefficient": (
        SQUARE,
        [Neumann(0.0), PIN],
        lambda u, x: (1 + x[:, :1]) * u.laplacian() + u.d("x") - 1.0,
        "",
        "flux to 0",
    ),
    "not the same both ways": (
        SQUARE,
        [Neumann(1.0), PIN],
        lambda u, x: u.d("x", "x") + 3 * u.d("y", "y") - 1.0,
        "",
        "flux to 8",
    ),
    "a large source": (
        SQUARE,
        [Neumann(0.0), PIN],
        lambda u, x: -u.laplacian() - 1e9,
        "to 1e+09",
        "flux to 0",
    ),
}


@pytest.mark.parametrize("case", UNBALANCED.values(), ids=UNBALANCED.keys())
def test_incompatible_data_are_noted(case):
    *problem, inside, flux = case
    found = notes(*problem)
    assert any("no solution exists" in n and inside in n and flux in n for n in found), found


BALANCED = {
    "a disc": (DISK, [Neumann(0.5), Data([[0.0, 0.0]], [0.0])], lambda u, x: u.laplacian() - 1.0),
    "a source of mean zero": (SQUARE, [Neumann(0.0), PIN], source_of(balanced)),
    "in at one side, out at the other": (
        SQUARE,
        [Neumann(-1.0, on="x=0"), Neumann(1.0, on="x=1"), Neumann(0.0, on=["y=0", "y=1"]), PIN],
        lambda u, x: u.laplacian() + 0 * x[:, :1],
    ),
    "not a divergence": (SQUARE, [Neumann(0.0), PIN], lambda u, x: (1 + x[:, :1]) * u.laplacian() - 1.0),
    "not linear": (SQUARE, [Neumann(0.0), PIN], lambda u, x: u.laplacian() + u.d("x") ** 2 - 1.0),
}


@pytest.mark.parametrize("case", BALANCED.values(), ids=BALANCED.keys())
def test_no_alarm_where_data_fit_or_nothing_is_known(case):
    assert notes(*case) == []


@pytest.mark.parametrize(("out", "fits"), [(1.0, True), (0.5, False), (0.0, False)])
def test_a_flow_that_enters_must_leave(out, fits):
    def stokes(u, x):
        a, b, p = u["a"], u["b"], u["p"]
        return p.d("x") - a.laplacian(), p.d("y") - b.laplacian(), a.d("x") + b.d("y")

    profile = lambda x: x[:, 1:] * (1 - x[:, 1:])  # noqa: E731
    conditions = [
        Dirichlet(profile, on="x=0", component="a"),
        Dirichlet(lambda x: out * profile(x), on="x=1", component="a"),
        Dirichlet(0.0, on=["y=0", "y=1"], component="a"),
        Dirichlet(0.0, component="b"),
        Data([[0.0, 0.0]], [0.0], component="p"),
    ]
    found = notes(SQUARE, conditions, stokes, ("a", "b", "p"))
    assert (found == []) == fits
    assert fits or "no solution exists: in term 'pde_2'" in found[0]
