"""Every backend of ``kan_jets`` against nested autograd of the definition, in float64."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from sciml import kernels
from sciml.errors import ArgumentError
from sciml.kernels import LayerWeights, bspline_basis, kan_jets, kan_layer_jet, uniform_knots
from sciml.kernels.cpu import plan as plans
from sciml.kernels.jets import BACKENDS

WEIGHTS = {  # (S, D) over three coordinates; "mixed" goes along x, y and x + y
    "none": torch.zeros(0, 3, dtype=torch.float64),
    "laplacian": torch.ones(1, 3, dtype=torch.float64),
    "mixed": torch.tensor([[1.0, -2.0, 0.5], [-0.5, -0.5, 0.5]], dtype=torch.float64),
}


def network(widths, grid=4, degree=3, dtype=torch.float64, base=True, general=False, seed=0):
    rng = torch.Generator().manual_seed(seed)
    layers = []
    for i, o in pairwise(widths):
        knots = uniform_knots(-torch.ones(i), torch.linspace(0.8, 1.2, i), grid, degree, dtype=dtype)
        if general:
            step = knots[:, 1:2] - knots[:, :1]
            knots = knots + 0.9 * step * (torch.rand(knots.shape, generator=rng, dtype=dtype) - 0.5)
            knots = torch.sort(knots).values
        coef = torch.randn(i, grid + degree, o, generator=rng, dtype=dtype) * 0.5 / i**0.5
        weight = torch.randn(i, o, generator=rng, dtype=dtype) * 0.5 / i**0.5
        layers.append(LayerWeights(coef, weight if base else None, knots, degree))
    return layers


def identity_jets(n, weights, dtype=torch.float64, seed=1, reach=1.1):
    """Jets of the identity on R^3 at points of which some lie outside the knots' interval."""
    S, D = weights.shape
    x = (torch.rand(n, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 2 - 1) * reach
    directions = torch.eye(3, dtype=torch.float64)
    if S == 2:
        directions[2] = torch.tensor([1.0, 1.0, 0.0])
    z = torch.zeros(n, 1 + D + S, 3, dtype=torch.float64)
    z[:, 0], z[:, 1 : 1 + D] = x, directions
    return z.to(dtype)


def value(x, layers):
    """The network's values, by the definition alone."""
    for coef, base, knots, degree in layers:
        y = torch.einsum("nik,iko->no", bspline_basis(x, knots, degree), coef)
        x = y if base is None else y + torch.nn.functional.silu(x) @ base
    return x


def nested(z, layers, weights):
    """Jets by autograd inside autograd, for the directions of z."""
    x, directions = z[:, 0].clone().requires_grad_(), z[0, 1 : 1 + weights.shape[1]]
    u = value(x, layers)
    columns = []
    for o in range(u.shape[1]):
        (first,) = torch.autograd.grad(u[:, o].sum(), x, create_graph=True)
        hessian = torch.stack(
            [torch.autograd.grad(first[:, d].sum(), x, create_graph=True)[0] for d in range(x.shape[1])], 1
        )
        second = torch.einsum("da,nab,db->nd", directions, hessian, directions)
        columns.append(torch.cat([u[:, o : o + 1], first @ directions.T, second @ weights.T], 1))
    return torch.stack(columns, 2)


def parameters(layers):
    return [w for layer in layers for w in layer[:2] if w is not None]


def gradients(jets, layers, g, extra=()):
    return torch.autograd.grad(jets, [*extra, *parameters(layers)], g)


def with_grad(layers):
    return [
        LayerWeights(c.clone().requires_grad_(), None if b is None else b.clone().requires_grad_(), k, d)
        for c, b, k, d in layers
    ]


def need(backend):
    if backend == "triton":
        pytest.skip("has a file of its own: it needs a device or the interpreter")
    if reason := BACKENDS[backend].missing():
        pytest.skip(reason)


def close(got, want, tolerance=1e-12):
    """Relative to the largest entry: sums of many terms have no relative accuracy of their own."""
    for a, b in zip(got, want, strict=True):
        assert a.shape == b.shape
        assert (a - b).abs().max() <= tolerance * b.abs().max().clamp(min=1.0)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("form", WEIGHTS)
def test_jets_and_gradients_are_those_of_nested_autograd(backend, form):
    need(backend)
    weights = WEIGHTS[form]
    layers = with_grad(network([3, 7, 19, 2]))
    z = identity_jets(33, weights)
    want, got = nested(z, layers, weights), kan_jets(z, layers, weights, backend=backend)
    close([got], [want])
    g = torch.cos(want.detach())
    close(gradients(got, layers, g), gradients(want, layers, g))


@pytest.mark.parametrize("backend", ["simd", "numba", "torch"])
@pytest.mark.parametrize("degree", [1, 6])
def test_every_degree(backend, degree):
    need(backend)
    weights = WEIGHTS["laplacian" if degree > 1 else "none"]
    layers, z = with_grad(network([3, 5, 2], degree=degree)), identity_jets(9, weights).requires_grad_()
    want = kan_jets(z, layers, weights, backend="reference")
    got = kan_jets(z, layers, weights, backend=backend)
    g = torch.cos(want.detach())
    close([got], [want])
    close(gradients(got, layers, g, [z]), gradients(want, layers, g, [z]), 1e-11)


@pytest.mark.parametrize("backend", ["simd", "numba", "torch"])
@pytest.mark.parametrize("n, widths", [(1, [3, 1]), (1, [3, 130, 1]), (70, [3, 65, 17]), (2100, [3, 2, 3])])
def test_odd_sizes_and_chunks(backend, n, widths):
    need(backend)
    weights = WEIGHTS["laplacian"]
    layers, z = with_grad(network(widths)), identity_jets(n, weights).requires_grad_()
    want = kan_jets(z, layers, weights, backend="reference")
    got = kan_jets(z, layers, weights, backend=backend)
    g = torch.cos(want.detach())
    close([got], [want])
    close(gradients(got, layers, g, [z]), gradients(want, layers, g, [z]))


@pytest.mark.parametrize("backend", ["simd", "numba", "torch"])
@pytest.mark.parametrize("base", [True, False])
def test_general_knots(backend, base):
    need(backend)
    weights = WEIGHTS["laplacian"]
    layers = with_grad(network([3, 6, 5, 2], grid=9, general=True, base=base))
    z = identity_jets(40, weights).requires_grad_()
    want = kan_jets(z, layers, weights, backend="reference")
    got = kan_jets(z, layers, weights, backend=backend)
    g = torch.cos(want.detach())
    close([got], [want], 1e-11)
    close(gradients(got, layers, g, [z]), gradients(want, layers, g, [z]), 1e-10)


@pytest.mark.parametrize("backend", ["simd", "numba", "torch"])
def test_float32_errs_little_more_than_plain_torch(backend):
    need(backend)
    weights = WEIGHTS["laplacian"]
    # away from the knots: a rounding that moves a point to the next cell changes the third derivative
    exact, z = network([3, 33, 17, 2], grid=8), identity_jets(200, weights)
    single = with_grad([LayerWeights(c.float(), b.float(), k.float(), d) for c, b, k, d in exact])
    double = with_grad([LayerWeights(c.double(), b.double(), k.double(), d) for c, b, k, d in single])
    jets = {
        "exact": kan_jets(z.float().double(), double, weights, backend="reference"),
        "plain": kan_jets(z.float(), single, weights, backend="reference"),
        "fused": kan_jets(z.float(), single, weights, backend=backend),
    }
    g = torch.ones_like(jets["exact"])
    results = {
        name: [y, *gradients(y, double if name == "exact" else single, g.to(y))] for name, y in jets.items()
    }
    for exact, plain, fused in zip(*results.values(), strict=True):
        floor = 16 * torch.finfo(torch.float32).eps * exact.abs().max()
        assert (fused - exact).abs().max() <= 2 * (plain - exact).abs().max() + floor


@pytest.mark.parametrize("backend", BACKENDS)
def test_points_on_knots_outside_and_not_numbers(backend):
    need(backend)
    weights = WEIGHTS["laplacian"]
    layers = with_grad(network([3, 4, 2])[:1])
    knots = layers[0].knots
    z = identity_jets(len(knots[0]) + 6, weights)
    for i in range(3):
        z[: len(knots[i]), 0, i] = knots[i]
    z[-6:, 0, 0] = torch.tensor([torch.nan, torch.inf, -torch.inf, 1e300, -1e4, 50.0], dtype=torch.float64)
    want = kan_jets(z, layers, weights, backend="reference")
    got = kan_jets(z, layers, weights, backend=backend)
    assert got[-6].isnan().all()
    finite = want[:, 0, 0].abs() < 1e6
    assert finite.sum() == len(z) - 3
    close([got[finite]], [want[finite]])
    torch.testing.assert_close(got[~finite, 0], want[~finite, 0], equal_nan=True)
    g = torch.where(finite, 1.0, 0.0)[:, None, None].expand_as(want).contiguous()
    # a NaN among the points reaches the weights of its input and no others
    coef = gradients(got, layers, g)[0]
    assert coef[0].isnan().all()
    close([coef[1:]], [gradients(want, layers, g)[0][1:]])


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_empty_batch(backend):
    need(backend)
    weights = WEIGHTS["laplacian"]
    layers, z = with_grad(network([3, 5, 2])), identity_jets(0, weights)
    y = kan_jets(z, layers, weights, backend=backend)
    assert y.shape == (0, 5, 2)
    assert all((g == 0).all() for g in gradients(y, layers, torch.zeros_like(y)))


@pytest.mark.parametrize("backend", ["simd", "numba"])
def test_threads_and_memory_bounds_change_nothing(backend, monkeypatch):
    need(backend)
    from sciml.kernels import autograd

    weights = WEIGHTS["laplacian"]
    layers, z = with_grad(network([3, 20, 20, 2])), identity_jets(3000, weights).requires_grad_()
    results = []
    for threads, keep in ((1, 1e9), (2, 1e9), (2, -1)):
        monkeypatch.setattr(autograd, "SAVED", keep)
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            y = kan_jets(z, layers, weights, backend=backend)
            results.append([y, *gradients(y, layers, torch.cos(y.detach()), [z])])
        finally:
            torch.set_num_threads(before)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_the_reference_is_differentiable_twice():
    weights = WEIGHTS["mixed"]
    layers, z = with_grad(network([3, 3, 1], grid=2)), identity_jets(2, weights, reach=0.7).requires_grad_()

    def jets(z, *weights_):
        coefs, bases = weights_[0::2], weights_[1::2]
        parts = zip(coefs, bases, layers, strict=True)
        again = [LayerWeights(c, b, layer.knots, layer.degree) for c, b, layer in parts]
        return kan_jets(z, again, weights, backend="reference")

    assert torch.autograd.gradcheck(jets, (z, *parameters(layers)))
    assert torch.autograd.gradgradcheck(jets, (z, *parameters(layers)))


def test_one_layer_is_a_network_of_one_layer():
    weights = WEIGHTS["mixed"]
    (layer,), z = network([3, 4]), identity_jets(5, weights)
    torch.testing.assert_close(kan_layer_jet(z, *layer, weights), kan_jets(z, [layer], weights))


def test_what_a_backend_cannot_take():
    weights, layers = WEIGHTS["laplacian"], network([3, 4, 2])
    z = identity_jets(5, weights)
    with pytest.raises(ArgumentError, match="backend needs one of"):
        kan_jets(z, layers, weights, backend="fast")
    half = [LayerWeights(c.half(), b.half(), k.half(), d) for c, b, k, d in layers]
    need("simd")
    with pytest.raises(ArgumentError, match="not float32 or float64"):
        kan_jets(z.half(), half, weights.half(), backend="simd")
    mixed = [network([3, 4])[0], network([4, 2], degree=2)[0]]
    with pytest.raises(ArgumentError, match="differ in degree"):
        kan_jets(z, mixed, weights, backend="simd")
    torch.testing.assert_close(kan_jets(z, mixed, weights), kan_jets(z, mixed, weights, backend="reference"))
    with torch.autocast("cpu"), pytest.raises(ArgumentError, match="autocast"):
        kan_jets(z, layers, weights)


def test_arguments_are_checked():
    weights, layers = WEIGHTS["laplacian"], network([3, 4, 2])
    z = identity_jets(5, weights)
    with pytest.raises(ArgumentError, match="channels"):
        kan_jets(z[:, :3], layers, weights)
    with pytest.raises(ArgumentError, match=r"layers\[0\].coef needs shape"):
        kan_jets(z[:, :, :2], layers, weights)
    with pytest.raises(ArgumentError, match=r"layers\[1\].base needs shape"):
        kan_jets(z, [layers[0], layers[1]._replace(base=torch.zeros(4, 3))], weights)
    with pytest.raises(ArgumentError, match=r"layers\[0\].knots needs shape"):
        kan_jets(z, [layers[0]._replace(knots=torch.arange(5.0))], weights)
    with pytest.raises(ArgumentError, match="z needs shape"):
        kan_jets(z[0], layers, weights)


def test_inference_mode_leaves_nothing_behind():
    weights, layers = WEIGHTS["laplacian"], with_grad(network([3, 4, 2], seed=7))
    z = identity_jets(5, weights)
    with torch.inference_mode():
        inside = kan_jets(z, layers, weights)
    for backend in ("torch", None):
        outside = kan_jets(z, layers, weights, backend=backend)
        torch.testing.assert_close(outside, inside)
        assert all(g.isfinite().all() for g in gradients(outside, layers, torch.ones_like(outside)))


def test_knots_changed_in_place_are_seen():
    weights, (layer,) = WEIGHTS["laplacian"], network([3, 2])
    z = identity_jets(5, weights)
    kan_jets(z, [layer], weights)
    layer.knots.mul_(1.5)
    want = kan_jets(z, [layer], weights, backend="reference")
    torch.testing.assert_close(kan_jets(z, [layer], weights), want)


def test_backends_say_what_is_missing():
    known = kernels.backends()
    assert list(known) == ["simd", "numba", "triton", "torch", "reference"]
    assert known["torch"] is None
    assert known["reference"] is None


@pytest.mark.parametrize("rows", ["tables", "coefficients"])
@pytest.mark.parametrize("S", [1, 12])
def test_more_sums_than_registers(S, rows, monkeypatch):
    need("simd")
    monkeypatch.setattr(plans, "TABLE_LIMIT", 0 if rows == "coefficients" else 2**40)
    rng = torch.Generator().manual_seed(0)
    weights = torch.randn(S, 12, generator=rng, dtype=torch.float64)
    layers = with_grad(network([3, 21, 17, 2]))
    z = 0.5 * torch.randn(19, 13 + S, 3, generator=rng, dtype=torch.float64)
    want = kan_jets(z.requires_grad_(), layers, weights, backend="reference")
    got = kan_jets(z, layers, weights, backend="simd")
    g = torch.cos(want.detach())
    close([got], [want])
    close(gradients(got, layers, g, [z]), gradients(want, layers, g, [z]))
