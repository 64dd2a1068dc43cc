"""While solving: every mistake in a problem is an early, named error, and nothing that was reached is lost."""

from __future__ import annotations

import math
import os
import signal

import numpy as np
import pytest
import torch

import sciml
from sciml import nn, pdes
from sciml.errors import ArgumentError, ArgumentTypeError

SMALL = {"progress": False, "points": 25, "max_steps": 6}


def small() -> nn.MLP:
    return nn.MLP([2, 5, 1], seed=3)


class Reaction(sciml.PDE):
    """A problem to spoil: every test replaces one part."""

    domain = sciml.Box([0, 0], [1, 1], names=("x", "y"))
    conditions = (sciml.Dirichlet(0.0),)

    def residual(self, u, x):
        return -u.laplacian() + u**3 - self.source(x)


def spoilt(**parts) -> sciml.PDE:
    return type("Spoilt", (Reaction,), parts)()


NEVER = pytest.mark.usefixtures("no_training")


@pytest.fixture
def no_training(monkeypatch):
    """Fail when an optimiser takes a step."""

    def step(*arguments):
        raise AssertionError("a step was taken before the mistake was found")

    for method in (sciml.optim.GaussNewtonMethod, sciml.optim.TorchMethod):
        monkeypatch.setattr(method, "step", step)


# ---- early, named errors


@NEVER
@pytest.mark.parametrize(
    ("residual", "kind", "message"),
    [
        (lambda self, u, x: u.laplacian().sum(), ArgumentError, r"one row a point.*\(\)"),
        (lambda self, u, x: u.laplacian()[:3], ArgumentError, r"shape \(7, k\), got \(3, 1\)"),
        (lambda self, u, x: u.laplacian()[:, None, None], ArgumentError, "one row a point"),
        (lambda self, u, x: u.laplacian()[:, :0], ArgumentError, "one row a point"),
        (lambda self, u, x: {}, ArgumentError, "at least one term"),
        (lambda self, u, x: 1.0, ArgumentTypeError, "needs to return tensors.*float"),
        (
            lambda self, u, x: u.laplacian() + 1j,
            ArgumentTypeError,
            "real numbers, got torch.complex128 for 'pde'",
        ),
        (lambda self, u, x: x[:, :1] - 1.0, ArgumentError, "does not depend on the unknown"),
        (lambda self, u, x: u.d("z"), ArgumentError, "coordinate needs one of x, y, got 'z'"),
        (lambda self, u, x: u.d(2), ArgumentError, "coordinate needs an index from 0 to 1"),
        (lambda self, u, x: u["v"], ArgumentError, "component needs one of u, got 'v'"),
        (
            lambda self, u, x: u.laplacian().float(),
            ArgumentTypeError,
            "dtype torch.float64.*got torch.float32",
        ),
    ],
    ids=[
        "scalar",
        "rows",
        "axes",
        "empty",
        "no terms",
        "float",
        "complex",
        "constant",
        "name",
        "index",
        "unknown",
        "dtype",
    ],
)
def test_residual_that_cannot_be_used(residual, kind, message):
    with pytest.raises(kind, match=message):
        sciml.solve(spoilt(residual=residual), small(), **SMALL)


@NEVER
def test_source_that_is_not_finite():
    nan = spoilt().with_source(lambda x: torch.where(x[:, :1] > 0.5, math.nan, 1.0))
    with pytest.raises(
        ArgumentError, match=r"source of Spoilt needs finite numbers, got \[nan\] at \[0\.\d+"
    ):
        sciml.solve(nan, small(), **SMALL)


def test_source_of_another_dtype():
    single = spoilt(residual=lambda self, u, x: (-u.laplacian()).float() - self.source(x).float())
    with pytest.raises(ArgumentTypeError, match="dtype"):
        sciml.solve(single, small(), **SMALL)
    # values of a source are taken in the dtype of the points
    mixed = spoilt().with_source(lambda x: torch.ones(len(x), 1, dtype=torch.float32))
    assert mixed.source(torch.zeros(3, 2, dtype=torch.float64)).dtype == torch.float64


@NEVER
@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ((sciml.Dirichlet(0.0, on="left of it"),), "left of it"),
        ((sciml.Dirichlet(0.0, on=lambda x: x[:, 0] > 5.0),), "on"),
        ((sciml.Initial(0.0),), "Initial needs a domain with time"),
        ((sciml.Periodic("z"),), "Periodic coordinate 'z' is unknown"),
        ((sciml.Dirichlet(0.0, component="v"),), "component 'v' is not one of u"),
        (
            (sciml.Data([[0.5, 0.5], [3.0, 0.5]], [1.0, 2.0]),),
            r"1 of 2 Data points lie outside.*\[3\.0, 0\.5\]",
        ),
        ((sciml.Data([[0.5]], [1.0]),), "Data points need 2 columns"),
        ((sciml.Dirichlet(lambda x: x),), r"dirichlet needs a function that returns shape"),
        (("u = 0",), r"conditions\[0\] needs a condition such as Dirichlet.*got str"),
    ],
    ids=["part", "mask", "initial", "periodic", "component", "data", "columns", "value", "text"],
)
def test_condition_outside_the_domain(conditions, message):
    with pytest.raises((ArgumentError, ArgumentTypeError), match=message):
        sciml.solve(spoilt(conditions=conditions), small(), **SMALL)


@NEVER
@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: nn.MLP([3, 5, 1]), "model needs 2 inputs for the coordinates x, y, got width 3"),
        (lambda: nn.KAN([2, 5, 2]), "model needs 1 outputs for u, got width 2"),
        (lambda: torch.nn.Linear(3, 1), "model needs to take inputs of width 2"),
        (lambda: torch.nn.Linear(2, 4), "model needs 1 outputs"),
        (lambda: torch.nn.Flatten(0), "model needs to map"),
        (lambda: torch.nn.Tanh(), "got"),
        (lambda: "a network", "model needs a torch.nn.Module"),
    ],
    ids=["inputs", "outputs", "module inputs", "module outputs", "rows", "no parameters", "text"],
)
def test_model_that_does_not_fit(model, message):
    with pytest.raises((ArgumentError, ArgumentTypeError), match=message):
        sciml.solve(Reaction(), model(), **SMALL)


@NEVER
def test_unset_parameter():
    unset = spoilt(diffusivity=None, residual=lambda self, u, x: -self.diffusivity * u.laplacian() - 1.0)
    with pytest.raises(ArgumentError, match=r"residual of Spoilt needs to run .*got TypeError.*NoneType"):
        sciml.solve(unset, small(), **SMALL)


@NEVER
def test_parts_of_a_problem_that_are_missing():
    class Empty(sciml.PDE):
        domain = Reaction.domain

    class Nowhere(sciml.PDE):
        def residual(self, u, x):
            return u.value

    with pytest.raises(ArgumentTypeError, match="Empty needs a method residual"):
        sciml.solve(Empty(), small(), **SMALL)
    with pytest.raises(ArgumentTypeError, match="domain needs a sciml domain, got NoneType"):
        sciml.solve(Nowhere(), small(), **SMALL)
    with pytest.raises(ArgumentTypeError, match="Write Poisson"):
        sciml.solve(pdes.Poisson, **SMALL)


@NEVER
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": torch.float16}, "dtype needs"),
        ({"points": 0}, "points needs an int from 1 to 10000000"),
        ({"max_steps": 2.5}, "max_steps needs an int"),
        ({"max_time": -1}, "max_time needs a number of at least 0"),
        ({"tol": math.nan}, "tol needs a finite number"),
        ({"callbacks": print}, "callbacks needs a sequence"),
        ({"callbacks": [3]}, "callbacks needs a sequence"),
        ({"optimizer": "magic"}, "magic"),
        ({"seed": 2**70}, "seed needs an int from 0 to"),
        ({"polish": 1}, "polish needs True or False"),
        ({"every": -1}, "every needs a number of at least 0"),
        ({"every": math.nan}, "every needs a finite number"),
        ({"optimizer": 3}, "optimizer"),
        ({"checkpoint": "/no such folder/run.h5"}, "no such folder"),
        ({"checkpoint": "run.h5", "every": "soon"}, "every needs a number"),
        ({"resume": "/no such file.h5"}, "refused"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_arguments_of_solve(options, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(sciml.SciMLError, match=message):
        sciml.solve(Reaction(), small(), **(SMALL | options))


# ---- endings


def best_of(solution: sciml.Solution) -> float:
    return min(row["held_out"] for row in solution.history)


def held_out(solution: sciml.Solution) -> float:
    """The held-out loss of the parameters that the solution holds, from its residual at the same points."""
    x = solution.problem.sample(500, seed=(solution.stats["seed"] + 104_729) * 101)
    return 0.5 * float(solution.residual(x).square().mean())


def test_limits_end_a_solve_with_the_best_state():
    stopped = sciml.solve(Reaction().with_source(lambda x: 1 + x[:, :1]), small(), max_time=0, progress=False)
    assert stopped.outcome == "max_time"
    assert stopped.stats["steps"] == 0
    counted = sciml.solve(Reaction().with_source(lambda x: 1 + x[:, :1]), small(), **SMALL)
    assert counted.outcome == "max_steps"
    assert counted.stats["steps"] == SMALL["max_steps"]
    assert held_out(counted) == pytest.approx(best_of(counted), rel=1e-6)
    assert held_out(counted) < held_out(stopped)


def test_tolerance_ends_a_solve_as_converged():
    solution = sciml.solve(pdes.Poisson(2), small(), tol=0.5, progress=False, points=50, max_steps=500)
    assert solution.outcome == "converged"
    assert solution.stats["residual"] <= 0.5


def stop_after(step: int, how):
    def callback(event):
        if event.step >= step:
            return how()

    return callback


def press_ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)


def fail():
    raise ZeroDivisionError("my plot went wrong")


@pytest.mark.usefixtures("ctrl_c_raises")
def test_ctrl_c_ends_a_solve_with_the_best_state():
    solution = sciml.solve(
        pdes.Poisson(2),
        small(),
        progress=False,
        points=25,
        max_steps=500,
        callbacks=[stop_after(20, press_ctrl_c)],
    )
    assert solution.outcome == "interrupted"
    assert solution.stats["steps"] < 500
    assert held_out(solution) == pytest.approx(best_of(solution), rel=1e-6)


def test_a_callback_can_end_a_solve():
    options = {"progress": False, "points": 25, "max_steps": 500}
    solution = sciml.solve(pdes.Poisson(2), small(), callbacks=[stop_after(20, lambda: True)], **options)
    assert (solution.outcome, solution.stats["steps"]) == ("interrupted", 20)
    at_once = sciml.solve(pdes.Poisson(2), small(), callbacks=[lambda event: True], **options)
    assert (at_once.outcome, at_once.stats["steps"]) == ("interrupted", 0)


def test_an_exception_in_a_callback_ends_a_solve_with_the_best_state():
    with pytest.warns(RuntimeWarning, match="ZeroDivisionError: my plot went wrong"):
        solution = sciml.solve(
            pdes.Poisson(2),
            small(),
            progress=False,
            points=25,
            max_steps=500,
            callbacks=[stop_after(20, fail)],
        )
    assert (solution.outcome, solution.stats["steps"]) == ("interrupted", 20)
    assert held_out(solution) == pytest.approx(best_of(solution), rel=1e-6)
    assert any("my plot went wrong" in note for note in solution.stats["notes"])


def test_every_callback_sees_every_look():
    seen: list[list[int]] = [[], []]
    callbacks = [lambda event, k=k: seen[k].append(event.step) for k in range(2)]
    sciml.solve(pdes.Poisson(2), small(), **(SMALL | {"max_steps": 20}), callbacks=callbacks)
    assert seen[0] == seen[1]
    assert sorted(set(seen[0])) == [0, 10, 20]


class Fragile(Reaction):
    """Its residual is infinite once the amplitude passes a bound."""

    bound = 0.25

    def residual(self, u, x):
        return -u.laplacian() - 4.0 + torch.where(u.value.abs() > self.bound, math.inf, 0.0) * u.value


def test_steps_that_are_not_finite_are_rejected_and_counted():
    # the solution's amplitude is 0.29 and a full Gauss-Newton step goes there at once
    model = small()
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(0.1)
    solution = sciml.solve(Fragile(), model, progress=False, points=50, max_steps=300, tol=1e-12)
    assert solution.stats["rejected"] > 0
    assert solution(solution.problem.sample(50)).isfinite().all()
    assert math.isfinite(held_out(solution))  # which never was a step that was not finite
    assert held_out(solution) < solution.history[0]["held_out"]


class Blowing(sciml.optim.GaussNewtonMethod):
    """An optimiser that breaks its promise after 15 steps."""

    def step(self, problem, theta, state):
        theta, state = super().step(problem, theta, state)
        if state.evaluations > 30:
            state.loss = math.inf
            theta = theta * math.nan
        return theta, state


def test_divergence_keeps_the_last_good_state():
    solution = sciml.solve(
        pdes.Poisson(2), small(), optimizer=Blowing(), progress=False, points=50, max_steps=500
    )
    assert solution.outcome == "diverged"
    assert solution(solution.problem.sample(50)).isfinite().all()
    assert solution.stats["steps"] < 500
    assert any("float64" in note for note in solution.stats["notes"])


# ---- the same seed


@pytest.mark.parametrize("optimizer", ["auto", "ssbroyden", "adam"])
def test_the_same_seed_gives_the_same_numbers(optimizer):
    problem = pdes.Burgers(nu=0.1)

    def numbers(seed: int) -> torch.Tensor:
        solution = sciml.solve(
            problem, optimizer=optimizer, progress=False, points=60, max_steps=12, seed=seed
        )
        return torch.nn.utils.parameters_to_vector(solution.network.parameters())

    first = numbers(1)
    torch.manual_seed(5)  # the global generators have no say
    np.random.seed(5)  # noqa: NPY002
    assert torch.equal(first, numbers(1))
    assert not torch.equal(first, numbers(2))


def test_solving_leaves_global_random_state_alone():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    sciml.solve(pdes.Poisson(2), small(), **SMALL)
    assert torch.equal(before, torch.get_rng_state())
    assert torch.get_default_dtype() == torch.float32
