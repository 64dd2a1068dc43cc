"""The page on extending runs, and what it adds does what an addition has to do."""

from __future__ import annotations

import re
import sys
from types import ModuleType

import pytest
import torch

from sciml import adapters, optim
from sciml.adapters.base import KINDS
from sciml.derivatives import AutogradSource
from tests.cases import ROOT

PAGE = ROOT / "docs" / "extending.md"


@pytest.fixture(scope="module")
def page():
    """The names after every Python block of the page, one after the other."""
    module = sys.modules["extending"] = ModuleType("extending")
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S):
        exec(compile(block, str(PAGE), "exec"), vars(module))
    yield vars(module)
    del sys.modules["extending"], KINDS["output-scale"]


def test_equation(page):
    problem = page["Reaction"]()
    problem.validate()
    x = problem.sample(13)
    exact = problem.field(AutogradSource(problem.exact, x))
    assert problem.residual(exact, x).abs().max() < 1e-12
    assert page["solved"].error() < 1e-4


def test_optimiser(page):
    """On a quadratic against its closed-form minimum, and from there within a solve."""
    H = torch.diag(torch.tensor([1.0, 3.0, 7.0], dtype=torch.float64))
    b = torch.tensor([2.0, -1.0, 0.5], dtype=torch.float64)
    method = page["BarzilaiBorwein"]()
    result = optim.minimize(lambda x: 0.5 * x @ H @ x - b @ x + 4, torch.zeros(3).double(), method=method)
    torch.testing.assert_close(torch.as_tensor(result.x), torch.linalg.solve(H, b), rtol=0, atol=1e-7)
    history = page["solution"].history
    assert history[-1]["loss"] < 0.1 * history[0]["loss"]


def test_adapter(page, tmp_path):
    """Its fit recovers a difference that it can make, and a file gives the adapted solution back."""
    config, tuned = page["OutputScale"](), page["tuned"]
    assert adapters.from_dict(config.to_dict()) == config
    assert tuned.history[-1]["loss"] < tuned.history[0]["loss"]
    tuned.save_adapter(tmp_path / "tuned.h5")
    again = page["solved"].load_adapter(tmp_path / "tuned.h5", name="again", problem=page["harder"])
    x = page["harder"].sample(11)
    torch.testing.assert_close(again(x), tuned(x), rtol=0, atol=0)


def test_activation(page):
    """Second derivatives of the layer's jet against autograd."""
    network = page["network"]
    x = torch.linspace(-1, 1, 9, dtype=torch.float64)[:, None]
    jet = network.jets(
        torch.stack([x, torch.ones_like(x), torch.zeros_like(x)], 1), torch.ones(1, 1).double()
    )

    def u(t):
        return network(t[None, None])[0, 0]

    second = torch.func.vmap(torch.func.grad(torch.func.grad(u)))(x[:, 0])
    torch.testing.assert_close(jet[:, 2, 0], second, rtol=1e-10, atol=1e-12)
    assert page["other"].error() < 1e-3


def test_condition(page):
    """At the right end, ``u' = 2 (1 - u)`` within the penalty's accuracy."""
    rod = page["rod"]
    h = 1e-4
    before, near, u = rod(torch.tensor([[1.0 - 2 * h], [1.0 - h], [1.0]], dtype=torch.float64))
    slope = (3 * u - 4 * near + before) / (2 * h)
    assert abs(float(slope - 2 * (1 - u))) < 1e-3
    assert float(rod(torch.zeros(1, 1).double())) == 0.0


def test_table_names_files_that_exist():
    text = PAGE.read_text(encoding="utf-8")
    named = re.findall(r"`((?:pdes|sciml|solvers|docs|tests)/[\w/.]+)`", text)
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []
