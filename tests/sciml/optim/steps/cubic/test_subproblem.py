"""Solvers of the cubic subproblem against the optimality conditions and against each other."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sciml.errors import ArgumentError
from sciml.optim.steps.cubic.descent import DescentSubproblem
from sciml.optim.steps.cubic.exact import CholeskySubproblem, DenseCurvature, EigenSubproblem
from sciml.optim.steps.cubic.lanczos import LanczosSubproblem
from sciml.optim.steps.cubic.secular import solve_secular

KINDS = ("indefinite", "positive", "near hard", "hard", "no gradient", "low rank")


def draw(kind: str, rng: np.random.Generator) -> tuple[DenseCurvature, float]:
    """One random subproblem: curvature and sigma."""
    n = int(rng.choice([1, 2, 3, 7, 20, 55, 150, 500], p=[0.1, 0.1, 0.15, 0.2, 0.2, 0.15, 0.08, 0.02]))
    w = rng.standard_normal(n) * 10.0 ** rng.uniform(-2, 2)
    if kind == "positive":
        w = np.abs(w)
    if kind == "low rank":
        w[: n // 2] = 0.0
    if kind in ("near hard", "hard", "no gradient"):
        w[0] = -np.abs(w).max() - 0.1
    w = np.sort(w)
    c = rng.standard_normal(n) * 10.0 ** rng.uniform(-4, 2)
    if kind == "near hard":
        c[0] *= 10.0 ** -rng.uniform(2, 18)
    if kind == "hard":
        c[0] = 0.0
        if n > 3:  # a lowest eigenvalue of multiplicity two
            w[1], c[1] = w[0], 0.0
    if kind == "no gradient":
        c[:] = 0.0
    q, _ = np.linalg.qr(rng.standard_normal((n, n)))
    h = torch.from_numpy((q * w) @ q.T)
    return DenseCurvature(0.0, torch.from_numpy(q @ c), 0.5 * (h + h.T)), float(10.0 ** rng.uniform(-3, 3))


def kkt_residual(cv: DenseCurvature, sigma: float, step: torch.Tensor, multiplier: float) -> float:
    """Largest relative violation of (H + λ I) s = -g, λ = sigma |s|, H + λ I >= 0."""
    h, g = cv.hessian, cv.gradient
    top = float(torch.linalg.matrix_norm(h, 2))
    size = float(torch.linalg.vector_norm(step))
    scale = max(float(torch.linalg.vector_norm(g)), top * size, 1e-300)
    stationary = float(torch.linalg.vector_norm(h @ step + multiplier * step + g)) / scale
    complementary = abs(sigma * size - multiplier) / max(multiplier, 1e-300)
    indefinite = max(0.0, -float(torch.linalg.eigvalsh(h)[0]) - multiplier) / top
    return max(stationary, complementary, indefinite)


@pytest.mark.parametrize("kind", KINDS)
def test_exact_forms_meet_the_optimality_conditions(kind):
    rng = np.random.default_rng(KINDS.index(kind))
    for _ in range(50):
        cv, sigma = draw(kind, rng)
        eigen = EigenSubproblem(cv).solve(sigma)
        cholesky = CholeskySubproblem(cv, tolerance=1e-12).solve(sigma)
        for found in (eigen, cholesky):
            assert kkt_residual(cv, sigma, found.step, found.lam) <= 1e-10
            assert found.curvature == pytest.approx(
                float(found.step @ cv.hessian @ found.step), rel=1e-6, abs=1e-12
            )
        assert cholesky.decrease == pytest.approx(eigen.decrease, rel=1e-10)
        if kind == "hard" and float(torch.linalg.vector_norm(cv.gradient)) > 0.0:
            assert eigen.lam >= -float(torch.linalg.eigvalsh(cv.hessian)[0]) * (1.0 - 1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_lanczos_agrees_with_the_eigenvalues(kind):
    rng = np.random.default_rng(100 + KINDS.index(kind))
    for _ in range(50):
        cv, sigma = draw(kind, rng)
        exact = EigenSubproblem(cv).solve(sigma)
        if "hard" in kind:  # a Krylov space sees an orthogonal eigenvector only through noise in the gradient
            noise = torch.from_numpy(rng.standard_normal(len(cv.gradient)))
            noise *= 1e-11 * torch.linalg.vector_norm(cv.gradient) / torch.linalg.vector_norm(noise)
            cv = DenseCurvature(0.0, cv.gradient + noise, cv.hessian)
        found = LanczosSubproblem(cv, kappa=1e-13, rule="s").solve(sigma)
        assert found.decrease == pytest.approx(exact.decrease, rel=1e-8)
        assert kkt_residual(cv, sigma, found.step, found.lam) <= 1e-8


@pytest.mark.parametrize("kind", ["indefinite", "positive", "hard"])
def test_descent_agrees_with_the_eigenvalues(kind):
    rng = np.random.default_rng(200 + KINDS.index(kind))
    for _ in range(6):
        n = int(rng.integers(2, 30))
        h = torch.from_numpy(rng.standard_normal((n, n)))
        h = h + h.T if kind != "positive" else h @ h.T / n
        g = torch.from_numpy(rng.standard_normal(n))
        if kind == "hard":
            lowest = torch.linalg.eigh(h)[1][:, 0]
            g = g - (g @ lowest) * lowest
        cv = DenseCurvature(0.0, g, h)
        exact, found = EigenSubproblem(cv).solve(2.0), DescentSubproblem(cv, tolerance=1e-9).solve(2.0)
        assert found.decrease == pytest.approx(exact.decrease, rel=1e-6)
        assert found.products > 5


def test_descent_says_when_it_ran_out_of_products():
    cv = DenseCurvature(
        0.0, torch.tensor([1.0, 1.0]).double(), torch.diag(torch.tensor([1e-6, 1e3]).double())
    )
    found = DescentSubproblem(cv, tolerance=1e-12, max_iterations=40).solve(1e-3)
    assert found.stopped == "max iterations"
    assert found.decrease > 0.0


class Counting(DenseCurvature):
    calls = 0

    def mv(self, v):
        self.calls += 1
        return super().mv(v)


def test_lanczos_spends_no_product_on_a_larger_sigma():
    rng = np.random.default_rng(5)
    h = torch.from_numpy(rng.standard_normal((300, 300)))
    cv = Counting(0.0, torch.from_numpy(rng.standard_normal(300)), h + h.T)
    sub = LanczosSubproblem(cv, kappa=1e-3)
    first = sub.solve(1.0)
    assert first.products == cv.calls > 3
    again = sub.solve(30.0)  # as after a rejected step
    assert again.products == 0
    assert cv.calls == first.products
    assert again.decrease == pytest.approx(EigenSubproblem(cv).solve(30.0).decrease, rel=1e-3)


@pytest.mark.parametrize("rule", ["g", "s"])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_lanczos_keeps_its_stopping_rule(rule, scale):
    rng = np.random.default_rng(6)
    h = torch.from_numpy(rng.standard_normal((200, 200)))
    g = scale * torch.from_numpy(rng.standard_normal(200))
    cv = DenseCurvature(0.0, g, h + h.T)
    found = LanczosSubproblem(cv, kappa=0.1, rule=rule).solve(0.5)
    slope = g + cv.mv(found.step) + 0.5 * torch.linalg.vector_norm(found.step) * found.step
    size = float(torch.linalg.vector_norm(g))
    factor = size**0.5 if rule == "g" else float(torch.linalg.vector_norm(found.step))
    assert float(torch.linalg.vector_norm(slope)) <= 0.1 * min(1.0, factor) * size * (1.0 + 1e-6)


def test_lanczos_accepts_a_full_basis_no_worse_than_the_cauchy_point():
    rng = np.random.default_rng(7)
    h = torch.from_numpy(rng.standard_normal((100, 100)))
    g = torch.from_numpy(rng.standard_normal(100))
    cv = DenseCurvature(0.0, g, h + h.T)
    found = LanczosSubproblem(cv, kappa=1e-12, max_basis=3).solve(1.0)
    cauchy = LanczosSubproblem(cv, kappa=1e-12, max_basis=1).solve(1.0)
    assert found.stopped == "basis full"
    assert found.decrease >= cauchy.decrease > 0.0


@pytest.mark.parametrize("solver", [EigenSubproblem, CholeskySubproblem, LanczosSubproblem])
def test_the_escape_from_a_saddle_has_the_length_of_theory(solver):
    h = torch.diag(torch.tensor([3.0, -2.0, 1.0]).double())
    found = solver(DenseCurvature(0.0, torch.zeros(3).double(), h)).solve(0.5)
    # |s| = -w_1 / sigma along the lowest eigenvector, decrease |w_1|^3 / (6 sigma^2)
    assert found.step.abs().tolist() == pytest.approx([0.0, 4.0, 0.0], abs=1e-12)
    assert found.decrease == pytest.approx(8.0 / (6.0 * 0.25))


def test_nothing_to_do_at_a_minimum():
    cv = DenseCurvature(0.0, torch.zeros(4).double(), torch.eye(4).double())
    for solver in (EigenSubproblem, CholeskySubproblem, LanczosSubproblem):
        found = solver(cv).solve(1.0)
        assert found.step.abs().max() == 0.0
        assert found.decrease == 0.0


@given(
    st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=12),
    st.lists(st.floats(-1e3, 1e3), min_size=12, max_size=12),
    st.floats(1e-6, 1e6),
)
def test_secular_equation_holds_for_any_spectrum(values, gradient, sigma):
    w = np.sort(np.array(values))
    c = np.array(gradient[: len(w)])
    found = solve_secular(w, c, sigma)
    size = float(np.linalg.norm(found.step))
    assert np.isfinite(found.step).all()
    assert abs(sigma * size - found.lam) <= 1e-10 * max(found.lam, 1e-290)
    assert found.lam >= -w[0] * (1.0 - 1e-12)
    scale = np.linalg.norm(c) + np.abs(w).max() * size
    assert np.linalg.norm((w + found.lam) * found.step + c) <= 1e-10 * scale + 1e-290


def test_unknown_rule_is_refused():
    with pytest.raises(ArgumentError, match="rule needs one of"):
        LanczosSubproblem(DenseCurvature(0.0, torch.ones(2), torch.eye(2)), rule="q")


def test_eigenvalues_that_differ_by_rounding_are_one_eigenspace():
    # whichever way an eigensolver splits a double eigenvalue, what is left of the gradient there is rounding
    w = np.array([-1.0, np.nextafter(-1.0, 0.0), 2.0])
    for c in ([9e-16, 0.0, 1.0], [0.0, 9e-16, 1.0]):
        found = solve_secular(w, np.array(c), 2.0)
        assert found.hard
        assert found.lam == 1.0
        assert np.linalg.norm(found.step) == pytest.approx(0.5, rel=1e-14)
        assert found.step[2] == pytest.approx(-1.0 / 3.0, rel=1e-14)


def test_cholesky_gives_the_hard_case_up_when_its_bracket_is_narrow():
    rng = np.random.default_rng(8)
    q, _ = np.linalg.qr(rng.standard_normal((17, 17)))
    w = np.sort(rng.standard_normal(17))
    w[0] = -4.0
    c = rng.standard_normal(17)
    c[0] = 0.0
    h = torch.from_numpy((q * w) @ q.T)
    sub = CholeskySubproblem(DenseCurvature(0.0, torch.from_numpy(q @ c), 0.5 * (h + h.T)))
    found = sub.solve(1e-3)
    assert found.lam == pytest.approx(4.0, rel=1e-9)
    assert (
        sub.factorizations < 45
    )  # halving a bracket of 9 digits takes some 30, and nothing is gained by more
