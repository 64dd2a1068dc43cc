"""Slow flows at corners without slip: they satisfy Stokes' equations, and trial functions have multiples of them."""

from __future__ import annotations

import cmath
import copy
import itertools
import math

import pytest
import torch

import sciml
from sciml import Dirichlet, Disk, Polygon, nn, pdes
from sciml.ansatz import Ansatz, Trial
from sciml.corners.functions import Frame, no_corners
from sciml.corners.stokes import StokesPower, powers
from sciml.derivatives import AutogradSource, DetachedSource
from sciml.errors import ArgumentError
from sciml.jets import DerivativePlan
from sciml.solvers.training.defaults import default_network
from sciml.solvers.training.residual_system import ResidualSystem

AT, TILT, REACH = (0.1, -0.2), 0.3, 1.7
STEP = Polygon([(0, 0.5), (0.5, 0.5), (0.5, 0), (2, 0), (2, 1), (0, 1)])
ANGLES = [130.0, 150.0, 200.0, 225.0, 270.0, 300.0, 360.0]


def frame(degrees):
    c, s = math.cos(TILT), math.sin(TILT)
    return Frame(AT, (c, s), (-s, c), math.radians(degrees), REACH)


def polar(r, psi):
    return torch.stack([AT[0] + r * torch.cos(psi + TILT), AT[1] + r * torch.sin(psi + TILT)], 1)


def inside(degrees, n=31):
    rng = torch.Generator().manual_seed(0)
    r, t = torch.rand(2, n, generator=rng, dtype=torch.float64)
    return polar(0.05 + r, (t - 0.5) * math.radians(degrees) * 0.99)


def step(value=lambda x: 16 * (x[:, 1:] - 0.5) * (1 - x[:, 1:]), space=STEP, nu=0.3, walls=None, held=()):
    class Flow(sciml.PDE):
        domain = space
        unknowns = ("u", "v", "p")
        conditions = (
            Dirichlet(value, on="edge5", component="u"),
            Dirichlet(0.0, on=walls or ["edge0", "edge1", "edge2", "edge4"], component="u"),
            Dirichlet(0.0, on=["edge5", *(walls or ["edge0", "edge1", "edge2", "edge4"])], component="v"),
            *held,
        )

        def residual(self, u, x):
            p = u["p"]
            return (
                p.d("x") - nu * u["u"].laplacian(),
                p.d("y") - nu * u["v"].laplacian(),
                u["u"].d("x") + u["v"].d("y"),
            )

    return Flow()


@pytest.mark.parametrize("degrees", ANGLES)
def test_powers_satisfy_the_equation_of_dean_and_montagnon(degrees):
    w = math.radians(degrees)
    found = powers(w)
    assert all(0.3 < a.real < 2 for a, _ in found)
    for a, _ in found:
        assert abs(cmath.sin(a * w) ** 2 - a**2 * math.sin(w) ** 2) < 1e-10
    assert all(abs(a - 1) > 1e-6 for a, _ in found)


def test_powers_of_moffatts_table():
    assert [round(a.real, 6) for a, _ in powers(1.5 * math.pi)] == [0.544484, 0.908529, 1.629257]
    assert [a.real for a, _ in powers(2 * math.pi)] == pytest.approx([0.5, 0.5, 1.5, 1.5])
    assert powers(math.pi / 2) == [] == powers(math.pi)


def test_no_power_is_missed():
    """The number of roots in a strip by the argument principle, for both kinds of stream functions."""
    for degrees in (150.0, 225.0, 270.0, 310.0):
        w = math.radians(degrees)
        for odd in (False, True):
            sign = -1.0 if odd else 1.0
            corners = torch.tensor(
                [0.3 - 1.6j, 2 - 1.6j, 2 + 1.6j, 0.3 + 1.6j, 0.3 - 1.6j], dtype=torch.complex128
            )
            s = torch.linspace(0, 1, 20001, dtype=torch.float64)
            z = torch.cat([a + (b - a) * s for a, b in itertools.pairwise(corners)])
            f = torch.sin(z * w) + sign * z * math.sin(w)
            turns = float((f[1:] / f[:-1]).angle().sum()) / (2 * math.pi)
            # a complex root stands for itself and its conjugate; 1 is a root for odd ones
            expected = sum(2 if a.imag else 1 for a, o in powers(w) if o == odd) + (1 if odd else 0)
            assert round(turns) == expected


@pytest.mark.parametrize("degrees", ANGLES)
def test_equations_and_sides_hold_to_rounding(degrees):
    w = math.radians(degrees)
    for a, odd in powers(w):
        flow = StokesPower(frame(degrees), a, odd)
        x = inside(degrees)
        u = DetachedSource(AutogradSource(flow, x))
        lap = u.second(((0, 0), (1, 1)))
        for k in range(0, 3 * flow.count, 3):
            left = torch.stack(
                [
                    lap[:, k] - u.first(0)[:, k + 2] / REACH,
                    lap[:, k + 1] - u.first(1)[:, k + 2] / REACH,
                    u.first(0)[:, k] + u.first(1)[:, k + 1],
                ]
            )
            assert float(left.abs().max()) < 1e-11 * float(lap.abs().max())
            assert float(u.value[:, k : k + 2].abs().max()) > 1e-2
            sides = polar(
                torch.full((2,), 0.4, dtype=torch.float64),
                torch.tensor([-w / 2, w / 2], dtype=torch.float64) * (1 - 1e-13),
            )
            assert float(flow(sides)[:, k : k + 2].abs().max()) < 1e-11


def test_other_powers_slip():
    flow = StokesPower(frame(270.0), complex(2 / 3), False)
    sides = polar(
        torch.full((2,), 0.4, dtype=torch.float64), torch.tensor([-0.75, 0.75], dtype=torch.float64) * math.pi
    )
    assert float(flow(sides)[:, :2].abs().max()) > 1e-2


def test_what_a_step_asks_for():
    problem = step()
    terms = problem.corner_terms
    assert terms.count == 4 and all(flow.frame.at == (0.5, 0.5) for flow in terms.flows)
    assert terms.viscosities == pytest.approx([0.3 / terms.flows[0].frame.reach] * 3)
    assert "r^0.544, r^0.909, r^1.63 at (0.5, 0.5); p has no bound there" in terms.notes[0]
    held = problem.domain.boundary(["edge0", "edge1", "edge2", "edge4", "edge5"]).sample(300)
    values = terms(held).unflatten(1, (4, 3))[:, :, :2]
    assert float(values.abs().max()) < 1e-12
    outlet = terms(problem.domain.boundary("edge3").sample(20)).abs()
    assert float(outlet.max()) > 1e-2


def test_a_hole_ends_the_flows():
    problem = step(space=STEP - Disk((1.2, 0.5), 0.2), walls=["edge0", "edge1", "edge2", "edge4", "circle"])
    terms = problem.corner_terms
    assert terms.flows[0].frame.end == pytest.approx(0.98 * 0.5, rel=1e-2)
    assert float(terms(problem.domain.boundary("circle").sample(50)).abs().max()) == 0.0


@pytest.mark.parametrize(
    "problem",
    [
        pdes.build("kovasznay"),
        pdes.build("lid-driven"),
        pdes.build("poisson"),
        step(space=Polygon([(0, 0), (0.4, 0), (1, 0), (2, 0), (2, 1), (0, 1)])),
        step(walls=["edge0", "edge2", "edge4"]),
        step(held=[Dirichlet(0.0, on="edge1", component="p")]),
    ],
    ids=["smooth", "right angles", "no flow", "no corner", "a side that slips", "a pressure on a side"],
)
def test_where_there_are_no_terms(problem):
    assert problem.corner_terms.count == 0 and default_network(problem, 0, torch.float64).terms is None


def test_jets_agree_with_nested_autograd():
    terms = step().corner_terms
    x = STEP.sample(40, seed=3)
    plan = DerivativePlan.from_requests(2, (0, 1), (((0, 0), (1, 1)),))
    torch.testing.assert_close(plan.pushed(terms, x), plan.jet_of(terms, x), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("hard", [True, False])
def test_a_trial_function_has_trained_multiples(hard):
    problem = step()
    network = nn.MLP([problem.inputs, 7, 3], seed=1, terms=4)
    trial = Trial(problem, network, Ansatz(problem, penalties=not hard))
    with torch.no_grad():
        network.terms.coefficients.copy_(torch.tensor([0.7, -1.1, 0.3, 0.2]))
    x = problem.domain.sample(9, seed=5)
    plan = DerivativePlan.from_requests(2, (0, 1), (((0, 0), (1, 1)),))
    for scale in (None, torch.tensor([0.5, 2.0, 3.0], dtype=torch.float64)):
        trial.set_scale(scale)
        got = plan.source(trial.jets(trial.frozen_jets(x, plan), plan))
        expected = AutogradSource(trial, x)
        torch.testing.assert_close(got.value, expected.value, rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(
            got.second(((0, 0), (1, 1))), expected.total(((0, 0), (1, 1))), rtol=1e-7, atol=1e-7
        )
    trial.set_scale(None)
    system = ResidualSystem(problem, trial, 60, 20)
    theta = system.theta
    linearization = system.linearize(theta)
    assert system.pointwise and linearization.complete
    J = linearization.dense()
    for k in range(5):  # the multiples come first
        e = torch.zeros_like(theta)
        e[k] = 1e-5
        slope = (system.residual(theta + e) - system.residual(theta - e)) / 2e-5
        torch.testing.assert_close(J[:, k], slope, rtol=1e-6, atol=1e-7)
    e[:] = 0.0
    e[1] = 2.0
    torch.testing.assert_close(linearization.mv(e), 2 * J[:, 1])


def test_the_number_of_terms_must_fit():
    problem = step()
    with pytest.raises(ArgumentError, match="terms=4 for the corners of the problem, got 3"):
        Trial(problem, nn.MLP([problem.inputs, 5, 3], terms=3))
    with pytest.raises(ArgumentError, match="terms"):
        nn.MLP([2, 5, 3], terms=-1)
    assert Trial(problem, nn.MLP([2, 5, 3]), corners=no_corners(problem)).terms is None


def test_solutions_keep_their_multiples(tmp_path):
    problem = step()
    solution = sciml.solve(problem, max_time=60, progress=False, callbacks=[lambda event: event.step >= 10])
    multiples = solution.network.terms.coefficients.detach()
    assert float(multiples.abs().max()) > 1e-3 and any("slow flows" in note for note in solution.stats.notes)
    x = problem.domain.sample(20, seed=2)
    solution.save(tmp_path / "step.h5")
    torch.testing.assert_close(sciml.load(tmp_path / "step.h5", problem)(x), solution(x), rtol=0, atol=0)
    again = nn.from_config(solution.network.config())
    again.load_state_dict(solution.network.state_dict())
    torch.testing.assert_close(Trial(problem, again)(x), solution.trial.like(problem, again)(x))
    # a sum has the weighted sum of the multiples, and is made again from its description
    both = nn.Combination([solution.network, copy.deepcopy(solution.network)], torch.tensor([0.25, 0.5]))
    torch.testing.assert_close(both.terms.coefficients.detach(), 0.75 * multiples)
    same = nn.from_config(both.config())
    same.load_state_dict(both.state_dict())
    torch.testing.assert_close(Trial(problem, same)(x), Trial(problem, both)(x))
    assert ResidualSystem(problem, Trial(problem, both), 40, 20).pointwise
    off = sciml.solve(problem, max_time=60, progress=False, corners=False, callbacks=[lambda event: True])
    assert off.network.terms is None and not any("slow flows" in note for note in off.stats.notes)
