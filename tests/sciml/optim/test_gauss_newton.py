"""Gauss-Newton: the forms of one step, geodesic acceleration, momentum, rejection, matrix-free size."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import scipy.optimize
import torch

from sciml.errors import ArgumentError
from sciml.jacobian.graph import GraphLinearization
from sciml.optim import GaussNewtonMethod, ResidualFunction
from sciml.optim.steps.bidiagonal import KrylovSystem
from sciml.optim.steps.corrections import DampedModel, proximal, straight
from sciml.optim.steps.damped import CholeskySystem, SpectralSystem

FORMS = ("primal", "dual", "qr", "krylov")


class Matrix:
    """A linearisation that is a given matrix."""

    def __init__(self, jacobian, residual):
        self.jacobian, self.residual, self.shape = jacobian, residual, tuple(jacobian.shape)

    def dense(self):
        return self.jacobian

    def mv(self, v):
        return self.jacobian @ v

    def rmv(self, w):
        return self.jacobian.T @ w

    def gram(self):
        return self.jacobian @ self.jacobian.T


def system(lin, form):
    if form == "krylov":
        return KrylovSystem(lin, 1e-13, 1000)
    return SpectralSystem(lin) if form == "qr" else CholeskySystem(lin, form)


def random_matrix(m, p, rank=None, seed=0):
    rng = np.random.default_rng(seed)
    j = rng.standard_normal((m, p))
    if rank is not None:
        j = rng.standard_normal((m, rank)) @ rng.standard_normal((rank, p))
    return Matrix(torch.from_numpy(j), torch.from_numpy(rng.standard_normal(m)))


def network(width=8, points=40):
    """Residual of a one-layer network fitted to a sine, and a start."""
    x = torch.linspace(-1, 1, points, dtype=torch.float64)[:, None]
    y = torch.sin(3 * x)[:, 0]

    def residual(t):
        w, b, c = t[:width], t[width : 2 * width], t[2 * width : 3 * width]
        return (torch.tanh(x * w + b) @ c + t[-1] - y) / points**0.5

    start = torch.randn(3 * width + 1, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return ResidualFunction(residual), start


def run(method, problem, theta, steps):
    state = method.init(problem, theta)
    losses = [state.loss]
    for _ in range(steps):
        theta, state = method.step(problem, theta, state)
        losses.append(state.loss)
    return theta, state, losses


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "m, p, rank", [(1, 1, None), (7, 3, None), (3, 7, None), (31, 30, None), (20, 33, 5)]
)
@pytest.mark.parametrize("l", [1e-4, 1.0, 1e3])
def test_every_form_gives_the_damped_step(form, m, p, rank, l):
    lin = random_matrix(m, p, rank)
    solver = system(lin, form)
    j, q = lin.jacobian, torch.sin(lin.residual)
    expected = -torch.linalg.solve(j.T @ j + l * torch.eye(p, dtype=j.dtype), j.T @ q)
    scale = float(expected.abs().max())
    assert float((solver.solve(l, q) - expected).abs().max()) <= 1e-8 * scale


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("m, p, rank", [(1, 1, None), (9, 4, None), (4, 9, None), (25, 40, 6)])
@pytest.mark.parametrize("sigma", [1e-3, 1.0, 1e3])
def test_every_form_gives_the_cubic_step(form, m, p, rank, sigma):
    lin = random_matrix(m, p, rank, seed=1)
    l, s = system(lin, form).cubic(sigma, lin.residual, 0.0)
    j, r = lin.jacobian, lin.residual
    # the Cholesky forms stop early: their step is exact for sigma' = l / |s|, within 2 % of sigma
    exact = l / float(torch.linalg.vector_norm(s))
    assert exact == pytest.approx(sigma, rel=0.021 if form in ("primal", "dual") else 1e-9)
    model_gradient = j.T @ (r + j @ s) + l * s
    # where J has fewer ranks than rows, r / l off its range is large and J' takes it away only to rounding
    limit = 1e-7 if form == "dual" else 1e-9
    assert float(torch.linalg.vector_norm(model_gradient)) <= limit * float(torch.linalg.vector_norm(j.T @ r))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("rank", [None, 4])
def test_damping_below_rounding_still_falls_as_far_as_can_be(form, rank):
    lin = random_matrix(30, 20, rank, seed=2)
    lin.residual = lin.jacobian @ torch.ones(20, dtype=torch.float64)  # can be brought to zero
    s = system(lin, form).solve(1e-25, lin.residual)
    assert bool(torch.isfinite(s).all())
    assert float((lin.residual + lin.jacobian @ s).norm()) <= 1e-6 * float(lin.residual.norm())


def test_krylov_spends_no_product_after_a_rejection():
    lin = random_matrix(60, 90, seed=3)
    solver = KrylovSystem(lin, 1e-2, 200)
    solver.cubic(1e-2, lin.residual, 0.0)
    calls = []
    lin.mv = lambda v: calls.append(1) or lin.jacobian @ v
    solver.cubic(10.0, lin.residual, 0.0)
    assert not calls


@pytest.mark.parametrize("rank", [None, 5])
def test_a_full_krylov_space_serves_every_right_hand_side_without_a_product(rank):
    lin = random_matrix(25, 14, rank, seed=3)
    solver = KrylovSystem(lin, 1e-14, 200)
    solver.solve(0.1, lin.residual)
    lin.mv = lin.rmv = None
    j = lin.jacobian
    for q in (torch.cos(lin.residual), j @ torch.ones(14, dtype=torch.float64)):
        exact = -torch.linalg.solve(j.T @ j + 0.1 * torch.eye(14, dtype=j.dtype), j.T @ q)
        assert torch.allclose(solver.again(0.1, q), exact, atol=1e-8 * float(exact.abs().max()))


@pytest.mark.parametrize("model", ["lm", "cubic"])
def test_steps_do_not_depend_on_the_form(model):
    problem, start = network()
    ends = {}
    for form in ("primal", "dual", "qr"):
        theta, _, _ = run(GaussNewtonMethod(model=model, form=form), problem, start, 5)
        ends[form] = theta
    # the cubic Cholesky search stops within 2 % of sigma, alike in both forms; qr solves it exactly
    assert torch.allclose(ends["primal"], ends["dual"], rtol=1e-7, atol=1e-7)
    assert torch.allclose(
        ends["primal"], ends["qr"], rtol=1e-6 if model == "lm" else 0.2, atol=1e-6 if model == "lm" else 0.2
    )


def gently_curved(damping, form="primal"):
    """A residual with a little curvature and its damped model at the origin."""
    lin = random_matrix(6, 15, seed=7)
    problem = ResidualFunction(
        lambda t: (u := lin.jacobian @ t) + 0.2 * u**2 - 0.05 * u**3 + 0.1 * lin.residual
    )
    start = torch.zeros(15, dtype=torch.float64)
    at_start = problem.linearize(start)
    solver = system(at_start, form)
    v = solver.solve(damping, at_start.residual)
    return problem, DampedModel(
        start, at_start, lambda q: solver.solve(damping, q), v, at_start.mv(v), damping, 0.0
    )


@pytest.mark.parametrize("damping", [0.03, 0.3])
def test_one_correction_is_half_the_geodesic_acceleration(damping):
    problem, model = gently_curved(damping)
    start, v = model.theta, model.v
    along = torch.func.jvp(lambda t: torch.func.jvp(problem._vector, (t,), (v,))[1], (start,), (v,))[1]
    j = model.lin.dense()
    a = -torch.linalg.solve(j.T @ j + damping * torch.eye(len(v), dtype=v.dtype), j.T @ along)
    corrected = proximal(problem, model, 1).step
    assert float((corrected - v - 0.5 * a).norm()) <= 0.15 * float((0.5 * a).norm())


@pytest.mark.parametrize("form", ["primal", "dual", "qr"])
def test_proximal_corrections_end_at_the_implicit_step(form):
    problem, model = gently_curved(0.1, form)
    trials = [straight(problem, model), *(proximal(problem, model, k) for k in (1, 3, 10))]
    j = model.lin.dense()
    slopes = [float((j.T @ t.residual + 0.1 * t.step).norm()) for t in trials]
    values = [0.5 * float(t.residual.square().sum()) + 0.05 * float(t.step.square().sum()) for t in trials]
    assert values == sorted(values, reverse=True)
    assert slopes[-1] <= 0.1 * slopes[0]
    for t in trials:
        assert torch.equal(t.residual, problem.residual(model.theta + t.step))


def test_corrections_of_a_linear_residual_change_nothing():
    lin = random_matrix(12, 5, seed=6)
    problem = ResidualFunction(lambda t: lin.jacobian @ t + lin.residual)
    zero = torch.zeros(5, dtype=torch.float64)
    ends = [run(GaussNewtonMethod(geodesic=geodesic), problem, zero, 1)[0] for geodesic in (True, False)]
    assert torch.allclose(*ends, atol=1e-13)


@pytest.mark.parametrize("model", ["lm", "cubic"])
@pytest.mark.parametrize("momentum", [None, "ls", "spring"])
def test_fits_the_network_and_never_rises(model, momentum):
    problem, start = network()
    _, state, losses = run(GaussNewtonMethod(model=model, momentum=momentum), problem, start, 60)
    assert losses[-1] <= 1e-8
    assert all(b <= a for a, b in pairwise(losses))
    assert state.evaluations >= 60


@pytest.mark.parametrize("model", ["lm", "cubic"])
def test_a_linear_problem_ends_at_the_least_squares_solution(model):
    lin = random_matrix(30, 6, seed=4)
    problem = ResidualFunction(lambda t: lin.jacobian @ t + lin.residual)
    theta, _, _ = run(GaussNewtonMethod(model=model), problem, torch.zeros(6, dtype=torch.float64), 40)
    exact = torch.linalg.lstsq(lin.jacobian, -lin.residual).solution
    assert torch.allclose(theta, exact, atol=1e-8)


def test_convergence_is_quadratic_where_the_residual_vanishes():
    problem = ResidualFunction(
        lambda t: torch.stack([t[0].exp() - 2.0, t[1] ** 3 + t[0] - 1.0 - math.log(2.0)])
    )
    root = torch.tensor([math.log(2.0), 1.0], dtype=torch.float64)
    theta = root + 0.2
    method = GaussNewtonMethod(model="cubic", weight=1e-3, geodesic=False)
    state, errors = method.init(problem, theta), []
    for _ in range(5):
        theta, state = method.step(problem, theta, state)
        errors.append(float((theta - root).norm()))
    assert errors[2] <= errors[1] ** 1.8
    assert errors[-1] <= 1e-12


def test_corrected_steps_save_iterations():
    problem, start = network(points=60)
    counts = {}
    for corrections in (0, 1, 10):
        method = GaussNewtonMethod(model="lm", geodesic=corrections > 0, corrections=max(corrections, 1))
        _, _, losses = run(method, problem, start, 150)
        counts[corrections] = next((k for k, f in enumerate(losses) if f <= 1e-9), 151)
    assert counts[1] < 0.7 * counts[0]
    assert counts[10] < 0.8 * counts[1]


def test_against_scipy_least_squares():
    problem, start = network()
    theta, _, _ = run(GaussNewtonMethod(), problem, start, 150)
    known = scipy.optimize.least_squares(
        lambda t: problem.residual(torch.from_numpy(t)).numpy(),
        start.numpy(),
        jac=lambda t: problem.linearize(torch.from_numpy(t)).dense().numpy(),
        method="lm",
        max_nfev=600,
        gtol=1e-15,
        xtol=1e-15,
        ftol=1e-15,
    )
    assert problem.value(theta) <= 2.0 * known.cost + 1e-13


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("form", ["primal", "dual", "krylov"])
def test_a_residual_that_is_not_finite_is_never_taken(bad, form):
    calls = []

    def residual(t):
        calls.append(1)
        r = torch.stack([t[0] - 3.0, 0.1 * t[1]])
        return torch.where(
            t[0] > 1.0, torch.full_like(r, bad), r
        )  # the way to the solution leads through forbidden land

    problem = ResidualFunction(residual)
    method = GaussNewtonMethod(form=form)
    theta = torch.zeros(2, dtype=torch.float64)
    state = method.init(problem, theta)
    rejected = 0
    for _ in range(40):
        theta, state = method.step(problem, theta, state)
        rejected += not state.accepted
        assert math.isfinite(state.loss)
        assert float(theta[0]) <= 1.0
    assert rejected > 0
    assert float(theta[0]) > 0.9


def test_a_jacobian_that_is_not_finite_is_a_rejection():
    problem = ResidualFunction(lambda t: torch.sqrt(t))  # infinite slope at 0
    method = GaussNewtonMethod()
    theta = torch.zeros(2, dtype=torch.float64)
    state = method.init(problem, theta)
    for k in range(3):
        new, state = method.step(problem, theta, state)
        assert torch.equal(new, theta)
        assert state.rejections == k + 1


def test_refresh_looks_at_the_new_problem():
    first, start = network(points=40)
    second, _ = network(points=23)
    method = GaussNewtonMethod(momentum="ls")
    theta, state, _ = run(method, first, start, 10)
    weight = state.weight
    state = method.refresh(second, theta, state)
    assert state.loss == pytest.approx(second.value(theta))
    assert state.weight == weight
    assert state.anchor is None
    theta, state = method.step(second, theta, state)
    assert state.accepted


def test_a_hundred_thousand_parameters_need_no_matrix():
    m, p = 1000, 100_000
    rng = torch.Generator().manual_seed(0)
    column = torch.randint(0, m, (p,), generator=rng)
    slope = torch.rand(p, generator=rng, dtype=torch.float64) + 0.5
    target = torch.randn(m, generator=rng, dtype=torch.float64)

    def residual(t):
        return torch.zeros(m, dtype=t.dtype).index_add(0, column, torch.sin(slope * t)) - target

    def refuse(self):
        raise AssertionError("the Jacobian was formed")

    problem = ResidualFunction(residual)
    method = GaussNewtonMethod(form="krylov")
    patch = pytest.MonkeyPatch()
    patch.setattr(GraphLinearization, "dense", refuse)
    try:
        _, state, _ = run(method, problem, torch.zeros(p, dtype=torch.float64), 12)
    finally:
        patch.undo()
    assert state.loss <= 1e-12 * float(target.square().sum())


@pytest.mark.parametrize(
    "options, message",
    [
        ({"model": "newton"}, "model needs one of"),
        ({"form": "lu"}, "form needs one of"),
        ({"corrections": 0}, "corrections needs an int of at least 1"),
        ({"momentum": "nesterov"}, "momentum needs one of"),
        ({"weight": -1.0}, "weight needs a number above 0"),
        ({"decay": 1.0}, "decay needs a number in"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ArgumentError, match=message):
        GaussNewtonMethod(**options)
