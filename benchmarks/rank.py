"""Rank selectors side by side: random quadratic losses, and adapters of a solved equation.

    python -m benchmarks.rank [--json] [--quick]

``quadratic``: loss increase over the best possible, for a random convex loss a little off its minimum.
``adapter``: the true loss of a fine-tuned equation right after cutting to 25, 50 and 75 % of its components, and the
relative L2 error after training on for as many steps as before; every selector cuts the same trained adapter.
``schedule``: the error of one cut at half time against joint training, from the same start with the same steps.
``summary`` and ``claim``: ratios to SubLoRA over all cuts, and what is claimed.
``greedy``: processor time of the search with exact marginals against one with a queue of stale bounds.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import math
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

import sciml
from benchmarks._common import machine, one_thread, show
from sciml import rank
from sciml.rank.greedy import BRUTE_FORCE_LIMIT

F64 = torch.float64
SECOND_ORDER = ("sublora", "sublora_random", "backward", "diagonal")
OTHERS = ("signed", "sensitivity", "magnitude", "uniform")
SHARES = (0.25, 0.5, 0.75)


def random_loss(R: int, seed: int) -> rank.Components:
    """A convex quadratic loss at a point 1e-3 from its minimum; strengths uniform in [0, 1]."""
    rng = torch.Generator().manual_seed(seed)
    A = torch.randn(R, R, generator=rng, dtype=F64)
    H = A @ A.mT / R
    sigma = torch.rand(R, generator=rng, dtype=F64)
    g = H @ (1e-3 * torch.randn(R, generator=rng, dtype=F64))
    return rank.Components(sigma, {"a": R // 2, "b": R - R // 2}, g, H)


def quadratic(draws: int, R: int = 12, budget: int = 6) -> list[dict[str, object]]:
    """Ratios to the best subset."""
    ratios: dict[str, list[float]] = {name: [] for name in (*SECOND_ORDER, *OTHERS, "random")}
    for seed in range(draws):
        known = random_loss(R, seed)
        model = known.second_order()
        best = float(model.loss_change(rank.select("brute_force", known, budget)))
        for name, values in ratios.items():
            if name == "random":
                order = torch.randperm(R, generator=torch.Generator().manual_seed(seed))
                keep = torch.zeros(R, dtype=torch.bool)
                keep[order[:budget]] = True
            else:
                keep = rank.select(name, known, budget)
            values.append(float(model.loss_change(keep)) / best)
    out = []
    for name, values in ratios.items():
        t = torch.tensor(values)
        out.append(
            {
                "record": "quadratic",
                "selector": name,
                "draws": draws,
                "median_ratio": round(float(t.median()), 3),
                "mean_ratio": round(float(t.mean()), 3),
            }
        )
    return out


@dataclass(frozen=True)
class Case:
    """A solved base, a problem to tune it to, and an adapter that is trained once and cut by every selector."""

    name: str
    base: Any
    model: Callable[[int], Any]
    tuned: Any
    adapter: Any
    steps: int
    points: int
    base_steps: int


def cases() -> list[Case]:
    """The families; initial ranks of 8, cut to what a parameter has room for."""
    from benchmarks.finetune import poisson_members
    from sciml import nn, pdes
    from sciml.adapters import LoRA, LoTRA

    near, far = (poisson_members()[name] for name in ("5: distance 0.3", "8: distance 1"))
    lora = LoRA(r=8, modules_to_save=("bias",))

    def small(seed: int) -> Any:
        return nn.MLP([2, 8, 8, 1], "sine", seed=seed)

    def kan(seed: int) -> Any:
        return nn.KAN([2, 8, 8, 1], grid=4, degree=4, seed=seed)

    def deep(seed: int) -> Any:
        return nn.MLP([11, 16, 16, 16, 1], "tanh", seed=seed)

    poisson = pdes.Poisson(2)
    return [
        Case("poisson-small", poisson, small, near, lora, 15, 200, 40),
        Case("poisson, distance 0.3", poisson, kan, near, LoRA(r=8), 15, 300, 40),
        Case("poisson, distance 1", poisson, kan, far, LoRA(r=8), 15, 300, 40),
        Case("poisson, distance 1, lotra", poisson, kan, far, LoTRA(r=8), 15, 300, 40),
        Case("allen-cahn-ball", pdes.AllenCahnBall(), deep, pdes.AllenCahnBall(eps=2.0), lora, 12, 1000, 40),
        Case("parabolic-ball", pdes.ParabolicBall(), deep, pdes.ParabolicBall(eps=0.5), lora, 12, 1000, 40),
    ]


def options(case: Case, seed: int) -> dict[str, Any]:
    """What every solve and fine-tuning of a case is given."""
    return {"progress": False, "seed": seed, "points": case.points, "tol": 0.0}


def adapter_records(case: Case, base: Any, seed: int) -> Iterator[dict[str, Any]]:
    """One trained adapter cut by every selector to every budget."""
    from sciml.adapters import AdaptedProblem, Gates, choose
    from sciml.solvers.training.settings import Settings, training_system

    quiet = options(case, seed)
    tuned = base.finetune(case.tuned, replace(case.adapter, seed=seed), max_steps=case.steps, **quiet)
    gates = Gates(tuned.adapter)
    flat = torch.cat([p.detach().reshape(-1) for p in base.network.parameters()])
    settings = Settings(case.tuned, case.points, seed=seed, progress=False)
    system = training_system(settings, tuned.trial)
    gated = AdaptedProblem(system, gates, flat)
    full = gated.value(gates.vector())
    where = {"case": case.name, "seed": seed}
    yield {
        "record": "adapter",
        **where,
        "selector": "none",
        "components": gates.size,
        "trained": tuned.adapter.size,
        "loss": full,
        "error": tuned.error(),
        "base_error": base.error(),
    }
    errors: dict[tuple[bool, ...], float] = {}  # selectors often agree: train each choice once
    for share in SHARES:
        budget = round(share * gates.size)
        chosen = {
            name: choose(gates, system, flat, budget, name, "gauss_newton")
            for name in (*SECOND_ORDER, *OTHERS)
        }
        chosen["sublora, hessian"] = choose(gates, system, flat, budget, "sublora", "hessian")
        if gates.size <= BRUTE_FORCE_LIMIT:
            chosen["brute_force"] = choose(gates, system, flat, budget, "brute_force", "gauss_newton")
            chosen["best of all"] = best_of_all(gated, gates.size, budget)
        for name, keep in chosen.items():
            pruned, key = gates.prune(keep), tuple(keep.tolist())
            if key not in errors:
                again = base.finetune(case.tuned, adapter=pruned, max_steps=case.steps, **quiet)
                errors[key] = again.error()
                base.delete_adapter(again.name)
            yield {
                "record": "adapter",
                **where,
                "share": share,
                "selector": name,
                "components": int(keep.sum()),
                "trained": pruned.size,
                "loss": gated.value(keep.to(F64)),
                "error": errors[key],
            }


def schedule_records(case: Case, base: Any, seed: int) -> Iterator[dict[str, Any]]:
    """Both schedules from the start, with twice the steps of one training."""
    from sciml.adapters import Adapter, Gates

    size = Gates(Adapter(case.adapter, base.network)).size
    for share, schedule in itertools.product(SHARES, ("cut", "joint")):
        config = replace(case.adapter, seed=seed, rank_budget=round(share * size), rank_schedule=schedule)
        used = time.process_time()
        found = base.finetune(case.tuned, config, max_steps=2 * case.steps, **options(case, seed))
        base.delete_adapter(found.name)
        yield {
            "record": "schedule",
            "case": case.name,
            "seed": seed,
            "share": share,
            "schedule": schedule,
            "trained": found.adapter.size,
            "error": found.error(),
            "cpu_seconds": round(time.process_time() - used, 2),
        }


def best_of_all(gated: Any, size: int, budget: int) -> Tensor:
    """The mask of ``budget`` components of least true loss, by trying all."""
    best, least = torch.zeros(size, dtype=torch.bool), math.inf
    for kept in itertools.combinations(range(size), budget):
        keep = torch.zeros(size, dtype=torch.bool)
        keep[list(kept)] = True
        if (loss := gated.value(keep.to(F64))) < least:
            best, least = keep, loss
    return best


def summary(records: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every selector against SubLoRA over all cuts: ratios above 1 mean that SubLoRA did better. Then the claims."""
    cuts = [r for r in records if r["record"] == "adapter" and "share" in r]
    of = {(r["case"], r["seed"], r["share"], r["selector"]): r for r in cuts}
    names = list(dict.fromkeys(r["selector"] for r in cuts))
    groups = {"all": None} | {case: case for case in dict.fromkeys(r["case"] for r in cuts)}
    medians: dict[tuple[str, str], float] = {}
    for group, case in groups.items():
        for name in names:
            pairs = [
                (r, of[(r["case"], r["seed"], r["share"], "sublora")])
                for r in cuts
                if r["selector"] == name and case in (None, r["case"])
            ]
            if not pairs or name == "sublora":
                continue
            out: dict[str, Any] = {"record": "summary", "cases": group, "selector": name, "cuts": len(pairs)}
            for what in ("loss", "error", "trained"):
                ratios = [r[what] / reference[what] for r, reference in pairs]
                out[f"{what}_median"] = round(statistics.median(ratios), 3)
                out[f"{what}_mean"] = round(statistics.geometric_mean(ratios), 3)
                out[f"{what}_worse"] = sum(x > 1 + 1e-9 for x in ratios)
                out[f"{what}_better"] = sum(x < 1 - 1e-9 for x in ratios)
                if case is None:
                    medians[(name, what)] = statistics.median(ratios)
            yield out
    runs = [r for r in records if r["record"] == "schedule"]
    for group, case in groups.items():
        pair = {
            s: [r for r in runs if r["schedule"] == s and case in (None, r["case"])] for s in ("cut", "joint")
        }
        ratios = [a["error"] / b["error"] for a, b in zip(pair["cut"], pair["joint"], strict=True)]
        yield {
            "record": "summary",
            "cases": group,
            "schedule": "cut over joint",
            "runs": len(ratios),
            "error_median": round(statistics.median(ratios), 3),
            "error_mean": round(statistics.geometric_mean(ratios), 3),
            "joint_better": sum(x > 1 for x in ratios),
            **{
                f"seconds_{s}": round(statistics.median(r["cpu_seconds"] for r in found), 2)
                for s, found in pair.items()
            },
        }
    for what in ("loss", "error"):
        for name in ("sensitivity", "magnitude"):
            value = medians[(name, what)]
            yield {
                "record": "claim",
                "claim": f"{what} of {name} over that of sublora, median over all cuts",
                "value": round(value, 3),
                "bar": 1.0,
                "met": value > 1,
            }


def lazy_greedy(model: rank.SecondOrder, budget: int) -> Tensor:
    """The textbook form: stale marginals in a heap are upper bounds, only the top is computed anew."""
    Q, single = model.Q, model.marginals(torch.zeros(model.size, dtype=torch.bool))
    heap = [(-float(m), i, 0) for i, m in enumerate(single)]
    heapq.heapify(heap)
    chosen: list[int] = []
    while len(chosen) < budget:
        _, i, when = heapq.heappop(heap)
        if when == len(chosen):
            chosen.append(i)
        else:
            heapq.heappush(heap, (-float(single[i] - Q[i, chosen].sum()), i, len(chosen)))
    keep = torch.zeros(model.size, dtype=torch.bool)
    keep[chosen] = True
    return keep


def greedy_record(R: int) -> dict[str, object]:
    """Both searches on one monotone model."""
    known = random_loss(R, 0)
    model = rank.project(known.second_order(), monotone=True)
    times = {}
    for name, search in {"exact": rank.greedy, "lazy": lazy_greedy}.items():
        best = math.inf
        for _ in range(5):
            start = time.process_time()
            keep = search(model, R // 2)
            best = min(best, time.process_time() - start)
        times[name] = (best, keep)
    same = bool(torch.equal(times["exact"][1], times["lazy"][1]))
    exact, lazy = times["exact"][0], times["lazy"][0]
    return {
        "record": "greedy",
        "R": R,
        "exact_ms": round(1e3 * exact, 2),
        "lazy_ms": round(1e3 * lazy, 2),
        "lazy_over_exact": round(lazy / exact, 2),
        "same_choice": same,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--quick", action="store_true", help="one seed, a tenth of the draws")
    args = parser.parse_args()
    one_thread()
    show(machine(), args.json)
    for record in quadratic(40 if args.quick else 400):
        show(record, args.json)
    for R in (50, 500):
        show(greedy_record(R), args.json)
    found: list[dict[str, Any]] = []
    for case in cases():
        for seed in range(1 if args.quick else 3):
            base = sciml.solve(case.base, case.model(seed), max_steps=case.base_steps, **options(case, seed))
            records = (adapter_records(case, base, seed), schedule_records(case, base, seed))
            for record in itertools.chain(*records):
                found.append(record)
                show(record, args.json)
    for record in summary(found):
        show(record, args.json)


if __name__ == "__main__":
    main()
