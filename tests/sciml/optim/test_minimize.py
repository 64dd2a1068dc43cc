"""``minimize`` and ``least_squares`` against SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.optimize
import torch

from sciml import optim
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.optim.iterate import OUTCOMES


def rosenbrock(x):
    return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum()


@pytest.mark.parametrize(
    "method", ["arc", "arcm", "arc-krylov", "arcm-krylov", "cr", "lbfgs", "ssbroyden", "bfgs"]
)
def test_minimize_against_scipy(method):
    start = np.array([-0.9, 0.4, 0.8, -0.2])
    known = scipy.optimize.minimize(
        scipy.optimize.rosen,
        start,
        jac=scipy.optimize.rosen_der,
        hess=scipy.optimize.rosen_hess,
        method="trust-exact",
        tol=1e-10,
    )
    got = optim.minimize(rosenbrock, start, method=method, tol=1e-9)
    assert isinstance(got, scipy.optimize.OptimizeResult)
    assert got.success
    assert got.outcome == "converged"
    assert got.x == pytest.approx(known.x, abs=1e-7)
    assert np.linalg.norm(got.jac) <= 1e-8
    assert got.nit == len(got.history)
    assert got.history[-1]["evaluations"] <= got.nfev
    assert all(b["seconds"] >= a["seconds"] for a, b in zip(got.history, got.history[1:], strict=False))


@pytest.mark.parametrize(
    "method", ["gn-arc", "gn-arcm", "lm", "lm-dual", "gn-krylov", optim.GaussNewtonMethod(form="qr")]
)
def test_least_squares_against_scipy(method):
    def residual(x):
        return torch.cat([10.0 * (x[1:] - x[:-1] ** 2), 1.0 - x[:-1], 0.1 * x])  # no zero residual

    start = np.array([-0.9, 0.4, 0.8])
    known = scipy.optimize.least_squares(
        lambda x: residual(torch.from_numpy(x)).numpy(), start, xtol=1e-15, gtol=1e-13
    )
    got = optim.least_squares(residual, start, method=method, tol=1e-9, options={"maxiter": 300})
    assert got.outcome == "converged"
    assert got.x == pytest.approx(known.x, abs=1e-6)
    assert got.fun == pytest.approx(known.cost, rel=1e-10)
    assert got.residual == pytest.approx(known.fun, abs=1e-6)


def test_named_terms_count_by_their_means():
    many, few = torch.zeros(100, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    got = optim.least_squares(lambda x: {"many": x - many, "few": x - few}, [0.3])
    assert got.x == pytest.approx([0.5])
    assert got.fun == pytest.approx(0.5 * (0.25 + 0.25))


@pytest.mark.parametrize(
    "start", [[[1.0, 2.0], [3.0, 4.0]], np.ones((2, 2), dtype=np.float32), torch.ones(2, 2), 3]
)
def test_the_result_looks_like_the_start(start):
    shape = np.shape(start)
    got = optim.minimize(lambda x: ((x - 0.5) ** 2).sum(), start, tol=1e-5)
    assert tuple(got.x.shape) == shape
    assert isinstance(got.x, torch.Tensor) == isinstance(start, torch.Tensor)
    assert got.x.dtype == (torch.float32 if isinstance(start, torch.Tensor) else np.float64)
    assert np.asarray(got.x) == pytest.approx(np.full(shape, 0.5), abs=1e-3)


@pytest.mark.parametrize(
    "options, outcome",
    [
        ({"maxiter": 3}, "max_iterations"),
        ({"max_time": 0.0}, "max_time"),
        ({"ftol": 0.5, "gtol": 0.0}, "small_decrease"),
        ({"xtol": 0.5, "gtol": 0.0}, "small_step"),
    ],
)
def test_every_rule_of_stopping_has_its_name(options, outcome):
    got = optim.minimize(rosenbrock, [-1.2, 1.0, 0.5], method="arc", options=options)
    assert got.outcome == outcome
    assert got.message == OUTCOMES[outcome][1]


def test_a_loss_that_lies_about_its_gradient_ends_as_stalled():
    got = optim.minimize(lambda x: 2.0 * (x.detach() ** 2).sum() - (x**2).sum(), [1.0, -2.0], method="arc")
    assert got.outcome == "stalled"
    assert not got.success
    assert got.x == pytest.approx([1.0, -2.0], abs=1e-9)


def test_a_start_where_the_loss_is_not_finite_is_said_so():
    got = optim.minimize(lambda x: torch.log(x).sum(), [-1.0, 2.0])
    assert got.outcome == "diverged"
    assert got.nit == 0


def test_a_callback_sees_each_iterate_and_may_stop():
    seen = []

    def callback(partial):
        seen.append(partial.x)
        if partial.nit == 4:
            raise StopIteration

    got = optim.minimize(rosenbrock, np.zeros((3,)), callback=callback)
    assert got.outcome == "stopped"
    assert len(seen) == 4
    assert isinstance(seen[0], np.ndarray)
    assert got.x == pytest.approx(seen[-1])


def test_products_come_from_one_graph_an_iteration():
    calls = 0

    def function(x):
        nonlocal calls
        calls += 1
        return rosenbrock(x)

    got = optim.minimize(function, np.linspace(-1, 1, 30), method="arc-krylov", tol=1e-8)
    assert got.outcome == "converged"
    assert got.state.products > 5 * got.nit  # many products, yet
    assert calls == got.nfev  # the function runs once per model and once per trial


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: optim.minimize(rosenbrock, [1.0, math.nan]), ArgumentError, "x0 needs finite"),
        (lambda: optim.minimize(rosenbrock, []), ArgumentError, "x0 needs at least one"),
        (lambda: optim.minimize(rosenbrock, ["a"]), ArgumentTypeError, "x0 needs real numbers"),
        (
            lambda: optim.minimize(rosenbrock, torch.ones(2, dtype=torch.int64)),
            ArgumentTypeError,
            "real floating",
        ),
        (lambda: optim.minimize(3, [1.0]), ArgumentTypeError, "fun needs a function"),
        (lambda: optim.minimize(lambda x: x, [1.0, 2.0]), ArgumentError, "one number, got shape"),
        (lambda: optim.minimize(lambda x: 1.0, [1.0]), ArgumentTypeError, "torch tensor, got float"),
        (lambda: optim.minimize(lambda x: x.sum().detach(), [1.0]), ArgumentError, "autograd can follow"),
        (lambda: optim.minimize(rosenbrock, [1.0, 2.0], "sgdd"), ArgumentError, "method needs one of"),
        (
            lambda: optim.minimize(rosenbrock, [1.0, 2.0], options={"gtoll": 1}),
            ArgumentError,
            "needs options that it knows",
        ),
        (
            lambda: optim.minimize(rosenbrock, [1.0, 2.0], tol=-1.0),
            ArgumentError,
            "gtol needs a number of at least 0",
        ),
        (lambda: optim.minimize(rosenbrock, [1.0, 2.0], "lm"), ArgumentError, "problem needs residual"),
        (lambda: optim.least_squares(lambda x: {}, [1.0]), ArgumentError, "at least one term"),
        (lambda: optim.least_squares(lambda x: x[None], [1.0]), ArgumentError, "one dimension"),
        (lambda: optim.least_squares(lambda x: x * 1j, [1.0]), ArgumentTypeError, "real floating dtype"),
    ],
)
def test_bad_calls_are_refused_by_name(call, error, message):
    with pytest.raises(error, match=message):
        call()
