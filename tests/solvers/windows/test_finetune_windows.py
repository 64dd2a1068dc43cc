"""Fine-tuning of a solution in windows, against SciPy and closed forms."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

import sciml
from sciml.adapters import Adapter, Full, Head, LoRA, LoTRA, WindowsAdapter, spread
from sciml.ansatz.march import at_time
from sciml.errors import ArgumentError, FileFormatError

LONG = {"max_time": 600, "progress": False}


class Heat(sciml.PDE):
    """Its solution is the closed form below for every ``second``."""

    domain = sciml.TimeInterval(0, 0.5) * sciml.Interval(0, 1)

    def __init__(self, second=0.0, k=0.5):
        self.second, self.k = second, k
        self.conditions = (sciml.Dirichlet(0.0), sciml.Initial(self.start))

    def start(self, x):
        return torch.sin(math.pi * x[:, 1:]) + self.second * torch.sin(2 * math.pi * x[:, 1:])

    def residual(self, u, x):
        return u.d("t") - self.k * u.d("x", "x")

    def exact(self, x):
        t, x = x[:, :1], x[:, 1:]
        decay = self.k * math.pi**2 * t
        slow = torch.exp(-decay) * torch.sin(math.pi * x)
        return slow + self.second * torch.exp(-4 * decay) * torch.sin(2 * math.pi * x)


class Pendulum(sciml.PDE):
    """Of second order: a window goes on with the velocity, too."""

    domain = sciml.TimeInterval(0, 7)

    def __init__(self, velocity=0.0, angle=1.0):
        self.velocity, self.angle = velocity, angle
        self.conditions = (sciml.Initial(angle), sciml.Initial(velocity, order=1))

    def residual(self, u, t):
        return u.d("t", "t") + torch.sin(u.value)

    def truth(self, t):
        def slope(_, y):
            return [y[1], -math.sin(y[0])]

        start = [self.angle, self.velocity]
        return solve_ivp(slope, (0, 7), start, "DOP853", rtol=1e-13, atol=1e-14, t_eval=t).y.T


class Predators(sciml.PDE):
    """Lotka and Volterra's system, not linear and of two unknowns."""

    unknowns = ("prey", "hunters")
    domain = sciml.TimeInterval(0, 8)
    conditions = (sciml.Initial(1.5, component="prey"), sciml.Initial(1.0, component="hunters"))

    def __init__(self, rate=1.0):
        self.rate = rate

    def residual(self, u, t):
        p, h = u["prey"], u["hunters"]
        return p.d("t") - p * (1 - h), h.d("t") + self.rate * h * (1 - p)

    def truth(self, t):
        def slope(_, y):
            return [y[0] * (1 - y[1]), -self.rate * y[1] * (1 - y[0])]

        return solve_ivp(slope, (0, 8), [1.5, 1.0], "DOP853", rtol=1e-13, atol=1e-14, t_eval=t).y.T


@pytest.fixture(scope="module")
def heat():
    return sciml.solve(Heat(), windows=3, tol=1e-5, **LONG)


@pytest.fixture(scope="module")
def predators():
    return sciml.solve(Predators(), windows="auto", **LONG)


def seams(tuned):
    for left, right in zip(tuned.trial.windows, tuned.trial.windows[1:], strict=False):
        x = at_time(tuned.problem.sample(30, seed=3), left.span.high)
        u, _ = left.end(x, False)
        torch.testing.assert_close(right(x), u, rtol=0, atol=1e-13)


def apart(solution, problem):
    t = np.linspace(0, float(problem.domain.upper[0]), 101)
    truth = problem.truth(t)
    return np.linalg.norm(solution(t) - truth[:, : problem.outputs]) / np.linalg.norm(
        truth[:, : problem.outputs]
    )


@pytest.mark.parametrize("rate", [1.03, 0.9])
def test_a_system_of_ordinary_equations(predators, rate):
    problem = Predators(rate)
    tuned = predators.finetune(problem, **LONG)
    error = apart(tuned, problem)
    assert error < 1e-8
    assert apart(predators, problem) > 1e-3
    assert tuned.stats.error_estimate is not None
    assert 0.1 * error - 1e-12 < tuned.stats.error_estimate < 1e3 * error + 1e-12
    assert [w.span for w in tuned.trial.windows] == [w.span for w in predators.trial.windows]
    seams(tuned)
    assert apart(predators, Predators()) < 1e-9  # the base stays as it is


def test_an_equation_of_second_order_goes_on_with_its_velocity():
    base = sciml.solve(Pendulum(), windows="auto", **LONG)
    problem = Pendulum(velocity=0.3, angle=0.9)
    tuned = base.finetune(problem, **LONG)
    assert apart(tuned, problem) < 1e-8
    for left, right in zip(tuned.trial.windows, tuned.trial.windows[1:], strict=False):
        t = torch.tensor([[left.span.high]], dtype=torch.float64)
        for one, other in zip(left.end(t, True), right.end(t, True), strict=True):
            assert one is not None and other is not None
        _, slope = torch.func.jvp(right, (t,), (torch.ones_like(t),))
        torch.testing.assert_close(slope, left.end(t, True)[1], rtol=0, atol=1e-10)


@pytest.mark.parametrize("adapter", ["auto", "full", LoRA(r=5), LoTRA(r=6)])
def test_heat_with_another_start(heat, adapter):
    problem = Heat(second=0.3, k=0.45)
    tuned = heat.finetune(problem, adapter, **LONG)
    assert tuned.error() < 3e-4
    assert heat.error() < 1e-4
    seams(tuned)
    assert tuned.outcome in ("converged", "stalled")


def test_steps_are_fewer_than_those_of_a_solve_anew(heat):
    problem = Heat(k=0.47)
    anew = sciml.solve(problem, windows=3, tol=1e-5, **LONG)
    tuned = heat.finetune(problem, tol=1e-5, **LONG)
    assert tuned.outcome == "converged"
    assert tuned.stats.steps < 0.7 * anew.stats.steps


@pytest.mark.parametrize("adapter", ["auto", LoRA(r=2), "head"])
def test_it_is_saved_and_loaded(predators, heat, adapter, tmp_path):
    for base, problem in ((predators, Predators(1.01)), (heat, Heat(second=0.1))):
        tuned = base.finetune(problem, adapter, max_steps=40, **LONG)
        tuned.save_adapter(tmp_path / "adapter.h5")
        tuned.save(tmp_path / "whole.h5")
        base.save(tmp_path / "base.h5")
        x = problem.sample(50, seed=4)
        x[:, 0] = x[:, 0] * tuned.trial.until / problem.domain.upper[0]
        same = sciml.load(tmp_path / "base.h5", base.problem)
        again = same.load_adapter(tmp_path / "adapter.h5", problem=problem)
        assert torch.equal(again(x), tuned(x))
        assert torch.equal(sciml.load(tmp_path / "whole.h5", problem)(x), tuned(x))
        assert again.stats.error_estimate == tuned.stats.error_estimate


def test_an_adapter_of_windows_belongs_to_its_base(predators, tmp_path):
    tuned = predators.finetune(Predators(1.01), **LONG)
    tuned.save_adapter(tmp_path / "adapter.h5")
    other = sciml.solve(Predators(), windows="auto", seed=1, **LONG)
    with pytest.raises(FileFormatError, match="another base"):
        other.load_adapter(tmp_path / "adapter.h5", problem=Predators(1.01))


def test_where_the_steps_run_out_the_answer_ends(heat, tmp_path):
    problem = Heat(second=0.5, k=0.4)
    tuned = heat.finetune(problem, max_steps=25, **LONG)
    count = len(tuned.trial.windows)
    assert tuned.outcome == "max_steps"
    assert count < 3
    assert tuned.trial.until == heat.trial.windows[count - 1].span.high
    assert any("solved until t" in note for note in tuned.stats.notes)
    with pytest.warns(UserWarning, match="outside the domain"):
        assert math.isnan(tuned([[0.49, 0.5]])[0, 0])
    tuned.save_adapter(tmp_path / "adapter.h5")
    heat.save(tmp_path / "base.h5")
    again = sciml.load(tmp_path / "base.h5", Heat()).load_adapter(tmp_path / "adapter.h5", problem=problem)
    assert again.trial.until == tuned.trial.until


def test_it_goes_on_from_an_adapter(heat):
    problem = Heat(second=0.2)
    near = heat.finetune(problem, tol=1e-5, **LONG)
    again = heat.finetune(problem, near.adapter, tol=1e-5, **LONG)
    assert again.stats.steps <= 3 * len(again.trial.windows)
    assert again.error() < 2e-4


def test_a_family_of_windows(predators, tmp_path):
    members = {"a": Predators(0.97), "b": Predators(1.02)}
    family = predators.finetune_family(members, folder=tmp_path, max_time=600)
    for name, problem in members.items():
        assert apart(family.solutions[name], problem) < 1e-8
    again = predators.finetune_family(members, folder=tmp_path, max_time=600)
    assert again.resumed == ["a", "b"]
    with pytest.raises(ArgumentError, match="whose base has no windows"):
        family.surrogate()


def test_a_worker_gets_the_base_whole(heat):
    from sciml.solvers.family import _shared, _unpacked

    x = heat.problem.sample(20)
    assert torch.equal(_unpacked(_shared(heat.base))(x), heat(x))


@pytest.mark.parametrize(
    ("adapter", "message"),
    [
        ("span", "adapter 'span' needs a base without windows"),
        (LoRA(r=4, rank_budget=6), "rank_budget needs a base without windows"),
        (LoTRA(rank_budget=6, rank_schedule="joint"), "rank_budget needs a base without windows"),
    ],
)
def test_what_cannot_be_meant_is_refused(predators, adapter, message):
    with pytest.raises(ArgumentError, match=message):
        predators.finetune(Predators(1.1), adapter, **LONG)
    with pytest.raises(ArgumentError, match=message):
        predators.add_adapter(adapter, "x")


def test_an_adapter_of_one_network_is_refused(predators):
    single = Adapter("full", predators.trial.windows[0].network)
    with pytest.raises(ArgumentError, match="adapter needs one of a solution in windows"):
        predators.finetune(Predators(1.1), single, **LONG)


def test_another_problem_has_a_start_and_the_same_time(predators):
    class Later(Predators):
        domain = sciml.TimeInterval(0, 9)

    with pytest.raises(ArgumentError, match="bounding box"):
        predators.finetune(Later(), **LONG)

    class Between(Heat):
        def __init__(self):
            self.k = 1.0
            self.conditions = (sciml.Dirichlet(0.0), sciml.Periodic("t"))

    base = sciml.solve(Heat(), windows=2, max_steps=4, **LONG)
    with pytest.raises(ArgumentError, match="periodic"):
        base.finetune(Between(), **LONG)


@pytest.mark.parametrize(
    "config", [Head(), Full(), LoRA(r=3), LoTRA(), LoRA(r=2, rank_pattern={"layers.2.weight": 1})]
)
def test_a_fresh_adapter_changes_nothing_in_any_window(heat, config):
    fresh = heat.add_adapter(config, f"{config.kind}{id(config)}")
    x = heat.problem.sample(40, seed=5)
    assert torch.equal(fresh(x), heat(x))
    one = Adapter(config, heat.trial.windows[0].network)
    whole = WindowsAdapter(spread(config, heat.network), heat.network)
    assert whole.size == 3 * one.size
    for k, window in enumerate(heat.trial.windows):
        part = whole.window(k, window.network)
        assert part.count() == Adapter(config, window.network).count()
        assert not any(bool(delta.any()) for delta in part.deltas().values())
        for name, factors in part.factors.items():
            for key, factor in factors.items():
                assert torch.equal(factor, whole.factors[f"{k}.{name}"][key])


def test_callbacks_and_metrics_see_every_window(predators):
    seen = []
    tuned = predators.finetune(
        Predators(1.02),
        callbacks=[lambda e: seen.append(e.trial.until)],
        metrics={"end": lambda u: u.until},
        **LONG,
    )
    assert seen == [w.span.high for w in tuned.trial.windows]
    assert [row["end"] for row in tuned.history if "end" in row] == seen
    stopped = predators.finetune(Predators(1.02), callbacks=[lambda e: True], **LONG)
    assert stopped.outcome == "interrupted"
    assert len(stopped.trial.windows) == 1
