"""Components of strength zero: what a product of two matrices needs so that they can grow again."""

from __future__ import annotations

import pytest
import torch

from sciml.adapters import Adapter, Gates, LoRA
from sciml.nn import KAN, MLP

F64 = torch.float64


def rank_one(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    """A tensor whose every matrix layout that keeps the first or the last axis apart has rank one."""
    rng = torch.Generator().manual_seed(seed)
    out = torch.ones((), dtype=F64)
    for n in shape:
        out = out[..., None] * torch.randn(n, generator=rng, dtype=F64)
    return out


@pytest.mark.parametrize("net", [MLP([3, 5, 4, 3]), KAN([3, 5, 4, 3], grid=3)], ids=["mlp", "kan"])
@pytest.mark.parametrize("strength", [0.0, 1e-30, 1.0])
def test_dead_components_keep_a_left_vector_of_length_one(net, strength):
    changes = {n: strength * rank_one(p.shape, 4) for n, p in net.named_parameters() if p.ndim > 1}
    fitted = Adapter.fit(LoRA(r=3, modules_to_save=()), net, changes)
    for adapter in (fitted, Gates(fitted).adapter):
        for name, factors in adapter.factors.items():
            lengths = factors["left"].detach().norm(dim=0)
            dead = slice(0, 3) if strength == 0 else slice(1, 3)  # the first one is the change itself
            torch.testing.assert_close(lengths[dead], torch.ones_like(lengths[dead]), msg=name)
            torch.testing.assert_close(adapter.delta(name).detach(), changes[name], rtol=1e-10, atol=1e-14)


def test_a_silenced_component_grows_again_in_one_step():
    net = MLP([2, 4, 1])
    changes = {"layers.0.weight": rank_one((4, 2), 1)}
    adapter = Adapter.fit(LoRA(r=2, target_modules="layers.0.weight", modules_to_save=()), net, changes)
    gates = Gates(adapter)
    silenced = gates.silence(torch.tensor([False, False]))
    left, right = silenced.parameters()
    assert not silenced.delta("layers.0.weight").detach().any()
    # along the left vectors, of length one, the gradient is as large as that of the weight itself
    target = torch.randn(4, 2, generator=torch.Generator().manual_seed(5), dtype=F64)
    (silenced.delta("layers.0.weight") * target).sum().backward()
    assert not left.grad.any()
    torch.testing.assert_close(right.grad, left.detach().mT @ target)
    torch.testing.assert_close(left.detach().norm(dim=0), torch.ones(2, dtype=F64))
