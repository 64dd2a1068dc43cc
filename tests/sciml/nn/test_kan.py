"""KAN and MLP as networks: how values spread through depth, configurations."""

from __future__ import annotations

import pickle

import pytest
import torch
from scipy.interpolate import BSpline

from sciml import nn
from sciml.errors import ArgumentError


def test_a_layer_is_the_sum_that_the_docstring_says():
    net = nn.KAN([3, 2], grid=4, degree=3, seed=1)
    layer = net.layers[0]
    x = torch.rand(9, 3, dtype=torch.float64) * 2 - 1
    expected = torch.nn.functional.silu(x) @ layer.base
    for i in range(3):
        for o in range(2):
            spline = BSpline(layer.knots[i].numpy(), layer.coef[i, :, o].detach().numpy(), 3)
            expected[:, o] += torch.as_tensor(spline(x[:, i].numpy()))
    assert torch.allclose(net(x), expected, atol=1e-13)


@pytest.mark.parametrize(
    "make",
    [lambda s: nn.KAN([4] + [24] * 6, grid=12, seed=s), lambda s: nn.MLP([4] + [24] * 6, "sine", seed=s)],
)
def test_variance_survives_depth(make):
    x = torch.rand(400, 4, dtype=torch.float64) * 2 - 1
    for seed in range(3):
        net = make(seed)
        z = x[:, None]
        for layer in net.layers[:-1] if isinstance(net, nn.MLP) else net.layers:
            z = layer.jet(z, x.new_zeros(0, 0))
        spread = float(z.var().detach())
        assert 0.03 < spread < 3.0


def test_the_start_does_not_depend_on_the_grid():
    x = torch.rand(50, 2, dtype=torch.float64) * 2 - 1
    coarse, fine = nn.KAN([2, 4], grid=4, seed=7), nn.KAN([2, 4], grid=40, seed=7)
    assert torch.allclose(coarse(x), fine(x), atol=1e-10)


def test_building_a_network_leaves_the_global_generator_alone():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    nn.KAN([2, 4, 1], seed=5)
    nn.MLP([2, 4, 1], seed=5, fourier=3)
    assert torch.equal(torch.rand(2), expected)


@pytest.mark.parametrize(
    "net",
    [
        nn.KAN([2, 3, 1], grid=[4, 6], degree=2, base=False, domain=(-2, 1), seed=4),
        nn.MLP([3, 5, 2], "sine", scale=3.0, fourier=4, fourier_scale=2.0, seed=4),
    ],
    ids=lambda n: type(n).__name__,
)
def test_configurations_rebuild_the_same_network(net):
    twin = nn.from_config(net.config())
    x = torch.rand(5, net.widths[0], dtype=torch.float64)
    assert torch.equal(net(x), twin(x))
    twin.load_state_dict(net.state_dict())
    assert twin.config() == net.config()


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: nn.KAN([2]), "at least input and output width"),
        (lambda: nn.KAN([2, 0, 1]), r"widths\[1\] needs an int of at least 1, got 0"),
        (lambda: nn.KAN([2, 3, 1], grid=0), "grid needs an int of at least 1, got 0"),
        (lambda: nn.KAN([2, 3, 1], grid=[3]), r"grid needs one int or 2 of them .*got \[3\]"),
        (lambda: nn.KAN([2, 3, 1], grid=[3, -1]), r"grid\[1\] needs an int of at least 1, got -1"),
        (lambda: nn.KAN([2, 3, 1], degree=8), "degree needs an int from 1 to 7, got 8"),
        (lambda: nn.KAN([2, 3, 1], domain=(1, 1)), r"lower < upper, got \(1, 1\)"),
        (lambda: nn.MLP([2, 3, 1], "relu6"), "activation needs one of tanh, .*got 'relu6'"),
        (lambda: nn.MLP([2, 3, 1], scale=0.0), r"scale needs a number above 0, got 0\.0"),
        (lambda: nn.MLP([2, 3, 1], fourier=-1), "fourier needs an int of at least 0, got -1"),
        (lambda: nn.from_config({"kind": "Transformer"}), "network kind needs one of KAN, MLP"),
        (
            lambda: nn.from_config({"kind": "MLP", "widths": [1, 1], "depth": 3}),
            "config needs the arguments of MLP",
        ),
    ],
)
def test_bad_arguments_are_named(make, words):
    with pytest.raises(ArgumentError, match=words):
        make()


def test_a_part_without_its_map_cannot_be_built():
    class Layer(nn.JetLayer):
        pass

    class Network(nn.JetNetwork):
        pass

    for part, method in ((Layer, "jet"), (Network, "config")):
        with pytest.raises(TypeError, match=f"abstract method.*{method}"):
            part()


@pytest.mark.parametrize("name", ["tanh", "sine", "silu", "relu3"])
def test_a_network_of_any_activation_survives_a_pickle(name):
    net = nn.MLP([2, 3, 1], name)
    x = torch.rand(5, 2, dtype=torch.float64) - 0.5
    assert torch.equal(pickle.loads(pickle.dumps(net))(x), net(x))


def test_inputs_far_outside_the_grid_are_legal_and_nan_stays_nan():
    net = nn.KAN([2, 3, 1], base=False)
    far = net(torch.tensor([[50.0, -50.0], [torch.nan, 0.0]], dtype=torch.float64))
    assert torch.isfinite(far[0]).all() and torch.isnan(far[1]).all()
