"""The next member of a family: a span of those that are solved, the road of a fine-tuning, and solving anew.

    python -m benchmarks.spans --json [--only burgers] [--seed 0]

Each case has a base, members that are solved, and new ones inside and outside their range. For each new member: the span
(CPU seconds with set-up, its error, the best error of any weights, that of the nearest solved member), ``adapter="auto"``
and ``sciml.solve`` with the same network, both asked for the same estimated error and with their own estimates included.
One thread, one seed.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

import sciml
from benchmarks._common import machine, one_thread, show
from sciml import nn, pdes

STEPS = {"base": 260, "member": 60, "new": 200}
TEST, TEST_SEED = 4000, 987_654


@dataclass(frozen=True)
class Case:
    """A family with one parameter."""

    name: str
    problem: Callable[[float], Any]
    model: Callable[[int], Any]
    base: float
    members: tuple[float, ...]
    inside: tuple[float, ...]
    outside: tuple[float, ...]
    accuracy: float


def waves(b: float) -> Any:
    """Poisson's equation with a second wave of size ``b``: a linear equation."""

    def wave(x: torch.Tensor, p: int) -> torch.Tensor:
        return torch.sin(p * math.pi * x[:, :1]) * torch.sin(math.pi * x[:, 1:])

    return pdes.Poisson(2).with_source(
        lambda x: math.pi**2 * (2 * wave(x, 1) + 17 * b * wave(x, 4)),
        exact=lambda x: wave(x, 1) + b * wave(x, 4),
    )


CASES = [
    Case(
        "burgers",
        lambda v: pdes.Burgers(v / math.pi),
        lambda seed: nn.MLP([2, 20, 20, 20, 1], "tanh", seed=seed),
        0.01,
        (0.0075, 0.013, 0.017, 0.022),
        (0.0085, 0.0115, 0.015, 0.02),
        (0.006, 0.03),
        1e-4,
    ),
    Case(
        "burgers-kan",
        lambda v: pdes.Burgers(v),
        lambda seed: nn.KAN([2, 6, 6, 1], grid=6, degree=4, seed=seed),
        0.05,
        (0.04, 0.07, 0.1),
        (0.045, 0.06, 0.085),
        (0.15,),
        1e-3,
    ),
    Case(
        "poisson",
        waves,
        lambda seed: nn.MLP([2, 20, 20, 1], "sine", seed=seed),
        0.0,
        (1.0,),
        (0.3, -2.0),
        (),
        1e-5,
    ),
]


def cpu(call: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds and the result."""
    began = time.process_time()
    found = call()
    return round(time.process_time() - began, 3), found


def best_error(base: Any, names: list[str], problem: Any) -> float:
    """The error of the best weights of all, found from the answer itself."""
    known = None if problem.has_exact else problem.reference()
    x = problem.sample(TEST, seed=TEST_SEED) if known is None else known.points
    answer = problem.exact(x) if known is None else known.values
    trial = base.base.trial.like(problem, base.network)
    members = [base.base.trial, *(base[name].trial for name in names)]
    with torch.no_grad():
        inputs, factor, offset = trial.inputs_at(x), trial.factor(x), trial.ansatz.offset(x)
        columns = torch.cat([factor * member.network(inputs) for member in members], 1)
        c = torch.linalg.lstsq(columns, answer - offset, driver="gelsd").solution
        return float((columns @ c + offset - answer).norm() / answer.norm())


def main() -> None:
    """One record a line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="JSON lines")
    parser.add_argument("--only", default="", help="cases whose name begins so")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    one_thread()
    show(machine(), options.json)
    for case in CASES:
        if case.name.startswith(options.only):
            run(case, options.seed, options.json)


def run(case: Case, seed: int, as_json: bool) -> None:
    """The base, its members and the new ones."""
    common: dict[str, Any] = {"max_time": 1e5, "progress": False, "seed": seed}
    where = {"case": case.name, "seed": seed}
    used, base = cpu(
        lambda: sciml.solve(
            case.problem(case.base), case.model(seed), accuracy=1e-6, max_steps=STEPS["base"], **common
        )
    )
    show({"record": "base", **where, "value": case.base, "error": base.error(), "cpu_seconds": used}, as_json)
    names = []
    for k, value in enumerate(case.members):
        names.append(f"m{k}")
        used, tuned = cpu(
            lambda value=value, name=names[-1]: base.finetune(
                case.problem(value), "full", name=name, max_steps=STEPS["member"], **common
            )
        )
        show(
            {"record": "member", **where, "value": value, "error": tuned.error(), "cpu_seconds": used},
            as_json,
        )
    base.finetune(case.problem(case.inside[0]), "span", name="warm", progress=False)  # kernels are compiled
    base.delete_adapter("warm")
    for value in (*case.inside, *case.outside):
        problem = case.problem(value)
        x = problem.sample(TEST, seed=TEST_SEED)
        answer = problem.exact(x)
        with torch.no_grad():
            near = [
                float((one.trial(x) - answer).norm() / answer.norm())
                for one in (base, *(base[n] for n in names))
            ]
        used, span = cpu(lambda problem=problem: base.finetune(problem, "span", name="span", progress=False))
        record = {"record": "new", **where, "value": value, "inside": value in case.inside}
        record |= {
            "span_seconds": used,
            "span_error": span.error(),
            "best_error": best_error(base, names, problem),
        }
        record["nearest_error"] = min(near)
        base.delete_adapter("span")
        ends = {"accuracy": case.accuracy, "max_steps": STEPS["new"], **common}
        used, auto = cpu(lambda problem=problem, ends=ends: base.finetune(problem, name="auto", **ends))
        record |= {
            "auto_seconds": used,
            "auto_error": auto.error(),
            "auto_estimate": auto.stats.error_estimate,
        }
        record |= {
            "auto_outcome": auto.outcome,
            "stages": [line.split(":")[0] for line in auto.report["stages"]],
        }
        base.delete_adapter("auto")
        used, anew = cpu(lambda problem=problem, ends=ends: sciml.solve(problem, case.model(seed), **ends))
        record |= {"scratch_seconds": used, "scratch_error": anew.error(), "scratch_outcome": anew.outcome}
        show(record, as_json)


if __name__ == "__main__":
    main()
