"""Rank selectors side by side: random quadratic losses, and adapters of a solved equation.

    python -m benchmarks.rank [--json] [--quick]

``quadratic``: loss increase over the best possible, for a random convex loss a little off its minimum.
``adapter``: the loss of a fine-tuned equation right after cutting to a budget, over the uncut loss, and the
relative L2 error after training on for some steps; every selector cuts the same trained adapter.
``greedy``: processor time of the search with exact marginals against one with a queue of stale bounds.
"""

from __future__ import annotations

import argparse
import heapq
import math
import time

import torch
from torch import Tensor

from benchmarks._common import machine, show
from sciml import rank

F64 = torch.float64
SECOND_ORDER = ("sublora", "sublora_random", "backward", "diagonal")
OTHERS = ("signed", "sensitivity", "magnitude", "uniform")


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


def adapter_records(kind: str, budgets: tuple[int, ...], steps: int, seed: int) -> list[dict[str, object]]:
    """Poisson's equation with a right-hand side of twice the frequency; one trained adapter, cut by all."""
    import sciml
    from sciml import nn, pdes
    from sciml.adapters import AdaptedProblem, Gates, LoRA, LoTRA, choose
    from sciml.solvers.train import Settings, training_system

    problem = pdes.Poisson(dim=2)
    model = nn.KAN([2, 6, 6, 1], grid=5, degree=4, seed=seed)
    base = sciml.solve(problem, model, max_steps=60, progress=False, seed=seed)
    new = pdes.Poisson(dim=2, frequency=2)
    config = LoRA(r=6, seed=seed) if kind == "lora" else LoTRA(r=6, seed=seed)
    tuned = base.finetune(new, adapter=config, max_steps=steps, progress=False, seed=seed)
    gates = Gates(tuned.adapter)
    flat = torch.cat([p.detach().reshape(-1) for p in base.network.parameters()])
    settings = Settings(new, None, None, None, None, seed, (), False)
    system = training_system(settings, tuned.trial, tuned.adapter.size)
    gated = AdaptedProblem(system, gates, flat)
    full = gated.value(gates.vector())
    out: list[dict[str, object]] = [
        {"record": "adapter", "kind": kind, "seed": seed, "selector": "none", "components": gates.size}
        | {"trained": tuned.adapter.size, "error": f"{tuned.error():.2e}"}
    ]
    errors: dict[tuple[bool, ...], float] = {}  # selectors often agree: train each choice once
    for budget in budgets:
        for name in ("sublora", "backward", "diagonal", "sensitivity", "magnitude", "uniform"):
            for curvature in ("hessian", "gauss_newton") if name == "sublora" else ("gauss_newton",):
                keep = choose(gates, system, flat, budget, name, curvature)
                pruned, key = gates.prune(keep), tuple(keep.tolist())
                if key not in errors:
                    again = base.finetune(new, adapter=pruned, max_steps=steps, progress=False, seed=seed)
                    errors[key] = again.error()
                out.append(
                    {
                        "record": "adapter",
                        "kind": kind,
                        "seed": seed,
                        "budget": budget,
                        "selector": f"{name}/{curvature}" if name == "sublora" else name,
                        "components": int(keep.sum()),
                        "trained": pruned.size,
                        "loss_ratio": f"{gated.value(keep.to(F64)) / full:.3g}",
                        "error": f"{errors[key]:.2e}",
                    }
                )
    return out


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
    parser.add_argument("--quick", action="store_true", help="a tenth of the work")
    args = parser.parse_args()
    show(machine(), args.json)
    for record in quadratic(40 if args.quick else 400):
        show(record, args.json)
    for R in (50, 500):
        show(greedy_record(R), args.json)
    for seed in range(1 if args.quick else 3):
        for kind, budgets in {"lora": (6, 12), "lotra": (12, 24)}.items():
            for record in adapter_records(kind, budgets, 10 if args.quick else 30, seed):
                show(record, args.json)


if __name__ == "__main__":
    main()
