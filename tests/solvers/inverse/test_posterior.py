"""The Gaussian around a fit against dense linear algebra, and samples of it against the closed form."""

import math

import pytest
import torch

import sciml
from sciml import pdes
from sciml.solvers.found import Found
from sciml.solvers.posterior.gaussian import gaussian
from tests.solvers.inverse.test_unknown_solves import XS, noisy, solve


def problem(rows=40, P=6, K=2, seed=0):
    """Rows of equations, stiff ones, and of measurements, which a few parameters cannot all meet."""
    rng = torch.Generator().manual_seed(seed)
    J = torch.randn(rows, P + K, generator=rng, dtype=torch.float64)
    J[:25] *= 30.0
    return J, torch.randn(rows, generator=rng, dtype=torch.float64)


@pytest.mark.parametrize("noise", [0.3, None])
@pytest.mark.parametrize("P", [6, 50])
def test_against_the_dense_inverse(noise, P):
    J, r = problem(P=P)
    found = gaussian(J, r, 2, 0, 15, noise, size=2.0)
    A = found.c * J.T @ J + found.alpha * torch.diag(torch.cat([torch.ones(P), torch.zeros(2)])).double()
    b = torch.randn(P + 2, dtype=torch.float64)
    assert torch.allclose(found.solve(b), torch.linalg.solve(A, b), rtol=1e-6, atol=1e-9)
    damped = A + 0.7 * torch.diag(torch.cat([torch.ones(P), torch.zeros(2)])).double()
    assert torch.allclose(found.solve(b, 0.7), torch.linalg.solve(damped, b), rtol=1e-6, atol=1e-9)
    if noise is None:
        assert found.c == pytest.approx((15 - found.effective) / float(r[25:].square().sum()), rel=1e-2)
    else:
        assert found.c == pytest.approx(1 / noise**2)
    if P < 40:  # else no row tells a coefficient but for the prior, which is not counted
        inverse = torch.linalg.inv(A)
        g = torch.randn(3, P, dtype=torch.float64)
        whole = torch.einsum("ni,ij,nj->n", g, inverse[:P, :P], g)
        # the rows that the prior of the network stands for are not counted: a little wider at most
        assert bool((found.variance(g) >= whole * (1 - 1e-9)).all())
        assert torch.allclose(found.variance(g), whole, rtol=0.05)
        assert torch.allclose(found.covariance, inverse[P:, P:], rtol=0.05, atol=1e-9)


def test_equal_columns_are_open():
    J, r = problem(K=3)
    J[:, -1] = J[:, -2]
    found = gaussian(J, r, 3, 0, 15, 0.3, size=2.0)
    assert found.open.shape == (3, 1) and float(found.open[0].abs()) < 1e-6
    assert float(found.open[1].abs()) == pytest.approx(math.sqrt(0.5))


def test_what_only_a_small_network_tells_does_not_count():
    """A coefficient's column that the network's columns make up for to 1e-3, in the equations alone."""
    J, r = problem()
    J[25:, -1] = 0.0
    J[25:, :6] *= 1e-6
    J[:25, -1] = J[:25, 0] + 1e-3 * torch.randn(25, dtype=torch.float64)
    found = gaussian(J, r, 2, 25, 15, 0.3, size=2.0)
    assert float(found.covariance[1, 1]) > 1e6 or found.open.shape[1] == 1


class Linear(sciml.PDE):
    """``-u'' = q`` with noise of 0.01: q by linear least squares."""

    domain = sciml.Interval(0, 1)
    q = sciml.Unknown(1.0)
    conditions = (sciml.Dirichlet(0.0), sciml.Data(XS, noisy(1.5 * XS * (1 - XS), 0.01), noise=0.01))

    def residual(self, u, x):
        return -u.laplacian() - self.q


def test_samples_agree_with_laplace_and_with_the_closed_form():
    solution = solve(Linear(), max_steps=120)
    before = solution(XS)
    samples = solution.randomised(40, seed=3)
    shape = XS * (1 - XS) / 2
    exact = 0.01 / float(shape.norm())
    assert solution.unknown["q"].std == pytest.approx(exact, rel=0.05)
    assert samples.unknown["q"].std == pytest.approx(exact, rel=0.25)
    assert samples.coefficients["q"].shape == (40,) and samples.notes == []
    found = solution.error_estimate()
    assert found.value == pytest.approx(exact / solution.unknown["q"].value, rel=0.05)
    assert found.value == solution.stats.error_estimate
    x = torch.tensor([[0.2], [0.5]], dtype=torch.float64)
    assert torch.allclose(samples.std(x), exact * x * (1 - x) / 2, rtol=0.25)
    assert torch.equal(solution(XS), before)
    again = solution.randomised(3, seed=5)
    assert torch.equal(again.coefficients["q"], solution.randomised(3, seed=5).coefficients["q"])
    with pytest.raises(sciml.ArgumentError, match="samples"):
        solution.randomised(1)


def test_measurements_of_something_else_are_noted():
    class Wrong(Linear):
        conditions = (
            sciml.Dirichlet(0.0),
            sciml.Data(XS, XS * (1 - XS) * (2 + torch.sin(9 * XS)), noise=0.001),
        )

    solution = solve(Wrong(), max_steps=100)
    assert any("off by more than the noise that was told" in note for note in solution.stats.notes)
    assert solution.noise > 0.05 and solution.unknown["q"].std > 0.1


def test_an_unknown_function_and_its_band():
    problem = pdes.InversePoisson()
    solution = solve(problem, max_steps=100, model=sciml.nn.MLP([1, 20, 20, 2], "sine"), points=200)
    x = torch.linspace(0.02, 0.98, 25, dtype=torch.float64)[:, None]
    a, truth = solution(x)[:, 1], problem.exact(x)[:, 1]
    assert float((a - truth).norm() / truth.norm()) < 0.05
    low, high = solution.interval(x)
    assert float(((low[:, 1] <= truth) & (truth <= high[:, 1])).double().mean()) > 0.8
    assert solution.unknown == {} and solution.noise == pytest.approx(0.0067, rel=0.01)


def test_the_error_of_a_fit_that_is_broken_off_is_estimated_with_what_it_has_still_to_go():
    problem = pdes.InversePoisson(noise=0.001)
    model = sciml.nn.MLP([1, 20, 20, 2], "sine")
    solution = solve(problem, max_steps=12, model=model, points=200)
    true, found = solution.error(), solution.error_estimate()
    x = problem.sample(500, seed=9)
    left_open = float(solution.std(x).norm() / solution(x).norm())
    assert left_open < true / 3 < found.value < 3 * true
    assert found.unknowns.keys() == {"u", "a"} and found.unknowns["u"] < found.unknowns["a"]
    assert found.correction(x).shape == (500, 2) and bool((found.correction(x) > solution.std(x)).all())


def test_an_accuracy_that_measurements_do_not_allow_is_not_reached():
    class Heated(Linear):
        q = 1.5  # known: the measurements tell nothing more

    for accuracy, outcome in ((1e-1, "converged"), (1e-12, "stalled")):
        solution = solve(Heated(), max_steps=120, accuracy=accuracy)
        assert solution.outcome == outcome and (solution.stats.error_estimate <= accuracy) == (
            outcome == "converged"
        )


def test_catalogue_entries_are_found_and_kept_in_files(tmp_path):
    problem = pdes.InverseHeat(diffusivity=sciml.Unknown(1.0))
    solution = solve(problem, model=sciml.nn.MLP([2, 10, 10, 1], "tanh"), points=200, max_steps=60)
    found = solution.unknown["diffusivity"]
    # the least-squares fit of the exact solutions over all diffusivities (SciPy) to these measurements
    assert found.value == pytest.approx(0.3001555, abs=1e-4) and found.std == pytest.approx(
        0.000678, rel=0.05
    )
    assert found.low < 0.3 < found.high and solution.error() < 3e-3
    solution.save(tmp_path / "heat.h5")
    loaded = sciml.load(tmp_path / "heat.h5")
    assert loaded.unknown == solution.unknown and loaded.statement == problem
    assert loaded.problem.diffusivity == found.value


def test_several_measurements_with_noise_of_their_own():
    """Linear least squares weighed by the noise, of two instruments and of each value."""
    shape = XS * (1 - XS) / 2
    one, two = noisy(3 * shape, 0.02, 1), noisy(3 * shape, 0.004, 2)
    sure = torch.cat([torch.full((len(XS),), 1 / 0.02**2), torch.full((len(XS),), 1 / 0.004**2)]).double()
    columns, values = torch.cat([shape, shape])[:, 0], torch.cat([one, two])[:, 0]
    q = float((sure * columns) @ values / ((sure * columns) @ columns))
    std = float((sure * columns) @ columns) ** -0.5

    class Split(Linear):
        conditions = (
            sciml.Dirichlet(0.0),
            sciml.Data(XS, one, 0.02, name="cheap"),
            sciml.Data(XS, two, 0.004, name="good"),
        )

    class Joined(Linear):
        conditions = (
            sciml.Dirichlet(0.0),
            sciml.Data(torch.cat([XS, XS]), torch.cat([one, two]), (1 / sure).sqrt()),
        )

    for stated in (Split(), Joined()):
        solution = solve(stated, max_steps=100)
        if isinstance(stated, Split):
            assert solution.noise == pytest.approx({"cheap": 0.02, "good": 0.004})
        assert solution.unknown["q"].value == pytest.approx(q, abs=0.1 * std)
        assert solution.unknown["q"].std == pytest.approx(std, rel=0.05)


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (Found(0.03124, 0.0308, 0.0317, 2e-4), "0.03124 ± 0.00046 (95 %)"),
        (Found(1.0, 0.5, 3.0, 0.5), "1 (0.5 to 3, 95 %)"),
        (Found(2.5e9, 2.4e9, 2.6e9, 5e7), "2.5e+09 ± 1e+08 (95 %)"),
        (Found(0.3), "0.3 (no interval)"),
        (Found(0.3, 0.0, math.inf, math.inf, False), "not determined by the data (the solve stopped at 0.3)"),
    ],
)
def test_a_coefficient_in_words_and_in_json(found, text):
    assert str(found) == text and float(found) == found.value
    kept = Found.from_json(found.to_json())
    assert kept.value == found.value and kept.determined == found.determined
    for bad in ({}, {"value": "a", "determined": True}, {"value": math.nan, "determined": True}, 3):
        with pytest.raises(ValueError, match="a coefficient is"):
            Found.from_json(bad)
