"""Every kind of adapter against the same list of laws, on an MLP and on a KAN."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sciml.adapters import SVD, Adapter, Full, Head, LoRA, LoTRA
from sciml.errors import ArgumentError
from sciml.nn import KAN, MLP

F64 = torch.float64
NETWORKS = {
    "kan": lambda: KAN([2, 5, 4, 1], grid=4, degree=3, seed=3),
    "mlp": lambda: MLP([2, 6, 5, 3], seed=3),
}
CONFIGS = {
    "lora": LoRA(r=2),
    "lora alpha": LoRA(r=3, alpha=6.0, modules_to_save="bias"),
    "lotra core": LoTRA(r=(2, 3, 2)),
    "lotra out": LoTRA(r=2, zero="out", modules_to_save=["head"]),
    "svd": SVD(),
    "svd cut": SVD(target_modules="*", modules_to_save=(), r=2, nonnegative=False),
    "full": Full(),
    "head": Head(),
    "nothing": LoRA(r=0),
}
EACH = [pytest.param(n, c, id=f"{n}-{c}") for n in NETWORKS for c in CONFIGS]


def build(network: str, config: str):
    net = NETWORKS[network]()
    return net, Adapter(CONFIGS[config], net)


def shaken(adapter: Adapter, seed: int = 0, size: float = 0.1) -> torch.Tensor:
    """Factors away from their start, loaded into the adapter."""
    theta = adapter.vector()
    rng = torch.Generator().manual_seed(seed)
    theta = theta + size * torch.randn(theta.shape, generator=rng, dtype=theta.dtype)
    adapter.load_vector(theta)
    return theta


def points(n: int = 7) -> torch.Tensor:
    return 2 * torch.rand(n, 2, generator=torch.Generator().manual_seed(1), dtype=F64) - 1


@pytest.mark.parametrize(("network", "config"), EACH)
def test_the_start_is_the_base_exactly(network, config):
    net, adapter = build(network, config)
    for name, delta in adapter.deltas().items():
        assert delta.shape == net.get_parameter(name).shape
        assert not delta.any(), name
    x = points()
    torch.testing.assert_close(adapter.call(net, x), net(x), rtol=0, atol=1e-14)


@pytest.mark.parametrize(("network", "config"), EACH)
def test_merged_is_unmerged_and_the_base_stays(network, config):
    net, adapter = build(network, config)
    before = copy.deepcopy(net.state_dict())
    keys, x = list(net.state_dict()), points()
    shaken(adapter)
    merged = adapter.merge(net)
    torch.testing.assert_close(merged(x), adapter.call(net, x), rtol=0, atol=1e-12)
    if adapter.size:
        assert (merged(x) - net(x)).abs().max() > 1e-6
    adapter.call(net, x).sum().backward()
    assert list(net.state_dict()) == keys
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name]), name
        assert name not in dict(net.named_parameters()) or net.get_parameter(name).grad is None
    assert all(p.grad is not None for p in adapter.parameters())


@pytest.mark.parametrize(("network", "config"), EACH)
def test_counts_are_the_formulas_and_theta_goes_there_and_back(network, config):
    net, adapter = build(network, config)
    assert sum(adapter.count().values()) == adapter.size == sum(p.numel() for p in adapter.parameters())
    assert adapter.count() == {n: sum(f.numel() for f in fs.values()) for n, fs in adapter.factors.items()}
    assert adapter.dense_size == sum(p.numel() for p in net.parameters())
    theta = shaken(adapter)
    assert torch.equal(adapter.vector(), theta)
    for name, delta in adapter.deltas(theta).items():
        assert torch.equal(delta, adapter.delta(name)), name
    assert adapter.rates().shape == theta.shape
    assert bool((adapter.rates() > 0).all())
    assert all(p.is_contiguous() and p.is_leaf and p.requires_grad for p in adapter.parameters())


@pytest.mark.parametrize(("network", "config"), EACH)
def test_copies_and_pickles_stand_alone(network, config):
    _, adapter = build(network, config)
    theta = shaken(adapter)
    for other in (copy.deepcopy(adapter), pickle.loads(pickle.dumps(adapter)), adapter.copy()):
        assert torch.equal(other.vector(), theta)
        other.load_vector(theta + 1)
        assert torch.equal(adapter.vector(), theta)
        assert torch.equal(other.vector(), theta + 1)


@pytest.mark.parametrize(("network", "config"), EACH)
def test_the_same_seed_gives_the_same_factors(network, config):
    net, adapter = build(network, config)
    torch.manual_seed(99)  # the global generator has no say
    assert torch.equal(Adapter(CONFIGS[config], net).vector(), adapter.vector())


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(
    "config",
    [
        LoTRA(r=99),
        LoRA(r=99, modules_to_save=()),
        LoRA(r=99, alpha=3.0, modules_to_save=()),
    ],
    ids=["lotra", "lora", "lora alpha"],
)
def test_full_ranks_represent_any_change_exactly(network, config):
    net = NETWORKS[network]()
    rng = torch.Generator().manual_seed(5)
    changes = {
        name: torch.randn(p.shape, generator=rng, dtype=F64)
        for name, p in net.named_parameters()
        if p.ndim >= 2
    }
    adapter = Adapter.fit(config, net, changes)
    assert list(adapter.adapted) == list(changes)
    for name, change in changes.items():
        torch.testing.assert_close(adapter.delta(name).detach(), change, rtol=0, atol=1e-12)


@pytest.mark.parametrize("config", [LoRA(r=2), LoTRA(r=(2, 2, 3)), Full(target_modules="layers.1.coef")])
def test_fit_gets_back_what_its_own_factors_made(config):
    net = NETWORKS["kan"]()
    adapter = Adapter(config, net)
    shaken(adapter, size=1.0)
    changes = {name: d.detach() for name, d in adapter.deltas().items()}
    again = Adapter.fit(config, net, changes)
    for name, change in changes.items():
        torch.testing.assert_close(again.delta(name).detach(), change, rtol=0, atol=1e-11)


def test_lora_fit_is_the_best_of_its_rank():
    net = NETWORKS["mlp"]()
    change = torch.randn(6, 2, generator=torch.Generator().manual_seed(0), dtype=F64)
    adapter = Adapter.fit(LoRA(r=1), net, {"layers.0.weight": change})
    error = (adapter.delta("layers.0.weight") - change).norm()
    torch.testing.assert_close(error, torch.linalg.svdvals(change)[1])


def test_svd_trains_singular_values_between_the_base_s_own_vectors():
    net = NETWORKS["mlp"]()
    adapter = Adapter(SVD(), net)
    name = "layers.2.weight"
    weight = net.get_parameter(name).detach()
    assert list(adapter.factors[name]) == ["s"]
    torch.testing.assert_close(adapter.factors[name]["s"].detach(), torch.linalg.svdvals(weight))
    # everything else is trained in full, as in the paper
    assert all(list(adapter.factors[n]) == ["delta"] for n in adapter.adapted if n != name)
    shaken(adapter, size=0.05)
    merged = adapter.merge(net).get_parameter(name).detach()
    u, _, vh = torch.linalg.svd(weight, full_matrices=False)
    rotated = u.mT @ merged @ vh.mT
    torch.testing.assert_close(rotated, torch.diag(adapter.factors[name]["s"].detach()), rtol=0, atol=1e-12)


def test_only_svd_with_the_projection_moves_after_a_step():
    net = NETWORKS["mlp"]()
    theta = {}
    for key, config in {"on": SVD(), "off": SVD(nonnegative=False), "lora": LoRA(r=2)}.items():
        adapter = Adapter(config, net)
        start = adapter.vector() - 10.0
        theta[key] = (adapter, start, adapter.project(start))
    for key in ("off", "lora"):
        assert torch.equal(theta[key][1], theta[key][2])
    adapter, start, moved = theta["on"]
    adapter.load_vector(moved)
    assert not adapter.factors["layers.2.weight"]["s"].any()
    rest = moved != start
    assert int(rest.sum()) == adapter.factors["layers.2.weight"]["s"].numel()


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 5)] * 3),
    ranks=st.tuples(*[st.integers(0, 6)] * 3),
    zero=st.sampled_from(["core", "out"]),
)
def test_lotra_is_the_tucker_formula_for_any_shape(shape, ranks, zero):
    n_in, m, n_out = shape
    base = {"layer.coef": torch.zeros(n_in, m, n_out, dtype=F64)}
    adapter = Adapter(LoTRA(r=ranks, zero=zero), base)
    a, b, c = (min(r, n) for r, n in zip(ranks, (n_in, n_out, m), strict=True))
    if min(a, b, c) == 0:
        a = b = c = 0
    assert adapter.size == a * b * c + n_in * a + n_out * b + m * c
    assert not adapter.delta("layer.coef").any()
    if adapter.size:
        shaken(adapter, size=1.0)
    f = adapter.factors["layer.coef"]
    assert f["core"].shape == (a, b, c)
    expected = torch.einsum("abc,ia,ob,kc->iko", f["core"], f["in"], f["out"], f["basis"])
    torch.testing.assert_close(adapter.delta("layer.coef"), expected, rtol=1e-12, atol=1e-12)


def test_the_core_of_a_slim_layer_has_its_own_order_of_axes():
    change = {"l.core": torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0), dtype=F64)}
    base = {"l.core": torch.zeros(3, 5, 4, dtype=F64)}
    exact = Adapter.fit(LoTRA(r=9), base, change)
    torch.testing.assert_close(exact.delta("l.core").detach(), change["l.core"], rtol=0, atol=1e-12)
    f = Adapter.fit(LoTRA(r=(2, 3, 4)), base, change).factors["l.core"]
    assert [f[mode].shape for mode in ("in", "out", "basis")] == [(3, 2), (5, 3), (4, 4)]


@pytest.mark.parametrize(("name", "shape"), [("l.weight", (4, 3)), ("l.base", (3, 4))])
def test_a_matrix_has_no_basis_mode(name, shape):
    adapter = Adapter(LoTRA(r=(2, 3, 5)), {name: torch.zeros(shape, dtype=F64)})
    assert adapter.size == 2 * 3 + 3 * 2 + 4 * 3
    shaken(adapter)
    f = adapter.factors[name]
    inward = f["in"] @ f["core"] @ f["out"].mT
    torch.testing.assert_close(adapter.delta(name), inward if name == "l.base" else inward.mT)


@pytest.mark.parametrize("zero", ["core", "out"])
def test_only_the_zero_factor_moves_first_and_it_does_move(zero):
    net = NETWORKS["kan"]()
    adapter = Adapter(LoTRA(r=2, zero=zero), net)
    adapter.call(net, points()).square().sum().backward()
    for name, factors in adapter.factors.items():
        for key, factor in factors.items():
            assert bool(factor.grad.any()) == (key == zero), (name, key)


def test_parameter_groups_hold_each_factor_at_its_own_rate():
    net = NETWORKS["kan"]()
    adapter = Adapter(LoTRA(r=2, target_modules="layers.1.coef"), net)
    groups = adapter.groups(0.5)
    assert [g["params"][0] is p for g, p in zip(groups, adapter.parameters(), strict=True)]
    by_name = dict(zip(adapter.factors["layers.1.coef"], (g["lr"] for g in groups), strict=True))
    m = 4 + 3
    assert by_name == pytest.approx({"core": 0.5, "out": 0.5, "in": 0.5 / 5, "basis": 0.5 / m**0.5})
    entries = [torch.full_like(g["params"][0], g["lr"]).flatten() for g in groups]
    torch.testing.assert_close(0.5 * adapter.rates(), torch.cat(entries).detach())
    plain = Adapter(LoTRA(r=2, target_modules="layers.1.coef", scaled_rates=False), net)
    assert bool((plain.rates() == 1).all())
    torch.optim.Adam(groups).step()


def test_an_adapter_takes_the_dtype_of_its_base():
    net = KAN([1, 3, 1], dtype=torch.float32)
    for config in ("lora", "lotra", "svd", "full", "head"):
        adapter = Adapter(config, net)
        assert {p.dtype for p in adapter.parameters()} == {torch.float32}
        assert adapter.call(net, torch.rand(4, 1)).dtype == torch.float32


def test_a_base_of_another_shape_is_refused():
    adapter = Adapter(LoRA(r=1), NETWORKS["mlp"]())
    with pytest.raises(ArgumentError, match="base needs the parameters that the adapter was made for"):
        adapter.apply(MLP([2, 6, 3]))
    with pytest.raises(ArgumentError, match=r"theta needs shape"):
        adapter.load_vector(torch.zeros(3, dtype=F64))
    with pytest.raises(ArgumentError, match="name needs one of the adapted parameters"):
        adapter.delta("layers.9.weight")
    with pytest.raises(ArgumentError, match="changes needs the shapes"):
        Adapter.fit(LoRA(r=1), NETWORKS["mlp"](), {"layers.0.weight": torch.zeros(2, 2)})


@pytest.mark.parametrize("zero", ["core", "out"])
def test_lotra_starts_with_the_variances_it_states(zero):
    n_in, m, n_out, a, b, c = 60, 50, 70, 40, 30, 20
    adapter = Adapter(LoTRA(r=(a, b, c), zero=zero), {"l.coef": torch.zeros(n_in, m, n_out, dtype=F64)})
    expected = {"in": 1 / n_in, "basis": 1.0, "core": 1 / (a * c), "out": 1 / b}
    expected[zero] = 0.0
    for name, factor in adapter.factors["l.coef"].items():
        assert float(factor.detach().square().mean()) == pytest.approx(expected[name], rel=0.15), name


@pytest.mark.parametrize(("name", "shape"), [("l.weight", (30, 50)), ("l.coef", (50, 8, 30))])
def test_lora_starts_with_the_variance_of_the_inputs_side(name, shape):
    adapter = Adapter(LoRA(r=20), {name: torch.zeros(shape, dtype=F64)})
    random, zero = ("right", "left") if name == "l.weight" else ("left", "right")
    factors = adapter.factors[name]
    assert float(factors[random].detach().square().mean()) == pytest.approx(1 / 50, rel=0.15)
    assert not factors[zero].detach().any()
