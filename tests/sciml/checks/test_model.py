"""Networks of a user's own: what is no function of the point, or not smooth enough, is refused before training."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import sciml
from sciml.ansatz import Trial
from sciml.checks.model import check_model
from sciml.errors import ArgumentError
from tests.sciml.checks.cases import LINE, SQUARE, TIME_LINE, heat, poisson, stated

FIRST = stated(LINE, [sciml.Dirichlet(0.0, on="x=0")], lambda u, x: u.d("x") - 1)
SECOND = stated(SQUARE, [sciml.Dirichlet(0.0)], poisson)
FOURTH = stated(LINE, [sciml.Dirichlet(0.0), sciml.Neumann(0.0)], lambda u, x: u.d("x", "x", "x", "x") - 1)


def chain(inputs, *middle):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(inputs, 24), *middle, nn.Linear(24, 1)).double()


class Cut(nn.Module):
    """Part of its values do not carry a derivative."""

    def __init__(self):
        super().__init__()
        self.inner = chain(2, nn.Tanh())

    def forward(self, x):
        return self.inner(x) * torch.sin(3 * x[:, :1].detach())


class Rounded(Cut):
    def forward(self, x):
        return torch.round(self.inner(x) * 50) / 50


class Cubed(nn.Module):
    def forward(self, x):
        return torch.relu(x) ** 3


def looked_at(problem, network):
    check_model(problem, network, Trial(problem, network).inputs_at)


@pytest.mark.parametrize(
    "network, words",
    [
        (chain(2, nn.Tanh(), nn.Dropout(0.1)), r"model.eval\(\)"),
        (chain(2, nn.BatchNorm1d(24, dtype=torch.float64), nn.Tanh()), "come along"),
        (chain(2, nn.ReLU()), "order 1 jumps"),
        (chain(2, nn.LeakyReLU(0.5)), "order 1 jumps"),
        (chain(2, nn.Hardtanh()), "order 1 jumps"),
        (Cut(), "detached"),
        (Rounded(), "values jump"),
    ],
)
def test_what_is_no_smooth_function_of_the_point_is_refused(network, words):
    with pytest.raises(ArgumentError, match=words):
        looked_at(SECOND, network)


@pytest.mark.parametrize(
    "network",
    [
        chain(2, nn.Tanh()),
        chain(2, nn.SiLU(), nn.Linear(24, 24), nn.GELU()),
        chain(2, nn.ELU()),  # its second derivative jumps, its first does not
        chain(2, nn.Tanh(), nn.Dropout(0.1)).eval(),
        chain(2, nn.BatchNorm1d(24, dtype=torch.float64), nn.Tanh()).eval(),
        chain(2, nn.Tanh()).float(),
        nn.Sequential(nn.Linear(2, 1)).double(),
    ],
)
def test_smooth_functions_are_taken(network):
    looked_at(SECOND, network)


def test_the_order_of_the_equation_says_what_is_smooth_enough():
    looked_at(FIRST, chain(1, nn.ReLU()))
    with pytest.raises(ArgumentError, match="order 1"):
        looked_at(stated(TIME_LINE, [sciml.Dirichlet(0.0), sciml.Initial(0.0)], heat), chain(2, nn.ReLU()))
    looked_at(stated(LINE, [sciml.Dirichlet(0.0)], lambda u, x: u.d("x", "x") + 1), chain(1, Cubed()))
    with pytest.raises(ArgumentError, match="order 3 jumps"):
        looked_at(FOURTH, chain(1, Cubed()))


@pytest.mark.parametrize("windows", [None, 2])
def test_a_solve_asks_first(windows):
    problem = stated(TIME_LINE, [sciml.Dirichlet(0.0), sciml.Initial(0.0)], lambda u, x: heat(u, x) - 1)
    with pytest.raises(ArgumentError, match="model needs derivatives up to order 2"):
        sciml.solve(problem, chain(2, nn.ReLU()), max_steps=3, progress=False, windows=windows)
