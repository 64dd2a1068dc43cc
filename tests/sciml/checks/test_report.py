"""``sciml.check``, over the catalogue and under every global setting of torch."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

import sciml
from sciml import Data, Dirichlet, Initial, Neumann, Periodic, pdes
from sciml.checks.findings import findings
from sciml.errors import ArgumentError, ArgumentTypeError
from tests.cases import ROOT
from tests.sciml.checks.cases import LINE, SQUARE, TIME_LINE, heat, poisson, stated

CATALOGUE = [
    *(pdes.get(name)() for name in pdes.names()),
    pdes.Poisson(dim=1),
    pdes.Poisson(dim=5, frequency=3),
    pdes.Heat(dim=3, diffusivity=0.02),
    pdes.Burgers(nu=1e-3),
    pdes.AllenCahnBall(eps=50.0),
    pdes.AllenCahnBall(eps=-0.5, dim=3),
    pdes.Advection(speed=-1),
    pdes.HeatBall(dim=1),
    pdes.HeatBall(dim=100),
    pdes.ParabolicBall(eps=2.0, dim=3),
    pdes.LidDriven(lid=16),
    pdes.Wave(speed=0.7),
]


@pytest.mark.parametrize("problem", CATALOGUE, ids=repr)
def test_no_false_alarm_in_the_catalogue(problem):
    assert findings(problem) == []
    report = sciml.check(problem)
    assert len(report.conditions) == len(problem.conditions)
    # a coefficient that is a field is known from measurements in the place of an equation
    fields = 1 if isinstance(problem, pdes.InversePoisson) else 0
    assert report.equations + fields == len(problem.unknowns)
    assert set(report.orders) == set(problem.unknowns)


@pytest.mark.parametrize("problem", CATALOGUE, ids=repr)
def test_no_false_alarm_with_another_source(problem):
    assert findings(problem.with_source(lambda x: 1 + x[:, :1] ** 2)) == []


def test_conditions_may_be_made_anew_each_time():
    def conditions(self):
        return [Dirichlet(0.0, on="x=0"), sciml.Condition("x=1", lambda u, x: u.d("x") + u.value**3)]

    fixed = stated(LINE, conditions(None), poisson)
    made = stated(LINE, property(conditions), poisson)
    expected = [(c.label, "u", how) for c, how in zip(fixed.conditions, ("hard", "penalty"), strict=True)]
    assert sciml.check(fixed).conditions == sciml.check(made).conditions == expected


def test_the_report_is_a_table():
    conditions = [
        Periodic("x"),
        Initial(0.0),
        Data([[0.5, 0.5]], [0.1]),
        Initial(0.0, hard=False, name="again"),
    ]
    report = sciml.check(stated(TIME_LINE, conditions, heat))
    assert report.conditions == [
        ("periodic:x", "all", "hard"),
        ("initial", "u", "hard"),
        ("data", "u", "penalty"),
        ("again", "u", "penalty"),
    ]
    assert not report.ok
    assert report.notes == ["initial and again state the same twice."]
    text = str(report)
    assert "1 equation for 1 unknown: u" in text
    assert "derivatives of u: up to 1 in t, 2 in x" in text
    assert "note: initial and again" in text
    assert repr(report) == text
    assert report._repr_html_().startswith("<pre>")
    fine = sciml.check(pdes.Poisson(2))
    assert fine.ok
    assert "nothing odd found" in str(fine)


def test_markup_in_names_does_not_reach_the_page():
    report = sciml.check(stated(SQUARE, [Dirichlet(0.0, name="<b>")], poisson))
    assert "<b>" not in report._repr_html_()


@pytest.mark.parametrize("thing", [pdes.Poisson, None, "poisson", SQUARE], ids=repr)
def test_only_problems_are_looked_at(thing):
    with pytest.raises(ArgumentTypeError, match=r"problem needs an instance of a sciml\.PDE"):
        sciml.check(thing)


def test_the_page_shows_what_is_printed(capsys):
    page = (ROOT / "docs" / "checks.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (printed,) = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    exec(code, {})
    assert capsys.readouterr().out == printed


# ---- definitions


class Base(sciml.PDE):
    domain = SQUARE
    conditions = (Dirichlet(0.0),)

    def residual(self, u, x):
        return poisson(u, x)


BAD = {
    "single condition": (
        {"conditions": Dirichlet(0.0)},
        r"conditions needs a list of conditions, got a single Dirichlet",
    ),
    "no list": ({"conditions": None}, "conditions needs a list or tuple.*NoneType"),
    "generator": (
        {"conditions": property(lambda self: (c for c in [Dirichlet(0.0)]))},
        "list or tuple.*generator",
    ),
    "a dict": ({"conditions": {"u": Dirichlet(0.0)}}, "list or tuple.*dict"),
    "a class among them": (
        {"conditions": [Dirichlet]},
        r"conditions\[0\] needs a condition.*class Dirichlet",
    ),
    "nested": ({"conditions": [[Dirichlet(0.0)]]}, r"conditions\[0\].*got list"),
    "domain class": ({"domain": sciml.Interval}, "domain needs a sciml domain, got the class Interval"),
    "other class": ({"domain": dict}, "got the class dict|got type"),
    "domain text": ({"domain": "square"}, "got str"),
    "domain bounds": ({"domain": [0, 1]}, "got list"),
    "unknowns text": ({"unknowns": "uv"}, "got the string 'uv'"),
    "unknowns twice": ({"unknowns": ("u", "u")}, "distinct names"),
    "no unknowns": ({"unknowns": ()}, "distinct names"),
    "unknown number": ({"unknowns": ("u", 1)}, "got 1 among them"),
    "unknowns None": ({"unknowns": None}, "got NoneType"),
    "empty name": ({"unknowns": ("",)}, "distinct names"),
    "part": ({"conditions": [Dirichlet(0.0, on="x=7")]}, "dirichlet:x=7: on needs a part"),
    "part of a wrong kind": ({"conditions": [Neumann(0.0, on=3)]}, "neumann: on needs"),
    "mask of floats": ({"conditions": [Dirichlet(0.0, on=lambda x: x[:, 0])]}, "dirichlet: on needs a mask"),
    "sample": (
        {"sample": lambda self, n, seed=0: torch.rand(n, 3)},
        r"sample of Bad needs to return shape .*got \(\d+, 3\)",
    ),
    "sample list": ({"sample": lambda self, n, seed=0: [0.0]}, "sample of Bad needs.*got list"),
    "periodic unknown": ({"conditions": [Periodic("x", component="w")]}, "'w' is not one of u"),
}


@pytest.mark.parametrize("case", BAD.values(), ids=BAD.keys())
def test_definitions_are_named(case):
    parts, words = case
    with pytest.raises(sciml.SciMLError, match=words):
        type("Bad", (Base,), parts)().validate()


# ---- global settings


def numbers():
    square = [Dirichlet(0.0, on=["x=0", "y=0", "y=1"])]
    return [
        findings(pdes.Poisson(2)),
        findings(pdes.ParabolicBall()),
        findings(pdes.PoissonDiscs()),
        findings(stated(SQUARE, square, poisson)),
        findings(stated(SQUARE, [Neumann(0.0)], poisson)),
        findings(stated(LINE, [Dirichlet(0.0)], lambda u, x: u.d("x", "x") + (x > 0.3).to(x))),
        findings(stated(TIME_LINE, [Dirichlet(0.0)], heat)),
    ]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_the_default_dtype_changes_nothing(dtype):
    before = numbers()
    kept = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        assert numbers() == before
        assert torch.get_default_dtype() == dtype
        with pytest.raises(ArgumentError, match="one value"):
            stated(SQUARE, [Dirichlet(0.0), Dirichlet(1.0, on="x=0")], poisson).validate()
    finally:
        torch.set_default_dtype(kept)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_gradient_modes_change_nothing(mode):
    before, lid = numbers(), str(sciml.check(pdes.LidDriven()))
    assert "carries the slow flow" in lid
    with mode():
        assert numbers() == before
        assert str(sciml.check(pdes.LidDriven())) == lid
        assert not torch.is_grad_enabled()


def test_the_random_state_is_left_alone():
    torch.manual_seed(3)
    before, state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    numbers()
    assert torch.equal(before, torch.get_rng_state())
    assert np.array_equal(state, np.random.get_state()[1])  # noqa: NPY002
