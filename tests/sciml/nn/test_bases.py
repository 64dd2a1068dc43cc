"""Families of functions and layers of them, against nested autograd of formulas that are written another way."""

from __future__ import annotations

import math

import pytest
import torch

import sciml
from sciml import nn
from sciml.adapters import SVD, Adapter, LoRA, LoTRA
from sciml.derivatives import AutogradSource
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.jets import DerivativePlan
from sciml.nn.bases.families import FAMILIES, make_family
from sciml.nn.bases.layer import BasisLayer

OTHER = [name for name in FAMILIES if name != "bspline"]


def textbook(name: str, size: int, u: torch.Tensor) -> torch.Tensor:
    """The functions by their closed forms, ``(..., m)``."""
    if name == "chebyshev":
        return torch.stack([torch.cos(k * torch.arccos(torch.tanh(u))) for k in range(size)], -1)
    columns = [torch.ones_like(u)]
    if name == "fourier":
        for k in range(1, size):
            angle = math.pi / 2 * ((k + 1) // 2) * u
            columns.append(torch.sin(angle) if k % 2 else torch.cos(angle))
    elif name == "rbf":
        h = 1.2 * 2 / (size - 2)
        columns += [torch.exp(-(((u - c) / h) ** 2)) for c in torch.linspace(-1, 1, size - 1, dtype=u.dtype)]
    else:
        for level in {5: [1, 4], 7: [1, 2, 4]}[size - 1]:
            for k in range(level):
                q = (u - (2 * k + 1 - level) / level) / (2 / level)
                columns.append((1 - 2 * q**2) * torch.exp(-(q**2)))
    return torch.stack(columns, -1)


def nested(values: torch.Tensor, u: torch.Tensor, order: int) -> torch.Tensor:
    """Derivative of every column by its own point, by autograd again and again."""
    columns = []
    for column in values.unbind(-1):
        for _ in range(order):
            (column,) = torch.autograd.grad(column.sum(), u, create_graph=True, materialize_grads=True)
        columns.append(column)
    return torch.stack(columns, -1).detach()


@pytest.mark.parametrize("size", [6, 8])
@pytest.mark.parametrize("name", OTHER)
def test_derivatives_of_a_family(name, size):
    family = make_family(name, size, 3)
    u = torch.tensor([-1.0, -0.73, 0.0, 1e-9, 0.31, 1.0, 1.9], dtype=torch.float64, requires_grad=True)
    values = textbook(name, size, u)
    found = family.derivatives(u.detach(), 5)
    for order in range(6):
        expected = nested(values, u, order)
        assert (found[order] - expected).abs().max() <= 1e-10 * (1 + expected.abs().max()), order


def test_levels_of_wavelets_all_differ():
    levels = {3: [2], 4: [1, 2], 8: [1, 2, 4], 9: [1, 2, 5], 12: [1, 2, 8]}
    for size, cells in levels.items():
        assert [
            round(2 / w) for w in make_family("wavelet", size, 3).widths.unique().flip(0).tolist()
        ] == cells


@pytest.mark.parametrize("name", OTHER)
def test_far_values_stay_finite(name):
    u = torch.tensor([-1e9, -300.0, 40.0, 1e6], dtype=torch.float64)
    assert all(bool(d.isfinite().all()) for d in make_family(name, 7, 3).derivatives(u, 4))


@pytest.mark.parametrize("name", FAMILIES)
def test_the_function_one(name):
    family = make_family(name, 9, 4)
    values = family.derivatives(torch.linspace(-1, 1, 31, dtype=torch.float64), 1)
    assert (values[0] @ family.one() - 1).abs().max() < 1e-14
    assert (values[1] @ family.one()).abs().max() < 1e-12


def points(n: int, d: int) -> torch.Tensor:
    """Points of a box with its corners."""
    rng = torch.Generator().manual_seed(3)
    ends = torch.cat([torch.ones(1, d), -torch.ones(1, d)]).double()
    return torch.cat([torch.rand(n - 2, d, generator=rng, dtype=torch.float64) * 2 - 1, ends])


# asked derivatives up to order 2, 3 and 4 of two coordinates
REQUESTS = {
    0: {},
    1: {"firsts": [1]},
    2: {"firsts": [0], "seconds": [((0, 0), (1, 1)), ((0, 1),)]},
    3: {"firsts": [0], "seconds": [((0, 0),)], "highers": [((0, 0, 1),)]},
    4: {"firsts": [0], "highers": [((0, 0, 0, 0),), ((0, 0, 1, 1),)]},
}


@pytest.mark.parametrize("order", REQUESTS)
@pytest.mark.parametrize("name", OTHER)
def test_jets_against_nested_autograd(name, order):
    network = nn.KAN([2, 3, 2], basis=name, size=7, seed=2)
    plan = DerivativePlan.from_requests(2, **REQUESTS[order])
    x = points(11, 2)
    weights = plan.weights.to(x)
    source = plan.source(network.jets(plan.seed(x), weights))
    expected = AutogradSource(network, x)
    asked = [((i,),) for i in plan.firsts] + [*plan.seconds, *plan.highers]
    assert torch.allclose(source.value, expected.value, atol=1e-13)
    for terms in asked:
        value = expected.total(terms).detach()
        assert (source.total(terms) - value).abs().max() <= 1e-10 * (1 + value.abs().max())


@pytest.mark.parametrize("base", [True, False])
@pytest.mark.parametrize("order", [0, 1, 2, 3])
@pytest.mark.parametrize("name", OTHER)
def test_rows_tangents_and_sums_of_a_layer(name, order, base):
    network = nn.KAN([2, 3], basis=name, size=5, base=base, domain=(-2.0, 1.0), seed=4)
    layer = network.layers[0]
    plan = DerivativePlan.from_requests(2, **REQUESTS[order])
    z, weights = plan.seed(points(5, 2)), plan.weights.to(torch.float64) if order < 3 else plan.weights
    rng = torch.Generator().manual_seed(1)
    cotangent = torch.randn(5, plan.channels, 3, generator=rng, dtype=torch.float64)
    parameters = dict(layer.named_parameters())
    shapes = [p.shape for p in parameters.values()]

    def products(flat):
        parts = flat.split([math.prod(s) for s in shapes])
        own = {n: p.view(s) for n, p, s in zip(parameters, parts, shapes, strict=True)}
        return (torch.func.functional_call(layer, own, (z, weights)) * cotangent).sum((1, 2))

    layer.forward = layer.jet
    flat = torch.cat([p.detach().flatten() for p in parameters.values()])
    expected = torch.autograd.functional.jacobian(products, flat)
    rows = layer.jacobian(z, cotangent, weights)
    assert torch.allclose(rows, expected, atol=1e-11)
    assert torch.allclose(layer.cotangent(z, cotangent, weights), rows.sum(0), atol=1e-10)
    direction = torch.randn(flat.numel(), generator=rng, dtype=torch.float64)
    along = (layer.tangent(z, direction, weights) * cotangent).sum((1, 2))
    assert torch.allclose(along, rows @ direction, atol=1e-10)


@pytest.mark.parametrize("name", OTHER)
def test_a_fit_of_a_familys_own_function_is_exact(name):
    target = nn.KAN([1, 1], basis=name, size=6, seed=5)
    fitted = nn.KAN([1, 1], basis=name, size=6, seed=6)
    x = points(40, 1)
    layer = fitted.layers[0]
    rows = layer.jacobian(x[:, None], x.new_ones(40, 1, 1), x.new_zeros(0, 0))
    step = torch.linalg.lstsq(rows, (target(x) - fitted(x)).detach(), driver="gelsd").solution
    torch.nn.utils.vector_to_parameters(
        torch.nn.utils.parameters_to_vector(fitted.parameters()) + step[:, 0], fitted.parameters()
    )
    assert (fitted(x) - target(x)).abs().max() < 1e-10


@pytest.mark.parametrize("name", OTHER)
def test_float32_follows_float64(name):
    exact = nn.KAN([2, 4, 1], basis=name, seed=1)
    single = nn.KAN([2, 4, 1], basis=name, seed=1, dtype=torch.float32)
    x = points(9, 2)
    assert (single(x.float()) - exact(x)).abs().max() < 1e-5


@pytest.mark.parametrize("name", OTHER)
def test_one_start_whatever_the_basis(name):
    spline, other = nn.KAN([2, 5], degree=5, seed=8), nn.KAN([2, 5], basis=name, size=16, seed=8)
    x = points(50, 2)
    assert (spline(x) - other(x)).std() < 0.05 * spline(x).std()


@pytest.mark.parametrize("name", ["chebyshev", "fourier"])
def test_refining_keeps_the_function(name):
    network = nn.KAN([2, 3, 1], basis=name, size=[4, 7], seed=2)
    x = points(20, 2)
    before = network(x)
    assert network.refine([9, 8]).sizes == [9, 8]
    assert (network(x) - before).abs().max() < 1e-13
    with pytest.raises(ArgumentError, match="grid needs at least the 9 functions that layer 0 has, got 5"):
        network.refine(5)


@pytest.mark.parametrize("name", OTHER)
def test_shares_pruning_and_pictures(name):
    network = nn.KAN([2, 4, 1], basis=name, seed=3)
    with torch.no_grad():
        network.layers[1].coef[2] *= 1e-9
        network.layers[1].base[2] *= 1e-9
    assert all(abs(float(s.sum()) - 1) < 1e-12 for s in network.shares())
    smaller = network.prune(1e-4)
    assert smaller.widths == [2, 3, 1] and smaller.basis == name
    x = points(30, 2)
    assert (smaller(x) - network(x)).abs().max() < 1e-6
    # an edge that is left out is put back as its mean, by the function 1
    constant = network.prune(0.999).layers
    assert sum(int((layer.edges(x).std(0) > 1e-12).sum()) for layer in constant) < 12


@pytest.mark.parametrize("name", OTHER)
def test_knots_are_for_splines_alone(name):
    network = nn.KAN([2, 3, 1], basis=name)
    for call in (
        lambda: network.insert(0, 0.1),
        lambda: network.extend(points(5, 2)),
        lambda: network.update_grid(points(5, 2)),
        lambda: network.grids,
        lambda: nn.SlimKAN.from_kan(network, 2),
    ):
        with pytest.raises(ArgumentError, match=f"needs a KAN of basis 'bspline', got '{name}'"):
            call()


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"basis": "legendre"}, "basis needs .*got 'legendre'"),
        ({"basis": "fourier", "size": 1}, "size needs an int of at least 2, got 1"),
        ({"basis": "fourier", "size": [5]}, r"size needs one int or 2 of them .*got \[5\]"),
        ({"basis": "rbf", "grid": 9}, "grid needs basis 'bspline', got 9 for 'rbf'"),
        ({"basis": "rbf", "degree": 5}, "degree needs basis 'bspline', got 5 for 'rbf'"),
        ({"size": 9}, "size needs None for B-splines"),
    ],
)
def test_arguments_that_do_not_go_together(arguments, words):
    with pytest.raises(ArgumentError, match=words):
        nn.KAN([2, 3, 1], **arguments)


@pytest.mark.parametrize("name", ["rbf", "wavelet"])
def test_bases_without_an_exact_refinement_say_so(name):
    with pytest.raises(ArgumentError, match=f"functions stay when more are added, got '{name}'"):
        nn.KAN([2, 1], basis=name).refine(20)


@pytest.mark.parametrize("config", [LoTRA(r=2), LoRA(r=2), SVD()], ids=str)
@pytest.mark.parametrize("name", OTHER)
def test_adapters(name, config):
    network = nn.KAN([2, 4, 3, 1], basis=name, size=5, seed=1)
    adapter = Adapter(config, network)
    assert adapter.size < sum(p.numel() for p in network.parameters())
    assert any("coef" in key for key in adapter.deltas())


@pytest.mark.parametrize("config", [LoTRA(r=2), LoRA(r=3, rank_budget=4)], ids=["lotra", "sublora"])
def test_fine_tuning_and_its_files(config, tmp_path):
    problem = sciml.pdes.Poisson()
    base = sciml.solve(problem, nn.KAN([2, 4, 1], basis="fourier", size=6), max_steps=4, progress=False)
    tuned = base.finetune(sciml.pdes.Poisson(frequency=2), config, max_steps=20, progress=False)
    tuned.save_adapter(tmp_path / "adapter.h5")
    x = (points(7, 2) + 1) / 2
    assert torch.equal(base.load_adapter(tmp_path / "adapter.h5", name="again")(x), tuned(x))
    assert not torch.allclose(tuned(x), base(x), atol=1e-3)


class Beam(sciml.PDE):
    """``u'''' = f`` with the four conditions of a clamped beam."""

    domain = sciml.Interval(0.0, 1.0)
    conditions = (sciml.Dirichlet(0.0), sciml.Neumann(0.0))

    def residual(self, u, x):
        return u.d("x", "x", "x", "x") - 24.0


@pytest.mark.parametrize("name", OTHER)
def test_a_fourth_order_problem(name):
    solution = sciml.solve(Beam(), nn.KAN([1, 1], basis=name, size=9), max_steps=25, progress=False)
    x = torch.linspace(0, 1, 41, dtype=torch.float64)[:, None]
    exact = (x * (1 - x)) ** 2
    assert (solution(x) - exact).abs().max() < 1e-3 * exact.max()


def test_splines_too_rough_for_the_equation_are_refused_before_training():
    with pytest.raises(ArgumentError, match="degree >= 5 for the derivatives of order 4"):
        sciml.solve(Beam(), nn.KAN([1, 1], degree=3), progress=False)
    assert all(nn.KAN([1, 1], basis=name).smooth is None for name in OTHER)


@pytest.mark.parametrize("name", OTHER)
def test_files(name, tmp_path):
    model = nn.KAN([2, 3, 1], basis=name, size=[5, 6], base=name != "rbf")
    solution = sciml.solve(sciml.pdes.Poisson(), model, max_steps=3, progress=False)
    solution.save(tmp_path / "solution.h5")
    again = sciml.load(tmp_path / "solution.h5")
    x = (points(7, 2) + 1) / 2
    assert torch.equal(again(x), solution(x))
    assert again.network.config() == solution.network.config()
    assert isinstance(again.network.layers[0], BasisLayer)


@pytest.mark.parametrize("basis", [*FAMILIES, "skan", "mlp"])
def test_points_of_another_shape_are_refused_by_name(basis):
    networks = {"skan": lambda: nn.SKAN([2, 3, 1]), "mlp": lambda: nn.MLP([2, 3, 1])}
    network = networks.get(basis, lambda: nn.KAN([2, 3, 1], basis=basis))()
    for shape in ((4, 3), (2,), (4, 2, 2)):
        with pytest.raises(ArgumentError, match=r"x needs shape \(n, 2\), got"):
            network(torch.zeros(shape, dtype=torch.float64))
    with pytest.raises(ArgumentTypeError, match="x needs dtype"):
        network(torch.zeros(4, 2))
