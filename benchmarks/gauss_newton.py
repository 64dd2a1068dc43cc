"""Where a step of Gauss-Newton spends its time, beside what the core can do at most.

    python -m benchmarks.gauss_newton --json

Solves Burgers' equation with an MLP and a KAN on one thread and counts CPU seconds by part: residuals (jets forward), rows
of the Jacobian, Gram matrix, Cholesky factors, triangular solves and products with J, the rest. The dense parts stand
beside their operations at the rate of a large matrix product of the same libraries. CPU seconds of one process, so a busy
neighbour changes little; the rates are measured in the same run.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import numpy as np
import torch

import sciml
from benchmarks._common import machine, one_thread, show
from sciml import nn, pdes
from sciml.jacobian.tape import TapeLinearization
from sciml.linalg import Cholesky, inner_gram
from sciml.optim.methods.gauss_newton import GaussNewtonMethod
from sciml.solvers.training.residual_system import ResidualSystem

PARTS = ("residuals", "rows of J", "Gram matrix", "factors", "solves and products", "rest")
OWNERS: dict[tuple[type, str], str] = {
    (GaussNewtonMethod, "step"): "rest",
    (ResidualSystem, "residual"): "residuals",
    (ResidualSystem, "linearize"): "rows of J",
    (TapeLinearization, "dense"): "rows of J",
    (TapeLinearization, "normal"): "Gram matrix",
    (TapeLinearization, "gram"): "Gram matrix",
    (TapeLinearization, "mv"): "solves and products",
    (TapeLinearization, "rmv"): "solves and products",
    (Cholesky, "__init__"): "factors",
    (Cholesky, "solve"): "solves and products",
    (Cholesky, "half_solve"): "solves and products",
}
ERROR = 1e-6
STEPS = 200
MODELS: dict[str, Callable[[], torch.nn.Module]] = {
    "MLP": lambda: nn.MLP([2, 20, 20, 20, 1], "tanh"),
    "KAN": lambda: nn.KAN([2, 8, 8, 1], grid=8),
}


class Parts:
    """CPU seconds and calls by part, each without what it calls of the others, while steps run."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.calls: Counter[str] = Counter()
        self.operations: Counter[str] = Counter()
        self._stack: list[str] = []
        self._last = 0.0

    def _turn(self) -> None:
        now = time.process_time()
        if self._stack:
            self.seconds[self._stack[-1]] += now - self._last
        self._last = now

    def timed(self, part: str, call: Callable[..., Any], outer: bool) -> Callable[..., Any]:
        """``call`` with its seconds added to ``part``; outside of a step nothing is counted."""

        def counted(*args: Any, **keywords: Any) -> Any:
            if not self._stack and not outer:
                return call(*args, **keywords)
            self._turn()
            self._stack.append(part)
            self.calls[part] += 1
            try:
                answer = call(*args, **keywords)
            finally:
                self._turn()
                self._stack.pop()
            self._count(part, args[0])
            return answer

        return counted

    def _count(self, part: str, owner: Any) -> None:
        """Multiplications and additions of the dense parts."""
        if part == "Gram matrix":
            small, large = sorted(owner.shape)
            self.operations[part] += large * small * (small + 1)
        elif part == "factors" and owner.ok:
            self.operations[part] += len(owner.factor) ** 3 // 3


@contextmanager
def watched() -> Iterator[Parts]:
    """Parts of all steps inside the with-block."""
    parts = Parts()
    with ExitStack() as patches:
        for (owner, name), part in OWNERS.items():
            call = parts.timed(part, getattr(owner, name), outer=name == "step")
            patches.enter_context(mock.patch.object(owner, name, call))
        yield parts


def rates(rows: int = 2400, columns: int = 921, size: int = 2000) -> dict[str, float]:
    """Gigaflops of this core: a large matrix product, and what a step is made of at its usual size."""
    rng = np.random.default_rng(0)
    square, tall = rng.standard_normal((size, size)), rng.standard_normal((rows, columns))
    other, J = square.copy(), torch.from_numpy(tall)
    gram = inner_gram(J) + torch.eye(columns, dtype=torch.float64)
    calls: dict[str, tuple[float, Callable[[], object]]] = {
        "matrix product": (2.0 * size**3, lambda: square @ other),
        "torch's JᵀJ": (rows * columns * (columns + 1.0), lambda: J.T @ J),
        "Gram matrix": (rows * columns * (columns + 1.0), lambda: inner_gram(J)),
        "factors": (columns**3 / 3.0, lambda: Cholesky(gram, 1.0)),
    }
    return {name: round(operations / best(call) / 1e9, 1) for name, (operations, call) in calls.items()}


def best(call: Callable[[], object], runs: int = 5) -> float:
    """CPU seconds of the fastest of some runs."""
    seconds = []
    for _ in range(runs):
        started = time.process_time()
        call()
        seconds.append(time.process_time() - started)
    return min(seconds)


def solve(kind: str, steps: int) -> dict[str, object]:
    """One solve: CPU seconds a part, and where it got."""
    sciml.solve(
        pdes.Burgers(), MODELS[kind](), max_steps=2, progress=False
    )  # kernels are compiled and loaded
    with watched() as parts:
        solution = sciml.solve(
            pdes.Burgers(), MODELS[kind](), max_steps=steps, max_time=float("inf"), progress=False
        )
    report = solution.stats
    return {
        "record": "solve",
        "model": kind,
        "parameters": report.parameters,
        "steps": report.steps,
        "points": report.points,
        "error": float(f"{solution.error():.2e}"),
        "first_step_below": next((r["step"] for r in solution.history if r["error"] <= ERROR), None),
        "seconds": {part: round(parts.seconds[part], 3) for part in PARTS},
        "total": round(sum(parts.seconds.values()), 3),
        "calls": {part: parts.calls[part] for part in PARTS},
        "gigaflop": {part: round(n / 1e9, 1) for part, n in parts.operations.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--model", choices=MODELS, help="this one alone")
    args = parser.parse_args()
    one_thread()
    show(machine(), args.json)
    show({"record": "rates", "gflops": rates()}, args.json)
    for kind in [args.model] if args.model else MODELS:
        show(solve(kind, args.steps), args.json)


if __name__ == "__main__":
    main()
