"""Every step method: closed forms, SciPy on the same function, resumed runs, walls, new points."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.optimize
import torch

from sciml import optim
from sciml.errors import ArgumentError
from sciml.optim import METHODS, ResidualFunction
from tests.sciml.optim.cases import quadratic, rosenbrock_residual, walk

GAUSS_NEWTON = ("gn-arc", "gn-arcm", "lm", "lm-dual", "gn-krylov", "spring")


CUBIC = ("arc", "arcm", "arc-krylov", "arcm-krylov", "cr", "crm")


QUASI = ("lbfgs", "ssbroyden", "ssbfgs", "bfgs")


def test_the_registry_is_covered():
    assert {*GAUSS_NEWTON, *CUBIC, *QUASI, "adam", "gd"} == set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_quadratic_against_its_closed_form(name):
    problem, exact = quadratic()
    options, steps = {}, 60
    if name == "adam":
        options, steps = {"lr": 0.1}, 800
    if name == "gd":
        steps = 800
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
    state = optim.method("gn-arc").init(problem, exact)
    with pytest.raises(ArgumentError, match=r"saved state needs .* got also \['products'\]"):
        state.load_state_dict(optim.method("arc").init(problem, exact).state_dict())
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
    for _ in range(800 if name in ("adam", "gd") else 60):
        theta, state = method.step(second, theta, state)
    assert float((theta - exact).abs().max()) <= 1e-5


@pytest.mark.parametrize("name", ["gn-arc", "arc"])
def test_a_problem_without_the_needed_derivatives_is_refused(name):
    class Plain:
        def value(self, theta):
            return 0.0

        def value_and_grad(self, theta):
            return 0.0, theta

    with pytest.raises(ArgumentError, match=r"problem needs .* got Plain"):
        optim.method(name).init(Plain(), torch.zeros(2))


@pytest.mark.parametrize("name", METHODS)
def test_a_state_is_a_value(name):
    first, exact = quadratic(seed=0)
    second, _ = quadratic(seed=1)
    method = optim.method(name)
    theta, state = walk(method, first, torch.zeros_like(exact), 3)
    before = state.state_dict()
    ways = [method.step(first, theta, state), method.step(first, theta, state)]
    refreshed = method.refresh(second, theta, state)
    after = state.state_dict()
    assert before.keys() == after.keys()
    for key, value in before.items():
        assert torch.equal(torch.as_tensor(value), torch.as_tensor(after[key])), key
    assert torch.equal(ways[0][0], ways[1][0])
    assert refreshed.loss == pytest.approx(second.value(theta))
    assert torch.equal(method.step(first, theta, state)[0], ways[0][0])


SECOND_ORDER = {*GAUSS_NEWTON, *CUBIC}


@pytest.mark.parametrize("name", METHODS)
def test_second_order_is_what_is_built_from_a_jacobian_or_a_hessian(name):
    method = optim.method(name)
    assert isinstance(method, optim.StepMethod)
    assert method.second_order is (name in SECOND_ORDER)
    assert "second_order" not in repr(method)


# states of an earlier version on Rosenbrock's function, and where three more steps led it
SAVED = {
    "arcm": (
        {
            "loss": 0.4268465195309342,
            "grad_norm": 2.363867239978274,
            "accepted": True,
            "rejections": 0,
            "evaluations": 13,
            "base_loss": 0.5573004948869165,
            "promised": 0.12390553423596538,
            "length": 0.19678587968655958,
            "moved": True,
            "sigma": 0.08738250275790832,
            "nu": 2.0,
            "multiplier": 0.17195642674428158,
            "products": 0,
            "anchor": torch.tensor([0.16097312797390387, -0.012782218495051588], dtype=torch.float64),
        },
        [0.16097312797390387, -0.012782218495051588],
        [0.4485842469138097, 0.19587520802213038],
        22,
    ),
    "spring": (
        {
            "loss": 1.5871825978540343e-07,
            "grad_norm": 0.004401920420513556,
            "accepted": True,
            "rejections": 0,
            "evaluations": 18,
            "base_loss": 4.9060293180609253e-05,
            "promised": 4.890203605458678e-05,
            "length": 0.023611729891201798,
            "moved": True,
            "weight": 0.0012469135802469131,
            "nu": 2.0,
            "multiplier": 0.00374074074074074,
            "previous": torch.tensor([-0.010461235844378343, -0.021060436711127672], dtype=torch.float64),
        },
        [0.9994370419951222, 0.998872131982003],
        [1.000000039818862, 1.0000000797970636],
        27,
    ),
}


@pytest.mark.parametrize("name", SAVED)
def test_a_state_of_an_earlier_version_goes_on(name):
    saved, start, end, evaluations = SAVED[name]
    problem, method = ResidualFunction(rosenbrock_residual), optim.method(name)
    theta = torch.tensor(start, dtype=torch.float64)
    state = method.init(problem, theta).load_state_dict(saved)
    for _ in range(3):
        theta, state = method.step(problem, theta, state)
    assert theta.tolist() == pytest.approx(end, rel=1e-12)
    assert state.evaluations == evaluations


@pytest.mark.parametrize(
    "name, text",
    [
        (
            "arcm",
            "CubicMethod(adaptive=True, momentum='ls', update='interpolation', solver='auto', sigma=0.1)",
        ),
        (
            "lm",
            "GaussNewtonMethod(model='lm', form='auto', geodesic=True, corrections=10, momentum=None, weight=None, "
            "decay=0.9, tolerance=0.001, max_basis=300)",
        ),
        ("lbfgs", "LBFGSMethod(history=50)"),
        ("bfgs", "QuasiNewtonMethod(update='bfgs')"),
    ],
)
def test_the_text_of_a_method_is_part_of_its_checkpoints_and_stays(name, text):
    assert repr(optim.method(name)) == text
