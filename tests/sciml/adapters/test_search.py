"""Searching ranks, against brute force and the adapters' own differences."""

from __future__ import annotations

import itertools

import pytest
import torch

from sciml.adapters import AdaptedProblem, Adapter, Full, Gates, LoRA, LoTRA, choose, search_ranks
from sciml.adapters.lora import matrix_shape
from sciml.adapters.search import _select
from sciml.errors import ArgumentError
from sciml.nn import KAN, MLP
from sciml.rank import CubicBudget, Derivatives, SecondOrder
from tests.sciml.adapters.problems import F64, Fit, flat, shaken


@pytest.mark.parametrize(
    "config", [LoRA(r=3, alpha=2.0), LoTRA(r=(2, 3, 2)), LoTRA(r=3, modules_to_save="head")]
)
@pytest.mark.parametrize("net", [KAN([2, 4, 3, 1], grid=3), MLP([2, 4, 5, 1])], ids=["kan", "mlp"])
def test_orthogonal_components_are_the_same_difference(net, config):
    adapter = Adapter(config, net)
    shaken(adapter, size=1.0)
    gates = Gates(adapter)
    for name, delta in adapter.deltas().items():
        for same in (gates.adapter.delta(name), gates.deltas(gates.vector())[name]):
            torch.testing.assert_close(same, delta, rtol=0, atol=1e-11)
    start = 0
    for key, r in gates.sizes.items():
        strengths = gates.strengths()[start : start + r]
        name, mode = key.rsplit("/", 1)
        parameter, delta = adapter.adapted[name], adapter.delta(name).detach()
        if mode == "rank":
            matrix = delta.reshape(matrix_shape(parameter))
        else:
            matrix = delta.movedim(parameter.roles.index(mode), 0).flatten(1)
        spectrum = torch.linalg.svdvals(matrix)
        n = min(r, len(spectrum))
        torch.testing.assert_close(strengths[:n], spectrum[:n], rtol=0, atol=1e-10)
        start += r


@pytest.mark.parametrize("config", [LoRA(r=3), LoTRA(r=(2, 3, 2), modules_to_save="head")])
def test_pruned_and_silenced_adapters_are_the_gated_difference(config):
    net = KAN([2, 4, 3, 1], grid=3)
    adapter = Adapter(config, net)
    shaken(adapter, size=1.0)
    gates = Gates(adapter)
    rng = torch.Generator().manual_seed(3)
    for trial in range(6):
        keep = torch.rand(gates.size, generator=rng) < (0.7 if trial else 0.0)
        gated = gates.deltas(keep.to(F64))
        pruned, silenced = gates.prune(keep), gates.silence(keep)
        for name, delta in gated.items():
            torch.testing.assert_close(pruned.delta(name), delta, rtol=0, atol=1e-11)
            torch.testing.assert_close(silenced.delta(name), delta, rtol=0, atol=1e-11)
        assert silenced.size == adapter.size
        # the pattern alone is enough to build the same structure again
        again = Adapter(pruned.config, net)
        assert again.size == pruned.size <= adapter.size
        again.load_vector(pruned.vector())
        for name, delta in gated.items():
            torch.testing.assert_close(again.delta(name), delta, rtol=0, atol=1e-11)
        # what is silent can come back: some factor of every parameter still has a gradient
        silenced.call(net, Fit(net).x).square().sum().backward()
        assert all(any(f.grad.any() for f in fs.values()) for fs in silenced.factors.values())


def test_untrained_components_stay_alive_through_a_search():
    net = MLP([2, 4, 4, 1])
    adapter = Adapter(LoRA(r=2, rank_budget=3, modules_to_save=()), net)
    found = search_ranks(adapter, Fit(net), flat(net))
    found.call(net, Fit(net).x).square().sum().backward()
    assert sum(found.config.rank_pattern.values()) == 3
    for fs in found.factors.values():
        assert not fs["left"].numel() or max(float(f.grad.abs().max()) for f in fs.values()) > 1e-3


@pytest.mark.parametrize("curvature", ["hessian", "gauss_newton"])
def test_the_search_finds_the_components_that_matter(curvature):
    """A difference of two large and many tiny components: the budget goes to the large ones."""
    net = MLP([2, 4, 4, 1])
    problem = Fit(net)
    rng = torch.Generator().manual_seed(1)
    changes = {}
    for name, strong in {"layers.0.weight": 0, "layers.2.weight": 2, "layers.4.weight": 0}.items():
        shape = net.get_parameter(name).shape
        u, _, vh = torch.linalg.svd(torch.randn(shape, generator=rng, dtype=F64), full_matrices=False)
        s = torch.full((min(shape),), 1e-4, dtype=F64)
        s[:strong] = 1.0
        changes[name] = (u * s) @ vh
    adapter = Adapter.fit(LoRA(r=3, rank_budget=2, modules_to_save=()), net, changes)
    with torch.no_grad():
        problem.y = adapter.call(net, problem.x)  # the difference is the answer: every component helps
    found = search_ranks(adapter, problem, flat(net), curvature=curvature)
    assert found.config.rank_pattern == {"layers.0.weight": 0, "layers.2.weight": 2, "layers.4.weight": 0}
    assert found.size == 2 * (4 + 4)
    # for what is kept the difference is kept
    torch.testing.assert_close(
        found.delta("layers.2.weight").detach(), changes["layers.2.weight"], rtol=0, atol=1e-3
    )


@pytest.mark.parametrize("curvature", ["hessian", "gauss_newton"])
def test_second_order_choices_cost_little_more_than_the_best_of_all(curvature):
    """Geometric mean of true loss over best possible, for small differences that are the answer."""
    ratio = {"sublora": [], "backward": [], "brute_force": [], "magnitude": []}
    for seed in range(8):
        net = MLP([2, 3, 3, 1], seed=seed)
        problem, adapter = Fit(net, seed), Adapter(LoRA(r=3, seed=seed), net)
        shaken(adapter, size=0.3, seed=seed)
        with torch.no_grad():
            problem.y = adapter.call(net, problem.x)
        gates = Gates(adapter)
        adapted = AdaptedProblem(problem, gates, flat(net))
        for budget in (1, 3):
            kept = itertools.combinations(range(gates.size), budget)
            masks = [torch.tensor([float(i in k) for i in range(gates.size)], dtype=F64) for k in kept]
            best = min(adapted.value(mask) for mask in masks)
            for selector, ratios in ratio.items():
                keep = choose(gates, problem, flat(net), budget, selector, curvature)
                assert int(keep.sum()) <= budget
                ratios.append(adapted.value(keep.to(F64)) / best)
    means = {selector: torch.tensor(r).log().mean().exp() for selector, r in ratio.items()}
    assert max(means[s] for s in ("sublora", "backward", "brute_force")) < 1.4, means
    assert means["magnitude"] > 1.5, means


def adapter_near_optimum(adapter: Adapter, problem: Fit, base: torch.Tensor) -> Adapter:
    """A few damped Gauss-Newton steps in the factors."""
    shaken(adapter, size=0.3)
    adapted = AdaptedProblem(problem, adapter, base)
    theta = adapter.vector()
    for _ in range(8):
        system = adapted.linearize(theta)
        J = system.dense()
        step = torch.linalg.solve(J.mT @ J + 1e-4 * torch.eye(len(theta), dtype=F64), J.mT @ system.residual)
        theta = theta - step if adapted.value(theta - step) < adapted.value(theta) else theta - 0.1 * step
    adapter.load_vector(theta)
    return adapter


@pytest.mark.parametrize("selector", ["sublora", "backward", "magnitude", "uniform"])
def test_tucker_modes_are_kept_together_or_not_at_all(selector):
    net = KAN([2, 4, 1], grid=3)
    problem = Fit(net, n=15)
    adapter = Adapter(LoTRA(r=2, rank_search=selector), net)
    gates = Gates(adapter_near_optimum(adapter, problem, flat(net)))
    for budget in (0, 1, 2, 3, 4, 7, 10, gates.size):
        keep = choose(gates, problem, flat(net), budget, selector, "gauss_newton")
        assert int(keep.sum()) <= budget
        pruned = gates.prune(keep)
        ranks = pruned.config.rank_pattern
        assert all(all(r) or not any(r) for r in ranks.values())
        kept = sum(sum(f.shape[1] for k, f in fs.items() if k != "core") for fs in pruned.factors.values())
        assert kept == int(keep.sum())  # nothing is paid for that does not count


@pytest.mark.parametrize("seed", range(4))
def test_closing_a_parameter_expands_the_model_about_its_absence(seed):
    """Of all choices that leave the same parameters out, the search takes the best one of the whole model."""
    base = {name: torch.zeros(2, 2, 2, dtype=F64) for name in ("a.coef", "b.coef", "c.coef")}
    adapter = Adapter(LoTRA(r=(1, 2, 1)), base)
    shaken(adapter)
    gates = Gates(adapter)
    rng = torch.Generator().manual_seed(seed)
    A = torch.randn(gates.size, gates.size, generator=rng, dtype=F64)
    g = 0.3 * torch.randn(gates.size, generator=rng, dtype=F64)
    found = Derivatives(torch.tensor(0.0), g, A @ A.mT)
    model = SecondOrder(g, found.H)
    names = [key.partition("/")[0] for key, r in gates.sizes.items() for _ in range(r)]
    closed_any = False
    for budget in (3, 5, 7):
        keep = _select(gates, found, budget, "brute_force")
        alive = {name for name, kept in zip(names, keep.tolist(), strict=True) if kept}
        closed_any |= len(alive) < 3
        masks = torch.tensor(list(itertools.product([False, True], repeat=gates.size)))
        inside = torch.tensor([name in alive for name in names])
        allowed = masks[(masks.sum(1) <= budget) & ~(masks & ~inside).any(1)]
        assert model.loss_change(keep) <= model.loss_change(allowed).min() + 1e-12
    assert closed_any


def test_the_budget_may_fall_during_training():
    """The joint algorithm: train, choose, silence, train on; at the end the support is the budget's."""
    net = KAN([1, 4, 1], grid=4, base=False)
    problem, base = Fit(net), flat(net)
    adapter = shaken_adapter = Adapter(LoRA(r=4), net)
    shaken(shaken_adapter, size=0.1)
    start = AdaptedProblem(problem, adapter, base).value(adapter.vector())
    schedule = CubicBudget(start=Gates(adapter).size, end=3, total=12, warmup=2, settle=3)
    for step in range(13):
        if step in (2, 4, 6, 8, 9):
            gates = Gates(adapter)
            keep = choose(gates, problem, base, schedule(step))
            adapter = gates.prune(keep) if step == 9 else gates.silence(keep)
        adapted = AdaptedProblem(problem, adapter, base)
        theta, J, r = (
            adapter.vector(),
            adapted.linearize(adapter.vector()).dense(),
            adapted.residual(adapter.vector()),
        )
        new = theta - torch.linalg.solve(J.mT @ J + 1e-3 * torch.eye(len(theta), dtype=F64), J.mT @ r)
        if adapted.value(new) < adapted.value(theta):
            adapter.load_vector(new)
    assert sum(adapter.config.rank_pattern.values()) <= 3
    assert AdaptedProblem(problem, adapter, base).value(adapter.vector()) < 0.5 * start


def test_what_cannot_be_searched_is_refused():
    net = MLP([1, 3, 1])
    problem = Fit(net)
    with pytest.raises(ArgumentError, match="needs a low-rank kind"):
        Gates(Adapter(Full(), net))
    with pytest.raises(ArgumentError, match="needs a rank_budget"):
        search_ranks(Adapter(LoRA(r=1), net), problem, flat(net))
    with pytest.raises(ArgumentError, match="curvature needs one of"):
        choose(Gates(Adapter(LoRA(r=1), net)), problem, flat(net), 1, curvature="fisher")


@pytest.mark.parametrize(
    "config",
    [
        LoRA(r=0),
        LoTRA(r=0),
        LoRA(r=2, rank_pattern={"layers.1.coef": 0}),
        LoTRA(r=2, rank_pattern={"layers.1.coef": 0}),
    ],
)
def test_a_search_goes_on_from_rank_zero(config):
    net = KAN([2, 4, 3, 1], grid=3)
    gates = Gates(Adapter(config, net))
    assert gates.sizes["layers.1.coef/" + ("rank" if config.kind == "lora" else "basis")] == 0
    assert gates.strengths().shape == (gates.size,)
    nothing = torch.zeros(gates.size, dtype=torch.bool)
    assert gates.prune(nothing).size == 0
    assert not any(d.any() for d in gates.silence(nothing).deltas().values())
    if gates.size:
        keep = choose(gates, Fit(net), flat(net), 3, "uniform", "gauss_newton")
        assert int(keep.sum()) <= 3
