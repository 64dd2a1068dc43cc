"""The fused kernels inside torch.func, forward mode, double backward and torch.compile."""

from __future__ import annotations

from functools import cache

import pytest
import torch
import torch.autograd.forward_ad as forward_ad
from torch.func import grad, hessian, jacfwd, jacrev, jvp, vjp, vmap

from sciml.kernels import LayerWeights, kan_jets, uniform_knots
from sciml.kernels.jets import BACKENDS

W = torch.ones(1, 3, dtype=torch.float64)
KNOTS = [uniform_knots(-torch.ones(i), torch.ones(i), 4, 3) for i in (3, 5)]
ALL = (0, 1, 2, 3, 4)


@cache
def inputs():
    rng = torch.Generator().manual_seed(0)
    z = torch.zeros(4, 5, 3, dtype=torch.float64)
    z[:, 0] = torch.rand(4, 3, generator=rng, dtype=torch.float64) * 2 - 1
    z[:, 1:4] = torch.eye(3, dtype=torch.float64)
    shapes = [(3, 7, 5), (3, 5), (5, 7, 2), (5, 2)]
    return z, *(torch.randn(s, generator=rng, dtype=torch.float64) * 0.4 for s in shapes)


@cache
def tangents():
    rng = torch.Generator().manual_seed(1)
    return tuple(torch.randn(a.shape, generator=rng, dtype=torch.float64) for a in inputs())


def jets(backend):
    def function(z, c0, b0, c1, b1):
        layers = [LayerWeights(c0, b0, KNOTS[0], 3), LayerWeights(c1, b1, KNOTS[1], 3)]
        return kan_jets(z, layers, W, backend=backend)

    return function


def loss(h):
    return lambda *a: h(*a).sin().sum()


def dual(h):
    with forward_ad.dual_level():
        pairs = [forward_ad.make_dual(a, t) for a, t in zip(inputs(), tangents(), strict=True)]
        return forward_ad.unpack_dual(h(*pairs)).tangent


def twice(h, first=0):
    args = [a.clone().requires_grad_(n >= first) for n, a in enumerate(inputs())]
    grads = torch.autograd.grad(loss(h)(*args), args[first:], create_graph=True)
    inner = sum((g * t).sum() for g, t in zip(grads, tangents()[first:], strict=True))
    return torch.autograd.grad(inner, args[first:])


def kept(h):
    args = [a.clone().requires_grad_() for a in inputs()]
    y = loss(h)(*args)
    return torch.autograd.grad(y, args, retain_graph=True), torch.autograd.grad(y, args)


TRANSFORMS = {
    "grad": lambda h: grad(loss(h), ALL)(*inputs()),
    "vjp": lambda h: vjp(h, *inputs())[1](torch.ones(4, 5, 2, dtype=torch.float64)),
    "jvp": lambda h: jvp(h, inputs(), tangents())[1],
    "vmap": lambda h: vmap(lambda z: h(z[None], *inputs()[1:])[0])(inputs()[0]),
    "ensemble": lambda h: vmap(lambda *p: h(inputs()[0], *p))(*(torch.stack([p, -p]) for p in inputs()[1:])),
    "vmap(grad)": lambda h: vmap(grad(lambda z, *p: loss(h)(z[None], *p), ALL), (0, None, None, None, None))(
        *inputs()
    ),
    "grad(vmap)": lambda h: grad(
        lambda *p: vmap(lambda z: h(z[None], *p)[0])(inputs()[0]).sin().sum(), (0, 1, 2, 3)
    )(*inputs()[1:]),
    "jacrev": lambda h: jacrev(lambda *a: h(*a)[:2], ALL)(*inputs()),
    "jacfwd": lambda h: jacfwd(lambda *a: h(*a)[:2], (2, 4))(*inputs()),
    "hessian": lambda h: hessian(loss(h), (2, 4))(*inputs()),
    "jvp(grad)": lambda h: jvp(grad(loss(h), ALL), inputs(), tangents())[1],
    "grad(jvp)": lambda h: grad(lambda *a: jvp(loss(h), a, tangents())[1], ALL)(*inputs()),
    "vjp(grad)": lambda h: vjp(grad(loss(h), ALL), *inputs())[1](tangents()),
    "vmap(jvp)": lambda h: vmap(
        lambda z: jvp(lambda y: h(y[None], *inputs()[1:]), (z,), (torch.ones_like(z),))[1]
    )(inputs()[0]),
    "forward mode": dual,
    "double backward": twice,
    "double backward, fixed input": lambda h: twice(h, 1),
    "backward twice": kept,
}


@pytest.mark.parametrize("backend", ["simd", "numba", "torch"])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_transform(name, backend):
    if reason := BACKENDS[backend].missing():
        pytest.skip(reason)
    leaves = torch.utils._pytree.tree_leaves
    got, want = leaves(TRANSFORMS[name](jets(backend))), leaves(TRANSFORMS[name](jets("reference")))
    assert len(got) == len(want)
    for a, b in zip(got, want, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10 * float(b.abs().max()))


def test_vmap_over_the_knots_goes_by_the_reference():
    z, c, b, *_ = inputs()
    knots = torch.stack([KNOTS[0], KNOTS[0] * 1.1])
    got = vmap(lambda k: kan_jets(z, [LayerWeights(c, b, k, 3)], W))(knots)
    for k, y in zip(knots, got, strict=True):
        torch.testing.assert_close(y, kan_jets(z, [LayerWeights(c, b, k, 3)], W, backend="reference"))


def test_compile_breaks_the_graph_and_no_more():
    function = torch.compile(lambda *a: 2 * jets(None)(*a).sin(), backend="eager")
    torch.testing.assert_close(function(*inputs()), 2 * jets("reference")(*inputs()).sin())
