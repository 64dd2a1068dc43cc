"""Memory that is kept between steps, and the threads that use it."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest
import torch

from sciml.kernels.cpu import memory
from sciml.kernels.cpu.memory import Layout, Workspace
from sciml.kernels.cpu.network import run_parts

DOUBLE = np.dtype(np.float64)


def test_arrays_lie_apart_and_aligned():
    layout = Layout({"a": (3, 5), "b": (7,), "c": (1, 2, 3)}, DOUBLE)
    space = Workspace(layout)
    arrays = {name: space.array(name) for name in "abc"}
    for number, (name, array) in enumerate(arrays.items()):
        assert array.shape == layout.shapes[name]
        assert array.ctypes.data == space.address(name)
        assert space.address(name) % 64 == 0
        array[:] = number
    assert all((array == number).all() for number, array in enumerate(arrays.values()))
    space.flat("b")[:] = 9
    assert (arrays["a"] == 0).all() and (arrays["b"] == 9).all() and (arrays["c"] == 9).all()
    space.flat("a", "c")[:] = 4
    assert (arrays["a"] == 4).all() and (arrays["c"] == 9).all()


def test_idle_memory_is_used_again_and_bounded():
    quarter = Layout({"a": (memory.KEEP // 32,)}, DOUBLE)  # never touched, so it costs addresses alone
    spaces = [Workspace(quarter) for _ in range(9)]
    starts = {space.start for space in spaces}
    del spaces
    idle = sum(block.size for block in memory._idle)
    assert memory.KEEP / 2 < idle <= memory.KEEP
    assert Workspace(quarter).start in starts
    memory._idle.clear()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_threads_after_a_fork():
    def parts() -> int:
        seen = []
        run_parts(seen.append, 50)
        return len(seen)

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        # all threads of the pool are there before the fork: a child that took it over would start none of its own
        together = threading.Barrier(3, timeout=60)
        run_parts(lambda part: together.wait(), 3)
        child = os.fork()
        if child == 0:
            threading.Timer(20, os._exit, (1,)).start()
            os._exit(0 if parts() == 50 else 2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        torch.set_num_threads(before)
