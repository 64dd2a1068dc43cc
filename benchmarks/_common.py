"""What every benchmark prints, the machine first, then one record a line; and how it measures."""

from __future__ import annotations

import json
import math
import os
import platform
import statistics
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

Name = TypeVar("Name", bound=Hashable)


def machine() -> dict[str, object]:
    """The first record of every run: processor, cores, system and versions."""
    import numpy
    import torch

    info = Path("/proc/cpuinfo").read_text() if os.path.exists("/proc/cpuinfo") else ""
    names = [line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")]
    return {
        "record": "machine",
        "cpu": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "torch": torch.__version__,
    }


def one_thread() -> None:
    """One thread for torch and for the BLAS libraries of NumPy and SciPy, until the process ends."""
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    threadpool_limits(1)


def show(record: dict[str, object], as_json: bool) -> None:
    """One line for one record."""
    line = json.dumps(record) if as_json else "  ".join(f"{key} {value}" for key, value in record.items())
    print(line, flush=True)


def time_side_by_side(
    calls: dict[Name, Callable[[], object]], rounds: int = 15, seconds: float = 20.0
) -> dict[Name, dict[str, float]]:
    """Milliseconds of each call: CPU time (median and best) and wall time (best).

    The calls take turns, so that a busy neighbour slows all of them. A turn of a short call is a few runs on end, the
    first of them untimed, so that it finds the caches as its own last run left them, as in training. A call that has
    used up its share of ``seconds`` drops out after three turns, one that uses it up in a single turn after two.
    """
    cpu: dict[Name, list[float]] = {name: [] for name in calls}
    wall: dict[Name, list[float]] = {name: [] for name in calls}
    runs = {}
    for name, call in calls.items():
        call()  # imports, compiles, allocates
        started = time.perf_counter()
        call()
        took = time.perf_counter() - started
        runs[name] = min(6, max(2, int(0.2 / took))) if took < 0.6 else 1
    for turn in range(rounds):
        for name, call in calls.items():
            share = 1e3 * seconds / len(calls)
            if turn >= 2 and sum(wall[name]) > (share if turn > 2 else 2 * share):
                continue
            for run in range(runs[name]):
                started, used = time.perf_counter(), time.process_time()
                call()
                if run or runs[name] == 1:
                    cpu[name].append(1e3 * (time.process_time() - used))
                    wall[name].append(1e3 * (time.perf_counter() - started))
    return {
        name: {
            "ms": round(statistics.median(cpu[name]), 3),
            "ms_best": round(min(cpu[name]), 3),
            "wall_ms_best": round(min(wall[name]), 3),
        }
        for name in calls
    }


def peak_megabytes(call: Callable[[], object]) -> float:
    """Peak resident memory of a call above what was resident before it, in MB. Linux only."""
    status = Path("/proc/self/status")

    def field(name: str) -> float:
        line = next(line for line in status.read_text().splitlines() if line.startswith(name))
        return int(line.split()[1]) / 1e3

    before = field("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
    call()
    return round(field("VmHWM") - before, 1)


def median_seconds(runs: Sequence[Mapping[str, Any]], marks: Sequence[float]) -> dict[str, float | None]:
    """Median seconds to each mark over runs with ``reached = {mark: (seconds, step)}``.

    A run that never got there counts as infinite; an infinite median is None.
    """
    out: dict[str, float | None] = {}
    for mark in marks:
        name = f"{mark:.0e}"
        seconds = statistics.median(run["reached"].get(name, (math.inf, 0))[0] for run in runs)
        out[name] = seconds if math.isfinite(seconds) else None
    return out
