"""Solves with unknown coefficients, from guesses of every size and by every kind of method."""

import json
import math

import pytest
import torch

import sciml
from sciml import pdes

XS = torch.linspace(0.07, 0.93, 13, dtype=torch.float64)[:, None]


def noisy(values, size, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return values + size * torch.randn(values.shape, generator=rng, dtype=torch.float64)


def net(inputs=1, width=10, seed=0):
    return sciml.nn.MLP([inputs, width, width, 1], "tanh", seed=seed)


def solve(problem, **options):
    options = {"model": net(problem.inputs), "points": 60, "max_steps": 80, "max_time": 600} | options
    return sciml.solve(problem, progress=False, **options)


def rod(unknown, truth, size=0.0):
    """``-k u'' = 1`` between zeros: ``u = x (1 - x) / (2 k)``."""

    class Rod(sciml.PDE):
        domain = sciml.Interval(0, 1)
        k = unknown
        conditions = (
            sciml.Dirichlet(0.0),
            sciml.Data(XS, noisy(XS * (1 - XS) / 2, size) / truth),
        )

        def residual(self, u, x):
            return -self.k * u.laplacian() / truth - 1 / truth

    return Rod()


@pytest.mark.parametrize(
    ("unknown", "truth"),
    [
        (sciml.Unknown(0.0), 0.31),
        (sciml.Unknown(1e-9, positive=True), 3.1e-9),
        (sciml.Unknown(1e9), 3.1e9),
        (sciml.Unknown(100.0, positive=True), 1.0),
        (sciml.Unknown(0.9, bounds=(0.1, 1.0)), 0.31),
        (sciml.Unknown(0.01, bounds=(1e-5, 10.0)), 0.31),
    ],
    ids=str,
)
def test_a_scalar_without_noise_from_any_guess(unknown, truth):
    solution = solve(rod(unknown, truth), max_steps=200)
    found = solution.unknown["k"]
    assert solution.problem.k == found.value == pytest.approx(truth, rel=1e-4)
    assert found.determined and found.std < 1e-3 * truth
    assert solution.outcome == "converged"
    assert type(solution.statement).k is unknown


@pytest.mark.parametrize("optimizer", ["lm", "lbfgs"])
def test_every_kind_of_method_trains_it(optimizer):
    solution = solve(
        rod(sciml.Unknown(1.0, positive=True), 0.31),
        optimizer=optimizer,
        max_steps=60 if "-" in optimizer else 400,
    )
    assert solution.problem.k == pytest.approx(0.31, rel=5e-3)


def test_a_module_without_jets():
    model = torch.nn.Sequential(torch.nn.Linear(1, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1)).double()
    solution = solve(rod(sciml.Unknown(1.0, positive=True), 0.31), model=model, max_steps=150)
    assert solution.problem.k == pytest.approx(0.31, rel=0.02)


def test_noise_gives_an_interval_that_the_closed_form_has():
    """With the equation exact, the fit is linear least squares of ``c x (1 - x) / 2`` with ``c = 1 / k``."""
    problem = rod(sciml.Unknown(1.0, positive=True), 0.5, size=0.001)
    shape = (XS * (1 - XS) / 2)[:, 0]
    values = problem.conditions[1].values[:, 0]
    c = float(values @ shape / (shape @ shape))
    rms = float((values - c * shape).square().sum() / (len(shape) - 1)) ** 0.5
    solution = solve(problem, max_steps=150)
    found = solution.unknown["k"]
    assert found.value == pytest.approx(1 / c, rel=2e-3)
    assert solution.noise == pytest.approx(rms, rel=0.05)
    assert found.std == pytest.approx(rms / float(shape.norm()) / c**2, rel=0.1)
    x = torch.tensor([[0.2], [0.5]], dtype=torch.float64)
    expected = rms / float(shape.norm()) * (x * (1 - x) / 2)
    assert torch.allclose(solution.std(x), expected, rtol=0.15)
    low, high = solution.interval(x, 0.95)
    assert bool(((low < solution(x)) & (solution(x) < high)).all())
    narrow, _ = solution.interval(x, level=0.5)
    assert bool((narrow > low).all())
    assert solution.outcome == "converged" and "k = " in solution.summary() and "95 %" in solution.summary()
    assert "± " in str(found)


def test_a_solve_changes_neither_problem_nor_unknown_and_repeats():
    unknown = sciml.Unknown(1.0)
    problem = rod(unknown, 0.31)
    first, second = solve(problem, max_steps=12), solve(problem, max_steps=12)
    assert problem.k is unknown and unknown.guess == 1.0
    assert first.unknown["k"].value == second.unknown["k"].value
    assert torch.equal(first(XS), second(XS))


def heat(**options):
    points = torch.rand(25, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    values = noisy(pdes.Heat(diffusivity=0.3).exact(points), 0.01)
    return pdes.Heat(diffusivity=sciml.Unknown(1.0)).with_data(sciml.Data(points, values, noise=0.01))


HEAT = {"model": net(2), "points": 200}


def test_a_checkpoint_goes_on_bit_by_bit_and_a_file_gives_the_same(tmp_path):
    problem = heat()
    whole = solve(problem, max_steps=30, **HEAT)
    solve(problem, max_steps=14, checkpoint=tmp_path / "c.h5", **HEAT)
    resumed = solve(problem, max_steps=30, resume=tmp_path / "c.h5", **HEAT)
    assert resumed.unknown == whole.unknown and torch.equal(resumed(XS.repeat(1, 2)), whole(XS.repeat(1, 2)))
    with pytest.raises(sciml.ArgumentError, match="another run"):
        solve(pdes.Heat(diffusivity=0.3), resume=tmp_path / "c.h5", **HEAT)
    whole.save(tmp_path / "s.h5")
    loaded = sciml.load(tmp_path / "s.h5", problem=heat())
    assert loaded.unknown == whole.unknown and loaded.noise == whole.noise == 0.01
    assert loaded.problem.diffusivity == whole.problem.diffusivity
    x = torch.rand(5, 2, dtype=torch.float64)
    assert torch.equal(loaded(x), whole(x)) and torch.equal(loaded.std(x), whole.std(x))
    with pytest.raises(sciml.ArgumentError, match="problem is needed"):
        sciml.load(tmp_path / "s.h5")
    with pytest.raises(sciml.ArgumentError, match="is not the one"):
        sciml.load(tmp_path / "s.h5", problem=pdes.Heat(diffusivity=0.3))
    json.dumps(whole.stats.to_json(), allow_nan=False)
    assert not whole.has_answer and "relative L2 error" not in whole.summary()
    with pytest.raises(sciml.ArgumentError, match="does not follow the coefficients"):
        whole.error()


def test_fine_tuning_keeps_the_coefficients():
    base = solve(heat(), max_steps=30, **HEAT)
    with pytest.raises(sciml.ArgumentError, match="the Unknown diffusivity: an adapter keeps them fixed"):
        base.finetune(heat())
    tuned = base.finetune(
        base.problem.with_source(lambda x: 0.1 + 0 * x[:, :1]), max_steps=3, max_time=600, progress=False
    )
    assert tuned.problem.diffusivity == base.problem.diffusivity and tuned.unknown == {}


def test_an_unknown_in_conditions_and_several_of_them():
    """``-u'' = 2`` with u(0) = T and u'(1) + h u(1) = 0."""
    T, h = 3.0, 2.5
    slope = (2 + h - T * h) / (1 + h)

    class Wall(sciml.PDE):
        domain = sciml.Interval(0, 1)
        T = sciml.Unknown(1.0)
        conditions = (
            sciml.Dirichlet(T, on="x=0"),
            sciml.Robin(alpha=sciml.Unknown(1.0, positive=True), beta=1.0, on="x=1"),
            sciml.Data(XS, T.guess * 3 + slope * XS - XS**2),
        )

        def residual(self, u, x):
            return -u.laplacian() - 2

    solution = solve(Wall())
    assert solution.unknown["T"].value == pytest.approx(T, rel=1e-4)
    assert solution.unknown["robin:x=1.alpha"].value == pytest.approx(h, rel=1e-4)
    assert any("dirichlet:x=0 is a penalty term" in note for note in solution.stats.notes)
    assert solution.problem.conditions[0].value == solution.problem.T
    wall = Wall()
    wall.conditions = [sciml.Dirichlet(sciml.Unknown(1.0), hard=True), *Wall.conditions[1:]]
    with pytest.raises(sciml.ArgumentError, match="hard=True"):
        solve(wall)


@pytest.mark.parametrize("positive", [True, False])
def test_two_factors_of_a_product_are_not_determined(positive):
    class Product(sciml.PDE):
        domain = sciml.Interval(0, 1)
        a = sciml.Unknown(1.0, positive=positive)
        b = sciml.Unknown(2.0, positive=positive)
        c = sciml.Unknown(0.5)
        conditions = (
            sciml.Dirichlet(0.0),
            sciml.Data(XS, noisy(XS * (1 - XS) / 2 + (XS - XS**4) / 12, 1e-3)),
        )

        def residual(self, u, x):
            return -self.a * self.b * u.laplacian() - 1 - self.c * x**2

    solution = solve(Product())
    for name in "ab":
        found = solution.unknown[name]
        assert not found.determined and found.interval == (0.0 if positive else -math.inf, math.inf)
        assert "not determined" in str(found)
    assert any("do not determine" in note and "a" in note and "b" in note for note in solution.stats.notes)
    assert torch.isfinite(solution.std(XS)).all()
    json.dumps(solution.stats.to_json(), allow_nan=False)


def test_data_that_do_not_tell():
    """Measurements at the first instant alone, and none at all."""
    start = torch.cat([torch.zeros_like(XS), XS], dim=1)
    values = noisy(torch.sin(math.pi * XS), 0.01)
    for data in ([sciml.Data(start, values, noise=0.01)], []):
        problem = pdes.Heat(diffusivity=sciml.Unknown(0.2)).with_data(*data)
        solution = solve(problem, max_steps=40, **HEAT)
        assert not solution.unknown["diffusivity"].determined
        assert any("do not determine diffusivity" in note for note in solution.stats.notes)
        assert float(solution.std([[0.5, 0.5]]).item()) > 0.3


def test_a_fit_that_was_cut_short_says_so():
    solution = solve(heat(), optimizer="adam", max_steps=100, **HEAT)
    found = solution.unknown["diffusivity"]
    assert found.interval is None and "no interval" in str(found)
    assert any("has not settled" in note for note in solution.stats.notes)


def test_refusals():
    problem = rod(sciml.Unknown(1.0), 0.31)
    with pytest.raises(sciml.ArgumentError, match="accuracy needs a problem without an Unknown"):
        solve(problem, accuracy=1e-3)
    plain = solve(pdes.Poisson(dim=1), max_steps=3)
    assert plain.unknown == {}
    for ask in (plain.posterior, lambda: plain.noise, lambda: plain.std(XS), lambda: plain.interval(XS)):
        with pytest.raises(sciml.ArgumentError, match="error bars need measurements"):
            ask()
    with pytest.raises(sciml.ArgumentError, match="level needs a number between 0 and 1"):
        plain.interval(XS, 1.5)

    class Parameter(type(problem)):
        def __init__(self):
            self.D = torch.nn.Parameter(torch.tensor(1.0))

    with pytest.raises(sciml.ArgumentTypeError, match=r"D = sciml\.Unknown"):
        solve(Parameter())


class Fundamental(sciml.PDE):
    """``-u'' = lam u`` between zeros with a mean square of a half: ``sin(pi x)``; no measurements."""

    domain = sciml.Interval(0, 1)
    lam = sciml.Unknown(12.0, positive=True)
    conditions = (
        sciml.Dirichlet(0.0),
        sciml.Condition("inside", lambda u, x: u**2 - 0.5, mean=True, name="size"),
    )

    def residual(self, u, x):
        return u.d("x", "x") + self.lam * u


@pytest.mark.parametrize("steps", [12, 40])
def test_an_eigenvalue_without_measurements_and_the_error_of_its_mode(steps):
    solution = solve(Fundamental(), max_steps=steps)
    x = torch.linspace(0.0, 1.0, 201, dtype=torch.float64)[:, None]
    u, mode = solution(x), torch.sin(math.pi * x)
    true = float((u * torch.sign((u * mode).sum()) - mode).norm() / mode.norm())
    assert true / 3 < solution.stats.error_estimate < 3 * true
    assert solution.stats.notes == []
    if steps == 40:
        found = solution.unknown["lam"]
        assert found.interval[0] < math.pi**2 < found.interval[1] and found.std < 1e-4
