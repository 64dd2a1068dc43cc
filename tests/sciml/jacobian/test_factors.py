"""The chain rule from a base's parameters to an adapter's factors, against autograd through both."""

from __future__ import annotations

import pytest
import torch

from sciml.adapters import SVD, AdaptedProblem, Adapter, ChangeOfVariables, Full, Head, LoRA, LoTRA
from sciml.errors import ArgumentError
from sciml.nn import KAN, MLP
from tests.sciml.adapters.problems import F64, Fit, flat, shaken

CONFIGS = [LoRA(r=2), LoTRA(r=(2, 3, 2)), LoTRA(r=2, modules_to_save="head"), SVD(), Full(), Head()]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: c.kind)
@pytest.mark.parametrize("net", [KAN([2, 3, 3, 1], grid=3), MLP([2, 4, 3, 1])], ids=["kan", "mlp"])
def test_the_chain_rule_is_that_of_autograd(net, config):
    adapter, problem = Adapter(config, net), Fit(net)
    theta = shaken(adapter)
    adapted = AdaptedProblem(problem, adapter, flat(net))
    assert torch.equal(adapted.theta, theta)

    def rows(t):
        moved = torch.cat([p.reshape(-1) for p in adapter.apply(net, t).values()])
        return problem.rows(moved)

    J = torch.autograd.functional.jacobian(rows, theta)
    torch.testing.assert_close(adapted.residual(theta), rows(theta).detach(), rtol=1e-12, atol=1e-14)
    f, g = adapted.value_and_grad(theta)
    assert (
        f
        == pytest.approx(adapted.value(theta))
        == pytest.approx(float(0.5 * rows(theta).square().sum().detach()))
    )
    torch.testing.assert_close(g, J.mT @ rows(theta).detach(), rtol=1e-10, atol=1e-13)

    rng = torch.Generator().manual_seed(1)
    v, w = torch.randn(adapter.size, generator=rng, dtype=F64), torch.randn(40, generator=rng, dtype=F64)
    for dense_first in (False, True):  # products before and after the matrix has been formed
        system = adapted.linearize(theta)
        assert system.shape == J.shape
        if dense_first:
            torch.testing.assert_close(system.dense(), J, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(system.mv(v), J @ v, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(system.rmv(w), J.mT @ w, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(system.gram(), J @ J.mT, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(system.row_norms(), J.square().sum(1), rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(system.columns(1, 3), J[:, 1:3], rtol=1e-10, atol=1e-12)


def test_many_rows_are_pulled_in_parts():
    net = MLP([1, 3, 1])
    adapter = Adapter(LoRA(r=1), net)
    theta = shaken(adapter)
    change = ChangeOfVariables(adapter, flat(net))
    rows = torch.randn(2100, adapter.dense_size, generator=torch.Generator().manual_seed(0), dtype=F64)
    pulled = change.pull_rows(theta, rows)
    for i in (0, 1023, 1024, 2099):
        torch.testing.assert_close(pulled[i], change.pull(theta, rows[i]))
    with pytest.raises(ArgumentError, match="base needs shape"):
        ChangeOfVariables(adapter, torch.zeros(3))
