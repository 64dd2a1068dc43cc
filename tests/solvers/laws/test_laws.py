"""Laws of solutions against closed forms; what is wrong is named."""

from __future__ import annotations

import pytest
import torch

import sciml
from sciml import nn
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.solvers.laws import adversarial, sampled
from sciml.solvers.laws.generated import GeneratedLaw
from sciml.solvers.laws.sampled import _polynomials
from sciml.solvers.laws.strengths import Strengths

SPREAD = 0.3


class Rod(sciml.PDE):
    """``u'' = 0`` between random ends: ``u = a (1 - x) / 2 + b (1 + x) / 2``."""

    domain = sciml.Interval(-1.0, 1.0)

    def __init__(self, a=None, b=None):
        ends = () if a is None else (sciml.Dirichlet(a, on="x=-1"), sciml.Dirichlet(b, on="x=1"))
        self.conditions = ends

    def residual(self, u, x):
        return u.d("x", "x")


def rod(x, draws):
    return draws[:, :1] * (1 - x[:, 0]) / 2 + draws[:, 1:] * (1 + x[:, 0]) / 2


class Growth(sciml.PDE):
    """``u = exp(a x / 2)``: nonlinear in the draw."""

    domain = sciml.Interval(0.0, 1.0)
    conditions = ()

    def __init__(self, a):
        self.a = a

    def residual(self, u, x):
        return u.value - torch.exp(self.a * x / 2)


def draws_of(n, p, seed=0):
    return torch.randn(n, p, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


X = torch.linspace(-1, 1, 7, dtype=torch.float64)[:, None]


@pytest.fixture(scope="module")
def rod_law():
    draws = 1 + SPREAD * draws_of(300, 2)
    model = nn.MLP([1, 6, 1])
    return draws, sciml.solve_law(lambda a, b: Rod(a, b), draws=draws, model=model, max_steps=15)


def test_a_linear_law_is_a_superposition(rod_law):
    draws, law = rod_law
    assert law.degree == 1 and law.error < 1e-5 and law.method == "sampling"
    assert torch.allclose(law.at(draws, X), rod(X, draws), atol=1e-4)
    assert (law.weights(draws).sum(1) - 1).abs().max() < 1e-12
    sample = law.sample(X, 300)
    assert torch.allclose(sample.mean(0), rod(X, draws).mean(0), atol=1e-4)
    assert torch.allclose(law.std(X, 300), rod(X, draws).std(0), atol=1e-4)
    assert torch.allclose(law.quantile(X, 0.9, 300), rod(X, draws).quantile(0.9, dim=0), atol=1e-4)
    assert law.sample(X, 1000).shape == (1000, 7)


def test_a_law_is_compared_with_draws_by_name(rod_law):
    _, law = rod_law
    assert law.compare(X, rod(X, 1 + SPREAD * draws_of(400, 2, seed=9))) == []
    wide = law.compare(X, rod(X, 1 + 4 * SPREAD * draws_of(400, 2, seed=9)))
    assert any(line.startswith("spread:") for line in wide)
    moved = law.compare(X, rod(X, 2 + SPREAD * draws_of(400, 2, seed=9)))
    assert [line.partition(":")[0] for line in moved] == ["mean", "law"]


def test_a_nonlinear_law_takes_a_higher_degree():
    draws = draws_of(200, 1)[:, 0]
    law = sciml.solve_law(Growth, draws=draws, model=nn.KAN([1, 1], grid=4), max_steps=12, tol=3e-3)
    x = torch.linspace(0, 1, 5, dtype=torch.float64)[:, None]
    exact = torch.exp(draws[:, None] * x[:, 0] / 2)
    assert law.degree > 1
    assert (law.at(draws, x) - exact).norm() < 0.02 * exact.norm()


def test_a_law_that_is_not_as_exact_as_asked_says_so():
    law = sciml.solve_law(Growth, draws=draws_of(60, 1), model=nn.KAN([1, 1], grid=4), max_steps=6, tol=1e-12)
    assert any("not as exact as asked" in note for note in law.notes)


def test_monomials():
    z = draws_of(5, 2)
    found = _polynomials(z, 2)
    a, b = z.T
    assert torch.allclose(found, torch.stack([a**0, a, b, a * a, a * b, b * b], 1))


@pytest.fixture(scope="module")
def snapshots():
    ends = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
    return ends, 1 + SPREAD * draws_of(300, 2, seed=4)


def test_a_generator_finds_mean_spread_and_law(snapshots):
    law = sciml.solve_law(Rod(), snapshots=snapshots, steps=15)
    known = rod(X, snapshots[1])
    own = law.sample(X, 5000)
    assert (own.mean(0) - known.mean(0)).abs().max() < 0.06
    assert (own.std(0) - known.std(0)).abs().max() < 0.2 * known.std(0).max()
    assert not law.notes and law.compare(X, known) == []
    # values at both ends are independent, so the middle has less spread: the law is one of functions
    assert own.std(0)[3] < 0.85 * own.std(0)[0]


def test_a_generator_without_spread_is_named(snapshots):
    law = sciml.solve_law(Rod(), snapshots=snapshots, latent=0, steps=2)
    assert isinstance(law, GeneratedLaw)
    known = rod(X, snapshots[1])
    # what the mean alone would let pass
    assert (law.mean(X) - known.mean(0)).norm() < 0.05 * known.mean(0).norm()
    names = [note.partition(":")[0] for note in law.notes]
    assert names == ["distance", "spread", "law"]


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_the_unit_of_the_snapshots_does_not_matter(snapshots, unit):
    sensors, known = snapshots
    law = sciml.solve_law(Rod(), snapshots=(sensors, unit * known), steps=2)
    expected = unit * rod(X, known)
    assert law.notes == []
    assert (law.mean(X) - expected.mean(0)).abs().max() < 0.06 * unit
    assert (law.std(X) - expected.std(0)).abs().max() < 0.2 * expected.std(0).max()


def test_two_modes_stay_two_and_go_together():
    sign = torch.where(draws_of(240, 1, seed=6) > 0, 1.0, -1.0).double()
    ends = sign + 0.1 * draws_of(240, 2, seed=7)
    ends[:, 1] *= 0.5
    sensors = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
    law = sciml.solve_law(Rod(), snapshots=(sensors, ends))
    own = law.sample(X, 2000)
    assert law.notes == [] and law.latent == 2
    assert law.distance < 1.5 * law.sampling
    assert (own[:, 0].abs() > 0.5).float().mean() > 0.98  # nothing between the modes
    assert (own[:, 0].sign() == own[:, -1].sign()).float().mean() > 0.98
    known = rod(X, ends)
    for k in (0, 3, 6):
        away = sciml.stats.wasserstein1(own[:, k], known[:, k])
        assert away < 3 * sciml.stats.wasserstein1(known[::2, k], known[1::2, k])


def test_snapshots_that_are_all_the_same_have_no_spread():
    sensors = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
    law = sciml.solve_law(Rod(), snapshots=(sensors, torch.ones(40, 2)), steps=2)
    assert law.latent == 0 and law.notes == []
    assert float(law.std(X).max()) == 0 and (law.mean(X) - 1).abs().max() < 1e-2
    [note] = [line for line in law.compare(X, 1 + draws_of(40, 7)) if line.startswith("spread")]
    assert "0 times" in note
    wide = sciml.solve_law(Rod(), snapshots=(sensors, 1 + draws_of(40, 2)), steps=2)
    assert wide.compare(X, torch.ones(40, 7))[-1].endswith("and the draws have none.")


class Held(Rod):
    """One end is known, the other in the snapshots."""

    def __init__(self):
        self.conditions = (sciml.Dirichlet(0.0, on="x=1"),)


class Forced(Rod):
    """A large source, which says nothing of what is left open."""

    def residual(self, u, x):
        return 1e-3 * (u.d("x", "x") - 500.0 * torch.sin(x))


@pytest.mark.parametrize(
    "problem, ends, left",
    [(Rod, 1, True), (Rod, 2, False), (Held, 1, False), (Forced, 1, True), (Forced, 2, False)],
)
def test_sensors_that_leave_the_solution_open_are_noted(problem, ends, left, monkeypatch):
    monkeypatch.setattr(adversarial, "START", 60)
    sensors = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)[:ends]
    law = sciml.solve_law(problem(), snapshots=(sensors, 1 + SPREAD * draws_of(40, ends)), steps=1)
    assert any(note.startswith("open:") for note in law.notes) == left


def test_what_does_not_fit_is_noted_or_refused(snapshots):
    five = torch.linspace(-1, 1, 5, dtype=torch.float64)[:, None]
    # values of a line at five points are no five independent numbers
    law = sciml.solve_law(Rod(), snapshots=(five, draws_of(60, 5, seed=8)), latent=1, steps=2)
    names = {note.partition(":")[0] for note in law.notes}
    assert {"latent", "equation"} <= names
    with pytest.warns(UserWarning, match="1 of 1 points lie outside the domain"):
        law.sample([[7.0]], 2)
    with pytest.raises(ArgumentError, match=r"conditions hold at \[-1.0\], got"):
        sciml.solve_law(Rod(0.0, 1.0), snapshots=snapshots)


class Steep(Growth):
    """``u = exp(2 a x)``: no polynomial in draws far out."""

    def residual(self, u, x):
        return u.value - torch.exp(2 * self.a * x)


def test_draws_beyond_the_nodes_are_looked_at():
    draws = torch.cat([draws_of(60, 1), torch.full((1, 1), 8.0)])
    law = sciml.solve_law(Steep, draws=draws, model=nn.KAN([1, 1], grid=4), max_steps=6, tol=1e-2)
    assert any("draws lie beyond 3 standard deviations" in note for note in law.notes)


def test_the_seconds_are_those_of_each_solve(monkeypatch):
    seen = []
    original = sampled.solve

    def solve(*args, **options):
        seen.append(options["max_time"])
        return original(*args, **options)

    monkeypatch.setattr(sampled, "solve", solve)
    sciml.solve_law(Rod, draws=draws_of(8, 2), model=nn.MLP([1, 2, 1]), max_steps=2, max_time=7.0)
    assert set(seen) == {7.0}


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: sciml.solve_law(Rod()), ArgumentError, "draws needs to be given, or snapshots"),
        (
            lambda: sciml.solve_law(Rod(), draws=draws_of(9, 2)),
            ArgumentTypeError,
            "needs a function of a draw",
        ),
        (lambda: sciml.solve_law(Rod, draws=draws_of(5, 2)), ArgumentError, "draws needs finite numbers"),
        (
            lambda: sciml.solve_law(lambda a: a, draws=draws_of(9, 1)),
            ArgumentTypeError,
            "returns a sciml.PDE",
        ),
        (lambda: sciml.solve_law(Rod, snapshots=(X, X)), ArgumentTypeError, "problem needs a sciml.PDE"),
        (lambda: sciml.solve_law(Rod(), snapshots=X), ArgumentError, "snapshots needs a pair"),
        (lambda: sciml.solve_law(Rod(), snapshots=(X, draws_of(5, 7))), ArgumentError, "20 snapshots"),
        (
            lambda: sciml.solve_law(Rod(), snapshots=(X, draws_of(50, 7)), points=3),
            ArgumentError,
            "snapshots goes without points",
        ),
        (
            lambda: sciml.solve_law(Rod(), snapshots=(X, draws_of(50, 7)), tol=1.0),
            ArgumentError,
            "without tol",
        ),
        (
            lambda: sciml.solve_law(Rod, draws=draws_of(9, 2), latent=2),
            ArgumentError,
            "draws goes without latent",
        ),
        (lambda: sciml.solve_law(Rod(), snapshots=(X, draws_of(50, 6))), ArgumentError, "a row of 7 values"),
        (
            lambda: sciml.solve_law(Rod(), snapshots=(3 * X, draws_of(50, 7))),
            ArgumentError,
            "points of the domain",
        ),
        (lambda: sciml.solve_law(Rod, draws=draws_of(9, 3)), ArgumentTypeError, "a function of 3 numbers"),
        (lambda: sciml.solve_law(Rod, draws="abc"), ArgumentTypeError, "draws needs an array of numbers"),
        (lambda: sciml.solve_law(Rod, draws=draws_of(9, 2)[None]), ArgumentError, "draws needs shape"),
    ],
)
def test_what_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_a_law_refuses_draws_of_another_kind(rod_law):
    _, law = rod_law
    assert law.at([[1.0, 2.0]], X).shape == (1, 7)
    with pytest.raises(ArgumentError, match="draws needs points with 2 coordinates, got 3"):
        law.at(draws_of(4, 3), X)
    for values in (draws_of(30, 6), draws_of(9, 7)):
        with pytest.raises(ArgumentError, match=r"values needs shape \(n, 7\)"):
            law.compare(X, values)
    with pytest.raises(ArgumentError, match="values needs finite numbers"):
        law.compare(X, draws_of(30, 7) * float("nan"))
    assert repr(law).startswith("<SampledLaw: ")


@pytest.mark.parametrize("latent, held", [(None, 2), (1, 1), (5, 3), (0, 0)])
def test_strengths_are_those_of_the_snapshots(latent, held):
    base = draws_of(3, 9, seed=1)
    base = torch.linalg.qr(base.T).Q.T
    strengths = draws_of(400, 3, seed=2) * torch.tensor([3.0, 2.0, 0.05], dtype=torch.float64)
    known = 5 + strengths @ base
    found = Strengths(known, latent)
    assert found.count == held
    z = found.draw(1000, torch.Generator().manual_seed(3))
    assert z.shape == (1000, held)
    if held:
        assert (found.pool.square().mean(0) - 1).abs().max() < 1e-9
        assert (z.std(0) - 1).abs().max() < 0.1
    if held == 3:
        assert torch.allclose(found.values(found.pool), known, atol=1e-9)
    # each draw lies between two of the snapshots' own
    assert float(torch.cdist(z, found.pool).amin(1).max()) <= float(
        torch.cdist(found.pool, found.pool).topk(5, largest=False).values.max()
    )
