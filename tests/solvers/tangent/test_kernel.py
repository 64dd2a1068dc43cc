"""Kernels of problems: against nested autograd, and against the descents that they predict."""

from __future__ import annotations

import math

import pytest
import torch
from torch.func import functional_call

import sciml
from sciml import nn, pdes
from sciml.ansatz import Trial
from sciml.errors import ArgumentError, ArgumentTypeError


class Line(sciml.PDE):
    """``-u'' = pi^2 sin(pi x)``."""

    domain = sciml.Interval(-1, 1)
    conditions = (sciml.Dirichlet(0.0),)

    def residual(self, u, x):
        return -u.d("x", "x") - math.pi**2 * torch.sin(math.pi * x)


class Fit(sciml.PDE):
    """No equation: values to be fitted."""

    domain = sciml.Box([-1, -1], [1, 1])
    conditions = ()

    def residual(self, u, x):
        return u.value - torch.sin(math.pi * x[:, :1]) * torch.cos(math.pi * x[:, 1:])


@pytest.mark.parametrize(
    "network", [nn.MLP([1, 5, 1], "tanh", seed=3), nn.KAN([1, 3, 1], grid=3, degree=5, seed=3)]
)
def test_the_matrix_is_that_of_nested_autograd(network):
    kernel = sciml.tangent_kernel(Line(), network, points=7)
    trial = Trial(Line(), network)
    x = kernel._system.points.interior
    names = [name for name, _ in trial.network.named_parameters()]

    def residual(*parameters):
        values = {f"network.{name}": p for name, p in zip(names, parameters, strict=True)}
        y = x.clone().requires_grad_()
        u = functional_call(trial, values, (y,))
        (first,) = torch.autograd.grad(u.sum(), y, create_graph=True)
        (second,) = torch.autograd.grad(first.sum(), y, create_graph=True)
        return (-second - math.pi**2 * torch.sin(math.pi * x))[:, 0] / math.sqrt(len(x))

    parameters = tuple(p.detach() for p in network.parameters())
    columns = torch.autograd.functional.jacobian(residual, parameters)
    J = torch.cat([c.reshape(len(x), -1) for c in columns], 1)
    assert torch.allclose(kernel.matrix, J @ J.T, rtol=1e-9, atol=1e-9 * float((J @ J.T).abs().max()))


@pytest.mark.parametrize("problem, widths, degree", [(Fit(), [2, None, 1], 3), (Line(), [1, None, 1], 5)])
def test_a_wide_kan_descends_as_predicted_and_a_narrow_one_does_not(problem, widths, degree):
    def run(width):
        full = [width if w is None else w for w in widths]
        kernel = sciml.tangent_kernel(problem, nn.KAN(full, grid=4, degree=degree, base=False), points=40)
        descent = kernel.descend(200, 0.5 * kernel.rate)
        return float(descent.losses[-1]) / sum(kernel.predict(200, 0.5 * kernel.rate).values()), descent

    wide, narrow = run(512), run(16)
    assert wide[0] == pytest.approx(1.0, abs=0.05)
    assert wide[1].lazy
    assert abs(narrow[0] - 1.0) > 0.25
    assert narrow[1].drift > 10 * wide[1].drift


@pytest.mark.parametrize("problem, widths, degree", [(Fit(), [2, 16, 1], 3), (Line(), [1, 8, 8, 1], 5)])
def test_narrow_and_deep_networks_are_foretold_by_kernels_along_the_way(problem, widths, degree):
    kernel = sciml.tangent_kernel(problem, nn.KAN(widths, grid=4, degree=degree, base=False), points=40)
    rate = (1.0 if len(widths) == 3 else 0.05) * kernel.rate
    before = kernel.matrix.clone()
    ahead = kernel.follow(200, rate)
    descent = kernel.descend(200, rate)
    assert ahead.complete
    assert ahead.looks < 100
    assert torch.equal(kernel._system.theta, kernel._theta)
    assert torch.allclose(kernel._at(kernel._theta).matrix, before)
    assert torch.allclose(ahead.losses, descent.losses[ahead.steps], rtol=0.05)
    frozen = sum(kernel.predict(200, rate).values())
    assert abs(frozen / float(descent.losses[-1]) - 1.0) > 0.1
    assert ahead.drift == pytest.approx(descent.drift, rel=0.05)
    assert ahead.theta.shape == kernel._theta.shape


def test_a_follow_that_makes_no_sense_is_refused():
    kernel = sciml.tangent_kernel(Line(), nn.KAN([1, 3, 1], degree=4), points=10)
    for call, words in (
        (lambda: kernel.follow(0), "steps needs"),
        (lambda: kernel.follow(5, 0.0), "rate needs a number above 0"),
        (lambda: kernel.follow(5, tol=-1.0), "tol needs a number above 0"),
        (lambda: kernel.follow(5, looks=1), "looks needs"),
    ):
        with pytest.raises(ArgumentError, match=words):
            call()


def test_above_the_bound_the_loss_of_a_wide_network_grows():
    kernel = sciml.tangent_kernel(Fit(), nn.KAN([2, 512, 1], grid=4, degree=3, base=False), points=40)
    losses = kernel.descend(30, 2.5 * kernel.rate).losses
    assert float(losses.max()) > 10 * float(losses[0])
    assert float(kernel.descend(30).losses.max()) == pytest.approx(float(losses[0]))


def test_the_kernels_rate_brings_the_loss_of_other_problems_down():
    for problem in (pdes.Burgers(), pdes.Heat(), pdes.GinzburgLandau()):
        losses = sciml.tangent_kernel(problem, points=60).descend(60).losses
        assert float(losses[-1]) < 0.7 * float(losses[0])


def test_batches_bring_the_mean_loss_down():
    kernel = sciml.tangent_kernel(Line(), nn.KAN([1, 32, 1], grid=8, degree=5, base=False), points=40)
    marks = torch.stack([kernel.descend(50, batch=4, seed=s).losses[::10] for s in range(20)]).mean(0)
    assert bool((marks[1:] < marks[:-1]).all())


def test_balancing_shows_in_the_traces():
    kernel = sciml.tangent_kernel(pdes.LidDriven())
    equations = sum(kernel.traces[name] for name in kernel.traces) / len(kernel.traces)
    assert set(kernel.traces) == set(kernel.unbalanced)
    assert len(kernel.traces) > 1
    assert all(0.1 * equations < t < 10 * equations for t in kernel.traces.values())
    assert "balanced" in str(kernel)


def test_a_solution_knows_its_kernel():
    solution = sciml.solve(Line(), nn.KAN([1, 3, 1], grid=4, degree=5), max_steps=5, progress=False)
    before = [p.clone() for p in solution.network.parameters()]
    kernel = solution.kernel(points=30)
    descent = kernel.descend(3)
    assert all(torch.equal(a, b) for a, b in zip(before, solution.network.parameters(), strict=True))
    assert kernel.matrix.shape == (30, 30)
    start = sciml.tangent_kernel(Line(), nn.KAN([1, 3, 1], grid=4, degree=5), points=30)
    assert start.drift(start.at(solution.network)) == pytest.approx(start.drift(kernel), rel=1e-6)
    assert kernel.drift(kernel.at(solution.network)) == pytest.approx(0.0, abs=1e-12)
    assert len(kernel.plot(descent).axes) == 3
    with pytest.raises(ArgumentError, match=r"network needs .* parameters, got 13"):
        kernel.at(nn.MLP([1, 4, 1]))


def test_the_model_stays_as_it_is_and_a_rough_one_is_named():
    network = nn.KAN([1, 4, 1], degree=3)
    before = [p.clone() for p in network.parameters()]
    kernel = sciml.tangent_kernel(Line(), network, points=20)
    kernel.descend(5)
    assert all(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))
    assert any("degree=4 is smooth enough" in note for note in kernel.notes)
    assert sciml.tangent_kernel(Line(), nn.KAN([1, 4, 1], degree=4), points=20).notes == []


def test_what_it_cannot_do_is_refused():
    with pytest.raises(ArgumentTypeError, match=r"problem needs a sciml\.PDE"):
        sciml.tangent_kernel("poisson")  # type: ignore[arg-type]
    with pytest.raises(ArgumentTypeError, match=r"model needs a torch\.nn\.Module"):
        sciml.tangent_kernel(Line(), "mlp")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="points needs an int up to 3000, got 5000"):
        sciml.tangent_kernel(Line(), points=5000)
    chain = sciml.solve(pdes.VanDerPol(mu=1.0), windows=2, max_time=4, progress=False)
    with pytest.raises(ArgumentError, match="kernel needs a solution with one network"):
        chain.kernel()


def test_a_solution_or_its_network_stands_for_the_kernel_at_it():
    network = nn.MLP([1, 5, 1], "tanh", seed=3)
    kernel = sciml.tangent_kernel(Line(), network, points=40)
    solution = sciml.solve(Line(), network, max_steps=3, progress=False)
    later = kernel.at(solution)
    assert torch.equal(later.matrix, kernel.at(solution.network).matrix)
    assert kernel.drift(solution) == kernel.drift(later) > 0
    for what in (None, 3, "kernel"):
        with pytest.raises(ArgumentTypeError, match=r"network needs a torch\.nn\.Module or a solution"):
            kernel.drift(what)
    with pytest.raises(ArgumentTypeError, match=r"descent needs what descend\(steps\) returns"):
        kernel.plot(kernel)


def test_frozen_parameters_are_named_as_such():
    network = nn.MLP([1, 5, 1], "tanh", seed=3)
    network.layers[0].weight.requires_grad_(False)
    kernel = sciml.tangent_kernel(Line(), network, points=40)
    assert any("frozen parameters" in note for note in kernel.notes)
    assert not any("depends on other points" in note for note in kernel.notes)
    trained = [p for p in network.parameters() if p.requires_grad]
    assert kernel.at(network).matrix.allclose(kernel.matrix) and len(kernel._theta) == sum(
        p.numel() for p in trained
    )


def test_a_forecast_of_a_descent_that_diverges_has_no_error_bar():
    kernel = sciml.tangent_kernel(Line(), nn.KAN([1, 4, 1], degree=5, seed=1), points=30)
    forecast = kernel.follow(100, rate=50 * kernel.rate)
    assert not forecast.complete and math.isinf(forecast.error)
    assert "kernels: loss" in repr(forecast) and "theta" not in repr(forecast)
