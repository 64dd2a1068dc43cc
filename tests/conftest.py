"""What every test shares: one thread a process, a drawing back end without a screen, repeatable examples."""

from __future__ import annotations

import os
import signal

# Before torch is imported: test tensors are small, and the threads of several workers would fight for cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import pytest
from hypothesis import settings

settings.register_profile("sciml", derandomize=True, deadline=None)
settings.load_profile("sciml")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if not marked:
        return
    import torch

    if not torch.cuda.is_available():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


@pytest.fixture
def ctrl_c_raises():
    """Python's own handler of Ctrl-C, which a process that a shell started in the background does not have."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
