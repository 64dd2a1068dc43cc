"""One training step: ``mean((Laplacian u - f)^2)`` and its gradient by all parameters.

    python -m benchmarks.step --json [--threads 1] [--quick] [--memory] [--peers]

Times our KAN jets beside plain baselines: a usual KAN (dense Cox-de Boor recursion) and an MLP of the same widths under
nested autograd, MLP jets plain and under ``torch.compile``. All grids, batches and forms of one dimension, dtype and
degree take turns in one process. Ratios with their bars follow, and a summary of each bar. ``--memory`` measures each
peak in a process of its own.

What is left out, to end in some ten minutes: the usual KAN runs at as many points as its memory allows, up to 1024, and
its time is scaled to the batch (``points`` tells); torch jets and plain loops run at batch 1024 and degree 3; peers at
batch 1024 in float32, degree 3, on the coarsest grid. Nested baselines have no forms: one measurement serves both.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cache

import torch
from torch import Tensor

from benchmarks._common import machine, peak_megabytes, show, time_side_by_side
from benchmarks.peer_steps import installed_peers, peer_versions
from benchmarks.usual_kan import UsualKAN, fitting_points, nested_laplacian
from sciml import kernels, nn

DTYPES = {"float32": torch.float32, "float64": torch.float64}
# name, higher is better, the bar
BARS = {
    "torch jets over usual KAN": 4.0,
    "fused over usual KAN": 50.0,
    "fused over usual KAN, d=10, G>=20": 100.0,
    "fused over nested MLP": 1.0,
    "fused over best MLP jets": 1 / 2.5,
    "MLP jets over nested MLP, d=10": 1.2,
    "fused G=5 over G=20": 1 / 1.5,
    "usual KAN memory over fused, d=10": 5.0,
    "fused memory, N=8192 over N=65536": 1 / 1.25,
    "two threads over one, N=8192": 1.6,
}


@dataclass(frozen=True)
class Case:
    """What a step is measured for."""

    widths: tuple[int, ...]
    grid: int
    degree: int
    batch: int
    dtype: str
    form: str = "lap"

    @property
    def dim(self) -> int:
        return self.widths[0]


WIDTHS = {2: (2, 32, 32, 1), 10: (10, 64, 64, 1)}
GRIDS = (5, 20, 100)
BATCHES = (1024, 8192)
FUSED = "simd" if kernels.backends()["simd"] is None else "numba"
Times = dict[Case, dict[str, float]]


def groups(quick: bool) -> list[list[Case]]:
    """Cases that take turns with each other."""
    if quick:
        cases = ((2, 5, "float32"), (10, 5, "float32"), (2, 20, "float64"))
        return [[Case(WIDTHS[d], G, 3, 1024, dtype)] for d, G, dtype in cases]
    return [
        [
            Case(WIDTHS[d], G, degree, N, dtype, form)
            for N in BATCHES
            for form in ("lap", "hess")
            for G in GRIDS
        ]
        for degree in (3, 5)
        for dtype in DTYPES
        for d in WIDTHS
    ]


def seed_jet(x: Tensor, form: str) -> tuple[Tensor, Tensor]:
    """The identity's jet and the second-order weights: one channel ("lap") or one a direction ("hess")."""
    n, d = x.shape
    weights = torch.eye(d, dtype=x.dtype) if form == "hess" else torch.ones(1, d, dtype=x.dtype)
    z = x.new_zeros(n, 1 + d + len(weights), d)
    z[:, 0] = x
    z[:, 1 : 1 + d] = torch.eye(d, dtype=x.dtype)
    return z, weights


def step(laplacian: Callable[[Tensor], Tensor], parameters: list[Tensor], x: Tensor) -> Callable[[], object]:
    source = x.sin().sum(1)

    def run() -> object:
        loss = (laplacian(x) - source).square().mean()
        return torch.autograd.grad(loss, parameters, allow_unused=True)  # a last bias has no Laplacian

    return run


def points(case: Case) -> Tensor:
    rng = torch.Generator().manual_seed(1)
    return torch.rand(case.batch, case.dim, generator=rng, dtype=DTYPES[case.dtype]) * 2 - 1


@cache
def mlp_step(name: str, case: Case) -> Callable[[], object]:
    """A step of the MLP, compiled once for all grids and degrees; the caller leaves those out."""
    x, mlp = points(case), nn.MLP(list(case.widths), dtype=DTYPES[case.dtype])
    z, weights = seed_jet(x, case.form)  # the points stay where they are

    def laplacian(x: Tensor) -> Tensor:
        return mlp.jets(z, weights)[:, 1 + case.dim :, 0].sum(1)

    ways = {
        "MLP nested": lambda x: nested_laplacian(mlp, x),
        "MLP jets": laplacian,
        "MLP jets compiled": torch.compile(laplacian, dynamic=False),
    }
    return step(ways[name], list(mlp.parameters()), x)


def make_step(name: str, case: Case) -> Callable[[], object]:
    """The step of one variant: a backend's name, a baseline or a peer."""
    if name.startswith("MLP"):
        return mlp_step(name, replace(case, grid=0, degree=0))
    x, dtype = points(case), DTYPES[case.dtype]
    if name == "usual KAN":
        usual = UsualKAN(case.widths, case.grid, case.degree, dtype)
        return step(lambda x: nested_laplacian(usual, x), list(usual.parameters()), x)
    if name in installed_peers():
        return installed_peers()[name](case.widths, case.grid, case.degree, x, x.sin().sum(1))
    kan = nn.KAN(list(case.widths), grid=case.grid, degree=case.degree, dtype=dtype)
    layers = [layer.arguments() for layer in kan.layers if isinstance(layer, nn.KANLayer)]
    z, weights = seed_jet(x, case.form)

    def laplacian(x: Tensor) -> Tensor:
        return kernels.kan_jets(z, layers, weights, backend=name)[:, 1 + case.dim :, 0].sum(1)

    return step(laplacian, list(kan.parameters()), x)


def variants(case: Case, quick: bool, peers: bool) -> list[tuple[Case, str]]:
    """What is measured for a case, and at which case: baselines stand for all that differ in what they do not see."""
    first = replace(case, grid=GRIDS[0])
    out = [(case, FUSED), (first, "MLP jets")]
    if not quick:
        out.append((first, "MLP jets compiled"))
    if case.form == "lap":
        out.append((first, "MLP nested"))
    if case.batch == 1024 and case.degree == 3 and case.grid <= 20:
        out.append((case, "torch"))
        if case.form == "lap" and FUSED != "numba" and kernels.backends()["numba"] is None:
            out.append((case, "numba"))
        if peers and case == replace(first, form="lap", dtype="float32"):
            out += [(case, name) for name in installed_peers()]
    if case.batch == 1024 and case.form == "lap":
        itemsize = DTYPES[case.dtype].itemsize
        few = fitting_points(case.widths, case.grid, case.degree, itemsize, case.batch)
        out.append((replace(case, batch=few), "usual KAN"))
    return out


def measure(group: list[Case], quick: bool, peers: bool) -> dict[tuple[Case, str], dict[str, float]]:
    wanted = dict.fromkeys(key for case in group for key in variants(case, quick, peers))
    return time_side_by_side({(case, name): make_step(name, case) for case, name in wanted}, seconds=15)


def ratios(group: list[Case], times: dict[tuple[Case, str], dict[str, float]]) -> list[dict[str, object]]:
    """The bars that times decide."""
    records: list[dict[str, object]] = []

    def add(name: str, case: Case, above: float | None, below: float | None, **more: object) -> None:
        if above is not None and below is not None:
            records.append(ratio_record(name, above / below, case, **more))

    for case in group:
        lap, first = replace(case, form="lap"), replace(case, grid=GRIDS[0])

        def ms(name: str, at: Case = case) -> float | None:
            return times[at, name]["ms"] if (at, name) in times else None

        fused, nested = ms(FUSED), ms("MLP nested", replace(first, form="lap"))
        seen = next(
            (at for at, name in times if name == "usual KAN" and replace(lap, batch=at.batch) == at), None
        )
        if seen is not None:
            usual = times[seen, "usual KAN"]["ms"] * case.batch / seen.batch
            add("torch jets over usual KAN", case, usual, ms("torch"), points=seen.batch)
            add("fused over usual KAN", case, usual, fused, points=seen.batch)
            if case.dim == 10 and case.grid >= 20:
                add("fused over usual KAN, d=10, G>=20", case, usual, fused, points=seen.batch)
        jets = [t for name in ("MLP jets", "MLP jets compiled") if (t := ms(name, first)) is not None]
        add("fused over nested MLP", case, nested, fused)
        add("fused over best MLP jets", case, min(jets), fused)
        if case == first and case.dim == 10 and case.form == "lap":
            add("MLP jets over nested MLP, d=10", case, nested, min(jets), eager=ms("MLP jets", first))
        if case.grid == 20:
            add("fused G=5 over G=20", case, ms(FUSED, first), fused)
    return records


def ratio_record(name: str, value: float, case: Case, **more: object) -> dict[str, object]:
    bar = BARS[name]
    record = {"record": "ratio", "name": name, "value": round(value, 3), "bar": round(bar, 3)}
    return record | {"met": value >= bar} | more | asdict(case)


def thread_ratios() -> list[dict[str, object]]:
    """Of one thread over two at a batch of 8192: by the clock, and by the CPU time of the busier thread.

    On a machine whose cores are taken only the second tells what two free ones would give.
    """
    records = []
    for case in [Case(WIDTHS[d], 5, 3, 8192, dtype) for dtype in DTYPES for d in WIDTHS]:
        call = make_step(FUSED, case)
        wall: dict[int, list[float]] = {1: [], 2: []}
        busier: dict[int, list[float]] = {1: [], 2: []}
        for _ in range(15):
            for threads in wall:
                torch.set_num_threads(threads)
                call()
                started, own, used = time.perf_counter(), time.thread_time(), time.process_time()
                call()
                own, used = time.thread_time() - own, time.process_time() - used
                wall[threads].append(1e3 * (time.perf_counter() - started))
                busier[threads].append(1e3 * max(own, used - own))
        torch.set_num_threads(1)
        paths = {n: round(statistics.median(t), 3) for n, t in busier.items()}
        best = {n: round(min(t), 3) for n, t in wall.items()}
        more = {"by_cpu": round(paths[1] / paths[2], 3), "load": round(os.getloadavg()[0], 2)}
        more |= {"wall_ms": best, "busier_thread_ms": paths}
        records.append(ratio_record("two threads over one, N=8192", best[1] / best[2], case, **more))
    return records


def peak(case: Case, name: str) -> float:
    """Peak memory of one step in a process of its own, in MB."""
    command = [sys.executable, "-m", "benchmarks.step", "--one", name, json.dumps(asdict(case))]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return max(float(done.stdout.splitlines()[-1]), 0.1)


def measure_one(name: str, text: str) -> None:
    torch.set_num_threads(1)
    case = Case(**{**json.loads(text), "widths": tuple(json.loads(text)["widths"])})
    make_step(name, replace(case, batch=8))()
    call = make_step(name, case)
    print(peak_megabytes(lambda: (call(), call())))


def memory_ratios() -> list[dict[str, object]]:
    """Peaks of the fused and the usual step, and of large batches."""
    records = []
    for case in [Case(WIDTHS[10], G, 3, 1024, dtype) for dtype in DTYPES for G in (5, 20)]:
        usual, fused = peak(case, "usual KAN"), peak(case, FUSED)
        name = "usual KAN memory over fused, d=10"
        records.append(ratio_record(name, usual / fused, case, usual_mb=usual, fused_mb=fused))
    case = Case(WIDTHS[10], 5, 3, 65536, "float32")
    peaks = {batch: peak(replace(case, batch=batch), FUSED) for batch in (1024, 8192, 65536)}
    name = "fused memory, N=8192 over N=65536"
    return [*records, ratio_record(name, peaks[8192] / peaks[65536], case, fused_mb=peaks)]


def summaries(records: list[dict[str, object]]) -> list[dict[str, object]]:
    """For each bar: how many cases, how many met it, and the worst."""
    out = []
    for name, bar in BARS.items():
        cases = [r for r in records if r["name"] == name]
        if cases:
            worst = min(cases, key=lambda r: float(str(r["value"])))
            where = {key: worst[key] for key in ("widths", "grid", "degree", "batch", "dtype", "form")}
            counts = {"cases": len(cases), "met": sum(bool(r["met"]) for r in cases)}
            out.append(
                {"record": "summary", "name": name, "bar": round(bar, 3)}
                | counts
                | {"worst": worst["value"], "worst_case": where}
            )
    return out


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--quick", action="store_true", help="three cases")
    parser.add_argument("--memory", action="store_true", help="measure peak memory, too")
    parser.add_argument("--peers", action="store_true", help="installed peers, too")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--one", nargs=2, metavar=("VARIANT", "CASE"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        measure_one(*args.one)
        return
    torch.set_num_threads(args.threads)
    torch._dynamo.config.recompile_limit = 64  # beyond it a function silently runs as it is
    started = time.perf_counter()
    versions = peer_versions() if args.peers else {}
    show(machine() | versions | {"threads": args.threads, "load": round(os.getloadavg()[0], 2)}, args.json)
    records: list[dict[str, object]] = []

    def tell(more: list[dict[str, object]]) -> None:
        for record in more:
            show(record, args.json)
        records.extend(more)

    for group in groups(args.quick):
        times = measure(group, args.quick, args.peers)
        for (case, name), measured in times.items():
            show(
                {"record": "step", "variant": name, "threads": args.threads} | measured | asdict(case),
                args.json,
            )
        tell(ratios(group, times))
    if not args.quick:
        tell(thread_ratios())
    if args.memory:
        tell(memory_ratios())
    for record in summaries(records):
        show(record, args.json)
    show({"record": "end", "seconds": round(time.perf_counter() - started)}, args.json)


if __name__ == "__main__":
    main()
