"""Spectra of a change: NumPy's singular values, the bound that they stand for, and what has no difference."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from sciml.adapters import Adapter, Full, LoTRA, change_spectra, normalised_spectra
from sciml.errors import ArgumentError
from sciml.nn import KAN, MLP


def moved(network: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """The network with random numbers added to every parameter."""
    adapter = Adapter(Full(), network)
    rng = torch.Generator().manual_seed(seed)
    adapter.load_vector(torch.randn(adapter.size, generator=rng, dtype=torch.float64))
    return adapter.merge(network)


def test_they_are_the_singular_values_of_every_unfolding():
    before = KAN([2, 5, 3], grid=3, degree=2, seed=1)
    after = moved(before)
    found = change_spectra(before, after)
    assert list(found) == ["layers.0.coef", "layers.0.base", "layers.1.coef", "layers.1.base"]
    assert list(found["layers.1.coef"]) == ["in", "basis", "out"]
    for name, modes in found.items():
        change = (after.get_parameter(name) - before.get_parameter(name)).detach().numpy()
        for axis, values in enumerate(modes.values()):
            unfolding = np.moveaxis(change, axis, 0).reshape(change.shape[axis], -1)
            expected = np.linalg.svd(unfolding, compute_uv=False) / np.linalg.norm(change)
            np.testing.assert_allclose(values, expected, rtol=1e-12)
            assert float(values.square().sum()) == pytest.approx(1)


def test_what_is_cut_off_bounds_the_error_of_a_tucker_tensor():
    network = KAN([4, 5, 1], grid=3, degree=2, seed=1)
    change = torch.randn(4, 5, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    (modes,) = normalised_spectra({"layers.0.coef": change}).values()
    adapter = Adapter.fit(LoTRA(r=(2, 3, 4)), network, {"layers.0.coef": change})
    error = float((adapter.delta("layers.0.coef").detach() - change).norm() / change.norm())
    cut = math.sqrt(sum(float(modes[m][r:].square().sum()) for m, r in (("in", 2), ("out", 3), ("basis", 4))))
    assert 0.5 * cut < error <= cut


def test_nothing_changed():
    network = MLP([2, 3, 1])
    assert {name: list(modes) for name, modes in change_spectra(network, network).items()} == {
        "layers.0.weight": ["out", "in"],
        "layers.2.weight": ["out", "in"],
    }
    assert not any(
        values.any() for modes in change_spectra(network, network).values() for values in modes.values()
    )


def test_networks_of_other_structure_or_other_knots_are_refused():
    one, other = KAN([2, 3, 1], grid=3), KAN([2, 3, 1], grid=4)
    with pytest.raises(
        ArgumentError, match=r"finetuned needs the parameters of pretrained, .*\(2, 6, 3\).*got"
    ):
        change_spectra(one, other)
    shifted = KAN([2, 3, 1], grid=3, domain=(-1.0, 2.0))
    with pytest.raises(ArgumentError, match=r"buffers of pretrained, got others in layers\.0\.knots"):
        change_spectra(one, shifted)
