"""``sciml plot``."""

from __future__ import annotations

import argparse

from sciml.solvers.cli.commands.saved import check_outputs, read_solution, save_figure
from sciml.solvers.cli.output import Told


def run(options: argparse.Namespace) -> Told:
    """Draw a solution."""
    check_outputs(figure=options.output)
    figure = read_solution(options.file, options.problem).plot(
        kind=options.kind,
        unknown=options.unknown,
        axes=options.axes,
        at=dict(options.at),
        times=options.times,
        base=read_solution(options.base, options.problem) if options.base else None,
    )
    save_figure(figure, options.output, options.dpi)
    return Told({"files": {"figure": options.output}})
