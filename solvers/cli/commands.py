"""What the commands of ``sciml.solvers.cli`` do, once their arguments are parsed."""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import json
import math
import os
import sys
from collections.abc import Mapping
from typing import Any

import torch

import sciml
from sciml.errors import ArgumentError, FileWriteError
from sciml.problem import PDE
from sciml.solvers.cli.exit_codes import DIVERGED, INTERRUPTED, OK
from sciml.solvers.cli.options import problem_fields
from sciml.solvers.files import atomic, container
from sciml.solvers.files.limits import MAX_LINE
from sciml.solvers.files.printable import printable
from sciml.solvers.plots.html import describe, solution_rows
from sciml.solvers.solution import AdaptedSolution, Solution

FIGURES = (".png", ".pdf", ".svg")
HIDDEN = ("widths", "hard")  # of little use in a line of statistics


def run_list(options: argparse.Namespace) -> int:
    """``sciml list``."""
    entries = []
    for name in sciml.pdes.names():
        kind = sciml.pdes.get(name)
        lines = (inspect.getdoc(kind) or "").replace("``", "").splitlines()
        parameters = {field.name: field.default for field in problem_fields(kind)}
        entries.append(
            {
                "name": name,
                "class": kind.__name__,
                "about": lines[0] if lines else "",
                "parameters": parameters,
            }
        )
    if options.json:
        print(json.dumps(entries, indent=1, ensure_ascii=False))
        return OK
    width = max(len(entry["name"]) for entry in entries)
    for entry in entries:
        values = "  ".join(f"--{k.replace('_', '-')} {_short(v)}" for k, v in entry["parameters"].items())
        print(f"{entry['name']:<{width}}  {entry['about']}")
        print(f"{'':<{width}}  {values}\n" if values else "")
    return OK


def run_solve(options: argparse.Namespace) -> int:
    """``sciml solve``."""
    _check_outputs(options.output, options.plot)
    problem = sciml.pdes.build(options.problem, **_parameters(options))
    solution = sciml.solve(
        problem,
        _network(options, problem),
        dtype=getattr(torch, options.dtype),
        resume=options.resume,
        checkpoint=options.checkpoint,
        every=options.every,
        windows=_windows(options.windows),
        polish=options.polish,
        **_training(options),
    )
    return _finish(solution, options)


def _windows(text: str | None) -> int | str | bool | None:
    """What ``--windows`` stands for."""
    if text == "never":
        return False
    return int(text) if text is not None and text.isdigit() else text


def run_finetune(options: argparse.Namespace) -> int:
    """``sciml finetune``."""
    _check_outputs(options.output, options.plot, options.save_adapter)
    base = sciml.load(options.file)
    problem = dataclasses.replace(base.problem, **_parameters(options))  # type: ignore[type-var]
    tuned = base.finetune(problem, options.adapter, name="finetuned", **_training(options))
    if options.save_adapter:
        tuned.save_adapter(options.save_adapter)
    return _finish(tuned, options)


def run_info(options: argparse.Namespace) -> int:
    """``sciml info``."""
    header = container.peek(options.file)
    config = {k: v for k, v in header.config.items() if k != "allow_nan"}
    size = os.path.getsize(options.file)
    if options.json:
        arrays = {
            name: {"shape": list(shape), "dtype": dtype} for name, (shape, dtype) in header.arrays.items()
        }
        record = {
            "file": options.file,
            "bytes": size,
            "kind": header.kind,
            "config": config,
            "arrays": arrays,
        }
        print(json.dumps(record, indent=1))  # in ASCII: a file's texts are of unknown origin
        return OK
    rows = [("file", f"{options.file}, {size / 1024:.1f} kB"), ("kind", header.kind)]
    if header.kind == "solution":
        solution = _try_load(options.file)
        rows += (
            solution_rows(solution)
            if isinstance(solution, Solution)
            else [("note", solution), *_told(config)]
        )
    else:
        rows += _told(config)
    _print_rows(rows)
    return OK


def run_plot(options: argparse.Namespace) -> int:
    """``sciml plot``."""
    _check_outputs(None, options.output)
    solution = sciml.load(options.file)
    figure = solution.plot(
        kind=options.kind,
        unknown=options.unknown,
        axes=options.axes,
        at=dict(options.at),
        times=options.times,
        base=sciml.load(options.base) if options.base else None,
    )
    _save_figure(figure, options.output, options.dpi)
    return OK


def _finish(solution: Solution | AdaptedSolution, options: argparse.Namespace) -> int:
    written = {}
    if options.output:
        solution.save(options.output)
        written["solution"] = options.output
    if options.plot:
        _save_figure(solution.plot(), options.plot, 120)
        written["figure"] = options.plot
    if options.json:
        record = {
            "problem": getattr(type(solution.problem), "registry_name", type(solution.problem).__name__),
            "problem_parameters": solution.problem.parameters(),
            "network": describe(solution.network),
            "error": solution.error() if solution.has_answer else None,
            **solution.stats,
            "unknown": {k: v.to_json() for k, v in solution.stats.unknown.items()},
            "files": written,
        }
        print(json.dumps(_finite(record)))
    elif not options.quiet:
        rows = solution_rows(solution)
        rows += [(f"{name} written to", path) for name, path in written.items()]
        _print_rows(rows)
        if not written:
            print("(nothing was kept; -o FILE keeps the solution)")
    return {"diverged": DIVERGED, "interrupted": INTERRUPTED}.get(solution.outcome, OK)


def _parameters(options: argparse.Namespace) -> dict[str, Any]:
    given = {k: v for k, v in vars(options).items() if k.startswith("parameter_") and v is not None}
    return {k.removeprefix("parameter_"): v for k, v in given.items()}


def _training(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "optimizer": options.optimizer,
        "points": options.points,
        "max_time": options.max_time,
        "max_steps": options.max_steps,
        "tol": options.tol,
        "seed": options.seed,
        "progress": not options.quiet and sys.stderr.isatty(),
    }


def _network(options: argparse.Namespace, problem: PDE) -> torch.nn.Module | None:
    """The network that the options describe; None leaves the choice to the solver."""
    own = {
        name: getattr(options, name)
        for name in ("grid", "degree", "activation")
        if getattr(options, name) is not None
    }
    if options.model is None and options.widths is None and not own:
        return None
    kind = options.model or ("mlp" if "grid" not in own and "degree" not in own else "kan")
    foreign = [name for name in own if (name == "activation") == (kind == "kan")]
    if foreign:
        raise ArgumentError(f"--{foreign[0]} does not go with --model {kind}.")
    if kind == "kan":
        widths = options.widths or [problem.inputs, 8, 8, problem.outputs]
        return sciml.nn.KAN(widths, seed=options.seed, **own)
    widths = options.widths or [problem.inputs, 20, 20, problem.outputs]
    return sciml.nn.MLP(widths, seed=options.seed, **own)


def _check_outputs(file: str | None, figure: str | None, other: str | None = None) -> None:
    """Find out before the work whether its result can be written."""
    for path in (file, other, figure):
        if path is not None:
            atomic.checked_target(path)
    if figure is not None and os.path.splitext(figure)[1].lower() not in FIGURES:
        raise ArgumentError(f"a figure's name needs one of the endings {', '.join(FIGURES)}, got {figure!r}.")


def _save_figure(figure: Any, path: str, dpi: int) -> None:
    try:
        figure.savefig(path, dpi=dpi)
    except OSError as error:
        raise FileWriteError(f"{path}: cannot be written: {error.strerror or error}.") from error


def _try_load(path: str) -> Solution | str:
    try:
        return sciml.load(path)
    except ArgumentError as error:  # a problem or a model of the user's own
        return str(error)


def _told(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a configuration says about itself, as far as it is short."""
    rows = []
    for key, value in config.items():
        if isinstance(value, dict):
            rows += [
                (f"{key} {name}", _short(inner))
                for name, inner in value.items()
                if not isinstance(inner, dict)
            ]
        else:
            rows.append((key, _short(value)))
    return [(key, text) for key, text in rows if len(text) <= 200]


def _print_rows(rows: list[tuple[str, str]]) -> None:
    """Aligned lines; what a file, or its name, brought into them cannot steer the terminal."""
    rows = [(printable(name, 60), printable(text, MAX_LINE)) for name, text in rows]
    width = max(len(name) for name, _ in rows)
    for name, text in rows:
        print(f"{name:<{width}}  {text}")


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _finite(value: Any) -> Any:
    """JSON knows no nan and inf: null."""
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
