"""``sciml solve``."""

from __future__ import annotations

import argparse
from typing import Any

import torch

import sciml
from sciml.errors import ArgumentError
from sciml.problem import PDE
from sciml.solvers.cli import user_file
from sciml.solvers.cli.commands.result import finish, parameters, training
from sciml.solvers.cli.commands.saved import check_outputs
from sciml.solvers.cli.output import Told

KAN_OPTIONS = ("grid", "degree", "basis", "size")


def run(options: argparse.Namespace) -> Told:
    """Solve a problem of the catalogue or of the user's own."""
    check_outputs(options.output, figure=options.plot)
    own = user_file.is_user_file(options.problem)
    build = user_file.build if own else lambda name, given: sciml.pdes.build(name, **given)
    metrics = {text.rpartition(":")[2]: user_file.find_function(text) for text in options.metric}
    with user_file.lines_told(user_file.file_of(options.problem) if own else None):
        problem = build(options.problem, parameters(options))
        solution = sciml.solve(
            problem,
            _network(options, problem),
            dtype=getattr(torch, options.dtype),
            resume=options.resume,
            checkpoint=options.checkpoint,
            every=options.every,
            windows=_windows(options.windows),
            polish=options.polish,
            metrics=metrics or None,
            **training(options),
        )
        return finish(solution, options)


def _windows(text: str | None) -> int | str | bool | None:
    """What ``--windows`` stands for."""
    if text == "never":
        return False
    return int(text) if text is not None and text.isdigit() else text


def _network(options: argparse.Namespace, problem: PDE) -> torch.nn.Module | None:
    """The network that the options describe; None leaves the choice to the solver."""
    own: dict[str, Any] = {
        name: getattr(options, name)
        for name in (*KAN_OPTIONS, "activation")
        if getattr(options, name) is not None
    }
    if options.model is None and options.widths is None and not own:
        return None
    kind = options.model or ("kan" if any(name in own for name in KAN_OPTIONS) else "mlp")
    foreign = [name for name in own if (name == "activation") == (kind == "kan")]
    if foreign:
        raise ArgumentError(f"--{foreign[0]} does not go with --model {kind}.")
    if kind == "kan":
        widths = options.widths or [problem.inputs, 8, 8, problem.outputs]
        return sciml.nn.KAN(widths, seed=options.seed, **own)
    widths = options.widths or [problem.inputs, 20, 20, problem.outputs]
    return sciml.nn.MLP(widths, seed=options.seed, **own)
