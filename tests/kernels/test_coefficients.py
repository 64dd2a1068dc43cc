"""Fine grids: SIMD kernels that read coefficients in the place of Taylor tables."""

from __future__ import annotations

import pytest
import torch

from sciml.kernels import kan_jets
from sciml.kernels.cpu import plan
from sciml.kernels.jets import BACKENDS, fused_call
from tests.kernels.test_jets import WEIGHTS, close, gradients, identity_jets, need, nested, network, with_grad

LAPLACIAN = WEIGHTS["laplacian"]


@pytest.fixture(autouse=True)
def coefficients(monkeypatch):
    need("simd")
    monkeypatch.setattr(plan, "TABLE_LIMIT", 0)


def rows(layers, z):
    return fused_call(BACKENDS["simd"].fused, z, layers, LAPLACIAN)[0].plan.rows


def test_which_networks_read_coefficients(monkeypatch):
    z = identity_jets(1, LAPLACIAN)
    monkeypatch.undo()
    assert rows(network([3, 32, 2], grid=5), z) == "TABLE"
    assert rows(network([3, 32, 2], grid=100), z) == "COEF"
    # the weights of B-splines on other knots would cost more than they save
    assert rows(network([3, 32, 2], grid=100, general=True), z) == "TABLE"


@pytest.mark.parametrize("stray", [1e-9, 1e-7, 1e-5])
def test_knots_that_are_not_quite_even_are_not_taken_for_even(stray, monkeypatch):
    monkeypatch.undo()
    z, rng = identity_jets(40, LAPLACIAN), torch.Generator().manual_seed(0)
    layers = [
        layer._replace(
            knots=layer.knots + stray * torch.rand(layer.knots.shape, generator=rng, dtype=torch.float64)
        )
        for layer in network([3, 32, 2], grid=100)
    ]
    assert rows(layers, z) == "TABLE"
    want = kan_jets(z, layers, LAPLACIAN, backend="reference")
    close([kan_jets(z, layers, LAPLACIAN, backend="simd")], [want], 1e-10)


def test_jets_and_gradients_are_those_of_nested_autograd():
    layers, z = with_grad(network([3, 7, 19, 2], grid=20)), identity_jets(33, LAPLACIAN)
    assert rows(layers, z) == "COEF"
    want, got = nested(z, layers, LAPLACIAN), kan_jets(z, layers, LAPLACIAN, backend="simd")
    close([got], [want])
    g = torch.cos(want.detach())
    close(gradients(got, layers, g), gradients(want, layers, g))


@pytest.mark.parametrize("n, widths", [(1, [3, 1]), (1, [3, 130, 1]), (70, [3, 65, 17]), (2100, [3, 2, 3])])
def test_odd_sizes_and_chunks(n, widths):
    layers, z = with_grad(network(widths)), identity_jets(n, LAPLACIAN).requires_grad_()
    want = kan_jets(z, layers, LAPLACIAN, backend="reference")
    got = kan_jets(z, layers, LAPLACIAN, backend="simd")
    g = torch.cos(want.detach())
    close([got], [want])
    close(gradients(got, layers, g, [z]), gradients(want, layers, g, [z]))


@pytest.mark.parametrize("degree", [1, 6])
def test_every_degree_without_base(degree):
    weights = WEIGHTS["laplacian" if degree > 1 else "none"]
    layers = with_grad(network([3, 5, 2], degree=degree, base=False))
    z = identity_jets(9, weights).requires_grad_()
    want = kan_jets(z, layers, weights, backend="reference")
    got = kan_jets(z, layers, weights, backend="simd")
    g = torch.cos(want.detach())
    close([got], [want])
    close(gradients(got, layers, g, [z]), gradients(want, layers, g, [z]), 1e-11)


def test_points_outside_and_not_numbers():
    layers, z = with_grad(network([3, 4])), identity_jets(9, LAPLACIAN)
    z[-4:, 0, 0] = torch.tensor([torch.nan, torch.inf, -50.0, 50.0], dtype=torch.float64)
    want = kan_jets(z, layers, LAPLACIAN, backend="reference")
    got = kan_jets(z, layers, LAPLACIAN, backend="simd")
    assert got[-4].isnan().all()
    finite = torch.arange(9) < 5
    close([got[finite], got[-2:]], [want[finite], want[-2:]])
    # a NaN among the points reaches the weights of its input and no others
    g = torch.where(finite, 1.0, 0.0)[:, None, None].expand_as(want).contiguous()
    coef, base = gradients(got, layers, g)
    assert coef[0].isnan().all() and base[0].isnan().all()
    close([coef[1:]], [gradients(want, layers, g)[0][1:]])
    clean = gradients(kan_jets(z[:5], layers, LAPLACIAN, backend="simd"), layers, g[:5])
    close(clean, gradients(kan_jets(z[:5], layers, LAPLACIAN, backend="reference"), layers, g[:5]))


def test_float32_errs_little_more_than_plain_torch():
    exact, z = network([3, 33, 17, 2], grid=8), identity_jets(200, LAPLACIAN).float()
    single = with_grad([layer._replace(coef=layer.coef.float(), base=layer.base.float()) for layer in exact])
    single = [layer._replace(knots=layer.knots.float()) for layer in single]
    double = [type(layer)(*(t.double() for t in layer[:3]), layer.degree) for layer in single]
    best = kan_jets(z.double(), double, LAPLACIAN, backend="reference")
    plain, fused = (kan_jets(z, single, LAPLACIAN, backend=name) for name in ("reference", "simd"))
    floor = 16 * torch.finfo(torch.float32).eps * best.abs().max()
    assert (fused - best).abs().max() <= 2 * (plain - best).abs().max() + floor


def test_threads_change_nothing():
    layers, z = with_grad(network([3, 20, 20, 2])), identity_jets(3000, LAPLACIAN)
    results = []
    for threads in (1, 2):
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            y = kan_jets(z, layers, LAPLACIAN, backend="simd")
            results.append([y, *gradients(y, layers, torch.cos(y.detach()))])
        finally:
            torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))
