"""Forward mode: against reverse mode, and quiet in a process that turns warnings into errors."""

from __future__ import annotations

import subprocess
import sys

import torch

from sciml.jacobian.forward import pushforward
from tests.cases import ROOT


def test_the_derivative_is_that_of_reverse_mode():
    x = torch.linspace(-1, 1, 7, dtype=torch.float64)
    v = torch.linspace(2, 3, 7, dtype=torch.float64)
    value, tangent = pushforward(lambda a, b: torch.sin(a) * b, (x, v), (v, x))
    J = torch.autograd.functional.jacobian(lambda a, b: torch.sin(a) * b, (x, v))
    assert torch.equal(value, torch.sin(x) * v)
    assert torch.allclose(tangent, J[0] @ v + J[1] @ x, rtol=1e-13)


def test_twice_is_the_second_derivative():
    x, one = torch.tensor([0.3, 1.1], dtype=torch.float64), torch.ones(2, dtype=torch.float64)
    _, second = pushforward(lambda y: pushforward(torch.exp, (y,), (one,))[1], (x,), (one,))
    assert torch.allclose(second, x.exp(), rtol=1e-14)


def test_a_solve_with_corners_runs_where_warnings_are_errors():
    """The network sees a logarithm at each corner, whose jets are the first forward derivatives of the process."""
    script = """
import sciml, warnings
warnings.simplefilter("error")
class Square(sciml.PDE):
    domain = sciml.Box([0, 0], [1, 1])
    conditions = (sciml.Dirichlet(0.0),)
    def residual(self, u, x):
        return u.laplacian() + 1.0
assert Square().inputs == 6
sciml.solve(Square(), max_steps=2, progress=False)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
