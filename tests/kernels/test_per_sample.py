"""Rows of the Jacobian against one backward pass a point."""

from __future__ import annotations

import pytest
import torch

from sciml import kernels
from sciml.errors import ArgumentError
from sciml.kernels import LayerWeights, kan_jets, uniform_knots
from sciml.kernels.jets import BACKENDS

WEIGHTS = {
    "none": torch.zeros(0, 3, dtype=torch.float64),
    "two": torch.tensor([[1.0, 0.5, 0.0], [-0.5, -0.5, 0.5]], dtype=torch.float64),
}
N = 7


def case(form, base=True):
    rng = torch.Generator().manual_seed(0)
    W = WEIGHTS[form]
    z = torch.randn(N, 1 + sum(W.shape), 3, generator=rng, dtype=torch.float64) * 0.5
    layers = []
    for i, o in ((3, 5), (5, 17), (17, 2)):
        knots = uniform_knots(-torch.ones(i), torch.ones(i), 4, 3)
        coef = torch.randn(i, 7, o, generator=rng, dtype=torch.float64) * 0.3
        weight = torch.randn(i, o, generator=rng, dtype=torch.float64) * 0.3 if base else None
        layers.append(LayerWeights(coef, weight, knots, 3))
    cot = torch.randn(N, z.shape[1], 2, generator=rng, dtype=torch.float64)
    return W, z, layers, cot


def rows_by_autograd(W, z, layers, cot):
    leaves = [p.clone().requires_grad_() for layer in layers for p in layer[:2] if p is not None]
    left = iter(leaves)
    again = [
        layer._replace(coef=next(left), base=None if layer.base is None else next(left)) for layer in layers
    ]
    y = kan_jets(z, again, W, backend="reference")
    rows = []
    for n in range(N):
        grads = torch.autograd.grad((y[n] * cot[n]).sum(), leaves, retain_graph=True)
        rows.append(torch.cat([g.flatten() for g in grads]))
    return torch.stack(rows)


def rows(W, layers, seen, backend):
    parts = [
        kernels.kan_layer_jacobian(
            a, g, layer.coef.shape, layer.base is not None, layer.knots, layer.degree, W, backend=backend
        )
        for layer, (a, g) in zip(layers, seen, strict=True)
    ]
    return torch.cat(parts, 1)


def need(backend):
    if reason := BACKENDS[backend].missing():
        pytest.skip(reason)


@pytest.mark.parametrize(
    "backend, form, base",
    [
        *((backend, form, True) for backend in ("simd", "numba", "torch") for form in WEIGHTS),
        *((backend, "two", False) for backend in ("numba", "torch")),
    ],
)
def test_rows_products_and_transposed_products(backend, form, base):
    need(backend)
    W, z, layers, cot = case(form, base)
    want = rows_by_autograd(W, z, layers, cot)
    seen = kernels.layer_cotangents(z, layers, cot, W, backend=backend)
    torch.testing.assert_close(rows(W, layers, seen, backend), want, rtol=1e-11, atol=1e-11)
    rng = torch.Generator().manual_seed(5)
    direction = [
        layer._replace(
            coef=torch.randn(layer.coef.shape, generator=rng, dtype=torch.float64),
            base=None if layer.base is None else torch.ones_like(layer.base),
        )
        for layer in layers
    ]
    flat = torch.cat([p.flatten() for layer in direction for p in layer[:2] if p is not None])
    pairs = list(zip(seen, direction, strict=True))
    forward = sum(kernels.kan_layer_jvp(a, g, layer, W, backend=backend) for (a, g), layer in pairs)
    torch.testing.assert_close(forward, want @ flat, rtol=1e-11, atol=1e-10)
    weight = torch.linspace(-1, 1, N, dtype=torch.float64)
    parts = [
        kernels.kan_layer_vjp(a, g, weight, layer, W, backend=backend)
        for layer, (a, g) in zip(layers, seen, strict=True)
    ]
    back = torch.cat([p.flatten() for pair in parts for p in pair if p is not None])
    torch.testing.assert_close(back, weight @ want, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("backend", [None, "torch"])
def test_rows_go_into_columns_of_a_larger_matrix(backend):
    W, z, layers, cot = case("two")
    layer, (a, g) = layers[1], kernels.layer_cotangents(z, layers, cot, W)[1]
    size = layer.coef.numel() + layer.base.numel()
    whole = torch.full((N, size + 10), 3.0, dtype=torch.float64)
    arguments = (a, g, layer.coef.shape, True, layer.knots, 3, W)
    kernels.kan_layer_jacobian(*arguments, out=whole[:, 4:-6], backend=backend)
    assert torch.equal(whole[:, 4:-6], kernels.kan_layer_jacobian(*arguments, backend=backend))
    assert (whole[:, :4] == 3).all()
    assert (whole[:, -6:] == 3).all()
    with pytest.raises(ArgumentError, match="out needs shape"):
        kernels.kan_layer_jacobian(*arguments, out=whole)
    with pytest.raises(ArgumentError, match="cot needs shape"):
        kernels.kan_layer_jacobian(a, g[:, :2], layer.coef.shape, True, layer.knots, 3, W)


@pytest.mark.parametrize("backend", [None, "torch"])
def test_rows_of_odd_points(backend):
    W, _, layers, _ = case("two")
    layer = layers[0]
    z = torch.zeros(4, 6, 3, dtype=torch.float64)
    z[:, 0, 1] = torch.tensor([torch.nan, torch.inf, 99.0, 0.1], dtype=torch.float64)
    rows = kernels.kan_layer_jacobian(
        z,
        torch.ones(4, 6, 5, dtype=torch.float64),
        layer.coef.shape,
        False,
        layer.knots,
        3,
        W,
        backend=backend,
    )
    rows = rows.reshape(4, *layer.coef.shape)
    assert rows[0, 1].isnan().all()
    assert rows[0, [0, 2]].isfinite().all()
    assert (rows[1:3, 1] == 0).all()
    assert (rows[3, 1] != 0).any()
