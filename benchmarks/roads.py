"""The next member of seven families by every road: span, head, LoRA, LoTRA, SVD, everything, ``auto``, and solving anew.

    python -m benchmarks.roads --json [--only wave] [--seed 0] [--budget 8]

For each new member and road: CPU seconds of one thread with set-up at which the relative error first fell below each mark,
the last error, numbers trained and bytes of the file. A road ends at the last mark, when its seconds are used up, or when
the error falls no more. ``auto`` and a solve anew are asked for an estimated error as well; their seconds hold their own
estimates.
"""

from __future__ import annotations

import argparse
from typing import Any

import torch

import sciml
from benchmarks._common import machine, one_thread, show
from benchmarks.finetune import Watch, bytes_of
from benchmarks.rows.next_members import FAMILIES, Family
from benchmarks.spans import best_error, cpu
from sciml import adapters

MARKS = (1e-2, 1e-3, 1e-4, 1e-5)
MOST_STEPS = 400  # of a road with an accuracy


def roads(family: Family) -> dict[str, Any]:
    """The adapters that are compared."""
    found: dict[str, Any] = {"span": "span"}
    if family.linear:
        found["head"] = "head"
    return found | {
        "lora": adapters.LoRA(r=8, modules_to_save=("bias",)),
        "lotra": adapters.LoTRA(r=4, modules_to_save=("bias",)),
        "svd": adapters.SVD(nonnegative=False),
        "full": "full",
    }


def main() -> None:
    """One record a line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="JSON lines")
    parser.add_argument("--only", default="", help="families whose name begins so")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--budget", type=float, default=8.0, help="CPU seconds of a road")
    options = parser.parse_args()
    one_thread()
    show(machine(), options.json)
    for family in FAMILIES:
        if family.name.startswith(options.only):
            run(family, options.seed, options.budget, options.json)


def run(family: Family, seed: int, budget: float, as_json: bool) -> None:
    """The base, the solved members and every road to the new ones."""
    common: dict[str, Any] = {"max_time": 1e5, "progress": False, "seed": seed}
    where: dict[str, Any] = {"case": family.name, "seed": seed}
    used, base = cpu(
        lambda: sciml.solve(
            family.problem(*family.base), family.model(seed), max_steps=family.steps[0], **common
        )
    )
    record: dict[str, Any] = {
        "record": "base",
        **where,
        "value": family.base,
        "error": base.error(),
        "cpu_seconds": used,
    }
    show({**record, "bytes": bytes_of(base.save)}, as_json)
    names: list[str] = []
    for k, value in enumerate(family.members):
        names.append(f"m{k}")
        used, tuned = cpu(
            lambda value=value: base.finetune(
                family.problem(*value), "full", name=names[-1], max_steps=family.steps[1], **common
            )
        )
        row: dict[str, Any] = {
            "record": "member",
            **where,
            "value": value,
            "error": tuned.error(),
            "cpu_seconds": used,
        }
        show(row, as_json)
    base.finetune(family.problem(*family.inside[0]), "span", name="warm", progress=False)  # compiles
    base.delete_adapter("warm")
    for value in (*family.inside, *family.outside):
        new: dict[str, Any] = {"record": "new", **where, "value": value, "inside": value in family.inside}
        problem = family.problem(*value)
        best = best_error(base, names, problem)
        for road, adapter in roads(family).items():
            show(
                {**new, "road": road, "best_in_span": best, **taken(base, problem, adapter, budget, common)},
                as_json,
            )
        show({**new, "road": "scratch", **anew(problem, family.model(seed), budget, common)}, as_json)
        asked: dict[str, Any] = {"accuracy": family.accuracy, "max_steps": MOST_STEPS, **common}
        used, tuned = cpu(lambda problem=problem, asked=asked: base.finetune(problem, name="auto", **asked))
        show({**new, "road": "auto", **ended(tuned, used), "stages": tuned.report["stages"]}, as_json)
        base.delete_adapter("auto")
        used, solved = cpu(
            lambda problem=problem, asked=asked: sciml.solve(problem, family.model(seed), **asked)
        )
        show({**new, "road": "scratch to accuracy", **ended(solved, used)}, as_json)


def taken(base: Any, problem: Any, adapter: Any, budget: float, common: dict[str, Any]) -> dict[str, Any]:
    """One member by one adapter."""
    watch = Watch(budget, MARKS)
    options = common if adapter == "span" else {**common, "tol": 0.0, "callbacks": [watch]}
    used, tuned = cpu(lambda: base.finetune(problem, adapter, name="road", **options))
    found = {"error": tuned.error(), "trained": tuned.adapter.size, "bytes": bytes_of(tuned.save_adapter)}
    base.delete_adapter("road")
    reached = {mark: seconds for mark, (seconds, _) in watch.reached.items()}
    if adapter == "span":
        reached = {f"{mark:.0e}": used for mark in MARKS if found["error"] <= mark}
    return {"reached": reached, "cpu_seconds": used, **found}


def anew(problem: Any, model: torch.nn.Module, budget: float, common: dict[str, Any]) -> dict[str, Any]:
    """One member from nothing, with twice the seconds."""
    watch = Watch(2 * budget, MARKS)
    used, solved = cpu(lambda: sciml.solve(problem, model, tol=0.0, callbacks=[watch], **common))
    reached = {mark: seconds for mark, (seconds, _) in watch.reached.items()}
    found = {"error": solved.error(), "trained": solved.stats["parameters"], "bytes": bytes_of(solved.save)}
    return {"reached": reached, "cpu_seconds": used, **found}


def ended(answer: Any, used: float) -> dict[str, Any]:
    """How a road ended that was asked for an accuracy."""
    return {
        "cpu_seconds": used,
        "error": answer.error(),
        "estimate": answer.stats.error_estimate,
        "outcome": answer.outcome,
    }


if __name__ == "__main__":
    main()
