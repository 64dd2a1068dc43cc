"""Families by few solved members: which are solved, what the others' estimates are worth, and what a second call finds."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace

import pytest
import torch

import sciml
from sciml import nn
from sciml.adapters import SpanAdapter
from sciml.errors import ArgumentError
from sciml.pdes import Poisson
from sciml.solvers.finetuning.greedy import Greedy
from sciml.solvers.training.settings import Settings

QUICK = {"max_steps": 60, "max_time": 1e4}


@dataclass(frozen=True)
class Curved(sciml.PDE):
    """``-u'' + u^3 = f``: solutions ``a sin(pi x) + a^2 sin(2 pi x)`` lie in a plane, the equation is not linear."""

    a: float = 1.0
    domain = sciml.Interval(0, 1)
    conditions = (sciml.Dirichlet(0.0),)

    def residual(self, u, x):
        s, p = math.pi * x, math.pi**2
        bend = self.a * p * torch.sin(s) + 4 * self.a**2 * p * torch.sin(2 * s)
        return -u.d("x", "x") + u**3 - bend - self.exact(x) ** 3

    def exact(self, x):
        return self.a * torch.sin(math.pi * x) + self.a**2 * torch.sin(2 * math.pi * x)


MEMBERS = Curved().family(a=[0.5 + 0.05 * k for k in range(20)])


@pytest.fixture(scope="module")
def base():
    return sciml.solve(Curved(1.0), nn.MLP([1, 10, 10, 1], "sine"), tol=1e-8, progress=False, **QUICK)


@pytest.fixture(scope="module")
def family(base, tmp_path_factory):
    folder = tmp_path_factory.mktemp("family")
    return base.finetune_family(MEMBERS, accuracy=1e-4, folder=folder, **QUICK), folder


def test_few_are_solved_and_all_are_good(family):
    found, folder = family
    assert list(found.solutions) == list(MEMBERS) and not found.failures
    assert 1 <= len(found.solved) <= 3 and len(list(folder.iterdir())) == len(found.solved)
    spans = {name: tuned for name, tuned in found.solutions.items() if name not in found.solved}
    assert all(isinstance(tuned.adapter, SpanAdapter) for tuned in spans.values())
    for tuned in spans.values():
        assert tuned.error() < 1e-4 and tuned.stats.error_estimate <= 2e-4
        assert tuned.error() < 3 * tuned.stats.error_estimate + 1e-7
    # the first that is solved is one of those farthest from the base
    assert found.solved[0] in (next(iter(MEMBERS)), list(MEMBERS)[-1])


def test_the_table_has_every_member_with_its_estimate(family):
    found, _ = family
    rows = found.rows()
    assert len(rows) == len(MEMBERS) and all(row["error_estimate"] is not None for row in rows)
    assert {row["adapter"] for row in rows} >= {"span"}
    assert found.table(3).splitlines()[-1] == "... and 17 more"


def test_a_second_call_solves_nothing_and_another_configuration_everything(base, family):
    found, folder = family
    again = base.finetune_family(MEMBERS, accuracy=1e-4, folder=folder, **QUICK)
    assert sorted(again.resumed) == sorted(found.solved) == sorted(again.solved)
    x = Curved().domain.sample(20)
    for name, tuned in found.solutions.items():
        torch.testing.assert_close(again.solutions[name](x), tuned(x), rtol=0, atol=1e-9)
    other = base.finetune_family(dict(list(MEMBERS.items())[:3]), accuracy=1e-3, folder=folder, **QUICK)
    assert other.resumed == []


def test_a_family_is_a_function_of_its_parameters(family):
    found, _ = family
    u = found.surrogate()
    x = torch.linspace(0, 1, 9, dtype=torch.float64)
    torch.testing.assert_close(u(x, a=0.777)[:, 0], Curved(0.777).exact(x), rtol=0, atol=2e-4)
    assert type(u.at(a=0.777)) is type(found.solutions[found.solved[0]])  # a solution with all its verbs
    assert u.at(a=0.777).plot("solution").axes
    assert u.at(a=0.777) is u.at(a=0.777) and u.at(a=0.777).stats.error_estimate < 1e-4
    with pytest.raises(ArgumentError, match=r"parameters needs names of Curved \(a\), got b"):
        u(x, b=1.0)


def test_a_point_outside_is_answered_with_a_warning(base):
    @dataclass(frozen=True)
    class Far(Curved):
        def residual(self, u, x):
            return super().residual(u, x) - (self.a - 1) * 60 * torch.sin(7 * math.pi * x)

    near = {"a": Far(1.0)}
    found = base.finetune_family(near, accuracy=1e-3, **QUICK)
    u = found.surrogate()
    u.base = Far(1.0)
    with pytest.warns(UserWarning, match="the estimated error at a=2.0 is .*, above the family's 1.0e-03"):
        u([0.3], a=2.0)


def test_single_adapters_have_no_surrogate(base):
    found = base.finetune_family({"a": Curved(0.9)}, "head", **QUICK)
    with pytest.raises(ArgumentError, match="surrogate needs a family of adapter='auto'"):
        found.surrogate()


def test_a_bad_member_stops_the_family_or_is_skipped():
    solution = sciml.solve(Poisson(2), nn.MLP([2, 6, 12, 1], "sine"), tol=1e-4, progress=False)
    broken = Poisson(2).with_source(lambda x: torch.log(x[:, :1] - 0.5))
    with pytest.raises(ArgumentError, match="source of Poisson needs finite numbers"):
        solution.finetune_family({"bad": broken}, accuracy=1e-2, **QUICK)
    found = solution.finetune_family(
        {"bad": broken, "good": Poisson(2)}, accuracy=1e-2, on_error="skip", **QUICK
    )
    assert list(found.solutions) == ["good"] and "finite numbers" in found.failures["bad"]


def test_spans_are_not_made_of_members_whose_error_is_not_known(family):
    """Their own error would count as none."""
    found, _ = family
    name = found.solved[0]
    known = copy.copy(found.solutions[name])
    unknown = copy.copy(known)
    unknown.stats = replace(known.stats, error_estimate=None)
    settings = Settings(Curved(), accuracy=1e-4)

    def made_of(tuned):
        return Greedy(known.base, MEMBERS, settings, {name: tuned}).span(MEMBERS[name]).adapter.config.members

    assert made_of(known) == (name,) and made_of(unknown) == ()


def test_a_member_solved_to_an_unknown_error_is_answered_by_a_span_whose_error_is_known(family):
    """A front may be resolved better than the correction can tell."""
    found, _ = family
    greedy = copy.copy(found.greedy)
    name = found.solved[0]
    unknown = copy.copy(found.solutions[name])
    unknown.stats = replace(unknown.stats, error_estimate=None)
    greedy.solved = dict(greedy.solved)
    assert greedy.instead() == {}
    # the one beside it is solved as well, so that a span of others does
    greedy.members = {**greedy.members, "copy": greedy.members[name]}
    greedy.solved["copy"] = unknown
    instead = greedy.instead()
    assert list(instead) == ["copy"] and isinstance(instead["copy"].adapter, SpanAdapter)
    assert instead["copy"].stats.error_estimate <= greedy.goal and instead["copy"].error() < 1e-4


def test_a_span_begins_where_another_one_ended(family):
    """With the weights of a member beside, or of fewer snapshots, it comes to the same weights."""
    found, _ = family
    greedy, names = found.greedy, list(MEMBERS)
    plain = greedy.span(MEMBERS[names[7]])
    near = greedy.span(MEMBERS[names[8]])
    begun = greedy.span(MEMBERS[names[7]], near)
    torch.testing.assert_close(begun.adapter.coefficients, plain.adapter.coefficients, rtol=1e-6, atol=1e-8)
    assert begun.nearest == plain.nearest and begun.steps <= plain.steps
