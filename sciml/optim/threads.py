"""How many threads small systems get: one.

The matrices of a step have some hundred rows. Threads bring nothing at that size, and on a machine whose cores
are busy those of a BLAS library wait for each other by spinning, which costs far more than they save.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits

SERIAL = 1500  # unknowns of a dense system up to which one thread is taken
CHOICE = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")  # where these are set, somebody has decided


@contextmanager
def few_threads(unknowns: int, *, torch_too: bool = False) -> Iterator[None]:
    """One thread for the BLAS libraries of NumPy and SciPy, and for torch with ``torch_too``, inside a with-block.

    Nothing changes for more than ``SERIAL`` unknowns, or where the environment sets a number of threads. What was
    set before is restored at the end, however the block ends.
    """
    if unknowns > SERIAL or any(name in os.environ for name in CHOICE):
        yield
        return
    threads = torch.get_num_threads()
    try:
        with threadpool_limits(1, user_api="blas"):
            if torch_too:
                torch.set_num_threads(1)
            yield
    finally:
        if torch_too:
            torch.set_num_threads(threads)
