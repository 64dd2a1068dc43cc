"""Equations of the catalogue solved for a few steps: the error falls to where it should be by then."""

from __future__ import annotations

import pytest
import torch

import sciml
from sciml import pdes

# equation, points, steps, a bound some times the error that was measured
SHORT = [
    (pdes.Kovasznay(), 400, 20, 1e-3),
    (pdes.BlackScholes(), 400, 20, 2e-2),
    (pdes.FokkerPlanck(), 1000, 40, 1e-1),
    (pdes.MaxwellCavity(m=1, n=1), 400, 10, 5e-2),
    (pdes.TaylorGreen(), 1000, 30, 2e-2),
    (pdes.GinzburgLandau(), 400, 40, 1e-1),
    (pdes.GrayScott(feed=0.01, kill=0.07), 400, 40, 5e-3),
    (pdes.CahnHilliard(eps=0.1), 400, 30, 2e-2),
    (pdes.ClampedPlate(), 200, 20, 1e-3),
    (pdes.LoadedPlate(), 200, 30, 5e-2),
    (pdes.Beam(), 50, 20, 1e-3),
    (pdes.PlateWithHole(), 500, 60, 6e-2),
    (pdes.TwoMaterials(inclusion=3), 400, 60, 1e-3),
    (pdes.HJB(dim=2), 400, 10, 5e-2),
]


@pytest.mark.parametrize(
    ("problem", "points", "steps", "bound"), SHORT, ids=[repr(case[0]) for case in SHORT]
)
def test_short_solve_arrives_and_is_kept(problem, points, steps, bound, tmp_path):
    solution = sciml.solve(problem, points=points, max_steps=steps, max_time=1e6, progress=False)
    assert float(solution.error()) < bound
    solution.save(tmp_path / "solution.h5")
    again = sciml.load(tmp_path / "solution.h5")
    assert again.problem == problem
    x = problem.sample(20)
    assert torch.equal(torch.as_tensor(again(x)), torch.as_tensor(solution(x)))
