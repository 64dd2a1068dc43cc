"""How one step of each factor changes a layer's output with its size."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sciml.adapters import Adapter, LoRA, LoTRA
from sciml.kernels.bspline import bspline_basis, uniform_knots

F64 = torch.float64


def response(config, n_in: int, m: int, n_out: int, scaled: bool, seeds: int = 40) -> dict[str, float]:
    """Geometric mean of the change of a KAN layer's output after one sign step of each factor."""
    knots = uniform_knots(-1.0, 1.0, m - 1, 1)
    adapter = Adapter(config, {"l.coef": torch.zeros(n_in, m, n_out, dtype=F64)})
    names = list(adapter.factors["l.coef"])
    rates = config.rates(adapter.adapted["l.coef"]) if scaled else {}
    spread = {"in": n_in**-0.5, "left": n_in**-0.5, "core": 1 / 6, "out": 6**-0.5}
    change: dict[str, list[float]] = {name: [] for name in names}
    for seed in range(seeds):
        # a stream of its own for each factor: sizes are compared on the same numbers where shapes agree
        streams = [torch.Generator().manual_seed(100 * seed + k) for k in range(len(names) + 2)]
        x = 2 * torch.rand(1, n_in, generator=streams[-1], dtype=F64) - 1
        phi = bspline_basis(x, knots.expand(n_in, -1), 1)[0]  # (i, k)
        wanted = torch.randn(n_out, generator=streams[-2], dtype=F64)
        with (
            torch.no_grad()
        ):  # away from the zero that training starts at, so that every factor has a gradient
            for name, factor, rng in zip(names, adapter.parameters(), streams, strict=False):
                factor.copy_(torch.randn(factor.shape, generator=rng, dtype=F64) * spread.get(name, 1.0))
        output = torch.einsum("ik,iko->o", phi, adapter.delta("l.coef"))
        grads = torch.autograd.grad(output @ wanted, adapter.parameters())
        for name, factor, grad in zip(names, adapter.parameters(), grads, strict=True):
            step = rates.get(name, 1.0) * grad.sign()
            with torch.no_grad():  # linear in one factor, so the size of the step does not matter
                factor += step
                moved = torch.einsum("ik,iko->o", phi, adapter.delta("l.coef"))
                factor -= step
            change[name].append(float((moved - output.detach()).square().mean().log()) / 2)
    return {name: float(np.exp(np.mean(values))) for name, values in change.items()}


def slopes(config, sizes: list[tuple[int, int, int]], axis: int, scaled: bool) -> dict[str, float]:
    values = [response(config, *size, scaled=scaled) for size in sizes]
    x = np.log([size[axis] for size in sizes])
    return {name: float(np.polyfit(x, np.log([v[name] for v in values]), 1)[0]) for name in values[0]}


WIDE = [(n, 8, 8) for n in (32, 128, 512)]
FINE = [(64, m, 8) for m in (8, 32, 128)]


def test_a_step_of_the_input_factor_grows_with_the_inputs_and_no_other_does():
    found = slopes(LoTRA(r=6), WIDE, axis=0, scaled=False)
    assert found == pytest.approx({"in": 1.0, "out": 0.0, "basis": 0.0, "core": 0.0}, abs=0.1)


def test_scaled_rates_take_the_width_of_the_layer_out():
    found = slopes(LoTRA(r=6), WIDE, axis=0, scaled=True)
    assert found == pytest.approx({"in": 0.0, "out": 0.0, "basis": 0.0, "core": 0.0}, abs=0.1)


def test_a_finer_grid_raises_the_step_of_the_basis_factor_by_no_more_than_its_root():
    found = slopes(LoTRA(r=6), FINE, axis=1, scaled=False)
    assert 0.2 < found.pop("basis") < 0.6
    assert found == pytest.approx({"in": 0.0, "out": 0.0, "core": 0.0}, abs=0.1)


def test_lora_s_two_matrices_scale_as_in_lora_plus():
    found = slopes(LoRA(r=6), WIDE, axis=0, scaled=False)
    assert found == pytest.approx({"left": 1.0, "right": 0.0}, abs=0.1)
    found = slopes(LoRA(r=6), WIDE, axis=0, scaled=True)
    assert found == pytest.approx({"left": 0.0, "right": 0.0}, abs=0.1)
