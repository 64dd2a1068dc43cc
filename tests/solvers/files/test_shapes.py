"""Shapes by arithmetic are those of the real networks and adapters, and come before anything is built."""

from __future__ import annotations

import pytest

from sciml import nn
from sciml.adapters import SVD, Adapter, Full, Head, LoRA, LoTRA
from sciml.solvers.files import adapter_shapes, limits, shapes
from sciml.solvers.files.shapes import check_cost, state_shapes

NETWORKS = [
    nn.KAN([2, 1]),
    nn.KAN([3, 7, 5, 2], grid=[4, 1, 9], degree=5),
    nn.KAN([2, 5, 1], grid=3, degree=1, base=False, domain=(0.0, 2.0)),
    nn.KAN([2, 3, 1], grid=3).refine(7),
    nn.KAN([2, 3, 1], grid=3).refine([5, 8]),
    nn.KAN([2, 3, 1], grid=3).insert(0, [0.1, 5.0], axis=1, multiplicity=2).insert(1, -0.3),
    nn.KAN([2, 1], basis="chebyshev"),
    nn.KAN([3, 7, 5, 2], basis="wavelet", size=[4, 2, 9], base=False),
    nn.KAN([2, 3, 1], basis="fourier", size=3).refine([5, 8]),
    nn.SKAN([2, 3, 1], size=6),
    nn.SKAN([2, 1], ("rbf", "bspline"), chosen=[[(1, "rbf"), (1, "bspline")]], base=False),
    nn.MLP([2, 1]),
    nn.MLP([3, 9, 4, 2], "sine"),
    nn.MLP([2, 5, 1], fourier=3),
    nn.MLP([2, 1], fourier=7),
    nn.SlimKAN([2, 1]),
    nn.SlimKAN([3, 7, 5, 2], r=[2, 3, 40], grid=4, degree=5),
    nn.SlimKAN([2, 9, 1], r=100, base=False),
    nn.SlimKAN.from_kan(nn.KAN([2, 6, 1], grid=4), (2, 3, 4)),
    nn.SlimKAN.from_kan(nn.KAN([2, 6, 1], grid=[4, 7]), 40),
    nn.SlimKAN([2, 9, 1], r=100).refine(9),
    nn.SlimKAN([2, 9, 1], r=3, grid=[3, 6]).insert(0, 0.1),
    nn.Combination(
        [nn.MLP([2, 5, 1], fourier=3), nn.KAN([2, 3, 1], grid=[2, 4]), nn.SlimKAN([2, 3, 1], r=2)]
    ),
]


@pytest.mark.parametrize("network", NETWORKS, ids=lambda n: type(n).__name__)
def test_shapes_of_real_networks(network):
    expected = {name: tuple(t.shape) for name, t in network.state_dict().items()}
    assert state_shapes(network.config()) == expected
    check_cost(network.config())


def test_every_kind_of_network_has_a_formula():
    assert set(shapes.SHAPES) == set(nn.KINDS)


ADAPTERS = [
    LoRA(r=2),
    LoRA(r=100, alpha=3.0),
    LoRA(r=3, rank_pattern={"layers.0.coef": 1, "layers.1.base": 0}),
    LoTRA(r=2),
    LoTRA(r=(1, 2, 3)),
    LoTRA(r=(0, 2, 3), modules_to_save=("head",)),
    SVD(r=2),
    SVD(),
    Full(target_modules=("first",)),
    Head(),
]
BASES = [nn.KAN([2, 4, 3, 1], grid=3), nn.MLP([2, 6, 5, 1]), nn.SlimKAN([2, 4, 3, 1], r=2)]


@pytest.mark.parametrize("config", ADAPTERS, ids=repr)
@pytest.mark.parametrize("base", BASES, ids=lambda n: type(n).__name__)
def test_shapes_of_real_adapters(config, base):
    if getattr(config, "rank_pattern", None) and not isinstance(base, nn.KAN):
        pytest.skip("the pattern names parameters of a KAN")
    adapter = Adapter(config, base)
    expected = {
        f"{name}:{key}": tuple(f.shape)
        for name, factors in adapter.factors.items()
        for key, f in factors.items()
    }
    assert adapter_shapes.factor_shapes(config, base) == expected


KAN = {"kind": "KAN", "widths": [2, 1], "grid": 3, "degree": 3, "base": True}
MLP = {"kind": "MLP", "widths": [2, 1], "fourier": 0}


@pytest.mark.parametrize(
    "config",
    [
        {**KAN, "kind": "Sequential"},
        {**KAN, "kind": ["KAN"]},
        {**KAN, "kind": None},
        {**KAN, "widths": "21"},
        {**KAN, "widths": [2]},
        {**KAN, "widths": [2, 0]},
        {**KAN, "widths": [2, True]},
        {**KAN, "widths": [2, 1.0]},
        {**KAN, "grid": -1},
        {**KAN, "grid": [3, 3]},
        {**KAN, "grid": "3"},
        {**KAN, "degree": None},
        {**KAN, "base": 1},
        {**MLP, "fourier": False},
        {**MLP, "fourier": -1},
        {**MLP, "fourier": "3"},
        {**KAN, "kind": "SlimKAN", "r": [1, 2]},
        {**KAN, "kind": "SlimKAN", "r": "4"},
        {"kind": "Combination", "members": []},
        {"kind": "Combination", "members": MLP},
        {"kind": "Combination", "members": [MLP, 3]},
        {"kind": "Combination", "members": [MLP, {"kind": "Combination", "members": [MLP]}]},
        {"kind": "Combination", "members": [MLP] * (limits.MAX_LAYERS + 1)},
    ],
    ids=str,
)
def test_sizes_that_are_none(config):
    with pytest.raises(ValueError, match="needs"):
        state_shapes(config)


def test_a_sum_of_networks_is_limited_as_a_whole():
    half = {**MLP, "widths": [2] + [1] * (limits.MAX_LAYERS // 2)}
    check_cost({"kind": "Combination", "members": [half, half]})
    with pytest.raises(ValueError, match="its network has 201 layers"):
        check_cost({"kind": "Combination", "members": [half, half, MLP]})


@pytest.mark.parametrize("name", ["kind", "widths", "grid", "degree", "base"])
def test_a_missing_size(name):
    with pytest.raises(KeyError, match=name):
        state_shapes({k: v for k, v in KAN.items() if k != name})


@pytest.mark.parametrize(
    ("change", "most"),
    [
        ({"widths": [2] + [1] * limits.MAX_LAYERS}, "layers"),
        ({"widths": [400, 400]}, "edges in a layer"),
        ({"grid": 1729}, "entries in its tables"),
        ({"kind": "MLP", "widths": [4000, 4000]}, "numbers"),
    ],
    ids=str,
)
def test_the_limits_hold_and_one_step_beyond_they_do_not(change, most):
    """The last sizes that pass: one more layer, edge, cell or number is refused."""
    config = {**KAN, **change}
    check_cost(config) if most != "entries in its tables" else check_cost({**config, "grid": 1221})
    beyond = {
        "layers": {"widths": [*config["widths"], 1]},
        "edges in a layer": {"widths": [400, 401]},
        "entries in its tables": {"grid": 1222},
        "numbers": {"widths": [4000, 4001]},
    }[most]
    with pytest.raises(ValueError, match=f"{most}; a file alone may ask for at most"):
        check_cost({**config, **beyond})
