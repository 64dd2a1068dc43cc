"""Solves side by side: CPU seconds to relative L2 errors of 1e-1 to 1e-6, or the best error within a limit, on one core.

    python -m benchmarks.peers --json [--seconds 120] [--seeds 0] [--only poisson,burgers] [--libraries sciml,DeepXDE]

Each library solves with the network, points and optimisers of its own documentation (``SETTINGS`` of each module here), in a
process of its own, on one core. Set-up and compiling count; imports, and looks at the error, do not. The error is measured
against an answer that no library has made. What a library documents as a fixed number of steps goes on with its last
optimiser until the time is over. A problem for which a library documents nothing of the kind has no row.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
from typing import Any

from benchmarks._common import machine, one_thread, show
from benchmarks.peers.libraries import LIBRARIES, check_installed
from benchmarks.peers.problems import PROBLEMS
from benchmarks.peers.watch import TimeIsOver, Watch


def main() -> None:
    """A record a solve; or one solve, in a process of its own."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="JSON lines")
    parser.add_argument("--seconds", type=float, default=120.0, help="CPU seconds a solve")
    parser.add_argument("--seeds", default="0", help="with commas between them")
    parser.add_argument("--only", default=",".join(PROBLEMS), help="problems, with commas between them")
    parser.add_argument("--libraries", default=",".join(LIBRARIES), help="with commas between them")
    parser.add_argument("--one", nargs=3, metavar=("LIBRARY", "PROBLEM", "SEED"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        library, problem, seed = options.one
        print(json.dumps(one(library, problem, int(seed), options.seconds)))
        return
    libraries, problems = options.libraries.split(","), options.only.split(",")
    try:
        check_installed(libraries)
        if strange := [name for name in problems if name not in PROBLEMS]:
            raise ValueError(f"only needs names among {', '.join(PROBLEMS)}, got {', '.join(strange)}.")
    except ValueError as error:
        parser.error(str(error))
    show(machine(), options.json)
    for problem in problems:
        for seed in options.seeds.split(","):
            for library in libraries:
                if (record := apart(library, problem, seed, options.seconds)) is not None:
                    show(record, options.json)


def apart(library: str, problem: str, seed: str, seconds: float) -> dict[str, Any] | None:
    """The record of a solve in a new process; None where the library documents no settings."""
    command = [sys.executable, "-m", "benchmarks.peers", "--seconds", str(seconds)]
    done = subprocess.run(
        [*command, "--one", library, problem, seed],
        stdout=subprocess.PIPE,
        text=True,
        env=_alone(),
        check=True,
    )
    return json.loads(done.stdout)


def one(library: str, problem: str, seed: int, seconds: float) -> dict[str, Any] | None:
    """One solve on one core."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    one_thread()
    with contextlib.redirect_stdout(sys.stderr):
        chosen = LIBRARIES[library]
        solver = chosen.solver()
        if problem not in solver.SETTINGS:
            return None
        watch = Watch(problem, seconds)
        ended = "by itself"
        try:
            solver.solve(problem, seed, watch)
        except TimeIsOver:
            ended = "out of time"
    return {
        "record": "solve",
        "library": library,
        "version": chosen.version(),
        "problem": problem,
        "seed": seed,
        "limit": seconds,
        "ended": ended,
        **watch.record(),
        "settings": solver.SETTINGS[problem].words,
        "source": solver.SETTINGS[problem].source,
        "reference": PROBLEMS[problem].reference,
    }


def _alone() -> dict[str, str]:
    threads = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    return {**os.environ, **dict.fromkeys(threads, "1"), "JAX_PLATFORMS": "cpu", "DDE_BACKEND": "pytorch"}


if __name__ == "__main__":
    main()
