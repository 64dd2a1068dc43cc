"""A solution with adapters: whichever is set, everything answers for the same one; a solve changes nobody's things."""

from __future__ import annotations

import math
import os
import signal
import threading

import numpy as np
import pytest
import torch

import sciml
from sciml import nn, pdes
from sciml.solvers.solution import Solution

X = np.array([[0.25, 0.5], [0.7, 0.1]])
QUICK = {"progress": False, "max_steps": 12}


def second(x):
    return 10 * torch.sin(2 * math.pi * x[:, :1]) * torch.sin(math.pi * x[:, 1:])


@pytest.fixture(scope="module")
def solution() -> Solution:
    solved = sciml.solve(pdes.Poisson(dim=2), nn.MLP([2, 8, 8, 1], "sine"), **QUICK)
    solved.finetune(pdes.Poisson(dim=2).with_source(second), "lora", name="second", **QUICK)
    return solved


def test_an_active_adapter_is_what_everything_speaks_of(solution, tmp_path):
    bare, tuned = solution(X), solution["second"]
    solution.set_adapter("second")
    try:
        assert np.array_equal(solution(X), tuned(X)) and not np.allclose(tuned(X), bare)
        assert solution.problem is tuned.problem and solution.history is tuned.history
        assert solution.stats is tuned.stats and solution.summary() == tuned.summary()
        assert np.array_equal(solution.residual(X), tuned.residual(X))
        assert np.array_equal(solution.field(X).laplacian(), tuned.field(X).laplacian())
        assert repr(tuned.problem) in repr(solution) and repr(tuned.problem) in solution._repr_html_()
        solution.save(tmp_path / "active.h5")
        again = sciml.load(tmp_path / "active.h5", problem=pdes.Poisson(dim=2).with_source(second))
        assert np.array_equal(again(X), solution(X))
        with solution.disable_adapter():
            assert np.array_equal(solution(X), bare)
        other = solution.finetune(
            pdes.Poisson(dim=2), "head", name="back", **QUICK
        )  # from the bare one all the same
        assert other.base is solution.base and np.array_equal(other.base(X), bare)
    finally:
        solution.active = None
        solution.delete_adapter("back")
    assert np.array_equal(solution(X), bare)


def test_deleting_the_active_adapter_leaves_the_bare_solution(solution):
    bare = solution(X)
    solution.add_adapter("lora", "idle")
    solution.set_adapter("idle")
    solution.delete_adapter("idle")
    assert solution.active is None and np.array_equal(solution(X), bare)


def test_a_merged_solution_stands_alone(solution):
    tuned = solution["second"]
    merged = tuned.merge_and_unload()
    before = merged(X)
    with torch.no_grad():
        for factor in tuned.adapter.parameters():
            factor.zero_()
    assert np.array_equal(merged(X), before) and isinstance(merged, Solution)
    merged.stats.notes.append("mine")
    assert "mine" not in solution.stats.notes


class Load(sciml.PDE):
    domain = sciml.Interval(0, 1)
    conditions = (sciml.Dirichlet(0.0),)

    def __init__(self, c: float):
        self.c = c

    def residual(self, u, x):
        return -u.d("x", "x") - self.c


def test_one_network_for_a_sweep_gives_a_solution_each():
    network = nn.MLP([1, 8, 8, 1], "sine")
    before = torch.nn.utils.parameters_to_vector(network.parameters()).clone()
    found = [sciml.solve(Load(c), network, tol=1e-6, **QUICK) for c in (1.0, 2.0, 8.0)]
    assert [s([[0.5]])[0, 0] for s in found] == pytest.approx([0.125, 0.25, 1.0], rel=1e-4)
    assert torch.equal(torch.nn.utils.parameters_to_vector(network.parameters()), before)


def test_a_base_used_as_a_start_stays_as_it_is():
    base = sciml.solve(Load(1.0), **QUICK)
    before = base([[0.3]])
    sciml.solve(Load(3.0), base.network, **QUICK)
    assert np.array_equal(base([[0.3]]), before)


def test_a_float32_solve_does_not_change_the_callers_network():
    network = nn.MLP([1, 5, 1])
    solved = sciml.solve(Load(1.0), network, dtype=torch.float32, **QUICK)
    assert next(network.parameters()).dtype == torch.float64
    assert next(solved.network.parameters()).dtype == torch.float32


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_the_callers_grad_mode_changes_nothing(mode):
    plain = sciml.solve(Load(1.0), nn.KAN([1, 4, 1]), **QUICK)
    with mode():
        inside = sciml.solve(Load(1.0), nn.KAN([1, 4, 1]), **QUICK)
        tuned = inside.finetune(Load(2.0), "full", **QUICK)
    assert np.array_equal(plain(X[:, 0]), inside(X[:, 0])) and tuned.stats.steps


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_the_global_default_dtype_changes_nothing(dtype):
    plain = sciml.solve(Load(1.0), **QUICK)
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        other = sciml.solve(Load(1.0), **QUICK)
    finally:
        torch.set_default_dtype(before)
    assert np.array_equal(plain(X[:, 0]), other(X[:, 0]))


def press_ctrl_c_after(seconds: float) -> threading.Timer:
    timer = threading.Timer(seconds, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    return timer


@pytest.mark.usefixtures("ctrl_c_raises")
@pytest.mark.parametrize("seconds", [0.0, 0.003, 0.02, 0.1, 0.37])
def test_ctrl_c_at_any_moment_keeps_what_there_is(seconds, tmp_path):
    before = signal.getsignal(signal.SIGINT)
    timers = []

    class Slow(Load):
        def residual(self, u, x):
            if not timers:  # the first time anything is asked of the problem
                timers.append(press_ctrl_c_after(seconds))
            return super().residual(u, x)

    file = tmp_path / "run.h5"
    solved = sciml.solve(Slow(1.0), tol=0.0, max_time=30, progress=False, checkpoint=file, every=0.0)
    timers[0].join()
    assert solved.outcome in ("interrupted", "stalled") and np.isfinite(solved([[0.5]])).all()
    assert signal.getsignal(signal.SIGINT) is before
    if solved.outcome == "interrupted":
        go_on = sciml.solve(Slow(1.0), tol=1e-6, progress=False, max_steps=60, resume=file)
        assert go_on([[0.5]])[0, 0] == pytest.approx(0.125, rel=1e-3)


def test_a_handler_of_the_program_is_left_alone():
    def mine(number, frame):
        raise AssertionError("not called here")

    before = signal.signal(signal.SIGINT, mine)
    seen = []
    try:
        sciml.solve(
            Load(1.0),
            max_steps=2,
            progress=False,
            callbacks=[lambda event: seen.append(signal.getsignal(signal.SIGINT))],
        )
        assert signal.getsignal(signal.SIGINT) is mine
    finally:
        signal.signal(signal.SIGINT, before)
    assert set(seen) == {mine}


def test_a_solve_in_a_thread_works():
    found = []
    worker = threading.Thread(
        target=lambda: found.append(sciml.solve(Load(1.0), max_steps=3, progress=False))
    )
    worker.start()
    worker.join()
    assert found[0].stats.steps == 3
