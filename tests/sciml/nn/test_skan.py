"""Several families on every input, and what is left of them."""

from __future__ import annotations

import pytest
import torch

from sciml import nn
from sciml.errors import ArgumentError

POINTS = torch.rand(9, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1


def test_a_layer_is_the_sum_of_its_pairs():
    network = nn.SKAN([2, 3], bases=("fourier", "bspline"), size=7, degree=3, seed=1)
    layer = network.layers[0]
    expected = torch.nn.functional.silu(POINTS) @ layer.base
    for s, (i, f) in enumerate(layer.slots):
        functions = network.families[f].derivatives(POINTS[:, i], 0)[0]
        expected = expected + functions @ layer.coef[s]
    assert torch.allclose(network(POINTS), expected, atol=1e-13)
    assert torch.allclose(layer.edges(POINTS).sum(1), expected, atol=1e-13)
    assert layer.smooth == network.smooth == 2


def test_keeping_one_family_leaves_a_kan():
    network = nn.SKAN([2, 3, 1], bases=("rbf", "chebyshev"), size=6, seed=1)
    mask = torch.tensor([pair[1] == "chebyshev" for layer in network.chosen for pair in layer])
    network.keep(mask)
    kan = nn.KAN([2, 3, 1], basis="chebyshev", size=6)
    kan.load_state_dict(network.state_dict())
    assert torch.equal(kan(POINTS), network(POINTS))
    assert network.chosen == [[(i, "chebyshev") for i in range(n)] for n in (2, 3)]
    twin = nn.from_config(network.config())
    twin.load_state_dict(network.state_dict())
    assert torch.equal(twin(POINTS), network(POINTS))


@pytest.mark.parametrize("basis, size", [("bspline", 9), ("fourier", 7), ("chebyshev", 8), ("rbf", 6)])
def test_a_family_alone_is_the_kan_of_that_basis(basis, size):
    model = nn.SKAN([2, 3, 1], bases=(basis, "wavelet"), size=size, degree=4, seed=5, domain=(-1.0, 2.0))
    own = {"grid": size - 4, "degree": 4} if basis == "bspline" else {"basis": basis, "size": size}
    kan = nn.KAN([2, 3, 1], seed=5, domain=(-1.0, 2.0), **own)
    alone = model.alone(basis)
    assert isinstance(alone, nn.KAN) and alone.config() == kan.config()
    assert torch.equal(alone(POINTS), kan(POINTS))
    assert alone.chosen == [[(i, basis) for i in range(n)] for n in (2, 3)]
    assert next(nn.SKAN([2, 1], dtype=torch.float32).alone("fourier").parameters()).dtype == torch.float32


def test_slopes_are_derivatives_by_the_factors_of_the_pairs():
    network = nn.SKAN([2, 2, 1], size=6, seed=3)

    def value(factors):
        start, own = 0, {}
        for k, layer in enumerate(network.layers):
            part = factors[start : start + len(layer.slots)]
            own[f"layers.{k}.coef"] = layer.coef.detach() * part[:, None, None]
            start += len(layer.slots)
        return torch.func.functional_call(network, own, (POINTS,))[:, 0]

    expected = torch.autograd.functional.jacobian(value, network.strengths())
    columns = {
        name: torch.autograd.functional.jacobian(
            lambda p, name=name: torch.func.functional_call(network, {name: p}, (POINTS,))[:, 0], p.detach()
        ).flatten(1)
        for name, p in network.named_parameters()
    }
    assert torch.allclose(network.slopes(columns), expected, atol=1e-11)


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: nn.SKAN([2, 1], bases=("rbf",)), "bases needs two or more different families"),
        (lambda: nn.SKAN([2, 1], bases="rbf"), "bases needs two or more different families"),
        (lambda: nn.SKAN([2, 1], bases=("rbf", "sinc")), "bases needs one of .*got 'sinc'"),
        (lambda: nn.SKAN([2, 1], size=5, degree=5), "size needs more than degree=5"),
        (lambda: nn.SKAN([2, 1], chosen=[]), "chosen needs 1 lists"),
        (lambda: nn.SKAN([2, 1], chosen=[[(2, "fourier")]]), "chosen needs different pairs"),
        (lambda: nn.SKAN([2, 1]).keep(torch.zeros(6, dtype=torch.bool)), "one pair of every layer"),
        (lambda: nn.SKAN([2, 1]).keep(torch.ones(5, dtype=torch.bool)), "mask needs 6 booleans"),
    ],
)
def test_what_is_refused(make, words):
    with pytest.raises(ArgumentError, match=words):
        make()
