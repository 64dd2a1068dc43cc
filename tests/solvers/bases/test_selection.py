"""An S-KAN keeps the family that a solution is made of."""

from __future__ import annotations

import math

import pytest
import torch

import sciml
from sciml import nn
from sciml.ansatz import Trial
from sciml.errors import ArgumentError
from sciml.solvers.bases.selection import helpful
from sciml.solvers.training.settings import Settings


class Fit(sciml.PDE):
    """``u = sin(3 pi x)`` on [-1, 1], a function of the Fourier family."""

    domain = sciml.Interval(-1.0, 1.0)
    conditions = ()

    def residual(self, u, x):
        return u.value - torch.sin(3 * math.pi * x)


def test_the_family_that_the_solution_belongs_to_is_kept(tmp_path):
    solution = sciml.solve(
        Fit(), nn.SKAN([1, 1], ("rbf", "fourier"), size=13), max_steps=120, points=80, progress=False
    )
    assert solution.network.chosen == [[(0, "fourier")]]
    x = torch.linspace(-1, 1, 33, dtype=torch.float64)[:, None]
    assert (solution(x) - torch.sin(3 * math.pi * x)).abs().max() < 1e-6
    assert any("1 of 2 pairs" in note for note in solution.stats.notes)
    solution.save(tmp_path / "fit.h5")
    again = sciml.load(tmp_path / "fit.h5", problem=Fit())
    assert torch.equal(again(x), solution(x)) and again.network.chosen == [[(0, "fourier")]]


def test_every_input_keeps_one_family():
    network = nn.SKAN([2, 3, 1], seed=5)
    problem = sciml.pdes.Poisson()
    network.keep(helpful(Settings(problem, points=50), Trial(problem, network)))
    assert [sorted(i for i, _ in layer) for layer in network.chosen] == [[0, 1], [0, 1, 2]]


def test_a_model_before_its_selection_goes_without_checkpoints(tmp_path):
    with pytest.raises(ArgumentError, match="checkpoint needs a model that is no SKAN before its selection"):
        sciml.solve(Fit(), nn.SKAN([1, 1]), checkpoint=tmp_path / "c.h5", progress=False)
