"""One solve by several processes: seconds of a Gauss-Newton step against those of one process.

``python -m benchmarks.processes --json``. Each process has one thread. A row is the mean of a fixed number of steps from the
same start; set-up is not counted. The limit is what the machine itself allows: the same processes at the same time, each
with its share of the points and nothing to send.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import torch.distributed as dist

import sciml
from benchmarks._common import machine
from sciml import nn, pdes

WIDTHS = [2, 20, 20, 20, 1]  # 921 numbers
STEPS = 6
POINTS = (10_000, 100_000)


def solve_once(points: int, group=None) -> dict:
    """Seconds a step, and the loss that was reached."""
    solution = sciml.solve(
        pdes.Burgers(),
        nn.MLP(WIDTHS, "tanh", seed=0),
        optimizer="gn-arc",
        points=points,
        max_steps=STEPS,
        max_time=500.0,
        tol=0.0,
        progress=False,
        process_group=group,
    )
    rows = [(row["step"], row["seconds"]) for row in solution.history]
    (first, began), (last, ended) = rows[0], rows[-1]
    return {"seconds": (ended - began) / max(1, last - first), "loss": solution.history[-1]["loss"]}


def main() -> None:
    """Start the processes, or be one of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one record a line")
    parser.add_argument("--quick", action="store_true", help="the smaller number of points alone")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--apart", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--member", nargs=3, metavar=("FILE", "RANK", "POINTS"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.member:
        member(*args.member, size=args.processes, shared=args.processes > 1 and not args.apart)
        return
    if args.json:
        print(json.dumps(machine()))
    for points in POINTS[:1] if args.quick else POINTS:
        alone = together(points, 1)
        shared = together(points, args.processes)
        apart = together(points // args.processes, args.processes, shared=False)
        row = {
            "record": "step",
            "points": points,
            "parameters": 921,
            "processes": args.processes,
            "seconds_alone": alone["seconds"],
            "seconds_shared": shared["seconds"],
            "ratio": alone["seconds"] / shared["seconds"],
            "limit": alone["seconds"] / apart["seconds"],
            "loss_alone": alone["loss"],
            "loss_shared": shared["loss"],
        }
        print(json.dumps(row) if args.json else row, flush=True)


def together(points: int, size: int, shared: bool = True) -> dict:
    """The record of the first process; each solves for itself where nothing is shared."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "meet"
        command = [sys.executable, "-m", "benchmarks.processes", "--processes", str(size)]
        command += [] if shared else ["--apart"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        started = [
            subprocess.Popen(
                [*command, "--member", str(file), str(k), str(points)],
                env=environment,
                stdout=subprocess.PIPE,
                text=True,
            )
            for k in range(size)
        ]
        texts = [process.communicate()[0] for process in started]
    return json.loads(texts[0])


def member(file: str, rank: str, points: str, size: int, shared: bool) -> None:
    """One process; the first one prints its record."""
    dist.init_process_group("gloo", init_method=f"file://{file}", rank=int(rank), world_size=size)
    found = solve_once(int(points), dist.group.WORLD if shared else None)
    if rank == "0":
        print(json.dumps(found))
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
