"""Every step method: closed forms, SciPy on the same function, saddles, rates, resumed runs, forbidden
land.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import scipy.optimize
import torch

from sciml import optim
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.optim import METHODS, CubicMethod, LossFunction, ResidualFunction
from sciml.optim.steps.linesearch import strong_wolfe

GAUSS_NEWTON = ("gn-arc", "gn-arcm", "lm", "lm-dual", "gn-krylov", "spring")
CUBIC = ("arc", "arcm", "arc-krylov", "arcm-krylov", "cr", "crm")
QUASI = ("lbfgs", "ssbroyden", "ssbfgs", "bfgs")


def rosenbrock_residual(x):
    return torch.cat([10.0 * (x[1:] - x[:-1] ** 2), 1.0 - x[:-1]])


def quadratic(n=9, seed=0):
    """A strictly convex quadratic as a residual problem, and its minimiser."""
    rng = np.random.default_rng(seed)
    a = torch.from_numpy(rng.standard_normal((2 * n, n)))
    b = torch.from_numpy(rng.standard_normal(2 * n))
    return ResidualFunction(lambda t: a @ t - b), torch.linalg.lstsq(a, b).solution


def walk(method, problem, theta, steps):
    state = method.init(problem, theta)
    for _ in range(steps):
        theta, state = method.step(problem, theta, state)
    return theta, state


def test_the_registry_is_covered():
    assert {*GAUSS_NEWTON, *CUBIC, *QUASI, "adam"} == set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_quadratic_against_its_closed_form(name):
    problem, exact = quadratic()
    options, steps = {}, 60
    if name == "adam":
        options, steps = {"lr": 0.1}, 800
    if name in ("cr", "crm"):
        options = {"sigma": 0.05}
    theta, state = walk(optim.method(name, **options), problem, torch.zeros_like(exact), steps)
    assert float((theta - exact).abs().max()) <= 1e-6
    assert state.loss == pytest.approx(problem.value(theta), rel=1e-12)


@pytest.mark.parametrize("name", [*CUBIC, *QUASI])
def test_rosenbrock_against_scipy(name):
    start = np.linspace(-1.0, 0.5, 6)
    known = scipy.optimize.minimize(
        scipy.optimize.rosen, start, jac=scipy.optimize.rosen_der, method="BFGS", tol=1e-10
    )
    problem = ResidualFunction(rosenbrock_residual)
    problem_value = 2.0 * problem.value(torch.from_numpy(known.x))
    assert problem_value == pytest.approx(known.fun, abs=1e-12)
    theta, state = walk(optim.method(name), problem, torch.from_numpy(start), 150)
    assert float((theta - torch.from_numpy(known.x)).abs().max()) <= 1e-6
    assert state.grad_norm <= 1e-5


@pytest.mark.parametrize("update", ["interpolation", "smooth", "classic", "published"])
@pytest.mark.parametrize("momentum", [None, "wang", "constant", "ls"])
@pytest.mark.parametrize("solver", ["eigen", "cholesky", "lanczos"])
def test_every_arc_descends_to_a_minimum(update, momentum, solver):
    problem = ResidualFunction(rosenbrock_residual)
    method = CubicMethod(update=update, momentum=momentum, solver=solver)
    theta = torch.full((4,), -0.7, dtype=torch.float64)
    state = method.init(problem, theta)
    losses = [state.loss]
    for _ in range(70):
        theta, state = method.step(problem, theta, state)
        losses.append(state.loss)
        assert state.loss == pytest.approx(problem.value(theta), rel=1e-9, abs=1e-25)
    assert all(b <= a + 1e-13 for a, b in pairwise(losses))
    assert state.grad_norm <= 1e-8


def test_arc_by_descent_takes_the_same_way():
    problem = ResidualFunction(rosenbrock_residual)
    start = torch.full((3,), -0.7, dtype=torch.float64)
    _, exact = walk(CubicMethod(solver="eigen"), problem, start, 2)
    _, slow = walk(CubicMethod(solver="descent"), problem, start, 2)
    assert slow.loss == pytest.approx(exact.loss, rel=1e-2)
    assert slow.products > 0


@pytest.mark.parametrize("name", CUBIC)
def test_a_saddle_is_left(name):
    # a saddle at the origin, minima of -1 at (0, +-sqrt 2)
    problem = LossFunction(lambda t: t[0] ** 2 - t[1] ** 2 + 0.25 * t[1] ** 4)
    theta, state = walk(optim.method(name), problem, torch.zeros(2, dtype=torch.float64), 20)
    assert theta.abs().tolist() == pytest.approx([0.0, math.sqrt(2.0)], abs=1e-6)
    assert state.loss == pytest.approx(-1.0)


def test_arc_converges_quadratically():
    problem = LossFunction(lambda t: (t.exp() - t).sum() + 0.5 * (t.sum() - 1.0) ** 2)
    method = CubicMethod(solver="eigen", update="smooth")
    theta, state = torch.full((5,), 1.0, dtype=torch.float64), None
    state, norms = method.init(problem, theta), []
    for _ in range(12):
        theta, state = method.step(problem, theta, state)
        norms.append(state.grad_norm)
    orders = [
        math.log(c / b) / math.log(b / a)
        for a, b, c in zip(norms, norms[1:], norms[2:], strict=False)
        if 1e-12 < c < b < 0.1
    ]
    assert orders
    assert max(orders) >= 1.8


@pytest.mark.parametrize("name", METHODS)
def test_a_resumed_run_is_identical(name):
    problem = ResidualFunction(rosenbrock_residual)
    method = optim.method(name)
    theta = torch.linspace(-1.0, 0.6, 5, dtype=torch.float64)
    theta, state = walk(method, problem, theta, 7)
    saved = state.state_dict()
    assert all(isinstance(v, (bool, int, float, str, torch.Tensor)) for v in saved.values())
    other_theta = theta.clone()
    other = method.init(problem, torch.zeros_like(theta)).load_state_dict(saved)
    for _ in range(9):
        theta, state = method.step(problem, theta, state)
        other_theta, other = method.step(problem, other_theta, other)
        assert torch.equal(theta, other_theta)
        assert state.loss == other.loss
        assert state.evaluations == other.evaluations


def test_a_foreign_state_is_refused():
    problem, exact = quadratic()
    state = optim.method("arc").init(problem, exact)
    with pytest.raises(ArgumentError, match="saved state needs .* got also"):
        state.load_state_dict(optim.method("gn-arc").init(problem, exact).state_dict())
    with pytest.raises(ArgumentError, match="saved state needs 'loss'"):
        state.load_state_dict({})


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_is_never_taken(name, bad):
    # the minimum at x = 3 lies behind a wall at x = 1 where the loss is not finite
    def residual(t):
        r = torch.stack([t[0] - 3.0, 0.1 * t[1] + 0.1])
        return torch.where(t[0] > 1.0, torch.full_like(r, bad), r)

    problem = ResidualFunction(residual)
    method = optim.method(name, **({"lr": 0.3} if name == "adam" else {}))
    theta = torch.zeros(2, dtype=torch.float64)
    state = method.init(problem, theta)
    start = state.loss
    for _ in range(40):
        theta, state = method.step(problem, theta, state)
        assert math.isfinite(state.loss)
        assert float(theta[0]) <= 1.0
    assert state.loss < 0.8 * start


@pytest.mark.parametrize("name", METHODS)
def test_refresh_takes_the_new_problem(name):
    first, _ = quadratic(seed=0)
    second, exact = quadratic(seed=1)
    method = optim.method(
        name, **({"lr": 0.1} if name == "adam" else {"sigma": 0.05} if name in ("cr", "crm") else {})
    )
    theta, state = walk(method, first, torch.zeros_like(exact), 6)
    state = method.refresh(second, theta, state)
    assert state.loss == pytest.approx(second.value(theta))
    assert state.rejections == 0
    for _ in range(800 if name == "adam" else 60):
        theta, state = method.step(second, theta, state)
    assert float((theta - exact).abs().max()) <= 1e-5


def test_arcm_needs_fewer_iterations_than_arc():
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.standard_normal((200, 12)))
    label = torch.from_numpy((rng.random(200) < 0.5).astype(float))

    def loss(w):
        z = x @ w
        return (torch.nn.functional.softplus(z) - label * z).mean() + 1e-3 * (w**2 / (1.0 + w**2)).sum()

    counts = {}
    for momentum in (None, "ls"):
        method = CubicMethod(update="published", sigma=1.0, momentum=momentum)
        theta = torch.from_numpy(3.0 * np.random.default_rng(1).standard_normal(12))
        state = method.init(LossFunction(loss), theta)
        counts[momentum] = 0
        while counts[momentum] < 200:
            theta, state = method.step(LossFunction(loss), theta, state)
            if state.grad_norm <= 1e-6:
                break
            counts[momentum] += 1
    assert counts["ls"] <= 0.85 * counts[None]


def test_self_scaling_beats_plain_bfgs_on_a_badly_scaled_function():
    weights = torch.logspace(-3, 3, 20, dtype=torch.float64)
    problem = LossFunction(lambda t: (weights * (t.cosh() - 1.0)).sum())
    start = torch.full((20,), 1.5, dtype=torch.float64)
    ends = {name: walk(optim.method(name), problem, start, 60)[1].loss for name in ("ssbroyden", "bfgs")}
    assert ends["ssbroyden"] < 0.5 * ends["bfgs"]


@pytest.mark.parametrize("update", ["ssbroyden", "ssbfgs", "bfgs"])
def test_quasi_newton_keeps_an_inverse_that_meets_the_secant_equation(update):
    problem = ResidualFunction(rosenbrock_residual)
    method = optim.method(update)
    theta = torch.full((5,), -0.6, dtype=torch.float64)
    state = method.init(problem, theta)
    for _ in range(25):
        before, gradient = theta, state.gradient
        theta, state = method.step(problem, theta, state)
        h = state.inverse
        assert torch.allclose(h @ (state.gradient - gradient), theta - before, rtol=1e-8, atol=1e-14)
        assert torch.allclose(h, h.T, rtol=1e-8, atol=1e-12)
        assert float(torch.linalg.eigvalsh(h)[0]) > 0.0


def test_bfgs_update_matches_the_textbook_formula():
    problem = ResidualFunction(rosenbrock_residual)
    method = optim.method("bfgs")
    theta = torch.full((4,), 0.3, dtype=torch.float64)
    theta, state = walk(method, problem, theta, 3)
    h, g, before = state.inverse, state.gradient, theta
    theta, state = method.step(problem, theta, state)
    s, y = theta - before, state.gradient - g
    rho = 1.0 / (s @ y)
    left = torch.eye(4, dtype=s.dtype) - rho * torch.outer(s, y)
    assert torch.allclose(state.inverse, left @ h @ left.T + rho * torch.outer(s, s), rtol=1e-10, atol=1e-14)


def test_lbfgs_with_room_for_every_pair_is_bfgs_on_a_quadratic():
    problem, exact = quadratic(n=5)
    theta, state = walk(optim.method("lbfgs", history=20), problem, torch.zeros_like(exact), 30)
    assert float((theta - exact).abs().max()) <= 1e-8
    assert len(state.steps) <= 20


@pytest.mark.parametrize(
    "slope0, phi",
    [(-1.0, lambda a: (a - 3.0) ** 2 / 6.0), (-2.0, lambda a: math.exp(-2.0 * a) + 0.01 * a**2)],
)
@pytest.mark.parametrize("first", [1e-4, 1.0, 1e3])
def test_line_search_meets_the_strong_wolfe_conditions(slope0, phi, first):
    def evaluate(a):
        h = 1e-6
        return phi(a), (phi(a + h) - phi(a - h)) / (2 * h), torch.zeros(1)

    found = strong_wolfe(evaluate, phi(0.0), slope0, first)
    assert found.wolfe
    assert found.point.loss <= phi(0.0) + 1e-4 * found.point.stride * slope0
    assert abs(found.point.slope) <= 0.9 * abs(slope0) + 1e-6


def test_torch_optimisers_step_as_they_do_in_torch():
    problem, exact = quadratic()
    theta, _ = walk(optim.as_method(torch.optim.Adam, lr=0.05), problem, torch.zeros_like(exact), 25)
    x = torch.nn.Parameter(torch.zeros_like(exact))
    plain = torch.optim.Adam([x], lr=0.05)
    for _ in range(25):
        x.grad = problem.value_and_grad(x.detach())[1]
        plain.step()
    assert torch.equal(theta, x.detach())


def test_torch_lbfgs_can_be_driven_and_resumed():
    problem = ResidualFunction(rosenbrock_residual)
    method = optim.as_method(torch.optim.LBFGS, max_iter=1, max_eval=30, line_search_fn="strong_wolfe")
    theta, state = walk(method, problem, torch.full((4,), -0.5, dtype=torch.float64), 10)
    saved, other_theta = state.state_dict(), theta.clone()
    other = method.init(problem, theta).load_state_dict(saved)
    for _ in range(40):
        theta, state = method.step(problem, theta, state)
        other_theta, other = method.step(problem, other_theta, other)
    assert torch.equal(theta, other_theta)
    assert state.loss <= 1e-9


def test_as_method_takes_what_a_user_may_pass():
    assert optim.as_method("lm").model == "lm"
    assert optim.as_method(optim.GaussNewton, form="dual").form == "dual"
    assert optim.as_method(optim.CubicNewton, M=4.0).sigma == 2.0
    method = optim.method("arcm")
    assert optim.as_method(method) is method
    parameter = torch.nn.Parameter(torch.zeros(2))
    assert optim.as_method(optim.ARC([parameter], sigma=3.0)).sigma == 3.0
    assert optim.as_method(torch.optim.SGD, lr=0.1).make is torch.optim.SGD
    for wrong in (3, None, torch.optim.SGD([parameter], lr=0.1), object):
        with pytest.raises(ArgumentTypeError, match="optimizer needs a name"):
            optim.as_method(wrong)


def test_unknown_names_and_options_say_what_is_known():
    with pytest.raises(ArgumentError, match=r"method needs one of gn-arc, .*got 'newton'"):
        optim.method("newton")
    with pytest.raises(ArgumentError, match=r"method 'arc' needs options that it knows, got \['radius'\]"):
        optim.method("arc", radius=1.0)
    with pytest.raises(ArgumentError, match="solver needs one of"):
        optim.method("arc", solver="gmres")
    with pytest.raises(ArgumentError, match="sigma needs a number above 0"):
        optim.method("arc", sigma=0.0)
    with pytest.raises(ArgumentError, match="history needs an int of at least 1"):
        optim.method("lbfgs", history=0)


@pytest.mark.parametrize("name", ["gn-arc", "arc"])
def test_a_problem_without_the_needed_derivatives_is_refused(name):
    class Plain:
        def value(self, theta):
            return 0.0

        def value_and_grad(self, theta):
            return 0.0, theta

    with pytest.raises(ArgumentError, match=r"problem needs .* got Plain"):
        optim.method(name).init(Plain(), torch.zeros(2))


def test_quasi_newton_refuses_what_does_not_fit_in_memory():
    problem = LossFunction(lambda t: t.square().sum())
    with pytest.raises(ArgumentError, match="theta needs at most 20000 parameters .* got 20001"):
        optim.method("ssbroyden").init(problem, torch.zeros(20_001))
