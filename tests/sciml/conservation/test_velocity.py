"""Which problems are found to be incompressible flows, and what goes through their sides, against closed forms."""

from __future__ import annotations

import math

import pytest
import torch

import sciml
from sciml import pdes
from sciml.conservation.fluxes import flux_notes, fluxes
from sciml.conservation.velocity import Velocity, velocity_of
from sciml.errors import ArgumentError


class Flow(sciml.PDE):
    """Stokes flow whose last equations are given."""

    unknowns = ("p", "v", "u")

    def __init__(self, rows, domain=None):
        self.domain = sciml.Box([0, 0], [2, 1]) if domain is None else domain
        self.rows = rows

    def residual(self, u, x):
        return {"momentum": u.laplacian()[:, 1:], **self.rows(u)}


def divergence(u, factor=1.0):
    return factor * (u.d("x")[:, 2:] + u.d("y")[:, 1:2])


@pytest.mark.parametrize(
    "rows, expected",
    [
        (lambda u: {"mass": divergence(u)}, Velocity((2, 1), "mass", True)),
        (lambda u: {"mass": divergence(u, -3e4)}, Velocity((2, 1), "mass", True)),
        (
            lambda u: {"two": torch.cat([u.laplacian()[:, :1], divergence(u)], 1)},
            Velocity((2, 1), "two", False),
        ),
        (lambda u: {"curl": u.d("x")[:, 1:2] - u.d("y")[:, 2:]}, None),
        (lambda u: {"unequal": u.d("x")[:, 2:] + 2 * u.d("y")[:, 1:2]}, None),
        (lambda u: {"same": u.d("x")[:, 2:] + u.d("y")[:, 2:]}, None),
        (lambda u: {"source": divergence(u) - 1.0}, None),
        (lambda u: {"weakly": divergence(u) + 1e-4 * u.value[:, :1]}, None),
        (lambda u: {"square": divergence(u) ** 2}, None),
    ],
)
def test_a_divergence_among_the_equations_is_found_and_nothing_else(rows, expected):
    assert velocity_of(Flow(rows)) == expected


@pytest.mark.parametrize(
    "name, part", [("lid-driven", "continuity"), ("kovasznay", "continuity"), ("taylor-green", "continuity")]
)
def test_flows_of_the_catalogue(name, part):
    found = velocity_of(pdes.build(name))
    assert found is not None and found.part == part and found.unknowns == (0, 1)


@pytest.mark.parametrize("name", ["poisson", "heat", "maxwell-cavity", "gray-scott", "plate-with-hole"])
def test_other_equations_have_no_velocity(name):
    assert velocity_of(pdes.build(name)) is None


HOLE = sciml.Disk([1.0, 0.5], 0.2)


def test_fluxes_of_a_source_in_a_hole():
    """``(x, y) / r^2`` from the hole's centre: 2 pi through every way around it."""
    velocity = Velocity((0, 1), "mass", True)

    def u(x):
        away = x - torch.tensor([1.0, 0.5])
        return away / away.square().sum(1, keepdim=True)

    found = fluxes(sciml.Box([0, 0], [2, 1]) - HOLE, velocity, u)
    assert found.sides["circle"] == pytest.approx(-2 * math.pi)
    assert found.inflow == pytest.approx(2 * math.pi)
    assert abs(found.lost) < 1e-4
    assert found.sides["x=0"] == pytest.approx(2 * math.atan(0.5), rel=1e-4)
    sealed = fluxes(sciml.Box([0, 0], [2, 1]), velocity, lambda x: torch.zeros_like(x))
    assert sealed.lost is None and not sealed.through


@pytest.mark.parametrize("share", [0.03, -0.03])
def test_a_loss_of_the_inflow_is_noted(share):
    flow = Flow(lambda u: {"mass": divergence(u)})

    def u(x):
        speed = 4 * x[:, 1:] * (1 - x[:, 1:]) * (1 - share * x[:, :1] / 2)
        return torch.cat([torch.zeros_like(speed), torch.zeros_like(speed), speed], 1)

    (note,) = flux_notes(flow, u)
    word = "lost" if share > 0 else "added"
    assert f"0.03 of the inflow is {word}" in note and "x=0 -0.6667" in note and "(u, v)" in note
    share = 0.0
    assert flux_notes(flow, u) == []


def test_flows_in_time_and_solutions_answer(tmp_path):
    problem = pdes.build("kovasznay")
    solution = sciml.solve(problem, max_steps=3, progress=False)
    found = solution.fluxes()
    x = problem.domain.boundary("x=1").sample(2000) if "x=1" in problem.domain.parts else None
    assert set(found.sides) == set(problem.domain.parts)
    if x is not None:
        expected = float(solution(x)[:, 0].mean()) * problem.domain.boundary("x=1").measure
        assert found.sides["x=1"] == pytest.approx(expected, rel=1e-3)
    noted = any("of the inflow" in note for note in solution.stats.notes)
    assert noted == (found.lost is not None and abs(found.lost) > 1e-3)
    with pytest.raises(ArgumentError, match="fluxes needs an incompressible flow"):
        sciml.solve(pdes.build("poisson"), max_steps=1, progress=False).fluxes()
