"""Small systems get one thread, and whatever was set before comes back."""

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

import sciml
from sciml import pdes
from sciml.optim.threads import CHOICE, SERIAL, few_threads

np.ones((2, 2)) @ np.ones((2, 2))  # NumPy's BLAS is loaded


def counts():
    blas = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    assert blas
    return torch.get_num_threads(), blas


@pytest.fixture
def two_threads(monkeypatch):
    """Two threads everywhere, and nothing decided in the environment."""
    for name in CHOICE:
        monkeypatch.delenv(name, raising=False)
    before = torch.get_num_threads()
    with threadpool_limits(2, user_api="blas"):
        torch.set_num_threads(2)
        blas = counts()[1]
        if set(blas) != {2}:
            torch.set_num_threads(before)
            pytest.skip("BLAS was started with one thread and takes no more")
        yield
    torch.set_num_threads(before)


def test_small_systems_get_one_thread_and_give_back_what_was_set(two_threads):
    before = counts()
    with few_threads(SERIAL, torch_too=True):
        assert counts() == (1, [1] * len(before[1]))
    assert counts() == before
    with few_threads(SERIAL):
        assert counts() == (2, [1] * len(before[1]))
    assert counts() == before


def test_a_block_that_fails_gives_back_what_was_set(two_threads):
    before = counts()
    with pytest.raises(KeyboardInterrupt), few_threads(10, torch_too=True):
        raise KeyboardInterrupt
    assert counts() == before


def test_large_systems_keep_their_threads(two_threads):
    before = counts()
    with few_threads(SERIAL + 1, torch_too=True):
        assert counts() == before


def test_a_number_in_the_environment_decides(two_threads, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    before = counts()
    with few_threads(10, torch_too=True):
        assert counts() == before


def test_a_solve_says_how_many_threads_it_took(two_threads):
    before = counts()
    seen = []
    solution = sciml.solve(
        pdes.Poisson(2), max_steps=2, progress=False, callbacks=[lambda event: seen.append(counts())]
    )
    assert solution.stats["threads"] == 1
    assert seen and all(found == (1, [1] * len(before[1])) for found in seen)
    assert counts() == before
