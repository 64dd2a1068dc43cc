"""Slim KAN: the Tucker layer equals the dense one it stands for, with its Jacobian; HOSVD keeps a KAN."""

from __future__ import annotations

import pytest
import torch

from sciml import nn
from sciml.ansatz import Trial
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.pdes import Poisson
from sciml.solvers.training.residual_system import ResidualSystem


@pytest.mark.parametrize("base", [True, False])
def test_full_ranks_keep_a_kan_exactly(base):
    kan = nn.KAN([3, 5, 2], grid=4, degree=3, base=base, seed=1)
    x = torch.rand(20, 3, dtype=torch.float64) * 2 - 1
    slim = nn.SlimKAN.from_kan(kan, r=20)
    assert torch.allclose(slim(x), kan(x), atol=1e-12)
    assert not torch.allclose(nn.SlimKAN.from_kan(kan, r=(2, 2, 2))(x), kan(x), atol=1e-3)


def test_parameters_follow_the_formula():
    net = nn.SlimKAN([784, 64], r=(16, 16, 4), grid=5, degree=3, base=False)
    assert sum(p.numel() for p in net.parameters()) == 16 * 16 * 4 + 784 * 16 + 64 * 16 + 8 * 4 == 14_624


@pytest.mark.parametrize("base", [True, False])
def test_jacobian_and_products_match_autograd(base):
    problem = Poisson(2)
    net = nn.SlimKAN([2, 5, 4, 1], r=(2, 3, 2), grid=3, degree=4, base=base, seed=2)
    system = ResidualSystem(problem, Trial(problem, net), 11, 5)
    assert system.pointwise
    theta = system.theta
    lin = system.linearize(theta)
    with torch.enable_grad():
        r = system._rows(graph=True)
    expected = torch.stack(
        [
            torch.cat([g.reshape(-1) for g in torch.autograd.grad(v, system.parameters, retain_graph=True)])
            for v in r
        ]
    )
    v = torch.linspace(-1, 1, theta.numel(), dtype=torch.float64)
    assert torch.allclose(lin.mv(v), expected @ v, atol=1e-9 * float((expected @ v).norm()))
    assert torch.allclose(lin.rmv(r.detach()), expected.T @ r.detach(), atol=1e-9 * float(expected.norm()))
    assert torch.allclose(lin.dense(), expected, atol=1e-10 * float(expected.norm()))


def test_the_start_is_smooth_whatever_the_grid():
    x = torch.linspace(-1, 1, 101, dtype=torch.float64)[:, None]
    one, fine = (nn.SlimKAN([1, 3], r=2, grid=g, seed=4)(x) for g in (3, 40))
    assert torch.allclose(one, fine, atol=1e-10)


@pytest.mark.parametrize(("base", "domain"), [(True, (-1.0, 1.0)), (False, (-1.0, 1.0)), (False, (0.0, 4.0))])
def test_the_start_keeps_the_variance_of_the_inputs(base, domain):
    half = (domain[1] - domain[0]) / 2
    x = domain[0] + 2 * half * torch.rand(
        200, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    starts = [nn.SlimKAN([8, 40], r=8, base=base, domain=domain, seed=seed)(x) for seed in range(40)]
    power = torch.stack(starts).detach().square().mean()
    assert 0.25 < float(power) / half**2 < 0.42  # 1/3, as of uniform inputs


@pytest.mark.parametrize("domain", [(-1.0, 1.0), (-3.0, 3.0), (0.0, 0.5)])
def test_the_start_is_as_large_as_a_kan_s(domain):
    x = domain[0] + (domain[1] - domain[0]) * torch.rand(
        300, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )

    def power(make) -> float:
        return float(torch.stack([make(seed)(x) for seed in range(30)]).detach().square().mean())

    slim = power(lambda seed: nn.SlimKAN([8, 30], r=8, domain=domain, seed=seed))
    kan = power(lambda seed: nn.KAN([8, 30], domain=domain, seed=seed))
    assert 0.7 < slim / kan < 1.4


def test_bad_arguments_are_named():
    with pytest.raises(ArgumentError, match=r"r needs an int or three.*got \(2, 2\)"):
        nn.SlimKAN([2, 3, 1], r=(2, 2))
    with pytest.raises(ArgumentTypeError, match="kan needs a KAN, got MLP"):
        nn.SlimKAN.from_kan(nn.MLP([2, 3, 1]), r=2)


def test_configuration_rebuilds_it():
    net = nn.SlimKAN([2, 6, 1], r=3, grid=4, seed=5)
    twin = nn.from_config(net.config())
    x = torch.rand(4, 2, dtype=torch.float64)
    assert torch.equal(net(x), twin(x))
