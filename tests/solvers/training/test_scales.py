"""Units: what is 1e15 or 1e-15 in size is solved like what is 1, and what is ordinary is left alone."""

from __future__ import annotations

import math
import shutil

import pytest
import torch

import sciml
from benchmarks.trust_cases.sizes import Magnitude
from sciml import nn, pdes
from sciml.adapters import LoRA
from sciml.ansatz import Trial
from sciml.corners.functions import no_corners
from sciml.solvers.training.residual_system import ResidualSystem
from sciml.solvers.training.scales import Scales, measure_scales, rescale


class Pair(sciml.PDE):
    """``u'' = -pi^2 sin(pi x)``, ``v'' + v = c u``: ``u = sin(pi x)``, ``v = c u / (1 - pi^2)``."""

    domain = sciml.Interval(0, 1)
    unknowns = ("u", "v")
    conditions = (sciml.Dirichlet(0.0, component="u"), sciml.Dirichlet(0.0, component="v"))

    def __init__(self, c: float):
        self.c = c

    def residual(self, u, x):
        first, second = u["u"], u["v"]
        source = math.pi**2 * torch.sin(math.pi * x)
        return {
            "first": first.d("x", "x") + source,
            "second": second.d("x", "x") + second.value - self.c * first.value,
        }

    def exact(self, x):
        wave = torch.sin(math.pi * x)
        return torch.cat([wave, self.c * wave / (1 - math.pi**2)], 1)


class Beam(sciml.PDE):
    """A cantilever of steel under its load, in SI units: deflection ``w`` and moment ``m = E I w''``."""

    E, I, q, L = 2.1e11, 1e-8 / 3, -5e4, 0.5
    domain = sciml.Interval(0, 0.5)
    unknowns = ("w", "m")
    conditions = (
        sciml.Dirichlet(0.0, on="x=0", component="w"),
        sciml.Neumann(0.0, on="x=0", component="w"),
        sciml.Dirichlet(0.0, on="x=0.5", component="m"),
        sciml.Neumann(0.0, on="x=0.5", component="m"),
    )

    def residual(self, u, x):
        w, m = u["w"], u["m"]
        return {"curvature": self.E * self.I * w.d("x", "x") - m.value, "load": m.d("x", "x") - self.q}

    def exact(self, x):
        w = self.q / (self.E * self.I) * (x**4 / 24 - self.L * x**3 / 6 + self.L**2 * x**2 / 4)
        return torch.cat([w, self.q * (self.L - x) ** 2 / 2], 1)


def errors(solution) -> list[float]:
    """Relative L2 error of each unknown."""
    x = solution.problem.sample(301, seed=9)
    with torch.no_grad():
        exact = solution.problem.exact(x)
        return ((solution.trial(x) - exact).norm(dim=0) / exact.norm(dim=0)).tolist()


def mlp(outputs: int = 1) -> nn.MLP:
    return nn.MLP([1, 8, 8, outputs], "sine", seed=1)


@pytest.mark.parametrize("m", [1e-15, 1e-6, 1e6, 1e15])
def test_magnitudes(m):
    solution = sciml.solve(Magnitude(m), progress=False)
    assert solution.outcome == "converged" and errors(solution)[0] < 1e-6
    assert solution.trial.scale is not None
    (note,) = [text for text in solution.stats.notes if text.startswith("solved in units of the sizes")]
    size = m / math.sqrt(120)  # root mean square of m x (1 - x) / 2
    assert float(solution.trial.scale) == pytest.approx(size, rel=0.01) and f"u {size:.1e}" in note


@pytest.mark.parametrize("c", [1e-9, 1e-3, 1.0, 1e8])
def test_unknowns_of_different_sizes(c):
    solution = sciml.solve(Pair(c), progress=False)
    assert solution.outcome == "converged" and max(errors(solution)) < 1e-6
    assert (solution.trial.scale is None) == (c == 1.0)
    assert solution.error_estimate().unknowns.keys() == {"u", "v"}


def test_a_beam_in_si_units():
    solution = sciml.solve(Beam(), progress=False)
    assert solution.outcome == "converged" and max(errors(solution)) < 1e-6


@pytest.mark.parametrize(
    "problem",
    [pdes.Poisson(2), pdes.Burgers(), pdes.AllenCahn(), pdes.Helmholtz(), pdes.Advection()],
    ids=repr,
)
def test_ordinary_problems_are_left_alone(problem):
    trial = Trial(problem, nn.MLP([problem.inputs, 8, 8, problem.outputs], seed=1))
    system = ResidualSystem(problem, trial, 60, 20)
    theta, rows, weights = system.theta, system.residual(system.theta), dict(system.points.weights)
    assert rescale(system) is None
    assert trial.scale is None and system.points.weights == weights
    assert torch.equal(system.theta, theta) and torch.equal(system.residual(theta), rows)


@pytest.mark.parametrize("kind", ["mlp", "kan"])
def test_the_sizes_are_those_of_the_answer_and_of_the_rows(kind):
    """Whatever the network: the crude first solution has the answer's size, each row of J is 1 afterwards."""
    model = mlp(2) if kind == "mlp" else nn.KAN([1, 4, 2], grid=5, degree=4, seed=1)
    problem = Pair(1e5)
    system = ResidualSystem(problem, Trial(problem, model), 60, 20)
    theta = system.theta
    found = rescale(system)
    assert found is not None and torch.equal(system.theta, theta)
    wanted = problem.exact(torch.linspace(0, 1, 1001, dtype=torch.float64)[:, None]).square().mean(0).sqrt()
    assert torch.allclose(found.unknowns, wanted, rtol=0.02)
    for name, size in found.equations.items():
        assert system.points.weights[name] == pytest.approx(size**-2, rel=1e-12)
    # in these units the two equations are the same problem at every c
    other = ResidualSystem(Pair(1e9), Trial(Pair(1e9), model), 60, 20)
    assert rescale(other) is not None
    assert torch.allclose(other.residual(theta), system.residual(theta), rtol=1e-3, atol=1e-6)


def test_what_counts_as_ordinary():
    def sizes(unknowns, *equations):
        names = ("a", "b")[: len(equations)]
        return Scales(torch.tensor(unknowns, dtype=torch.float64), dict(zip(names, equations, strict=True)))

    assert sizes([0.02, 90.0], 1e6, 9e7).ordinary
    assert not sizes([0.009, 1.0], 1.0).ordinary and not sizes([1.0, 101.0], 1.0).ordinary
    assert not sizes([1.0, 1.0], 1.0, 101.0).ordinary
    assert (
        sizes([1.0, 2.0], 3.0, 4e5)
        .note(("u", "v"))
        .endswith("unknowns u 1.0e+00, v 2.0e+00; equations a 3.0e+00, b 4.0e+05.")
    )


def test_a_kan_is_scaled_too():
    solution = sciml.solve(Magnitude(1e9), nn.KAN([1, 4, 1], grid=5, degree=4, seed=1), progress=False)
    assert solution.trial.scale is not None and errors(solution)[0] < 1e-6


def test_a_module_without_a_last_layer_is_left_at_one():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(1, 6), torch.nn.Tanh(), torch.nn.Linear(6, 1)).double()
    solution = sciml.solve(Magnitude(1e9), model, max_steps=2, progress=False)
    assert solution.trial.scale is None and solution.stats.weights == {"pde": 1.0}
    frozen = mlp()
    next(frozen.parameters()).requires_grad_(False)
    system = ResidualSystem(Magnitude(1e9), Trial(Magnitude(1e9), frozen), 30, 10)
    assert measure_scales(system) is None and rescale(system) is None and system.trial.scale is None


# ---- a scale goes wherever its network goes


@pytest.fixture(scope="module")
def pair():
    return sciml.solve(Pair(1e-6), mlp(2), max_steps=12, progress=False)


def test_a_scale_is_saved(pair, tmp_path):
    pair.save(tmp_path / "pair.h5")
    again = sciml.load(tmp_path / "pair.h5", problem=Pair(1e-6))
    x = pair.problem.sample(33, seed=2)
    assert torch.equal(again.trial.scale, pair.trial.scale) and torch.equal(again.trial(x), pair.trial(x))
    assert errors(again) == errors(pair)


def test_a_scale_is_that_of_every_fine_tuning(pair, tmp_path):
    tuned = pair.finetune(Pair(2e-6), LoRA(r=3), name="double", max_steps=12, progress=False)
    assert torch.equal(tuned.trial.scale, pair.trial.scale) and max(errors(tuned)) < 1e-3
    merged = tuned.merge_and_unload()
    x = pair.problem.sample(33, seed=2)
    assert torch.equal(merged.trial.scale, pair.trial.scale) and torch.equal(merged.trial(x), tuned.trial(x))
    tuned.save_adapter(tmp_path / "double.h5")
    pair.delete_adapter("double")
    again = pair.load_adapter(tmp_path / "double.h5", problem=Pair(2e-6))
    pair.delete_adapter(again.name)
    assert torch.equal(again.trial(x), tuned.trial(x))
    tuned.save(tmp_path / "whole.h5")
    assert torch.equal(sciml.load(tmp_path / "whole.h5", problem=Pair(2e-6)).trial(x), tuned.trial(x))


def test_a_scale_is_that_of_a_continued_run(tmp_path):
    options = {"progress": False, "tol": 0.0, "optimizer": "gn-arc", "points": 60, "seed": 4}
    file, copies = tmp_path / "run.h5", []

    def killed(event):
        if not copies and event.step >= 10:
            copies.append(shutil.copy(file, tmp_path / "killed.h5"))

    unbroken = sciml.solve(Pair(1e-6), mlp(2), max_steps=20, **options)
    sciml.solve(Pair(1e-6), mlp(2), max_steps=20, checkpoint=file, every=0, callbacks=[killed], **options)
    again = sciml.solve(Pair(1e-6), mlp(2), max_steps=20, resume=copies[0], **options)
    x = unbroken.problem.sample(33, seed=2)
    assert unbroken.trial.scale is not None and torch.equal(again.trial.scale, unbroken.trial.scale)
    assert torch.equal(again.trial(x), unbroken.trial(x))


class Channel(sciml.PDE):
    """The flow between two plates: the exact part of the velocity is all of it, so that what is left of it is rounding."""

    unknowns = ("u", "v", "p")
    domain = sciml.Box([0, 0], [2, 1], names=("x", "y"))
    conditions = (
        *(sciml.Dirichlet(0.0, on=side, component=c) for side in ("y=0", "y=1") for c in ("u", "v")),
        sciml.Dirichlet(lambda x: 4 * x[:, 1:] * (1 - x[:, 1:]), on="x=0", component="u"),
        sciml.Dirichlet(0.0, on="x=0", component="v"),
        sciml.Neumann(0.0, on="x=2", component="u"),
        sciml.Dirichlet(0.0, on="x=2", component="p"),
        sciml.Dirichlet(0.0, on="x=2", component="v"),
    )

    def residual(self, field, x):
        u, v, p = field["u"], field["v"], field["p"]
        return {
            "momentum_x": u * u.d("x") + v * u.d("y") + p.d("x") - 0.1 * u.laplacian(),
            "momentum_y": u * v.d("x") + v * v.d("y") + p.d("y") - 0.1 * v.laplacian(),
            "continuity": u.d("x") + v.d("y"),
        }

    def exact(self, x):
        y = x[:, 1:]
        return torch.cat([4 * y * (1 - y), 0 * y, 0.8 * (2 - x[:, :1])], 1)


def test_rounding_is_no_size():
    solution = sciml.solve(Channel(), max_steps=10, progress=False)
    assert solution.error() < 1e-4
    assert not any("conditions alone" in note for note in solution.stats.notes)


class Coupled(sciml.PDE):
    """The second unknown is zero, and the equations are nonlinear in both."""

    domain = sciml.Interval(0, 1)
    unknowns = ("a", "b")
    conditions = (sciml.Dirichlet(0.0, component="a"), sciml.Dirichlet(0.0, component="b"))

    def residual(self, u, x):
        a, b = u["a"], u["b"]
        return a.d("x", "x") + torch.exp(a + b), b.d("x", "x") + torch.exp(a + b) - torch.exp(a.value)


class Poiseuille(sciml.PDE):
    """Flow through a channel: the velocity across it is zero."""

    domain = sciml.Box([0, 0], [1, 1])
    unknowns = ("u", "v", "p")
    conditions = (
        sciml.Dirichlet(lambda x: 4 * x[:, 1:] * (1 - x[:, 1:]), component="u"),
        sciml.Dirichlet(0.0, component="v"),
        sciml.Dirichlet(0.0, on="x=1", component="p"),
    )

    def residual(self, w, x):
        u, v, p = w["u"], w["v"], w["p"]
        return (
            u * u.d("x") + v * u.d("y") + p.d("x") - 0.1 * u.laplacian(),
            u * v.d("x") + v * v.d("y") + p.d("y") - 0.1 * v.laplacian(),
            u.d("x") + v.d("y"),
        )


@pytest.mark.parametrize(("problem", "zero"), [(Coupled(), 1), (Poiseuille(), 1)])
def test_an_unknown_that_is_zero_gets_no_size_of_rounding(problem, zero):
    network = nn.MLP([problem.plain_inputs, 8, problem.outputs], "sine", seed=2)
    trial = Trial(problem, network, corners=no_corners(problem))
    found = measure_scales(ResidualSystem(problem, trial, 200, 0))
    assert found is None or float(found.unknowns[zero]) > 1e-9  # its own, or that of a fit that is not exact


@pytest.mark.parametrize("c", [1e-12, 1e-6])
def test_a_small_unknown_keeps_its_size(c):
    problem = Pair(c)
    trial = Trial(problem, nn.MLP([1, 8, 2], "sine", seed=2))
    found = measure_scales(ResidualSystem(problem, trial, 200, 0))
    assert 0.02 < float(found.unknowns[1]) / c < 0.5
