"""The optimiser of the documentation runs and finds the minimum."""

from __future__ import annotations

import re

import pytest
import torch

from sciml import optim
from tests.cases import ROOT
from tests.project import pages


def test_the_optimiser_of_the_documentation_works(capsys):
    text = (ROOT / "docs" / "optimisers.md").read_text(encoding="utf-8")
    section = text[text.index("## Write your own optimiser") :]
    blocks = re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)
    (code,) = [block for block in blocks if "class DampedNewton" in block]
    names: dict = {"__name__": "documentation"}
    exec(compile(code, "docs/optimisers.md", "exec"), names)
    assert names["result"].outcome == "converged"
    assert names["result"].x == pytest.approx([1.0, 1.0, 1.0], abs=1e-7)
    assert "converged" in capsys.readouterr().out
    method = names["DampedNewton"]()
    assert method.second_order
    # a start where the Hessian is indefinite, and a wall behind which the loss is not a number
    problem = optim.LossFunction(
        lambda t: torch.where(t[0] > 1.5, torch.nan, t[0] ** 4 - t[0] ** 2 + t[1] ** 2)
    )
    run = optim.iterate(method, problem, torch.tensor([0.1, 1.0], dtype=torch.float64))
    while run.steps < 100 and not run.state.grad_norm < 1e-9:
        next(run)
    assert run.theta.tolist() == pytest.approx([0.5**0.5, 0.0], abs=1e-8)


def test_the_other_examples_run(monkeypatch):
    """Each stands alone: what it is handed is given here."""
    given = """
import torch
import sciml
from sciml import optim, pdes
problem = pdes.Poisson(2)
model, loss_function = torch.nn.Linear(2, 1), torch.nn.functional.mse_loss
x, y = torch.randn(9, 2), torch.randn(9, 1)
fun, residual, x0 = (lambda v: ((v - 1) ** 2).sum()), (lambda v: v - 1), torch.zeros(3)
new_points = lambda: optim.LossFunction(fun)
method, theta = optim.method("arcm"), torch.zeros(3).double()
"""
    pages.solve_briefly(monkeypatch)
    for block in pages.blocks(ROOT / "docs" / "optimisers.md"):
        if "class DampedNewton" not in block:
            names: dict = {}
            exec(given, names)
            if "sciml.solve" not in block:
                names["problem"] = names["new_points"]()
            exec(block, names)


def test_the_documentation_names_every_method():
    text = (ROOT / "docs" / "optimisers.md").read_text(encoding="utf-8")
    assert [name for name in optim.METHODS if f"`{name}`" not in text] == []
