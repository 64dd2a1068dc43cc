"""The fused kernels for elementwise functions of jets against the same rules in torch."""

from __future__ import annotations

import pytest
import torch

from sciml.kernels import compose
from sciml.kernels.cpu import elementwise, machine
from sciml.kernels.orders import ChannelWeights, bell
from sciml.nn.activation import ACTIVATIONS

pytestmark = pytest.mark.skipif(machine.missing_simd() is not None, reason=str(machine.missing_simd()))
SHAPES = {  # of the weights of each order: along one axis, in the plane, sums alone at every order
    "second": ((2, 3),),
    "many": ((1, 100),),
    "very many": ((2, 160),),
    "first": ((0, 2),),
    "third": ((0, 2), (1, 1)),
    "biharmonic": ((1, 3), (0, 3), (1, 3)),
    "sums": ((2, 4), (1, 3), (3, 2)),
}


@pytest.mark.parametrize("width", [1, 5, 19])
@pytest.mark.parametrize("form", SHAPES)
def test_forward_and_backward(form, width):
    rng = torch.Generator().manual_seed(0)
    weights = ChannelWeights(
        tuple(torch.randn(*shape, generator=rng, dtype=torch.float64) for shape in SHAPES[form])
    )
    z, g = 0.5 * torch.randn(2, 1030, weights.channels, width, generator=rng, dtype=torch.float64)
    f, table = ACTIVATIONS["silu"].derivatives(z[:, 0], weights.order + 1), bell(z, weights)
    pairs = [
        (elementwise.compose(z, weights, torch.stack(f)), compose.compose(z, weights, f, table)),
        (elementwise.pullback(g, z, weights, torch.stack(f)), compose.pullback(g, z, weights, f, table)),
    ]
    for got, want in pairs:
        assert (got - want).abs().max() <= 1e-13 * want.abs().max()


def test_jets_with_gaps_in_memory_and_in_single_precision():
    rng = torch.Generator().manual_seed(1)
    weights = ChannelWeights((torch.ones(0, 2), torch.ones(1, 1)))
    z = torch.randn(40, weights.channels, 14, generator=rng)[:, :, ::2].requires_grad_()
    g = torch.randn(40, weights.channels, 14, generator=rng)[:, :, ::2]
    double = z.detach().double().requires_grad_()
    results = []
    for jet in (z, double):
        y = compose.apply(jet, weights.to(jet), ACTIVATIONS["tanh"].derivatives)
        results.append([y, *torch.autograd.grad(y, jet, g.to(jet))])
    for got, want in zip(*results, strict=True):
        assert (got - want).abs().max() <= 1e-5 * want.abs().max()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_derivatives_of_tanh(dtype):
    small = torch.logspace(-30, 0, 999, dtype=torch.float64)
    x = torch.cat([torch.linspace(-30, 30, 3002, dtype=torch.float64), small, -small])
    x = x.reshape(-1, 25)[:, 2:21].to(dtype)  # rows with gaps between them
    got = elementwise.tanh_derivatives(x, 4).double()
    exact = x.double().requires_grad_()
    want = torch.tanh(exact)
    eps = torch.finfo(dtype).eps
    assert ((got[0] - want) / want).abs().max() <= 3 * eps
    for derivative in got[1:]:
        (want,) = torch.autograd.grad(want.sum(), exact, create_graph=True)
        assert (derivative - want).abs().max() <= 40 * eps
    edges = torch.tensor([[torch.nan, torch.inf, -torch.inf, 0.0]], dtype=dtype)
    value, slope = elementwise.tanh_derivatives(edges, 1)
    assert torch.equal(value.nan_to_num(7.0), torch.tensor([[7.0, 1.0, -1.0, 0.0]], dtype=dtype))
    assert torch.equal(slope.nan_to_num(7.0), torch.tensor([[7.0, 0.0, 0.0, 1.0]], dtype=dtype))
