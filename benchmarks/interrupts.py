"""Ctrl-C and ``kill -9`` at random moments of a solve: is what is left whole?

    python -m benchmarks.interrupts --json [--interrupts 200] [--kills 60] [--seed 0]

Ctrl-C has to end in a solution: the look with the lowest held-out residual, to the last digit, and a checkpoint from which
the run goes on along the same steps: to the residual of one that nobody broke off, or to a lower one that was looked at only
because of the break. A process that is killed has to leave such a checkpoint. A moment after the last step ends nothing and
counts as ``finished``.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import signal
import tempfile
import threading
import time
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import sciml
from benchmarks._common import machine, one_thread, show
from sciml import nn, pdes

STEPS = 40
SAME = 1e-12  # relative: one state evaluated twice
ENDED = ("max_steps", "stalled")


class Watched(pdes.Poisson):
    """Poisson's equation that tells when it is first asked for its residual."""

    def residual(self, u: Any, x: Any) -> Any:
        """That of the catalogue."""
        first = vars(self).pop("_first", None)
        if first is not None:
            first()
        return super().residual(u, x)


def solve(first: Any = None, **more: Any) -> sciml.Solution:
    """A small solve of a fixed number of steps."""
    problem = Watched(dim=1)
    if first is not None:
        object.__setattr__(problem, "_first", first)
    options = {"points": 60, "tol": 0.0, "max_steps": STEPS, "max_time": 60, "progress": False, "every": 0.0}
    return sciml.solve(problem, nn.MLP([1, 8, 8, 1], "sine"), **{**options, **more})


@dataclass
class Whole:
    """The run that nobody breaks off."""

    seconds: float
    held_out: dict[int, float]

    @classmethod
    def make(cls, folder: Path) -> Whole:
        solve()  # everything is imported
        start = time.perf_counter()
        solution = solve(checkpoint=folder / "whole.h5")
        return cls(time.perf_counter() - start, _looks(solution))

    def goes_on(self, file: Path) -> bool:
        """Whether a checkpoint leads along the same steps to their end."""
        solution = solve(resume=file)
        looks = _looks(solution)
        return is_best(solution) and all(looks.get(step) == held for step, held in self.held_out.items())


def _looks(solution: sciml.Solution) -> dict[int, float]:
    """Held-out loss by step."""
    return {int(row["step"]): row["held_out"] for row in solution.history}


def is_best(solution: sciml.Solution) -> bool:
    """Whether a solution is its history's look with the lowest held-out residual."""
    best = min(solution.history, key=lambda row: row["held_out"])
    return abs(solution.error() - best["error"]) <= SAME * best["error"]


def interrupts(whole: Whole, folder: Path, count: int, moments: random.Random) -> dict[str, Any]:
    """Press Ctrl-C at random moments of solves; what is left of each."""
    found = {"record": "interrupts", "interrupts": count, "finished": 0, "lost": 0, "torn": 0, "broken": 0}
    for k in range(count):
        file, moment = folder / f"run{k}.h5", moments.uniform(0, whole.seconds)
        timer = threading.Timer(moment, os.kill, (os.getpid(), signal.SIGINT))
        solution = None
        try:
            solution = solve(timer.start, checkpoint=file)
            timer.cancel()
            timer.join()
        except KeyboardInterrupt:
            if solution is None:  # else it came after the solve
                found["lost"] += 1
                traceback.print_exc()
                continue
        finished = solution.outcome in ENDED
        found["finished"] += finished
        found["torn"] += not is_best(solution)
        found["broken"] += not (finished or whole.goes_on(file))
        file.unlink()
    return {**found, "met": not (found["lost"] or found["torn"] or found["broken"])}


def _child(file: str, pipe: Connection) -> None:
    solve(checkpoint=file, callbacks=[lambda event: pipe.send(event.step)])
    pipe.send("finished")


def kills(whole: Whole, folder: Path, count: int, moments: random.Random) -> dict[str, Any]:
    """Kill processes that solve, and go on from their checkpoints."""
    found = {"record": "kills", "kills": count, "finished": 0, "broken": 0}
    context = multiprocessing.get_context("fork")
    for k in range(count):
        file = folder / f"killed{k}.h5"
        receive, send = context.Pipe(duplex=False)
        process = context.Process(target=_child, args=(str(file), send))
        process.start()
        send.close()
        receive.recv()  # the first checkpoint is there
        time.sleep(moments.uniform(0, whole.seconds))
        process.kill()
        process.join()
        told = []
        try:
            while True:
                told.append(receive.recv())
        except EOFError:
            pass
        found["finished"] += told[-1:] == ["finished"]
        found["broken"] += not whole.goes_on(file)
        file.unlink()
    return {**found, "met": not found["broken"]}


def main() -> None:
    """One record for each way to end a solve."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="JSON lines")
    parser.add_argument("--interrupts", type=int, default=200)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    options = parser.parse_args()
    one_thread()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job of a shell ignores it
    show(machine(), options.json)
    with tempfile.TemporaryDirectory() as name:
        folder, moments = Path(name), random.Random(options.seed)
        whole = Whole.make(folder)
        show(
            {**interrupts(whole, folder, options.interrupts, moments), "solve_s": round(whole.seconds, 2)},
            options.json,
        )
        show(kills(whole, folder, options.kills, moments), options.json)


if __name__ == "__main__":
    main()
