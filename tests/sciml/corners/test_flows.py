"""Slow flow at a corner: it satisfies Stokes' equations and the values on both sides, and is found where it is needed."""

from __future__ import annotations

import math

import pytest
import torch

import sciml
from sciml import Box, Data, Dirichlet, Polygon, pdes
from sciml.ansatz import Ansatz
from sciml.ansatz.corner_flows import corner_flows
from sciml.corners.flows import corner_flow
from sciml.corners.frames import frame_of
from sciml.corners.places import corners_of
from sciml.derivatives import AutogradSource, DetachedSource

EYE = torch.eye(2, dtype=torch.float64)
SQUARE = Box([0, 0], [1, 1])
FORMS = {
    "plain": lambda u, mu: (u["p"].d("x") - mu * u["u"].laplacian(), u["p"].d("y") - mu * u["v"].laplacian()),
    "other sign": lambda u, mu: (
        3 * (u["p"].d("x") + mu * u["u"].laplacian()),
        3 * (u["p"].d("y") + mu * u["v"].laplacian()),
    ),
    "stress": lambda u, mu: (
        u["p"].d("x") - mu * (2 * u["u"].d("x", "x") + u["u"].d("y", "y") + u["v"].d("x", "y")),
        u["p"].d("y") - mu * (2 * u["v"].d("y", "y") + u["v"].d("x", "x") + u["u"].d("x", "y")),
    ),
}


def stokes(held, space=SQUARE, form="plain", mu=0.3):
    class Stokes(sciml.PDE):
        domain = space
        conditions = tuple(held)
        unknowns = ("u", "v", "p")

        def residual(self, u, x):
            return (*FORMS[form](u, mu), u["u"].d("x") + u["v"].d("y"))

    return Stokes()


def lid(value, on="y=1"):
    others = [side for side in ("x=0", "x=1", "y=0", "y=1") if side != on]
    return [
        Dirichlet(value, on=on, component="u"),
        Dirichlet(0.0, on=others, component="u"),
        Dirichlet(0.0, component="v"),
        Data(points=[[0.5, 0.0]], values=[0.0], component="p"),
    ]


def frame(degrees):
    """Of a triangle's corner at the origin, turned."""
    turn, w = 0.7, math.radians(degrees)
    ends = [(math.cos(turn + a), math.sin(turn + a)) for a in (0.0, w)]
    triangle = Polygon([(0.0, 0.0), *ends])
    (corner,) = [c for c in corners_of(triangle)[0] if math.hypot(*c.at) < 1e-12]
    return frame_of(triangle, corner, EYE), torch.tensor(ends, dtype=torch.float64)


@pytest.mark.parametrize("degrees", [40.0, 90.0, 150.0])
def test_a_flow_that_takes_its_sides_values_and_satisfies_the_equations(degrees):
    local, ends = frame(degrees)
    values, slopes = ((0.4, -1.0), (1.3, 0.2)), ((2.0, 0.5), (-0.7, 1.1))
    flow = corner_flow(local, values, slopes, (0, 2))
    for k in (0, 1):
        x = ends[k] * torch.tensor([[1e-9], [0.2], [0.6]], dtype=torch.float64)
        expected = torch.tensor(values[k]) + x.norm(dim=1, keepdim=True) / local.reach * torch.tensor(
            slopes[k]
        )
        torch.testing.assert_close(flow.velocity(x), expected.double(), rtol=0, atol=1e-6)
        torch.testing.assert_close(flow.on_side(k, x), expected.double(), rtol=0, atol=1e-6)
    inside = torch.tensor([[0.3, 0.2], [0.1, 0.4], [0.01, 0.003]], dtype=torch.float64) @ ends
    u, p = (DetachedSource(AutogradSource(f, inside)) for f in (flow.velocity, flow.pressure))
    assert float((u.first(0)[:, 0] + u.first(1)[:, 1]).abs().max()) < 1e-9 * float(u.first(0).abs().max())
    slope = torch.cat([p.first(0), p.first(1)], 1)
    torch.testing.assert_close(slope / local.reach, u.total(((0, 0), (1, 1))), rtol=1e-7, atol=1e-7)


def test_a_linear_flow_without_source_fits_itself():
    local, ends = frame(70.0)
    gradient = torch.tensor([[0.5, -1.2], [2.0, -0.5]], dtype=torch.float64)
    slopes = tuple(tuple((gradient @ end * local.reach).tolist()) for end in ends)
    flow = corner_flow(local, ((1.0, 2.0),) * 2, slopes, (0, 2))
    assert abs(flow.mild[1]) < 1e-12 and max(map(abs, flow.steep[2:])) < 1e-12
    x = 0.3 * ends.sum(0, keepdim=True)
    torch.testing.assert_close(flow.velocity(x), torch.tensor([[1.0, 2.0]]).double() + x @ gradient.T)


@pytest.mark.parametrize("form", FORMS)
def test_the_viscosity_is_found_in_each_form_of_the_equations(form):
    found = corner_flows(problem := stokes(lid(1.0), form=form), problem.conditions)
    sign = -1.0 if form == "other sign" else 1.0
    reach = math.sqrt(2)
    assert found[2].viscosities == pytest.approx([sign * 0.3 / reach] * 2)
    x = torch.tensor([[1e-3, 1 - 2e-3], [1 - 1e-4, 1 - 1e-4], [0.4, 0.3]], dtype=torch.float64)
    source = AutogradSource(lambda y: torch.cat([found[i](y) for i in range(3)], 1), x)
    u = problem.field(DetachedSource(source))
    size = source.second(((0, 0), (1, 1))).detach().abs().amax(1, keepdim=True)
    for term in problem.residual_terms(u, x).values():
        assert bool((term.abs() <= 1e-8 * size).all())


@pytest.mark.parametrize("value", [1.0, lambda x: 4 * x[:, :1] * (1 - x[:, :1]), lambda x: x[:, :1]])
def test_conditions_stay_exact(value):
    problem = stokes(lid(value))
    ansatz = Ansatz(problem)
    assert len(ansatz.hard) == 3 and "carries the slow flow there" in ansatz.notes[0]
    for c in ansatz.hard:
        x = problem.domain.boundary(c.on).sample(64, seed=3)
        j = problem.component(c)
        given = c.value(x) if callable(c.value) else torch.full_like(x[:, :1], c.value)
        torch.testing.assert_close(ansatz.offset(x)[:, j : j + 1], given, rtol=0, atol=1e-12)
        assert float(ansatz.factor(x)[:, j].abs().max()) < 1e-12
    assert not any("slow flow" in note for note in Ansatz(problem, jumps=False).notes)


def test_what_is_left_of_the_cavitys_equations_is_bounded():
    problem = pdes.build("lid-driven")
    x = torch.tensor([[0.5 * 10.0**-k, 1 - 10.0**-k] for k in range(2, 7)], dtype=torch.float64)

    def left(jumps):
        u = problem.field(DetachedSource(AutogradSource(Ansatz(problem, jumps=jumps).offset, x)))
        return torch.cat(list(problem.residual_terms(u, x).values()), 1).abs().amax(1)

    assert float(left(True).max()) < 1.0
    assert (
        float(left(False)[-1]) > 2.0
    )  # what the lid's speed leaves of the volume does not go away at the corner


@pytest.mark.parametrize(
    "problem",
    [
        pdes.build("kovasznay"),
        pdes.build("poisson"),
        pdes.build("taylor-green"),
        stokes([*lid(1.0)[:3], Dirichlet(0.0, on="y=0", component="p")]),
        stokes([*lid(1.0)[:3], Data(points=[[0.0, 1.0]], values=[0.0], component="p")]),
        stokes(lid(lambda x: (x[:, :1] * (1 - x[:, :1])) ** 2)),
    ],
    ids=[
        "fits",
        "no flow",
        "in time",
        "pressure on a side",
        "pressure at the corner",
        "a lid that starts slowly",
    ],
)
def test_where_nothing_is_carried(problem):
    assert corner_flows(problem, problem.conditions) is None
