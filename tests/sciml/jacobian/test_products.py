"""Inner products of a layer's rows from their factors, against the rows themselves."""

from __future__ import annotations

import pytest
import torch

from sciml import nn
from sciml.jacobian.products import Factors, factors_pay, row_products


def layer_of(kind: str, n_in: int, n_out: int):
    if kind == "linear":
        return nn.MLP([n_in, n_out], seed=1).layers[0]
    if kind == "spline":
        return nn.KAN([n_in, n_out], grid=4, degree=4, base=n_out > 3, seed=1).layers[0]
    return nn.KAN([n_in, n_out], basis="fourier", size=5, seed=1).layers[0]


def seen_by(layer, n_in: int, n_out: int, points: int, channels: int, seed: int):
    """Jets of ``channels`` = 1 + D + 1 and cotangents, with the weights of a Laplacian."""
    rng = torch.Generator().manual_seed(seed)
    z = torch.randn(points, channels, n_in, generator=rng, dtype=torch.float64) * 0.4
    g = torch.randn(points, channels, n_out, generator=rng, dtype=torch.float64)
    W = torch.ones(1 if channels > 2 else 0, max(channels - 2, 0), dtype=torch.float64)
    return z, g, W


@pytest.mark.parametrize("kind", ["linear", "spline", "fourier"])
@pytest.mark.parametrize(("n_in", "n_out"), [(3, 7), (5, 2), (1, 1)])
def test_products_are_those_of_the_rows(kind, n_in, n_out):
    layer = layer_of(kind, n_in, n_out)
    sets = [
        seen_by(layer, n_in, n_out, points, channels, seed)
        for seed, (points, channels) in enumerate([(11, 4), (6, 1)])
    ]
    with torch.no_grad():
        rows = [layer.jacobian(z, g, W) for z, g, W in sets]
        factors = [Factors(layer.functions(z, W), g) for z, g, W in sets]
        for a, one in enumerate(factors):
            for b, other in enumerate(factors):
                torch.testing.assert_close(
                    row_products(one, other), rows[a] @ rows[b].T, rtol=1e-11, atol=1e-12
                )


@pytest.mark.parametrize(
    ("kind", "width", "pays"),
    [("linear", 20, False), ("linear", 100, True), ("spline", 8, False), ("spline", 60, True)],
)
def test_wide_layers_go_without_rows(kind, width, pays):
    layer = layer_of(kind, width, width)
    assert factors_pay(layer, [torch.zeros(300, 4, width)], 300) == pays
    # very many channels cost more than rows
    assert not factors_pay(layer, [torch.zeros(300, 200, width)], 300)
