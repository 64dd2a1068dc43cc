"""Files that version 0.1.0 wrote are still read, and give the numbers that they gave then."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

import sciml
from sciml import nn, pdes
from tests.cases import ROOT

FILES = ROOT / "tests" / "data" / "v0_1"
ANSWERS = json.loads((FILES / "answers.json").read_text(encoding="utf-8"))
POINTS = np.array(ANSWERS["points"])


def agrees(values: np.ndarray, key: str) -> bool:
    expected = np.array(ANSWERS[key])
    return np.allclose(values, expected, rtol=0, atol=1e-10 * np.abs(expected).max())


@pytest.mark.parametrize("kind", ["kan", "mlp"])
def test_a_solution(kind):
    solution = sciml.load(FILES / f"solution_{kind}.h5")
    assert agrees(solution(POINTS), kind)
    assert solution.outcome == "max_steps" and solution.stats["steps"] == solution.stats.steps
    assert solution.stats.hard == ["dirichlet"] and solution.stats.seconds > 0


def test_an_adapter():
    tuned = sciml.load(FILES / "solution_kan.h5").load_adapter(FILES / "adapter_lotra.h5")
    assert tuned.name == "second" and agrees(tuned(POINTS), "adapter")


def test_a_checkpoint_goes_on_to_the_same_numbers(tmp_path):
    shutil.copy(FILES / "checkpoint_mlp.h5", tmp_path / "run.h5")
    problem, network = pdes.Poisson(dim=2), nn.MLP([2, 6, 1], "sine")
    solution = sciml.solve(problem, network, max_steps=20, resume=tmp_path / "run.h5", progress=False)
    assert solution.stats.steps == 20
    assert np.allclose(solution(POINTS), ANSWERS["resumed"], rtol=1e-6, atol=1e-9)
