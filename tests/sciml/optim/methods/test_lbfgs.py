"""L-BFGS."""

from __future__ import annotations

import torch

from sciml import optim
from tests.sciml.optim.cases import quadratic, walk


def test_lbfgs_with_room_for_every_pair_is_bfgs_on_a_quadratic():
    problem, exact = quadratic(n=5)
    theta, state = walk(optim.method("lbfgs", history=20), problem, torch.zeros_like(exact), 30)
    assert float((theta - exact).abs().max()) <= 1e-8
    assert len(state.steps) <= 20
