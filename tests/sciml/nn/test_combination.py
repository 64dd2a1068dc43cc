"""Weighted sums of networks: values, jets and Jacobians against their members' and nested autograd."""

from __future__ import annotations

import pytest
import torch

from sciml import nn
from sciml.ansatz import Trial
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.nn import Combination, from_config
from sciml.pdes import Poisson
from sciml.solvers.training.residual_system import ResidualSystem

F64 = torch.float64
PAIRS = {
    "mlp": lambda m: [nn.MLP([2, 5, m], seed=k) for k in range(3)],
    "kan": lambda m: [nn.KAN([2, 3, m], grid=3, degree=4, seed=k) for k in range(3)],
    "mixed": lambda m: [
        nn.MLP([2, 5, m], "sine"),
        nn.KAN([2, 3, m], degree=4),
        nn.SlimKAN([2, 3, m], r=2, degree=4),
    ],
}


@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.parametrize("m", [1, 2])
def test_a_combination_is_the_weighted_sum_of_its_members(kind, m):
    members = PAIRS[kind](m)
    c = torch.tensor([0.3, -2.0, 1.5], dtype=F64)
    net = Combination(members, c)
    x = torch.linspace(-1, 1, 14, dtype=F64).reshape(7, 2)
    expected = sum(float(w) * member(x) for w, member in zip(c, members, strict=True))
    torch.testing.assert_close(net(x), expected, rtol=0, atol=1e-14)
    assert net.widths == [2, 3 * m, m] and net.members == members


@pytest.mark.parametrize("kind", PAIRS)
def test_rows_of_the_jacobian_are_those_of_autograd(kind):
    net = Combination(PAIRS[kind](1), torch.tensor([0.3, -2.0, 1.5]))
    system = ResidualSystem(Poisson(2), Trial(Poisson(2), net), 9, 4)
    assert system.pointwise  # jets agree with nested autograd, and J v with a difference quotient
    theta = system.theta
    J = system.linearize(theta).dense()
    system.pointwise = False
    torch.testing.assert_close(J, system.linearize(theta).dense(), rtol=1e-9, atol=1e-9)


def test_a_combination_is_rebuilt_from_plain_data():
    net = Combination(PAIRS["mixed"](1), torch.tensor([1.0, 2.0, 3.0]))
    again = from_config(net.config())
    again.load_state_dict(net.state_dict())
    x = torch.rand(5, 2, dtype=F64)
    assert torch.equal(again(x), net(x)) and again.config() == net.config()
    assert net.smooth == 3 and net.any_order  # of the splines
    with pytest.raises(ArgumentError, match="config needs the arguments of Combination"):
        from_config({"kind": "Combination"})


def test_members_that_do_not_fit_are_refused():
    with pytest.raises(ArgumentError, match="members needs at least one network, got none"):
        Combination([])
    with pytest.raises(ArgumentError, match=r"members needs networks of one input and output width"):
        Combination([nn.MLP([2, 3, 1]), nn.MLP([2, 3, 2])])
    with pytest.raises(ArgumentTypeError, match="members needs networks that offer jets, got a Linear"):
        Combination([torch.nn.Linear(2, 1)])  # type: ignore[list-item]
    with pytest.raises(ArgumentError, match=r"coefficients needs shape \(1,\), got \(2,\)"):
        Combination([nn.MLP([2, 3, 1])], torch.ones(2))
