"""The cavity's reference: its equations, its boundary, convergence, a formula at the corners, and data of others."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sciml import pdes
from sciml.conditions import Dirichlet, evaluate
from sciml.derivatives import AutogradSource
from sciml.pdes import lid_driven
from sciml.pdes.references.cavity_flow import cavity_flow
from tests.cases import ROOT

DATA = ROOT / "pdes" / "data" / "lid_driven_pinnacle.npz"


def test_reference_is_the_flow_at_its_points():
    reference = pdes.LidDriven().reference()
    assert reference.points.shape == (48 * 48, 2)
    assert reference.values.shape == (48 * 48, 3)
    assert not reference.values.requires_grad
    assert reference.floor == pdes.LidDriven.floor
    assert pdes.LidDriven().domain.contains(reference.points).all()


def test_flow_satisfies_the_equations_away_from_the_corners():
    problem, flow = pdes.LidDriven(), lid_driven._flow(4.0)
    x = problem.sample(200, seed=4)
    x = x[((x - 0.5).abs() < 0.4).all(dim=1)]
    terms = problem.residual_terms(problem.field(AutogradSource(flow, x)), x)
    assert set(terms) == {"momentum_x", "momentum_y", "continuity"}
    assert terms["continuity"].abs().max() < 1e-11  # a stream function: exactly free of divergence
    off = problem.residual_terms(problem.field(AutogradSource(lambda y: 1.01 * flow(y), x)), x)
    for name in ("momentum_x", "momentum_y"):
        assert terms[name].abs().max() < 1e-5 < 0.01 * off[name].abs().max()


@pytest.mark.parametrize("lid", [0.1, 4.0, 16.0])
def test_flow_meets_the_boundary(lid):
    problem, flow = pdes.LidDriven(lid=lid), lid_driven._flow(lid)
    for condition in problem.conditions:
        if isinstance(condition, Dirichlet):
            x = problem.domain.boundary(condition.on).sample(101, seed=2)
            k = problem.component(condition)
            wanted = evaluate(condition.value, x, "value")
            assert (flow(x)[:, [k]] - wanted).abs().max() < 1e-11 * lid
    assert flow(torch.zeros(1, 2, dtype=torch.float64))[0, 2] == 0


@pytest.mark.parametrize("lid", [4.0, 16.0])
def test_floor_by_convergence(lid):
    points, values = pdes.LidDriven(lid=lid).reference().points, pdes.LidDriven(lid=lid).reference().values
    errors = [
        (cavity_flow(lid, 0.01, modes)(points) - values).norm() / values.norm() for modes in (16, 24, 32)
    ]
    assert errors[0] > 4 * errors[1] > 16 * errors[2]  # 40 functions, the reference, go on in this way
    assert errors[2] / 4 < pdes.LidDriven.floor


def test_pressure_at_the_corners_grows_like_stokes_flow():
    flow = lid_driven._flow(4.0)
    r = torch.tensor([1e-2, 1e-4, 1e-6], dtype=torch.float64)
    for side, sign in ((0.0, 1.0), (1.0, -1.0)):
        x = torch.stack([side + sign * r * 0.6, 1 - r * 0.8], dim=1)
        slope = flow(x)[:, 2].diff() / r.log().diff()
        assert slope[-1].item() == pytest.approx(sign * 2 * 4.0 * 0.01, rel=1e-3)


def test_against_finite_elements_of_pinnacle():
    data = np.load(DATA, allow_pickle=False)
    points, theirs = (torch.from_numpy(data[key].astype(np.float64)) for key in ("points", "values"))
    ours = lid_driven._flow(8.0)(points)
    error = (ours - theirs).norm(dim=0) / ours.norm(dim=0)
    assert (error < torch.tensor([4e-4, 5e-4, 1.5e-3])).all()  # 2.3e-4, 3.1e-4 and 8.1e-4 measured
