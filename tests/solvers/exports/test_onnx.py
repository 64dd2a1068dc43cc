"""What is written as ONNX gives the values of the solution in another process, without torch and without sciml."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
import torch

import sciml
from sciml import nn, pdes
from sciml.errors import ArgumentError
from sciml.solvers.cli import main
from sciml.solvers.exports.onnx_model import onnx_model
from tests.solvers.exports.test_exports import BRIEF, OnL

pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

READ = """
import sys
import numpy, onnxruntime
model = onnxruntime.InferenceSession("u.onnx")
numpy.save("u.npy", model.run(None, {"x": numpy.load("x.npy")})[0])
assert not {"torch", "sciml"} & set(sys.modules)
"""


def small(problem: sciml.PDE) -> sciml.Solution:
    return sciml.solve(problem, nn.MLP([problem.plain_inputs, 4, problem.outputs], seed=0), **BRIEF)


# exact conditions of the equation are part of what is written: a box's, initial values, periodic ends, corners
SOLUTIONS = {
    "a KAN": lambda: sciml.solve(pdes.Poisson(2), nn.KAN([2, 2, 1], grid=2, degree=3), **BRIEF),
    "a system in time": lambda: small(pdes.TaylorGreen()),
    "windows": lambda: sciml.solve(pdes.Burgers(nu=0.1), windows=2, **BRIEF),
    "corners": lambda: sciml.solve(OnL(), **BRIEF),
}
QUICK = "a system in time"


@pytest.mark.parametrize(
    "name", [name if name == QUICK else pytest.param(name, marks=pytest.mark.slow) for name in SOLUTIONS]
)
def test_a_model_gives_the_values_in_another_process(name, tmp_path):
    solution = SOLUTIONS[name]()
    path = tmp_path / "u.onnx"
    if name == "a KAN":
        solution.save(tmp_path / "u.h5")
        assert main(["export", str(tmp_path / "u.h5"), str(path)]) == 0
    else:
        assert solution.export(path) == path
    x = solution.problem.domain.sample(33, seed=5)
    if name == "windows":  # they may have stopped before the end of time
        x[:, 0] *= solution.trial.until / float(solution.problem.domain.upper[0])
    np.save(tmp_path / "x.npy", x.numpy())
    subprocess.run([sys.executable, "-c", READ], cwd=tmp_path, capture_output=True, check=True, timeout=200)
    expected = solution(x).detach().numpy()
    np.testing.assert_allclose(
        np.load(tmp_path / "u.npy"), expected, rtol=0, atol=1e-12 * np.abs(expected).max()
    )


class Elementwise(torch.nn.Module):
    """Numbers that float32 cannot say, and angles, which runtimes know in float32 alone."""

    def forward(self, x):
        a, b = x[:, 0], x[:, 1]
        chosen = torch.where(a > 0.2, a, 0.7)
        angles = [torch.atan2(b, a), torch.atan(b), torch.cos(3 * a)]
        return torch.stack([*angles, b * torch.sigmoid(40 * a), math.pi * a, a.abs() ** (2 / 3), chosen], 1)


def recorded(module: torch.nn.Module, x: torch.Tensor):
    return torch.export.export(module, (x[:7],), dynamic_shapes=({0: torch.export.Dim("n")},), strict=False)


def test_numbers_and_angles_keep_their_digits():
    places = [[0, 0], [0, 1], [0, -1], [1, 0], [-1, 0], [1e-30, 1], [1, 1e-18], [-1e-18, 1], [-1, -1e-18]]
    drawn = torch.randn(500, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x = torch.cat([drawn, torch.tensor(places, dtype=torch.float64)])
    data = onnx_model(recorded(Elementwise(), x), x, Elementwise()(x), 1e-14)
    names = {node.op_type for node in pytest.importorskip("onnx").load_from_string(data).graph.node}
    # the oldest onnxruntime that is allowed has none of these in float64, or joins them to one that it has not
    assert not names & {"Atan2", "Cos", "Sigmoid", "QuickGelu"}
    assert {"Sin", "Exp"} <= names


def test_what_onnx_cannot_say_is_refused():
    x, soft = torch.rand(9, 2, dtype=torch.float64), torch.nn.Softplus()
    with pytest.raises(ArgumentError, match=r"path needs a name in \.pt2 .*Softplus"):
        onnx_model(recorded(soft, x), x, soft(x), 1e-10)


@pytest.mark.slow
def test_a_model_of_other_values_is_refused():
    x, curved = torch.rand(9, 2, dtype=torch.float64), torch.nn.Tanh()
    with pytest.raises(ArgumentError, match=r"values are off by 1\.0e-06"):
        onnx_model(recorded(curved, x), x, curved(x) + 1e-6, 1e-10)
