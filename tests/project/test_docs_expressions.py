"""The examples in docs/expressions.md run, and what they solve is right."""

from __future__ import annotations

import re

import pytest
import torch

import sciml
from tests.cases import ROOT

PAGE = ROOT / "docs" / "expressions.md"


@pytest.fixture(scope="module")
def names():
    found: dict = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        exec(block, found)
    return found


def test_the_solution_is_that_of_the_equation_by_hand(names):
    class ByHand(names["Conduction"]):
        def residual(self, u, x):
            a, b = x[:, :1], x[:, 1:]
            k_x = 1.5 * torch.cos(3 * a) * torch.cos(2 * b)
            k_y = -torch.sin(3 * a) * torch.sin(2 * b)
            return -names["k"](x) * u.laplacian() - k_x * u.d("x") - k_y * u.d("y") - 1.0

    solution, x = names["solution"], sciml.Box([0, 0], [1, 1]).sample(200, seed=5)
    by_hand = sciml.solve(ByHand(), max_steps=40, progress=False)
    assert float((solution(x) - by_hand(x)).abs().max()) < 1e-5


@pytest.mark.parametrize("name", ["Conduction", "Porous", "Layered"])
def test_nothing_is_odd_about_the_examples(names, name):
    assert sciml.check(names[name]()).notes == []
