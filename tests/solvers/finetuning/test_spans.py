"""Spans of solved members: exact where the answer lies in them, with the conditions of the new problem."""

from __future__ import annotations

import math
import os

import pytest
import torch

import sciml
from sciml import nn
from sciml.adapters import Span, SpanAdapter
from sciml.errors import ArgumentError, ArgumentTypeError, FileFormatError
from sciml.pdes import Poisson


def answer(x, a):
    """Two shapes with weights that depend on the parameter in a curved way, and on the boundary."""
    s = math.pi * x
    return a * torch.sin(s) + a**2 * torch.sin(2 * s) + a * x


class Reaction(sciml.PDE):
    """``-u'' + u^3 = f`` with ``u(1) = a``: the solutions of all ``a`` lie in a plane; the equation is not linear."""

    domain = sciml.Interval(0, 1)

    def __init__(self, a, where="exact"):
        self.a, self.where = a, where
        hard = None if where == "exact" else False
        self.conditions = (
            sciml.Dirichlet(0.0, on="left"),
            sciml.Dirichlet(float(a), on="right", hard=hard),
        )

    def residual(self, u, x):
        s, p = math.pi * x, math.pi**2
        bend = self.a * p * torch.sin(s) + 4 * self.a**2 * p * torch.sin(2 * s)
        return -u.d("x", "x") + u**3 - bend - answer(x, self.a) ** 3

    def exact(self, x):
        return answer(x, self.a)


MODELS = {
    "mlp": lambda: nn.MLP([1, 10, 10, 1], "sine"),
    "kan": lambda: nn.KAN([1, 4, 1], grid=8, degree=5),
}
QUICK = {"progress": False, "tol": 1e-9, "max_steps": 60}


@pytest.fixture(scope="module", params=MODELS)
def host(request):
    solution = sciml.solve(Reaction(0.5), MODELS[request.param](), **QUICK)
    for k, a in enumerate((0.8, 1.1)):
        solution.finetune(Reaction(a), "full", name=f"m{k}", **QUICK)
    return solution


@pytest.fixture
def clean(host):
    yield host
    for name in list(host.adapters):
        if not name.startswith("m"):
            host.delete_adapter(name)


def test_a_nonlinear_member_in_the_span_is_found_and_its_conditions_hold(clean):
    worst = max(clean.error(), *(clean[m].error() for m in ("m0", "m1")))
    assert worst < 1e-5
    before = clean.fingerprint()
    tuned = clean.finetune(Reaction(0.95), "span", progress=False)
    assert tuned.error() < 20 * worst and tuned.report["trained"] == 3
    assert isinstance(tuned.adapter, SpanAdapter) and tuned.config == Span(members=("m0", "m1"))
    ends = tuned(torch.tensor([[0.0], [1.0]], dtype=torch.float64))
    torch.testing.assert_close(ends, torch.tensor([[0.0], [0.95]], dtype=torch.float64), rtol=0, atol=1e-14)
    assert clean.fingerprint() == before
    merged = tuned.merge_and_unload()
    x = Reaction(1).domain.sample(30)
    torch.testing.assert_close(merged(x), tuned(x), rtol=0, atol=1e-12)
    # the merged network is its own: training it changes nothing else
    with torch.no_grad():
        for p in merged.network.parameters():
            p.add_(1.0)
    torch.testing.assert_close(tuned(torch.ones(1, 1, dtype=torch.float64)), ends[1:], rtol=0, atol=1e-14)
    assert clean.fingerprint() == before


def test_fewer_directions_and_chosen_members(clean):
    whole = clean.finetune(Reaction(0.95), Span(members=["m1", "m0"]), progress=False)
    one = clean.finetune(Reaction(0.95), Span(r=1), progress=False)
    assert one.error() > 100 * whole.error()
    alone = clean.finetune(Reaction(0.95), Span(members=()), progress=False)
    assert alone.adapter.size == 1 and alone.outcome == "stalled"
    with pytest.raises(
        ArgumentError, match=r"members needs names of adapters of this solution \(m0, m1.*got m7"
    ):
        clean.finetune(Reaction(0.95), Span(members=["m7"]), progress=False)


def test_a_span_is_no_member_of_another_one(clean):
    clean.finetune(Reaction(0.95), "span", name="spanned", progress=False)
    with pytest.raises(
        ArgumentError, match="members needs adapters of this base that were trained, got 'spanned'"
    ):
        clean.finetune(Reaction(0.9), Span(members=["spanned"]), progress=False)
    again = clean.finetune(Reaction(0.9), "span", progress=False)
    assert again.config.members == ("m0", "m1")
    with pytest.raises(ArgumentError, match="got a span of solutions"):
        again.spectra()


def test_a_problem_with_conditions_on_other_places_is_refused(clean):
    with pytest.raises(ArgumentError, match="problem needs exact conditions on the same places"):
        clean.finetune(Reaction(0.95, "penalty"), "span", progress=False)


def test_an_estimate_is_made_where_an_accuracy_is_asked_for(clean):
    plain = clean.finetune(Reaction(0.95), "span", progress=False)
    assert plain.stats.error_estimate is None
    good = clean.finetune(Reaction(0.95), "span", accuracy=1e-3, progress=False)
    assert good.outcome == "converged" and good.stats.error_estimate <= 1e-3


def test_a_member_outside_is_told_by_its_estimate(clean):
    class Other(Reaction):
        def residual(self, u, x):
            return super().residual(u, x) - 40 * torch.sin(5 * math.pi * x)

    tuned = clean.finetune(Other(0.95), "span", accuracy=1e-3, progress=False)
    assert tuned.outcome == "stalled" and tuned.stats.error_estimate > 1e-2


def test_files_of_spans_belong_to_their_members(clean, tmp_path):
    tuned = clean.finetune(Reaction(0.95), "span", name="next", progress=False)
    path, x = tmp_path / "next.h5", Reaction(1).domain.sample(30)
    tuned.save_adapter(path)
    assert os.path.getsize(path) < 4000
    again = clean.load_adapter(path, name="again", problem=Reaction(0.95))
    assert torch.equal(again(x), tuned(x)) and again.config == tuned.config
    tuned.save(tmp_path / "whole.h5")
    whole = sciml.load(tmp_path / "whole.h5", problem=Reaction(0.95))
    assert torch.equal(whole(x), tuned(x))
    clean.save(tmp_path / "base.h5")
    bare = sciml.load(tmp_path / "base.h5", problem=Reaction(0.5))
    with pytest.raises(FileFormatError, match="needs the member 'm0', which is not here"):
        bare.load_adapter(path, problem=Reaction(0.95))
    clean["m0"].save_adapter(tmp_path / "m0.h5")
    clean["m1"].save_adapter(tmp_path / "m1.h5")
    bare.load_adapter(tmp_path / "m1.h5", name="m0", problem=Reaction(1.1))
    bare.load_adapter(tmp_path / "m0.h5", name="m1", problem=Reaction(0.8))
    with pytest.raises(FileFormatError, match="a span of another member 'm0'"):
        bare.load_adapter(path, problem=Reaction(0.95))
    bare.delete_adapter("m0")
    bare.delete_adapter("m1")
    for name, a in (("m0", 0.8), ("m1", 1.1)):
        bare.load_adapter(tmp_path / f"{name}.h5", problem=Reaction(a))
    assert torch.equal(bare.load_adapter(path, problem=Reaction(0.95))(x), tuned(x))
    other = sciml.solve(Reaction(0.5), nn.MLP([1, 4, 1]), progress=False, max_steps=2)
    with pytest.raises(FileFormatError, match="another base"):
        other.load_adapter(path, problem=Reaction(0.95))


@pytest.mark.parametrize("prints", [None, [], ["ab"] * 2, [1, 2]])
def test_forged_fingerprints_of_members_are_refused(clean, tmp_path, prints):
    tuned = clean.finetune(Reaction(0.95), "span", name="next", progress=False)
    tuned.adapter.prints = prints
    tuned.save_adapter(tmp_path / "next.h5")
    with pytest.raises(FileFormatError, match="its members need a fingerprint each"):
        clean.load_adapter(tmp_path / "next.h5", name="again", problem=Reaction(0.95))


def test_an_untrained_span_is_the_base(clean):
    fresh = clean.add_adapter("span", "fresh")
    x = Reaction(1).domain.sample(9)
    assert torch.equal(fresh(x), clean(x))


def wave(x, p, q):
    return torch.sin(p * math.pi * x[:, :1]) * torch.sin(q * math.pi * x[:, 1:])


def source(a, b):
    return Poisson(2).with_source(
        lambda x: 2 * a * math.pi**2 * wave(x, 1, 1) + 5 * b * math.pi**2 * wave(x, 2, 1),
        exact=lambda x: a * wave(x, 1, 1) + b * wave(x, 2, 1),
    )


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_linear_span_superposes(dtype):
    model = nn.MLP([2, 12, 12, 1], "sine", dtype=dtype)
    solution = sciml.solve(source(1.0, 0.0), model, dtype=dtype, tol=1e-6, max_steps=40, progress=False)
    solution.finetune(source(0.0, 1.0), "full", name="m", tol=1e-6, max_steps=40, progress=False)
    tuned = solution.finetune(source(0.3, -2.0), "span", progress=False)
    c = tuned.adapter.coefficients.double()
    torch.testing.assert_close(c, torch.tensor([0.3, -2.0]).double(), rtol=0, atol=5e-3)
    assert tuned.error() < 3 * max(solution.error(), solution["m"].error()) + 1e-6


class Pair(sciml.PDE):
    """Two unknowns, 1e3 times as large the second; a condition that is a penalty, and a mean over points."""

    domain = sciml.Interval(0, 1)
    unknowns = ("u", "v")
    conditions = (
        sciml.Dirichlet(0.0, component="u"),
        sciml.Dirichlet(0.0, component="v", on="left"),
        sciml.Neumann(0.0, component="v", on="right"),
    )

    def __init__(self, k, mean=0.0):
        self.k, self.mean = k, mean

    def residual(self, u, x):
        a, b = u["u"], u["v"]
        return (
            -a.d("x", "x")
            - self.k * torch.sin(math.pi * x)
            + self.mean * (a.value.mean() - 2 * self.k / math.pi**3),
            -b.d("x", "x") - 1e3 * a,
        )

    def exact(self, x):
        u = self.k * torch.sin(math.pi * x) / math.pi**2
        # -v'' = 1e3 u, v(0) = 0, v'(1) = 0
        v = 1e3 * (u / math.pi**2 + self.k * x / math.pi**3)
        return torch.cat([u, v], 1)


@pytest.mark.parametrize("mean", [0.0, 1.0])
def test_systems_penalties_and_rows_that_mix_points(mean):
    solution = sciml.solve(Pair(1.0), nn.MLP([1, 12, 2], "sine"), max_steps=60, progress=False)
    assert solution.error() < 1e-3
    tuned = solution.finetune(Pair(2.5, mean), Span(members=()), points=200, progress=False)
    assert abs(float(tuned.adapter.coefficients[0]) - 2.5) < 1e-3
    # the mean is one over 200 points
    assert tuned.error() < (1e-6 if mean == 0.0 else 1e-3)


def test_what_is_not_finite_is_named():
    solution = sciml.solve(Poisson(2), nn.MLP([2, 5, 1]), max_steps=2, progress=False)
    bad = Poisson(2).with_source(lambda x: torch.log(x[:, :1] - 0.5))
    with pytest.raises(ArgumentError, match="source of Poisson needs finite numbers"):
        solution.finetune(bad, Span(members=()), progress=False)
    plain = torch.nn.Sequential(torch.nn.Linear(2, 5), torch.nn.Tanh(), torch.nn.Linear(5, 1)).double()
    solution = sciml.solve(Poisson(2), plain, max_steps=1, points=20, progress=False)
    with pytest.raises(
        ArgumentError, match="adapter 'span' needs a base whose network offers jets, got a Sequential"
    ):
        solution.finetune(Poisson(2), "span", progress=False)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Span(r=0), "r needs an int of at least 1"),
        (lambda: Span(members=3), "members needs a name or a list of names"),
        (lambda: Span(members=["a", "a"]), "members needs at most 1000 different names"),
    ],
)
def test_configurations_are_checked(make, message):
    with pytest.raises((ArgumentError, ArgumentTypeError), match=message):
        make()
