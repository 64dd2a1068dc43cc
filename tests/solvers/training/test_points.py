"""Weighted redraws: integrals against those by even points, no point twice, bounded weights, resumed runs."""

from __future__ import annotations

import dataclasses
import math
import shutil

import pytest
import torch

import sciml
from sciml import nn, optim, pdes
from sciml.ansatz import Trial
from sciml.solvers.files import container
from sciml.solvers.training import points as points_module
from sciml.solvers.training.points import CAP, POOL
from sciml.solvers.training.residual_system import ResidualSystem


class Peaked(sciml.PDE):
    """A residual of a known shape: the unknown adds nothing to it that counts."""

    domain = sciml.Box([0, 0], [1, 1])
    conditions = (sciml.Neumann(0.0, on="x=0"),)

    def __init__(self, shape):
        self.shape = shape

    def residual(self, u, x):
        return u * 1e-9 + self.shape(x)


def bump(x):
    return 0.2 + torch.exp(-20 * (x - 0.3).square().sum(1, keepdim=True))


def pole(x):
    return 1 / (x[:, :1].square() + x[:, 1:].square() + 1e-12)


def drawn(shape, count: int = 500, seed: int = 5) -> ResidualSystem:
    problem = Peaked(shape)
    system = ResidualSystem(problem, Trial(problem, nn.MLP([2, 4, 1], seed=1)), count, 40, seed=3)
    system.points.redraw_adaptively(seed)
    return system


def even(shape):
    """Values on a fine grid, and the density that points are to be drawn with: ``min(|r| / mean |r|, CAP) + 1``."""
    axis = (torch.arange(400, dtype=torch.float64) + 0.5) / 400
    x = torch.cartesian_prod(axis, axis)
    r = shape(x).abs()
    density = (r / r.mean()).clamp(max=CAP) + 1
    return x, r, density / density.mean()


@pytest.mark.parametrize("shape", [bump, pole])
def test_no_point_twice_and_weights_within_bounds(shape):
    system = drawn(shape)
    term, other = system.points.terms
    assert len(torch.unique(term.x, dim=0)) == len(term.x) == 500
    assert bool(system.problem.domain.contains(term.x).all()) and other.importance is None
    assert term.importance.shape == (500, 1) and float(term.importance.min()) > 0
    assert float(term.importance.square().mean()) == pytest.approx(1.0, rel=1e-12)
    # the density runs from 1 to CAP + 1, so the squares of the factors, its root, are within that root of each other
    square = term.importance.square()
    assert float(square.max() / square.min()) <= math.sqrt(CAP + 1) * (1 + 1e-12)
    # small where the residual is large
    r = shape(term.x)[:, 0]
    order = r.argsort()
    assert bool((square[order].diff(dim=0) <= 1e-12).all()) and float(square.max()) > 1.2 * float(
        square.min()
    )


def test_weights_squared_once_more_give_the_integral_of_even_points():
    """Rows count by the root of the reciprocal density; the full reciprocal, its square, makes the plain integral."""
    x, r, _ = even(bump)
    term = drawn(bump, count=2000).points.terms[0]
    full = term.importance[:, 0] ** 4
    r_drawn = bump(term.x)[:, 0]
    for f, g in ((r_drawn, r), (r_drawn.square(), r.square()), (term.x[:, 0], x[:, :1])):
        wanted, plain = float(g.mean()), float(f.mean())
        got = float((full * f).sum() / full.sum())
        # drawn without replacement from eight times as many, which evens the density out a little
        assert got == pytest.approx(wanted, rel=0.1)
        assert abs(got - wanted) < 0.5 * abs(plain - wanted)


def test_weights_keep_the_root_of_the_emphasis():
    """What a sum of squares of weighted rows is: the integral with the root of the density, not the density."""
    _, r, density = even(bump)
    means = []
    for seed in range(15):
        term = drawn(bump, count=1000, seed=seed).points.terms[0]
        means.append(float(term.weighted({"pde": bump(term.x)})["pde"].square().mean()))
    got = sum(means) / len(means)
    # a draw of every eighth without replacement takes a candidate with the probability 1 - exp(-rate density)
    rate = torch.linspace(0, 1, 100_001, dtype=torch.float64)
    edges = torch.linspace(float(density.min()), float(density.max()), 200, dtype=torch.float64)
    counts = torch.histogram(density, edges).hist
    taken = (1 - torch.exp(-rate[:, None] * (edges[1:] + edges[:-1]) / 2)) @ counts / counts.sum()
    chance = 1 - torch.exp(-rate[(taken - 1 / POOL).abs().argmin()] * density)
    weight = chance * density.rsqrt()
    wanted = float((weight * r.square()).sum() / weight.sum())
    assert got == pytest.approx(wanted, rel=0.03)
    assert float(r.square().mean()) < 0.9 * got  # even points
    assert got < 0.9 * float((density * r.square()).mean())  # no weights
    # and the loss is made of such rows
    system = drawn(bump)
    term = system.points.terms[0]
    got = float(term.weighted({"pde": bump(term.x)})["pde"].square().mean())
    loss = system.value(system.theta) * 2
    condition = system.points.evaluate(system.points.terms[1])["neumann:x=0"].detach().square().mean()
    assert loss == pytest.approx(got + float(condition), rel=1e-6)


def test_the_cap_keeps_points_from_a_pole():
    """Of an unbounded residual a share of at most CAP in its neighbourhood is drawn; without a cap it is most of it."""
    x, _, density = even(pole)

    def near(y):
        return y.square().sum(1) < 0.1**2

    term = drawn(pole, count=1000).points.terms[0]
    share, wanted = float(near(term.x).double().mean()), float((near(x) * density[:, 0]).mean())
    assert 0.4 * wanted < share < 1.5 * wanted
    assert share < (CAP + 1) * float(near(x).double().mean())
    assert float((term.x.square().sum(1) > 0.5**2).double().mean()) > 0.4


def test_points_that_cannot_be_told_are_drawn_evenly():
    problem = Peaked(bump)
    system = ResidualSystem(problem, Trial(problem, nn.MLP([2, 4, 1], seed=1)), 300, 40, seed=3)
    problem.shape = lambda x: torch.where(x[:, :1] > 0.9, math.inf, 1.0)
    system.points.redraw_adaptively(5)
    importance = system.points.terms[0].importance
    assert torch.equal(importance, torch.ones_like(importance))


def test_even_points_forget_the_weights_and_the_seed_decides():
    system = drawn(bump)
    term = system.points.terms[0]
    kept, factors = term.x.clone(), term.importance.clone()
    system.points.redraw(5)
    assert term.importance is None
    system.points.redraw_adaptively(5)
    assert torch.equal(term.x, kept) and torch.equal(term.importance, factors)
    system.points.redraw_adaptively(6)
    assert not torch.equal(term.x, kept)
    # points to look at are even, whatever the training's are
    assert system.elsewhere(50, 20, 1).points.terms[0].importance is None


def test_jacobian_and_gradient_carry_the_weights():
    """Against the same rows without weights, times the weights."""
    system = drawn(bump, count=60)
    theta = system.theta
    J, (f, g) = system.linearize(theta).dense(), system.value_and_grad(theta)
    r = system.residual(theta)
    term = system.points.terms[0]
    factors = torch.cat([term.importance[:, 0], torch.ones(len(r) - 60, dtype=torch.float64)])
    system.points.terms[0] = dataclasses.replace(term, importance=None)
    assert torch.allclose(J, factors[:, None] * system.linearize(theta).dense(), rtol=1e-12, atol=0)
    assert torch.allclose(r, factors * system.residual(theta), rtol=1e-12, atol=0)
    assert torch.allclose(g, J.T @ r, rtol=1e-9, atol=1e-18) and f == pytest.approx(float(r @ r) / 2)


def history(solution) -> list[dict]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in solution.history]


def test_a_continued_run_keeps_the_weights(tmp_path, monkeypatch):
    """From a checkpoint between two redraws: the same bits at the end, which other weights would not give."""
    options = {"progress": False, "tol": 0.0, "optimizer": "gn-arc", "points": 40, "seed": 4}
    file, copies = tmp_path / "run.h5", []

    def model():
        return nn.MLP([2, 5, 1], "sine", seed=1)

    def killed(event):
        if not copies and event.step >= 50:
            copies.append(shutil.copy(file, tmp_path / "killed.h5"))

    unbroken = sciml.solve(pdes.Poisson(2), model(), max_steps=58, **options)
    sciml.solve(
        pdes.Poisson(2), model(), max_steps=58, checkpoint=file, every=0, callbacks=[killed], **options
    )
    config, arrays = container.read(copies[0], "checkpoint")
    assert config["weighted"] == [0]
    weights = next(a for name, a in arrays.items() if name.startswith("importance"))
    assert weights.shape == (40,) and (weights**2).mean() == pytest.approx(1.0) and weights.std() > 0.05
    again = sciml.solve(pdes.Poisson(2), model(), max_steps=58, resume=copies[0], **options)
    assert history(again) == history(unbroken) and len(history(again)) == 7
    # the losses are those of weighted points: with other weights they are others
    monkeypatch.setattr(points_module, "CAP", 1.0)

    def undrawn(solution):
        return [row for row in history(solution) if row["draws"] == 0]

    other = sciml.solve(pdes.Poisson(2), model(), max_steps=58, **options)
    assert history(other)[-1]["loss"] != history(unbroken)[-1]["loss"]
    assert undrawn(other) == undrawn(unbroken) and len(undrawn(other)) > 2


def test_points_are_added_where_the_held_out_loss_stops_to_fall_above_the_training_loss():
    """A gap of less than four times may stay for good: what is between the points is never seen."""
    model = nn.KAN([2, 5, 1], grid=5, seed=0)
    method = optim.method("gn-arc", lengths="parameters")
    options = {"optimizer": method, "max_steps": 90, "tol": 0.0, "max_time": 1e4, "progress": False}
    found = sciml.solve(pdes.Helmholtz(), model, **options).history
    quiet = 0
    for k in range(1, len(found) - 1):
        before, now = min(row["held_out"] for row in found[:k]), found[k]
        gap = now["held_out"] / now["loss"]
        more = found[k + 1]["points"] > now["points"]
        stopped = now["held_out"] >= 0.97 * before
        quiet += stopped and 1.25 < gap <= 4.0
        assert more == (gap > 4.0 or (stopped and gap > 1.25))
    assert quiet
