"""Grids refined, extended, moved, knots inserted: the function stays, everywhere, with its derivatives."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sciml import nn
from sciml.adapters import Adapter, LoTRA, fingerprint
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.kernels.reference import reference_jets
from sciml.nn.splines import SplineNetwork

F64 = torch.float64


def rough(network: SplineNetwork, seed: int = 0, size: float = 3.0) -> SplineNetwork:
    """Coefficients at random, as rough as training leaves them, and hidden values far outside the grids."""
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in network.parameters():
            p.copy_(torch.randn(p.shape, generator=rng, dtype=F64) * size / p.shape[0])
    return network


def jets(network: SplineNetwork, reach: float = 3.0) -> Tensor:
    """Value, gradient and Laplacian ``(n, C, o)`` at points in and outside the grid, by the definition."""
    rng, d = torch.Generator().manual_seed(9), network.widths[0]
    dtype = next(network.parameters()).dtype
    z = torch.zeros(120, 2 + d, d, dtype=dtype)
    z[:, 0] = (torch.rand(120, d, generator=rng, dtype=F64) * 2 - 1).to(dtype) * reach
    z[:, 1 : 1 + d] = torch.eye(d, dtype=dtype)
    layers = [layer.arguments() for layer in network._spline_layers()]
    return reference_jets(z, layers, torch.ones(1, d, dtype=dtype)).detach()


def assert_kept(network: SplineNetwork, before: Tensor, rtol: float = 1e-12) -> None:
    after = jets(network)
    for c in range(before.shape[1]):
        assert float((after[:, c] - before[:, c]).abs().max()) <= rtol * float(before[:, c].abs().max())


def inputs(n: int = 60, d: int = 2) -> Tensor:
    return torch.rand(n, d, generator=torch.Generator().manual_seed(4), dtype=F64) ** 2 * 3 - 1


MOVES = {
    "twice": lambda net: net.refine(10),
    "no multiple": lambda net: net.refine([7, 8, 13]),
    "the same": lambda net: net.refine(5),
    "one axis": lambda net: net.insert(0, [0.3, -0.11], axis=1),
    "a kink": lambda net: net.insert(0, 0.3, multiplicity=3),
    "on a knot": lambda net: net.insert(1, [0.2, -1.0, 1.0], axis=2, multiplicity=3),
    "far outside": lambda net: net.insert(2, [-7.0, 4.5, 40.0]),
    "extend": lambda net: net.extend(inputs()),
    "update": lambda net: net.update_grid(inputs(), mix=0.3),
    "update to three": lambda net: net.update_grid(inputs(), 3, mix=1.0, margin=0.0),
    "all": lambda net: (
        net.refine(8).insert(1, 0.1, multiplicity=2).extend(inputs()).update_grid(inputs()).refine(60)
    ),
}


@pytest.mark.parametrize("move", MOVES.values(), ids=list(MOVES))
def test_the_function_stays(move):
    net = rough(nn.KAN([2, 4, 3, 1], grid=5, degree=3, seed=1))
    before = jets(net)
    assert move(net) is net
    assert_kept(net, before)
    assert net.grids == [layer.coef.shape[1] - 3 for layer in net.layers]


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 7),
    st.integers(1, 6),
    st.lists(st.tuples(st.floats(-9, 9), st.integers(1, 7), st.integers(0, 2)), max_size=4),
    st.integers(0, 9),
    st.booleans(),
)
def test_any_knots_in_any_degree(degree, grid, more, finer, base):
    net = rough(nn.KAN([2, 3, 1], grid=grid, degree=degree, base=base))
    before = jets(net)
    for place, multiplicity, axis in more:
        net.insert(1, place, axis, min(multiplicity, degree))
        net.insert(0, [place / 9, 0.5], axis % 2, min(multiplicity, degree))
    net.refine([g + finer for g in net.grids])
    # near knots make high derivatives of single splines large
    gap = min(float(d) for layer in net.layers for row in layer.knots for d in row.diff() if d > 0)
    assert_kept(net, before, 1e-12 if gap > 1e-3 else 1e-9)


def test_a_multiple_splits_every_cell_and_the_ends_stay():
    net = nn.KAN([2, 3, 1], grid=4, degree=3, domain=(0, 2)).refine(12)
    knots = net.layers[0].knots
    assert torch.allclose(knots[:, 3:-3], torch.linspace(0, 2, 13, dtype=F64).expand(2, -1))
    assert torch.equal(knots[:, :4], nn.KAN([2, 1], grid=4, degree=3, domain=(0, 2)).layers[0].knots[:, :4])
    uneven = nn.KAN([1, 1], grid=4, degree=1).refine(6).layers[0].knots[0, 1:-1]
    assert uneven.tolist() == [-1, -0.5, -0.25, 0, 0.5, 0.75, 1]


def test_where_knots_go_and_how_often():
    net = nn.KAN([3, 2], grid=6, degree=3).insert(0, [0.5, 0.0, 0.0], axis=1, multiplicity=3)
    rows = net.layers[0].knots
    assert int((rows[1] == 0.5).sum()) == 3
    near = (rows[1].abs() < 1e-15).sum()
    assert int(near) == 3  # the knot that an even grid has there counts, whatever its rounding
    assert rows.shape == (3, 6 + 6 + 1 + 5) and bool((rows.diff(dim=1) >= 0).all())
    assert bool((rows[[0, 2]].diff(dim=1) > 0).all())  # the other axes: cells split, no knot twice
    again = copy.deepcopy(net).insert(0, [0.5, 0.0], axis=1, multiplicity=3)
    assert torch.equal(again.layers[0].knots, rows)


def test_a_kink_can_be_trained_where_a_full_knot_lies():
    """|x - 0.3| by least squares: exact with the knot, not without."""
    x = torch.linspace(-1, 1, 400, dtype=F64)[:, None]
    errors = []
    for multiplicity in (1, 4):
        net = nn.KAN([1, 1], grid=4, degree=4, base=False).insert(0, 0.3, multiplicity=multiplicity)
        layer = net.layers[0]
        rows = layer.jacobian(x[:, None], torch.ones(400, 1, 1, dtype=F64), x.new_zeros(0, 0))
        y = (x - 0.3).abs()
        errors.append(float((rows @ torch.linalg.lstsq(rows, y, driver="gelsd").solution - y).abs().max()))
    assert errors[0] > 1e-3 and errors[1] < 1e-13


def test_extend_reaches_the_values_of_every_layer():
    net = rough(nn.KAN([2, 4, 3, 1], grid=5, degree=3))
    x = inputs()
    net.extend(x, margin=0.1)
    z = x
    for layer in net.layers:
        inner = layer.knots[:, 3:-3]
        assert bool((inner[:, 0] < z.min(0).values).all() and (inner[:, -1] > z.max(0).values).all())
        z = layer.jet(z[:, None], z.new_zeros(0, 0))[:, 0].detach()
    grids = net.grids
    assert max(grids) <= 5 + 2 * (5 + 3)
    assert net.extend(x, margin=0.05).grids == grids  # there is room already


def test_a_moved_grid_is_as_fine_as_asked_where_the_values_lie():
    net = rough(nn.KAN([2, 3, 1], grid=4, degree=3), size=1.0)
    x = inputs(500) * 0.2
    net.update_grid(x, 10, mix=1.0, margin=0.0)
    for axis, row in enumerate(net.layers[0].knots):
        low, high = float(x[:, axis].min()), float(x[:, axis].max())
        inside = row[(row >= low - 1e-12) & (row <= high + 1e-12)]
        assert float(inside.diff().max()) <= 2 * (high - low) / 10 and float(inside.diff().min()) > 0


@pytest.mark.parametrize("dtype, rtol", [(torch.float32, 3e-5), (F64, 1e-12)], ids=str)
def test_dtypes_and_what_is_trained(dtype, rtol):
    net = nn.KAN([2, 4, 1], grid=5, degree=3, seed=1, dtype=dtype)
    net.layers[0].coef.requires_grad_(False)
    before = jets(net)
    net.insert(0, [0.1, 1 / 3], multiplicity=2).refine([18, 12]).extend(inputs().to(dtype))
    assert_kept(net, before, rtol)
    assert {p.dtype for p in net.parameters()} == {b.dtype for b in net.buffers()} == {dtype}
    assert not net.layers[0].coef.requires_grad and net.layers[1].coef.requires_grad


@pytest.mark.parametrize(
    "move",
    [
        lambda net: net.refine([7, 9]),
        lambda net: net.insert(1, [0.3, 2.0], multiplicity=3),
        lambda net: net.extend(inputs()),
        lambda net: net.update_grid(inputs(), mix=0.5),
    ],
)
@pytest.mark.parametrize("base", [True, False])
def test_a_slim_kan_keeps_its_function_too(move, base):
    net = rough(nn.SlimKAN([2, 5, 1], r=40, grid=4, base=base))
    before = jets(net)
    move(net)
    assert_kept(net, before)
    twin = nn.from_config(net.config())
    twin.load_state_dict(net.state_dict())
    assert torch.equal(jets(twin), jets(net)) and twin.config() == net.config()


def test_a_slim_kan_shares_its_knots():
    net = nn.SlimKAN([2, 3, 1], r=2)
    with pytest.raises(
        ArgumentError, match="axis needs None for a layer whose inputs share their knots, got 1"
    ):
        net.insert(0, 0.1, axis=1)
    cut = nn.SlimKAN.from_kan(nn.KAN([2, 3, 1]).insert(0, 0.1, axis=1), 30)
    with pytest.raises(ArgumentError, match="one set for all inputs of a Slim KAN's layer"):
        cut.refine(10)


def test_a_network_with_moved_knots_is_another_base():
    net = nn.KAN([2, 3, 1], grid=4)
    adapter = Adapter(LoTRA(r=2), net)
    moved = copy.deepcopy(net)
    with torch.no_grad():
        moved.layers[1].knots += 1e-9
    assert fingerprint(moved) != fingerprint(net) == fingerprint(nn.KAN([2, 3, 1], grid=4))
    finer = copy.deepcopy(net).insert(0, 0.3)
    assert fingerprint(finer) != fingerprint(net)
    with pytest.raises(ArgumentError, match="base needs the parameters that the adapter was made for"):
        adapter.apply(finer)


@pytest.mark.parametrize(
    "move, words",
    [
        (lambda net: net.refine([4]), "or 2 of them"),
        (lambda net: net.refine(4), "grid needs at least the 5 cells that layer 0 has, got 4"),
        (lambda net: net.insert(2, 0.1), "layer needs an int from 0 to 1, got 2"),
        (lambda net: net.insert(0, 0.1, axis=2), "axis needs an int from 0 to 1, got 2"),
        (lambda net: net.insert(0, 0.1, multiplicity=4), "multiplicity needs an int from 1 to 3, got 4"),
        (lambda net: net.insert(0, [0.1, float("nan")]), r"knots\[1\] needs a finite number"),
        (lambda net: net.insert(0, []), "knots needs at least one number"),
        (lambda net: net.extend(torch.zeros(5, 3)), r"x needs shape \(n, 2\)"),
        (lambda net: net.update_grid(torch.zeros(0, 2)), r"x needs shape \(n, 2\) with n >= 1"),
        (lambda net: net.update_grid(torch.full((5, 2), torch.nan)), "x needs finite numbers"),
        (lambda net: net.update_grid(torch.zeros(5, 2), mix=2), "mix needs a number from 0 to 1, got 2"),
        (lambda net: net.extend(torch.zeros(5, 2), margin=-1), "margin needs a number of at least 0"),
    ],
)
def test_bad_arguments_are_named(move, words):
    net = nn.KAN([2, 3, 1])
    before = jets(net)
    with pytest.raises((ArgumentError, ArgumentTypeError), match=words):
        move(net)
    assert net.grids == [5, 5]
    assert torch.equal(jets(net), before)


def test_a_knot_that_the_dtype_cannot_hold():
    with pytest.raises(ArgumentError, match=r"knots needs numbers that torch\.float32 can hold"):
        nn.KAN([2, 3, 1], dtype=torch.float32).insert(0, 1e39)
