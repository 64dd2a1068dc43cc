"""``sciml doctor``: what this machine has for sciml, and whether it works."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

import sciml
from sciml import kernels, nn, pdes
from sciml.ansatz import Trial
from sciml.corners.functions import no_corners
from sciml.kernels.cpu.cache_folder import find_folder
from sciml.solvers.cli.exit_codes import FAILED, OK
from sciml.solvers.cli.output import Told
from sciml.solvers.cli.rows import aligned
from sciml.solvers.training.settings import Settings, held_out_system, make_run, method_for, training_system

NEEDED = ("torch", "numpy", "scipy", "numba", "h5py", "matplotlib")
OPTIONAL = ("triton", "sympy", "meshio", "xarray", "ray", "shtab", "tensorboard", "mlflow", "wandb")
STEPS = 10  # of the solve that is timed; the loop looks at its start and after so many
NOT_COMPARED = ("reference", "triton")  # the definition itself, and what runs on a GPU alone
AGREE = 1e-10  # largest relative difference of a kernel from the definition


def run(options: argparse.Namespace) -> Told:
    """Versions, threads, kernels, cache, GPU, and a step's time."""
    agreement, notes = _agreement(), []
    folder, reason = find_folder()
    if reason:
        notes.append(f"compiled kernels are not kept: {reason}; each process compiles them anew")
    wrong = {name: gap for name, gap in agreement.items() if not gap <= AGREE}
    notes += [f"the kernels {name} are off by {gap:.1e}: do not use them here" for name, gap in wrong.items()]
    record = {
        "python": platform.python_version(),
        "system": platform.platform(),
        "packages": {name: _version(name) for name in (*NEEDED, *OPTIONAL)},
        "threads": {
            "cores": _cores(),
            "torch": torch.get_num_threads(),
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS"),
        },
        "kernels": {
            name: {"missing": why, "off": agreement.get(name)} for name, why in kernels.backends().items()
        },
        "cache": _cache(folder),
        "gpu": _gpu(),
        "milliseconds_a_step": {"mlp": _step(nn.MLP([2, 16, 16, 1])), "kan": _step(nn.KAN([2, 8, 1]))},
        "notes": notes,
    }
    return Told(record, aligned(_rows(record)), FAILED if wrong else OK)


def _rows(record: dict[str, Any]) -> list[tuple[str, str]]:
    packages, threads, cache = record["packages"], record["threads"], record["cache"]
    rows = [
        ("sciml", f"{sciml.__version__} on Python {record['python']}, {record['system']}"),
        ("needed", ", ".join(f"{name} {packages[name] or 'MISSING'}" for name in NEEDED)),
        ("optional", ", ".join(f"{name} {packages[name] or '(none)'}" for name in OPTIONAL)),
        ("cores", str(threads["cores"])),
        (
            "threads",
            f"{threads['torch']} of torch, OMP_NUM_THREADS {threads['OMP_NUM_THREADS'] or 'not set'}",
        ),
    ]
    for name, found in record["kernels"].items():
        works = "works" if found["off"] is None else f"works, {found['off']:.0e} off the definition"
        rows.append((f"kernels {name}", works if found["missing"] is None else f"none: {found['missing']}"))
    kept = f"{cache['files']} kernels, {cache['bytes'] / 1e6:.1f} MB in {cache['folder']}"
    rows.append(("kernel cache", kept if cache["folder"] else "none"))
    gpu = record["gpu"]
    rows.append(("GPU", ", ".join(gpu["devices"]) if gpu["devices"] else f"none: {gpu['reason']}"))
    for name, found in record["milliseconds_a_step"].items():
        rows.append((f"a step, {name}", f"{found:.1f} ms on Poisson's equation, some 300 parameters"))
    return rows + [("note", note) for note in record["notes"]]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _cache(folder: Any) -> dict[str, Any]:
    files = list(folder.glob("*.kernel")) if folder is not None else []
    sizes = [file.stat().st_size for file in files]
    return {"folder": None if folder is None else str(folder), "files": len(files), "bytes": sum(sizes)}


def _gpu() -> dict[str, Any]:
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(k) for k in range(torch.cuda.device_count())]
        return {"devices": names, "reason": None}
    built = torch.version.cuda
    reason = "this torch is built for the CPU" if built is None else f"torch finds no device for CUDA {built}"
    return {"devices": [], "reason": reason}


def _agreement() -> dict[str, float]:
    """How far each backend on the CPU is from the definition: value, gradient and Laplacian through a layer of splines."""
    generator = torch.Generator().manual_seed(0)
    knots, degree, width = kernels.uniform_knots(-1.0, 1.0, 5, 3), 3, (2, 4)
    coef = torch.randn(width[0], len(knots) - degree - 1, width[1], generator=generator, dtype=torch.float64)
    layer = kernels.LayerWeights(coef, None, knots, degree)
    W = torch.ones(1, 2, dtype=torch.float64)
    z = torch.zeros(37, 4, 2, dtype=torch.float64)
    z[:, 0] = 1.8 * torch.rand(37, 2, generator=generator, dtype=torch.float64) - 0.9
    z[:, 1:3] = torch.eye(2, dtype=torch.float64)
    exact = kernels.kan_jets(z, [layer], W, backend="reference")
    runs = [name for name, why in kernels.backends().items() if why is None and name not in NOT_COMPARED]
    jets = {name: kernels.kan_jets(z, [layer], W, backend=name) for name in runs}
    return {name: float((found - exact).abs().max() / exact.abs().max()) for name, found in jets.items()}


def _step(network: torch.nn.Module) -> float:
    """Milliseconds of a Gauss-Newton step, evaluation included, after what the first one compiles."""
    problem = pdes.Poisson(2)
    settings = Settings(problem, points=300, max_steps=STEPS, tol=0, progress=False)
    system = training_system(settings, Trial(problem, network, corners=no_corners(problem)))
    parameters = system.theta.numel()
    method = method_for("auto", settings, system, parameters)
    run = make_run(settings, system, held_out_system(settings, system), method, parameters)
    run.run()
    first, last = run.history[0], run.history[-1]
    return 1e3 * (last["seconds"] - first["seconds"]) / max(last["step"] - first["step"], 1)
