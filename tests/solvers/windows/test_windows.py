"""Solving in windows of time, against SciPy and closed forms."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

import sciml
from sciml.ansatz.march import at_time, chain_of
from sciml.errors import ArgumentError


class Lorenz(sciml.PDE):
    unknowns = ("x", "y", "z")
    domain = sciml.TimeInterval(0, 1)
    conditions = tuple(sciml.Initial(1.0, component=name) for name in "xyz")

    def residual(self, u, t):
        x, y, z = u["x"], u["y"], u["z"]
        return x.d("t") - 10 * (y - x), y.d("t") - x * (28 - z) + y, z.d("t") - x * y + 8 / 3 * z


class Growth(sciml.PDE):
    """u' = 3 u: an early error grows e^9-fold."""

    domain = sciml.TimeInterval(0, 3)
    conditions = (sciml.Initial(1.0),)

    def residual(self, u, t):
        return u.d("t") - 3 * u * (1 + 0 * t)

    def exact(self, t):
        return torch.exp(3 * t)


class Oscillator(sciml.PDE):
    domain = sciml.TimeInterval(1, 9)
    conditions = (
        sciml.Initial(0.0),
        sciml.Initial(2.0, order=1),
    )

    def residual(self, u, t):
        return u.d("t", "t") + 4 * u

    def exact(self, t):
        return torch.sin(2 * (t - 1))


class Heat(sciml.PDE):
    domain = sciml.TimeInterval(0, 0.5) * sciml.Interval(0, 1)
    conditions = (
        sciml.Dirichlet(0.0),
        sciml.Initial(lambda x: torch.sin(math.pi * x[:, 1:])),
    )

    def residual(self, u, x):
        return u.d("t") - 0.5 * u.d("x", "x")

    def exact(self, x):
        return torch.exp(-0.5 * math.pi**2 * x[:, :1]) * torch.sin(math.pi * x[:, 1:])


class Wave(sciml.PDE):
    domain = sciml.TimeInterval(0, 1) * sciml.Interval(0, 1)
    conditions = (
        sciml.Dirichlet(0.0),
        sciml.Initial(lambda x: torch.sin(math.pi * x[:, 1:])),
        sciml.Initial(0.0, order=1),
    )

    def residual(self, u, x):
        return u.d("t", "t") - u.d("x", "x")

    def exact(self, x):
        return torch.cos(math.pi * x[:, :1]) * torch.sin(math.pi * x[:, 1:])


@pytest.fixture(scope="module")
def lorenz():
    return sciml.solve(Lorenz(), windows="auto", max_time=600, progress=False)


def truth(t):
    def slope(_, y):
        return [10 * (y[1] - y[0]), y[0] * (28 - y[2]) - y[1], y[0] * y[1] - 8 / 3 * y[2]]

    return solve_ivp(slope, (0, 1), [1, 1, 1], "DOP853", rtol=1e-13, atol=1e-14, t_eval=t).y.T


def test_a_system_of_ordinary_equations(lorenz):
    t = np.linspace(0, 1, 101)
    assert lorenz.outcome == "converged"
    assert np.linalg.norm(lorenz(t) - truth(t)) < 1e-10 * np.linalg.norm(truth(t))


def test_an_error_near_rounding_is_estimated_by_jets(lorenz):
    found = lorenz.error_estimate()
    assert found.value is not None
    assert found.value < 1e-9
    assert found.seconds < 60


def test_windows_join_exactly(lorenz):
    for left, right in zip(lorenz.trial.windows, lorenz.trial.windows[1:], strict=False):
        t = torch.tensor([[left.span.high]], dtype=torch.float64)
        assert left.span.high == right.span.low
        assert torch.equal(left(t), right(t))


def test_an_oscillator_goes_on_with_its_velocity():
    solution = sciml.solve(Oscillator(), windows="auto", max_time=600, progress=False)
    assert solution.error() < 1e-9
    assert len(solution.trial.windows) > 1
    t = np.linspace(1, 9, 50)
    slope = solution.field(t).d("t").numpy()[:, 0]
    np.testing.assert_allclose(slope, 2 * np.cos(2 * (t - 1)), atol=1e-7)


@pytest.mark.parametrize("problem", [Heat(), Wave()])
def test_equal_windows_in_space(problem):
    solution = sciml.solve(problem, windows=2, max_steps=60, max_time=600, tol=1e-5, progress=False)
    assert [trial.span.high for trial in solution.trial.windows][-1] == float(problem.domain.upper[0])
    assert solution.error() < 1e-4
    left, right = solution.trial.windows
    x = at_time(problem.domain.sample(20, seed=3), left.span.high)
    u, v = left.end(x, True)
    again, slope = torch.func.jvp(right, (x,), (torch.tensor([[1.0, 0.0]]).double().expand(20, -1),))
    torch.testing.assert_close(again, u, rtol=0, atol=1e-13)
    if isinstance(problem, Wave):
        torch.testing.assert_close(slope, v, rtol=0, atol=1e-11)


def test_jets_of_a_window_are_those_of_autograd():
    from sciml.derivatives import AutogradSource
    from sciml.jets import DerivativePlan

    solution = sciml.solve(Heat(), windows=3, max_steps=3, max_time=600, progress=False)
    trial = solution.trial.windows[-1]
    x = trial.problem.domain.sample(9, seed=1)
    plan = DerivativePlan.from_requests(2, (0, 1), (((0, 0),), ((1, 1),), ((0, 1),)))
    source = plan.source(trial.jets(trial.frozen_jets(x, plan), plan))
    other = AutogradSource(trial, x)
    torch.testing.assert_close(source.value, other.value)
    for i in (0, 1):
        torch.testing.assert_close(source.first(i), other.first(i))
    for pair in (((0, 0),), ((1, 1),), ((0, 1),)):
        torch.testing.assert_close(source.second(pair), other.second(pair))


@pytest.mark.parametrize("tol", [1e-4, 1e-7])
def test_an_estimate_sees_inherited_error(tol):
    solution = sciml.solve(Growth(), windows=5, tol=tol, max_time=600, progress=False)
    found, true = solution.error_estimate(20.0).value, solution.error()
    assert found is not None
    assert true / 3 < found < 3 * max(true, 1e-14) or true < 1e-12


def test_a_late_window_inherits_an_early_error():
    solution = sciml.solve(Growth(), windows=4, max_time=600, progress=False)
    first = solution.trial.windows[0].network.layers[-1]
    with torch.no_grad():
        first.weight *= 1 + 1e-3
    chain = chain_of(
        solution.problem,
        list(solution.trial.network),
        [trial.span for trial in solution.trial.windows],
        [trial.scale for trial in solution.trial.windows],
    )
    spoilt = sciml.Solution(solution.problem, chain, [], solution.stats)
    true = spoilt.error()
    assert true > 1e-6
    assert true / 1.5 < spoilt.error_estimate(20.0).value < 1.5 * true


def test_a_file_holds_all_windows(tmp_path, lorenz):
    lorenz.save(tmp_path / "lorenz.h5")
    again = sciml.load(tmp_path / "lorenz.h5", problem=Lorenz())
    t = np.linspace(0, 1, 77)
    assert np.array_equal(again(t), lorenz(t))
    assert again.summary() == lorenz.summary()


@pytest.mark.parametrize("change", ["gap", "order", "fields", "scale", "origin"])
def test_forged_windows_are_refused(change):
    from sciml.solvers.files.windows.description import check_chain

    config = {"kind": "MLP", "widths": [1, 3, 1], "activation": "tanh", "scale": 1.0, "fourier": 0}
    config |= {"fourier_scale": 1.0, "seed": 0}
    windows = [
        {"low": 0.0, "high": 1.0, "origin": None, "config": config, "scale": None},
        {"low": 1.0, "high": 2.0, "origin": None, "config": config, "scale": [1.0]},
    ]
    shapes = {
        "layers.0.weight": [3, 1],
        "layers.0.bias": [3],
        "layers.2.weight": [1, 3],
        "layers.2.bias": [1],
    }
    tensors = {f"{k}.{name}": ["float64", shape] for k in (0, 1) for name, shape in shapes.items()}
    check_chain(windows, {"config": None, "tensors": tensors})
    match change:
        case "gap":
            windows[1]["low"] = 1.5
        case "order":
            windows[1]["high"] = 0.5
        case "fields":
            windows[0]["more"] = 1
        case "scale":
            windows[1]["scale"] = [-1.0]
        case "origin":
            windows[1]["origin"] = 1.0
    with pytest.raises(ValueError, match="its window"):
        check_chain(windows, {"config": None, "tensors": tensors})


def test_time_that_runs_out_leaves_what_was_solved():
    solution = sciml.solve(Lorenz(), windows="auto", max_steps=12, max_time=600, progress=False)
    assert solution.outcome == "max_steps"
    assert 0 < solution.trial.until < 1
    with pytest.warns(UserWarning, match="outside the domain"):
        late = solution(np.array([0.999]))
    assert np.isnan(late).all()
    assert any("solved until t" in note for note in solution.stats.notes)
    assert np.isfinite(solution(np.array([solution.trial.until]))).all()


class Still(sciml.PDE):
    domain = sciml.Interval(0, 1)
    conditions = (sciml.Dirichlet(0.0),)

    def residual(self, u, x):
        return u.d("x", "x") + 1


class Ended(Growth):
    conditions = (sciml.Condition("end", lambda u, x: u - 1),)


class Meant(Growth):
    conditions = (sciml.Initial(1.0), sciml.Condition("inside", lambda u, x: u - 1, mean=True))


@pytest.mark.parametrize(
    "problem, options, words",
    [
        (Still(), {}, "windows needs a domain with time"),
        (Ended(), {}, "windows needs a Condition that holds at every time"),
        (Meant(), {}, "got a mean"),
        (Growth(), {"windows": 0}, "windows needs"),
        (Growth(), {"windows": "five"}, "windows needs 'auto'"),
    ],
)
def test_what_has_no_windows_is_refused(problem, options, words):
    with pytest.raises(ArgumentError, match=words):
        sciml.solve(problem, progress=False, **{"windows": "auto"} | options)


def test_windows_do_not_change_the_equation():
    """A residual that looks at the length of its own domain sees the whole one."""

    class Clock(Growth):
        def residual(self, u, t):
            return u.d("t") - 3 * u * (self.domain.measure / 3.0)

    assert sciml.solve(Clock(), windows=3, max_time=600, progress=False).error() < 1e-8


PI = math.pi
RATE = 0.8603335890193798  # the first root of x tan x = 1


class Radiating(sciml.PDE):
    """A rod that loses heat at one end in proportion to its temperature, stated as a general condition."""

    domain = sciml.TimeInterval(0, 1) * sciml.Interval(0, 1)
    conditions = (
        sciml.Initial(lambda x: torch.cos(RATE * x[:, 1:])),
        sciml.Neumann(0.0, on="x=0"),
        sciml.Condition("x=1", lambda u, x, n: n[:, 1:] * u.d("x") + u.value),
    )

    def residual(self, u, x):
        return u.d("t") - u.d("x", "x")

    def exact(self, x):
        return torch.exp(-(RATE**2) * x[:, :1]) * torch.cos(RATE * x[:, 1:])


class Joined(sciml.PDE):
    """Heat through two materials, k = 1 | 4."""

    domain = sciml.TimeInterval(0, 0.2) * sciml.Interval(-1, 1)

    @staticmethod
    def k(x):
        return torch.where(x[:, 1:] < 0, 1.0, 4.0).to(x)

    def exact(self, x):
        left, right = torch.sin(PI * x[:, 1:]), 0.5 * torch.sin(PI / 2 * x[:, 1:])
        return torch.exp(-(PI**2) * x[:, :1]) * torch.where(x[:, 1:] < 0, left, right)

    @property
    def conditions(self):
        return (
            sciml.Initial(self.exact, hard=False),
            sciml.Dirichlet(0.0, on="x=-1"),
            sciml.Neumann(0.0, on="x=1"),
            sciml.Interface("x=0", lambda u, x, n: self.k(x) * u.d("x") * n[:, 1:]),
        )

    def residual(self, u, x):
        return u.d("t") - sciml.div(self.k(x) * u.grad())


@pytest.mark.parametrize(
    "problem, bound", [(Radiating(), 1e-3), (Joined(), 2e-3)], ids=["condition", "interface"]
)
def test_general_conditions_hold_in_every_window(problem, bound):
    solution = sciml.solve(
        problem, windows=2, max_steps=60, points=300, max_time=600, tol=1e-3, progress=False
    )
    assert len(solution.trial.windows) == 2
    assert solution.error() < bound
    left, right = solution.trial.windows
    x = at_time(problem.domain.sample(9, seed=4), left.span.high)
    torch.testing.assert_close(left(x), right(x), rtol=0, atol=1e-13)


def test_a_kink_passes_from_window_to_window_as_a_jet():
    from sciml.derivatives import AutogradSource
    from sciml.jets import DerivativePlan

    solution = sciml.solve(Joined(), windows=3, max_steps=3, points=40, max_time=600, progress=False)
    trial = solution.trial.windows[-1]
    x = trial.problem.domain.sample(9, seed=1)
    plan = DerivativePlan.from_requests(2, (0, 1), (((1, 1),),))
    source = plan.source(trial.jets(trial.frozen_jets(x, plan), plan))
    other = AutogradSource(trial, x)
    torch.testing.assert_close(source.first(1), other.first(1))
    torch.testing.assert_close(source.second(((1, 1),)), other.second(((1, 1),)))


class Algebraic(sciml.PDE):
    """x' = y - x with y^3 + y = x: the second equation has no derivative."""

    domain = sciml.TimeInterval(0, 3)
    unknowns = ("x", "y")
    conditions = (sciml.Initial(2.0, component="x"),)

    def residual(self, u, t):
        return u["x"].d("t") + u["x"] - u["y"], u["y"] ** 3 + u["y"] - u["x"]

    def truth(self, t):
        # in y: (3 y^2 + 1) y' = -y^3
        y = solve_ivp(
            lambda _, y: -(y**3) / (3 * y**2 + 1), (0, 3), [1.0], "DOP853", rtol=1e-13, atol=1e-14, t_eval=t
        ).y[0]
        return np.stack([y**3 + y, y], 1)


class Branches(sciml.PDE):
    """x' = y, where y is one of two roots, 0.4 - 1.2 t or 2 - 1.2 t; Newton's method from zero changes to the other one."""

    domain = sciml.TimeInterval(0, 1.3)
    unknowns = ("x", "y")
    conditions = (sciml.Initial(0.0, component="x"),)

    def residual(self, u, t):
        y = u["y"] + 1.2 * t
        return u["x"].d("t") - u["y"], (y - 0.4) * (y - 2)

    def truth(self, t):
        return np.stack([0.4 * t - 0.6 * t**2, 0.4 - 1.2 * t], 1)


@pytest.mark.parametrize("windows", ["auto", 4])
def test_an_algebraic_equation_in_every_window(windows):
    t = np.linspace(0, 3, 61)
    solution = sciml.solve(Algebraic(), windows=windows, max_time=600, progress=False)
    assert solution.outcome == "converged"
    np.testing.assert_allclose(solution(t), Algebraic().truth(t), rtol=0, atol=1e-10)


def test_a_later_window_keeps_to_its_root():
    t = np.linspace(0, 1.3, 41)
    solution = sciml.solve(Branches(), windows=5, max_time=600, progress=False)
    np.testing.assert_allclose(solution(t), Branches().truth(t), rtol=0, atol=1e-9)


class Kinked(Heat):
    """A start with a kink, as a penalty: the shorter the first window, the sharper the layer in it."""

    conditions = (
        sciml.Dirichlet(0.0),
        sciml.Initial(lambda x: 1 - (2 * x[:, 1:] - 1).abs(), hard=False),
    )


@pytest.mark.parametrize(
    ("problem", "overs", "kept"),
    [
        (Kinked(), [200.0, 330.0, 570.0], 0),  # as long as it was
        (Kinked(), [7e4, 4e4, 6e4], 1),  # far above, and not the longest
        (Heat(), [200.0, 330.0, 570.0], 0),
        (Heat(), [40.0, 39.0, 38.0], 2),  # rounding: the shortest is as good
        (Heat(), [7e4, 4e4, 6e4, 5e4], None),  # a layer that is met only by a window short enough
        (Kinked(), [200.0, 60.0, 20.0, 7.0], None),  # shorter ones help
    ],
)
def test_windows_are_not_made_shorter_where_that_is_no_help(problem, overs, kept):
    from sciml.solvers.training.interrupt import Interruption
    from sciml.solvers.training.settings import Settings
    from sciml.solvers.windows.march import March
    from sciml.solvers.windows.window import Request, solve_window

    settings = Settings(problem, max_steps=1, max_time=600, progress=False)
    march = March(Request(settings, None, None, "auto", torch.float64, None, Interruption()))
    first = march.state.pace.next(0.0, 0, False)
    found = solve_window(march.request, march.state, first, 0.0, lambda: 0.0, lambda run: None)
    spans = []
    for k, over in enumerate(overs):
        spans.append(march.state.pace.next(0.0, 0, False))
        answer = march._again(spans[-1], found, over)
        if k + 1 < len(overs) or kept is None:
            assert answer == "again"
            assert not march.state.settled
    if kept is None:
        assert march.state.pace.length < spans[-1].high
    elif kept == len(overs) - 1:
        assert answer is None
    else:
        assert (answer, march.state.settled) == ("again", 1)
        assert march.state.pace.next(0.0, 0, False).high == pytest.approx(spans[kept].high)
        assert march._again(spans[kept], found, 1e4) is None  # taken, whatever it reaches


def test_windows_that_end_before_the_first_known_value_have_no_error():
    solution = sciml.solve(Growth(), windows="auto", max_time=600, progress=False)
    x = torch.tensor([[2.0], [3.0]], dtype=torch.float64)
    from sciml.solvers.comparison import relative_error

    early = chain_of(Growth(), [solution.network[0]], [solution.trial.windows[0].span], [None])
    assert math.isnan(relative_error(early, x, torch.exp(3 * x)))
    assert relative_error(solution.trial, x, torch.exp(3 * x)) < 1e-9
