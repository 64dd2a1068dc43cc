"""What polishing gains: every catalogue problem after a short and a longer solve, before and after.

    python -m benchmarks.polish --json [--only poisson] [--seed 0]

The true relative L2 error and the estimated one before and after ``solution.polish()``, how many times smaller the true one
became, and the CPU seconds of the polish beside those of the solve.
"""

from __future__ import annotations

import argparse
import time

import sciml
from benchmarks._common import machine, one_thread, show
from sciml import pdes

STEPS = (20, 60)
SECONDS = 10.0


def main() -> None:
    """Print one record a line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--only", nargs="*", default=None, help="names of the catalogue")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    one_thread()
    show(machine(), options.json)
    for name in options.only or pdes.names():
        problem = pdes.build(name)
        for steps in STEPS:
            began = time.process_time()
            rough = sciml.solve(
                problem, max_steps=steps, max_time=SECONDS, tol=0.0, seed=options.seed, progress=False
            )
            solved = time.process_time()
            fine = rough.polish()
            took = time.process_time() - solved
            gained = fine.stats.polished is not None
            record: dict[str, object] = {
                "record": "polish",
                "problem": name,
                "steps": rough.stats.steps,
                "error": rough.error() if rough.has_answer else None,
                "estimate": rough.stats.error_estimate,
                "polished": gained,
                "reason": None if gained else fine.stats.notes[-1],
                "seconds": round(solved - began, 2),
                "polish_seconds": round(took, 2),
            }
            if gained:
                record |= {"error_after": fine.error(), "estimate_after": fine.stats.error_estimate}
                record["times_less"] = rough.error() / fine.error()
            show(record, options.json)


if __name__ == "__main__":
    main()
