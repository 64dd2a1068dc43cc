"""One training step: ``mean((Laplacian u - f)^2)`` and its gradient by all parameters.

    python -m benchmarks.step --json [--threads 1] [--quick] [--memory] [--peers]

Times our KAN jets (every backend) beside the plain baselines, in one process and in turns: a usual KAN (dense
Cox-de Boor recursion) and an MLP of the same widths under nested autograd, MLP jets plain and under
``torch.compile``. Ratio lines follow; ``--memory`` measures each peak in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise

import torch
from torch import Tensor

from benchmarks._common import machine, peak_megabytes, show, time_side_by_side
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
MAIN = [Case(WIDTHS[d], G, 3, 1024, dtype) for dtype in DTYPES for d in WIDTHS for G in (5, 20)]
MORE = [
    *(Case(WIDTHS[d], 5, 3, 1024, "float32", "hess") for d in WIDTHS),
    *(Case(WIDTHS[d], 5, 5, 1024, "float32") for d in WIDTHS),
    *(Case(WIDTHS[d], 100, 3, 1024, "float32") for d in WIDTHS),
]
QUICK = [Case(WIDTHS[2], 5, 3, 1024, "float32"), Case(WIDTHS[2], 20, 3, 1024, "float64")]
LARGE = [Case(WIDTHS[d], 5, 3, 8192, "float32") for d in WIDTHS]


class UsualKAN(torch.nn.Module):
    """A KAN as most libraries write it: knots an input, the dense Cox-de Boor recursion, a product a layer."""

    def __init__(self, widths: tuple[int, ...], grid: int, degree: int, dtype: torch.dtype):
        super().__init__()
        self.degree = degree
        rng = torch.Generator().manual_seed(0)
        self.base, self.coef = torch.nn.ParameterList(), torch.nn.ParameterList()
        self.knots: list[Tensor] = []
        for i, o in pairwise(widths):
            self.knots.append(
                (torch.arange(-degree, grid + degree + 1) * 2 / grid - 1).to(dtype).repeat(i, 1)
            )
            self.base.append(torch.randn(o, i, generator=rng, dtype=dtype) / i**0.5)
            self.coef.append(torch.randn(o, i * (grid + degree), generator=rng, dtype=dtype) * 0.1 / i**0.5)

    def basis(self, x: Tensor, t: Tensor) -> Tensor:
        x = x.unsqueeze(-1)
        b = ((x >= t[:, :-1]) & (x < t[:, 1:])).to(x.dtype)
        for k in range(1, self.degree + 1):
            rise = (x - t[:, : -(k + 1)]) / (t[:, k:-1] - t[:, : -(k + 1)])
            fall = (t[:, k + 1 :] - x) / (t[:, k + 1 :] - t[:, 1:-k])
            b = rise * b[..., :-1] + fall * b[..., 1:]
        return b

    def forward(self, x: Tensor) -> Tensor:
        for base, coef, knots in zip(self.base, self.coef, self.knots, strict=True):
            silu = torch.nn.functional.linear(torch.nn.functional.silu(x), base)
            x = silu + torch.nn.functional.linear(self.basis(x, knots).flatten(1), coef)
        return x


def nested_laplacian(model: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """By autograd inside autograd, one pass a direction."""
    x = x.detach().requires_grad_()
    (first,) = torch.autograd.grad(model(x).sum(), x, create_graph=True)
    parts = [torch.autograd.grad(first[:, d].sum(), x, create_graph=True)[0][:, d] for d in range(x.shape[1])]
    return torch.stack(parts).sum(0)


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


def variants(case: Case, peers: bool = False, compiled: bool = True) -> dict[str, Callable[[], object]]:
    """Every way to make the step, by name."""
    dtype, widths = DTYPES[case.dtype], list(case.widths)
    x = torch.rand(case.batch, case.dim, generator=torch.Generator().manual_seed(1), dtype=dtype) * 2 - 1
    kan = nn.KAN(widths, grid=case.grid, degree=case.degree, dtype=dtype)
    mlp = nn.MLP(widths, dtype=dtype)
    usual = UsualKAN(case.widths, case.grid, case.degree, dtype)

    z, weights = seed_jet(x, case.form)  # the points stay where they are

    def kan_laplacian(backend: str) -> Callable[[Tensor], Tensor]:
        layers = [layer.arguments() for layer in kan.layers if isinstance(layer, nn.KANLayer)]

        def laplacian(x: Tensor) -> Tensor:
            return kernels.kan_jets(z, layers, weights, backend=backend)[:, 1 + case.dim :, 0].sum(1)

        return laplacian

    def mlp_laplacian(x: Tensor) -> Tensor:
        return mlp.jets(z, weights)[:, 1 + case.dim :, 0].sum(1)

    calls = {
        name: step(kan_laplacian(name), list(kan.parameters()), x)
        for name, missing in kernels.backends().items()
        if missing is None and name != "reference"
    }
    calls["usual KAN"] = step(lambda x: nested_laplacian(usual, x), list(usual.parameters()), x)
    calls["MLP nested"] = step(lambda x: nested_laplacian(mlp, x), list(mlp.parameters()), x)
    calls["MLP jets"] = step(mlp_laplacian, list(mlp.parameters()), x)
    if compiled:
        calls["MLP jets compiled"] = step(torch.compile(mlp_laplacian), list(mlp.parameters()), x)
    if peers:
        calls |= peer_variants(case, x)
    return calls


def peer_variants(case: Case, x: Tensor) -> dict[str, Callable[[], object]]:
    """Installed peers (the extra ``bench``), under nested autograd."""
    calls: dict[str, Callable[[], object]] = {}
    try:
        from kan import KAN  # pyright: ignore[reportMissingImports]
    except ImportError:
        return calls
    if case.dtype == "float32":
        model = KAN(
            list(case.widths), grid=case.grid, k=case.degree, auto_save=False, symbolic_enabled=False, seed=0
        )
        model.speed()
        calls["pykan"] = step(
            lambda x: nested_laplacian(model, x), [p for p in model.parameters() if p.requires_grad], x
        )
    return calls


def peak(case: Case, name: str) -> float:
    """Peak memory of one step in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.step", "--one", name, json.dumps(asdict(case))]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def measure_one(name: str, text: str) -> None:
    torch.set_num_threads(1)
    case = Case(**{**json.loads(text), "widths": tuple(json.loads(text)["widths"])})
    small = Case(case.widths, case.grid, case.degree, 8, case.dtype, case.form)
    variants(small, compiled=False)[name]()
    call = variants(case, compiled=False)[name]
    print(peak_megabytes(lambda: (call(), call())))


def ratios(times: dict[Case, dict[str, dict[str, float]]]) -> list[dict[str, object]]:
    """The bars that times decide."""
    records: list[dict[str, object]] = []

    def add(name: str, case: Case, above: float, below: float) -> None:
        value = above / below
        records.append(
            {"record": "ratio", "name": name, "value": round(value, 3), "bar": round(BARS[name], 3)}
            | {"met": value >= BARS[name]}
            | asdict(case)
        )

    for case, all_times in times.items():
        ms = {name: t["ms"] for name, t in all_times.items()}
        fused = ms.get("simd", ms.get("numba", float("inf")))
        if "usual KAN" in ms:
            add("torch jets over usual KAN", case, ms["usual KAN"], ms["torch"])
            add("fused over usual KAN", case, ms["usual KAN"], fused)
            if case.dim == 10 and case.grid >= 20:
                add("fused over usual KAN, d=10, G>=20", case, ms["usual KAN"], fused)
        add("fused over nested MLP", case, ms["MLP nested"], fused)
        jets = [t for name, t in ms.items() if name.startswith("MLP jets")]
        add("fused over best MLP jets", case, min(jets), fused)
        if case.dim == 10:
            add("MLP jets over nested MLP, d=10", case, ms["MLP nested"], min(jets))
        coarse = Case(case.widths, 5, case.degree, case.batch, case.dtype, case.form)
        if case.grid == 20 and coarse in times and "simd" in times[coarse]:
            add("fused G=5 over G=20", case, times[coarse]["simd"]["ms"], fused)
    return records


def threads_ratio(as_json: bool) -> None:
    """Wall time of one thread over two, at a batch of 8192."""
    for case in LARGE:
        call = next(iter(variants(case, compiled=False).values()))
        best = {}
        for threads in (1, 2):
            torch.set_num_threads(threads)
            best[threads] = time_side_by_side({"fused": call})["fused"]["wall_ms_best"]
        torch.set_num_threads(1)
        name, value = "two threads over one, N=8192", best[1] / best[2]
        record = {"record": "ratio", "name": name, "value": round(value, 3), "bar": BARS[name]}
        show(record | {"met": value >= BARS[name], "wall_ms": best} | asdict(case), as_json)


def memory_ratios(as_json: bool) -> None:
    """Peaks of the fused and the usual step, and of large batches."""
    for case in [c for c in MAIN if c.dim == 10]:
        usual, fused = peak(case, "usual KAN"), peak(case, "simd")
        name = "usual KAN memory over fused, d=10"
        record = {
            "record": "ratio",
            "name": name,
            "value": round(usual / max(fused, 0.1), 2),
            "bar": BARS[name],
        }
        record |= {"met": usual / max(fused, 0.1) >= BARS[name], "usual_mb": usual, "fused_mb": fused}
        show(record | asdict(case), as_json)
    large = [Case(WIDTHS[10], 5, 3, batch, "float32") for batch in (1024, 8192, 65536)]
    for case in large:
        show({"record": "memory", "variant": "simd", "peak_mb": peak(case, "simd")} | asdict(case), as_json)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--quick", action="store_true", help="two small cases")
    parser.add_argument("--memory", action="store_true", help="measure peak memory, too")
    parser.add_argument("--peers", action="store_true", help="installed peers, too")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--one", nargs=2, metavar=("VARIANT", "CASE"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        measure_one(*args.one)
        return
    torch.set_num_threads(args.threads)
    show(machine() | {"threads": args.threads}, args.json)
    times = {}
    for case in QUICK if args.quick else MAIN + MORE + LARGE:
        calls = variants(case, args.peers, compiled=not args.quick and case.dtype == "float32")
        if case.batch > 1024:  # nine gigabytes at d = 10
            del calls["usual KAN"]
        times[case] = time_side_by_side(calls)
        for name, measured in times[case].items():
            record = {"record": "step", "variant": name, "threads": args.threads} | measured | asdict(case)
            show(record, args.json)
    for record in ratios(times):
        show(record, args.json)
    if not args.quick:
        threads_ratio(args.json)
    if args.memory:
        memory_ratios(args.json)


if __name__ == "__main__":
    main()
