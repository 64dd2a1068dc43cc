"""Corners, layers, holes and real geometry: errors of default solves beside their bars and estimates, on and off.

    python -m benchmarks.geometry --json [--only slit,L-shape] [--seeds 0,1,2] [--without] [--longer 1.0]

A solve runs on one thread until it ends by itself or has used the CPU time of its last bar. The error is relative L2 unless
the case says otherwise, against a closed form or an independent reference. ``without``: what the row is about is
switched off. A case of another theme goes into a file of ``benchmarks/rows`` and into ``CASES``.
"""

from __future__ import annotations

import argparse

from benchmarks._common import machine, one_thread, show
from benchmarks.rows import corners
from benchmarks.rows.measure import measure

CASES = (*corners.CASES,)


def main() -> None:
    """A record a case, a seed and a switch."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="JSON lines")
    parser.add_argument(
        "--only", default="", help="parts of names, with commas between them; all unless given"
    )
    parser.add_argument("--seeds", default="0,1,2", help="with commas between them")
    parser.add_argument("--without", action="store_true", help="switched off, where there is a switch")
    parser.add_argument(
        "--longer", type=float, default=1.0, help="times the last bar's seconds that a solve may use"
    )
    options = parser.parse_args()
    one_thread()
    show(machine(), options.json)
    wanted = [part for part in options.only.split(",") if part]
    for case in CASES:
        if wanted and not any(part in case.name for part in wanted):
            continue
        if options.without and case.without is None:
            continue
        for seed in map(int, options.seeds.split(",")):
            found = measure(case, seed, options.longer, options.without)
            own = {"record": "geometry", "without": options.without}
            show({**own, **found, "reference": case.reference, "floor": case.floor}, options.json)


if __name__ == "__main__":
    main()
