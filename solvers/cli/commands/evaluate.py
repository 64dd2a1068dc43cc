"""``sciml eval``: the values of a solution at the points of a table."""

from __future__ import annotations

import argparse
import csv
import io
import sys
import warnings

import numpy as np

from sciml.csv_columns import read_columns
from sciml.solvers.cli.commands.saved import check_outputs, read_solution
from sciml.solvers.cli.output import Told
from sciml.solvers.files import atomic


def run(options: argparse.Namespace) -> Told:
    """Values at points, as a table."""
    check_outputs(options.output)
    solution = read_solution(options.file, options.problem)
    names, unknowns = tuple(solution.problem.domain.names), tuple(solution.problem.unknowns)
    columns = read_columns(options.points, names)
    points = np.column_stack([columns[name] for name in names])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        values = solution(points)
    notes = [str(one.message) for one in caught]
    table = table_of((*names, *unknowns), np.hstack([points, values]))
    record = {"points": len(points), "coordinates": names, "unknowns": unknowns, "notes": notes}
    noted = "\n".join(f"note: {note}" for note in notes)
    if options.output:
        atomic.replace_file(options.output, [table.encode()])
        told = f"{len(points)} points written to {options.output}"
        return Told({**record, "files": {"values": options.output}}, f"{told}\n{noted}".rstrip())
    if not options.json and noted:
        # beside the table, not in it
        print(noted, file=sys.stderr)
    return Told({**record, "values": values.tolist()}, table.rstrip("\n"))


def table_of(names: tuple[str, ...], rows: np.ndarray) -> str:
    """A table of comma-separated values ``(n, k)`` under ``k`` names; each number reads back as the same one."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([repr(value) for value in row] for row in rows.tolist())
    return text.getvalue()
