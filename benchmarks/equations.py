"""Equations that people ask about: CPU time of a default solve to each error, beside what is asked of it.

    python -m benchmarks.equations --json [--only kdv,beam] [--longer 1.5] [--seed 0]

A solve runs on one thread until it ends by itself or has used the time of its last bar (``--longer`` times it). The error is
measured at every look, against a closed form or an independent reference, outside the time that counts. ``reached`` holds
the CPU-seconds and steps to each error. A bar is met where its error was reached in its time.
"""

from __future__ import annotations

import argparse

from benchmarks._common import machine, one_thread, show
from benchmarks.rows import conditions, higher_order
from benchmarks.rows.measure import measure

CASES = (*higher_order.CASES, *conditions.CASES)


def main() -> None:
    """A record a case."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="JSON lines")
    parser.add_argument(
        "--only", default="", help="parts of names, with commas between them; all unless given"
    )
    parser.add_argument(
        "--longer", type=float, default=1.0, help="times the last bar's seconds that a solve may use"
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    one_thread()
    show(machine(), options.json)
    wanted = [part for part in options.only.split(",") if part]
    for case in CASES:
        if not wanted or any(part in case.name for part in wanted):
            record = {"record": "equation", **measure(case, options.seed, options.longer)}
            show(record, options.json)


if __name__ == "__main__":
    main()
