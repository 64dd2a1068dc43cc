"""A thousand members of Burgers' family after one solve: how many are solved, how long it takes, what estimates are worth.

    python -m benchmarks.family --json [--members 1000] [--accuracy 1e-4] [--seeds 1]

Viscosities are even between 0.0075/pi and 0.022/pi; the base is the usual benchmark, 0.01/pi. A record for the base, one
for the family (CPU seconds of one thread, members solved, largest estimate), one for the true errors of every tenth member,
one for the surrogate at viscosities that are no members. Errors are not part of the seconds.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
import warnings

import torch

import sciml
from benchmarks._common import machine, one_thread, show
from sciml import nn, pdes

LOW, HIGH = 0.0075, 0.022  # times pi
BASE = 0.01
EVERY = 10  # members between two whose true error is measured
SURROGATE = (0.00777, 0.0111, 0.0155, 0.0201)


def main() -> None:
    """One record a line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="JSON lines")
    parser.add_argument("--members", type=int, default=1000)
    parser.add_argument("--accuracy", type=float, default=1e-4)
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    one_thread()
    show(machine(), options.json)
    for seed in range(options.seeds):
        run(seed, options.members, options.accuracy, options.json)


def run(seed: int, count: int, accuracy: float, as_json: bool) -> None:
    """The base, the family and the surrogate of one seed."""
    began = time.process_time()
    model = nn.MLP([2, 20, 20, 20, 1], "tanh", seed=seed)
    base = sciml.solve(
        pdes.Burgers(BASE / math.pi),
        model,
        accuracy=1e-6,
        max_steps=260,
        max_time=1e5,
        seed=seed,
        progress=False,
    )
    used = round(time.process_time() - began, 2)
    show({"record": "base", "seed": seed, "error": base.error(), "cpu_seconds": used}, as_json)
    step = (HIGH - LOW) / max(count - 1, 1)
    members = pdes.Burgers().family(nu=[(LOW + k * step) / math.pi for k in range(count)])
    began = time.process_time()
    found = base.finetune_family(members, accuracy=accuracy, max_time=1e5, max_steps=80, seed=seed)
    used = time.process_time() - began
    spans = [name for name in found.solutions if name not in found.solved]
    estimates = [tuned.stats.error_estimate or math.inf for tuned in found.solutions.values()]
    solving = sum(found.solutions[name].stats.seconds or 0.0 for name in found.solved)
    show(
        {
            "record": "family",
            "seed": seed,
            "members": count,
            "cpu_seconds": round(used, 2),
            "solved": [round(members[name].nu * math.pi, 6) for name in found.solved],  # type: ignore[attr-defined]
            "wall_seconds_solving": round(solving, 2),
            "span_ms": round(
                1e3 * statistics.median(found.solutions[n].stats.seconds or 0.0 for n in spans), 2
            ),
            "worst_estimate": max(estimates),
        },
        as_json,
    )
    looked = [name for k, name in enumerate(found.solutions) if k % EVERY == 0]
    errors = {name: found.solutions[name].error() for name in looked}
    ratios = [(found.solutions[n].stats.error_estimate or math.nan) / errors[n] for n in looked]
    worst = max(errors, key=lambda name: errors[name])
    show(
        {
            "record": "errors",
            "seed": seed,
            "looked_at": len(looked),
            "worst_error": errors[worst],
            "at": round(members[worst].nu * math.pi, 6),  # type: ignore[attr-defined]
            "median_error": statistics.median(errors.values()),
            "estimate_over_error": [
                round(min(ratios), 2),
                round(statistics.median(ratios), 2),
                round(max(ratios), 2),
            ],
        },
        as_json,
    )
    surrogate, x = found.surrogate(), torch.rand(1000, 2, dtype=torch.float64)
    for nu in SURROGATE:
        began = time.process_time()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            surrogate(x, nu=nu / math.pi)
        used = round(1e3 * (time.process_time() - began), 1)
        answer = surrogate.at(nu=nu / math.pi)
        told = answer.stats.error_estimate
        record = {"record": "surrogate", "seed": seed, "nu_pi": nu, "cpu_ms": used, "error": answer.error()}
        show({**record, "estimate": told, "warned": bool(caught)}, as_json)


if __name__ == "__main__":
    main()
