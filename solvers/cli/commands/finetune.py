"""``sciml finetune``."""

from __future__ import annotations

import argparse
import dataclasses

from sciml.errors import ArgumentError
from sciml.solvers.cli import user_file
from sciml.solvers.cli.commands.result import finish, parameters, training
from sciml.solvers.cli.commands.saved import check_outputs, read_solution
from sciml.solvers.cli.output import Told


def run(options: argparse.Namespace) -> Told:
    """Re-use a solution for other parameters of its problem."""
    check_outputs(options.output, options.save_adapter, figure=options.plot)
    base = read_solution(options.file, options.problem)
    given = parameters(options)
    if given and not dataclasses.is_dataclass(base.problem):
        raise ArgumentError(f"finetune needs a problem with parameters, got {base.problem!r} without any.")
    with user_file.lines_told(user_file.file_of(options.problem) if options.problem else None):
        problem = base.problem.with_parameters(**given)
        tuned = base.finetune(problem, options.adapter, name="finetuned", **training(options))
        if options.save_adapter:
            tuned.save_adapter(options.save_adapter)
        return finish(tuned, options)
