"""Laws of solutions against closed forms; what is wrong is named."""

from __future__ import annotations

import pytest
import torch

import sciml
from sciml import nn
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.solvers.laws.generated import GeneratedLaw
from sciml.solvers.laws.sampled import _polynomials

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
    assert names == ["spread", "law"]


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
    ],
)
def test_what_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()
