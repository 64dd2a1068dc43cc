"""What ``solve`` and ``finetune`` have in common: how they train, what they write and what they tell."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from sciml.solvers.cli.commands.saved import save_figure
from sciml.solvers.cli.exit_codes import DIVERGED, INTERRUPTED, OK
from sciml.solvers.cli.output import Told
from sciml.solvers.cli.rows import aligned
from sciml.solvers.plots.html import describe, solution_rows
from sciml.solvers.solution import AdaptedSolution, Solution


def parameters(options: argparse.Namespace) -> dict[str, Any]:
    """The problem's parameters that were given."""
    given = {k: v for k, v in vars(options).items() if k.startswith("parameter_") and v is not None}
    return {k.removeprefix("parameter_"): v for k, v in given.items()}


def training(options: argparse.Namespace) -> dict[str, Any]:
    """The arguments of ``solve`` and ``finetune`` about training."""
    return {
        "optimizer": options.optimizer,
        "points": options.points,
        "max_time": options.max_time,
        "max_steps": options.max_steps,
        "tol": options.tol,
        "seed": options.seed,
        "progress": not options.quiet and sys.stderr.isatty(),
    }


def finish(solution: Solution | AdaptedSolution, options: argparse.Namespace) -> Told:
    """Write what was asked for, and tell how it ended."""
    written = {}
    if options.output:
        solution.save(options.output)
        written["solution"] = options.output
    if options.plot:
        save_figure(solution.plot(), options.plot, 120)
        written["figure"] = options.plot
    metrics = {text.rpartition(":")[2] for text in getattr(options, "metric", ())}
    numbers = {k: v for k, v in (solution.history or [{}])[-1].items() if k in metrics}
    record = {
        "problem": getattr(type(solution.problem), "registry_name", type(solution.problem).__name__),
        "problem_parameters": _plain(solution.problem.parameters()),
        "network": describe(solution.network),
        "error": solution.error() if solution.has_answer else None,
        **solution.stats,
        "unknown": {k: v.to_json() for k, v in solution.stats.unknown.items()},
        "metrics": numbers,
        "files": written,
    }
    rows = solution_rows(solution)
    rows += [(name, f"{value:.6g}") for name, value in numbers.items()]
    rows += [(f"{name} written to", path) for name, path in written.items()]
    text = aligned(rows) + ("" if written else "\n(nothing was kept; -o FILE keeps the solution)")
    code = {"diverged": DIVERGED, "interrupted": INTERRUPTED}.get(solution.outcome, OK)
    return Told(record, text, code)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Parameters as JSON can hold them; what is no number or text is written out."""
    return {
        k: v if isinstance(v, (bool, int, float, str, type(None))) else repr(v) for k, v in values.items()
    }
