"""The optimiser of the documentation runs and finds the minimum."""

from __future__ import annotations

import re

import pytest
import torch

from sciml import optim
from tests.cases import ROOT


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


def test_the_documentation_names_every_method():
    text = (ROOT / "docs" / "optimisers.md").read_text(encoding="utf-8")
    assert [name for name in optim.METHODS if f"`{name}`" not in text] == []
