"""Parts of a residual that went past autograd are named; kinks, jumps, stiff terms and means are not mistaken for them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import sciml
from sciml import Condition, Dirichlet, pdes
from sciml.checks.findings import refuse, undetermined
from sciml.checks.severed import severed
from sciml.errors import ArgumentError
from tests.sciml.checks.cases import LINE, SQUARE, stated

ZERO = [Dirichlet(0.0)]


def found(problem) -> list[str]:
    return severed(refuse(problem)[0])


def lost(u, x):
    with torch.no_grad():
        return -u.laplacian() - 1.0


WITHOUT = {
    "detached": lambda u, x: (-u.laplacian() - 1.0).detach(),
    "no_grad": lost,
    "NumPy": lambda u, x: torch.as_tensor(np.sin(u.laplacian().detach().numpy())),
    "one of two": lambda u, x: (-u.laplacian() - 1.0, u.d("x").detach()),
}


@pytest.mark.parametrize("residual", WITHOUT.values(), ids=WITHOUT)
def test_a_term_without_a_gradient_is_refused(residual):
    with pytest.raises(
        ArgumentError, match="needs to carry the gradient of the unknown, got values without one"
    ):
        sciml.solve(stated(SQUARE, ZERO, residual), max_steps=1, progress=False)


def test_so_is_that_of_a_condition():
    flux = Condition("x=1", lambda u, x: (u.d("x") - 1.0).detach())
    problem = stated(SQUARE, [Dirichlet(0.0, on=["x=0", "y=0", "y=1"]), flux], lambda u, x: u.laplacian() - 1)
    with pytest.raises(ArgumentError, match=r"residual of condition:x=1: .* gradient of the unknown"):
        problem.validate()


PARTLY = {
    "a lagged coefficient": lambda u, x: -(1 + u.value.detach() ** 2) * u.d("x", "x") - 1.0,
    "a lagged reaction": lambda u, x: -u.d("x", "x") - 1.0 + 0.5 * u.value.detach(),
    "a number": lambda u, x: -u.d("x", "x") - 1.0 + float(u.d("x").square().mean()),
    "a stiff one beside": lambda u, x: -1e4 * u.d("x", "x") - 1.0 + torch.as_tensor(np.exp(u.value.tolist())),
}


@pytest.mark.parametrize("residual", PARTLY.values(), ids=PARTLY)
def test_a_part_without_a_gradient_is_named_and_no_error_is_claimed(residual):
    problem = stated(LINE, ZERO, residual)
    (note,) = [n for n in sciml.check(problem).notes if "without a gradient" in n]
    assert "term 'pde' depends on u by values" in note
    assert "without a gradient" in (undetermined(problem) or "")


SOUND = {
    "a kink": lambda u, x: -u.d("x", "x") - u.value.abs() + (u.value - 1.5).abs(),
    "a jump": lambda u, x: -u.d("x", "x") - torch.where(u.value > 1.5, 2.0, 1.0).to(x),
    "steep": lambda u, x: -u.d("x", "x") - torch.exp(300 * (u - 1.6)),
    "large": lambda u, x: -u.d("x", "x") + 1e15,
    "a mean": lambda u, x: -u.d("x", "x") - u.value.square().mean(),
    "a table": lambda u, x: -u.d("x", "x") - torch.as_tensor(np.sin(x.numpy())),
    "a flux": lambda u, x: -sciml.div((1 + u**2) * u.grad()) - 1.0,
}


@pytest.mark.parametrize("residual", SOUND.values(), ids=SOUND)
def test_what_autograd_sees_is_not(residual):
    assert found(stated(LINE, ZERO, residual)) == []


@pytest.mark.parametrize("name", pdes.names())
def test_nor_is_the_catalogue(name):
    assert found(pdes.build(name)) == []


@pytest.mark.filterwarnings("ignore:__array_wrap__")
def test_an_array_beside_the_field_is_named():
    table = stated(LINE, ZERO, lambda u, x: u.d("x", "x") - np.sin(x.numpy()))
    with pytest.raises(
        ArgumentError, match=r"gradient of the unknown.* torch\.as_tensor\(\.\.\.\) around arrays"
    ):
        table.validate()
