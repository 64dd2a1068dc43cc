"""``sciml info``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from typing import Any

from sciml.errors import ArgumentError
from sciml.solvers.cli.commands.saved import read_solution
from sciml.solvers.cli.output import Told, short
from sciml.solvers.cli.rows import aligned
from sciml.solvers.files import container
from sciml.solvers.plots.html import solution_rows

LONGEST = 200  # characters of a value that is shown


def run(options: argparse.Namespace) -> Told:
    """What is in a file."""
    header = container.peek(options.file)
    config = {k: v for k, v in header.config.items() if k != "allow_nan"}
    size = os.path.getsize(options.file)
    arrays = {name: {"shape": list(shape), "dtype": dtype} for name, (shape, dtype) in header.arrays.items()}
    record = {
        "file": options.file,
        "bytes": size,
        "kind": header.kind,
        "config": config,
        "arrays": arrays,
    }
    rows = [("file", f"{options.file}, {size / 1024:.1f} kB"), ("kind", header.kind)]
    if header.kind == "solution":
        try:
            rows += solution_rows(read_solution(options.file, options.problem))
        except ArgumentError as error:  # a problem or a model of the user's own
            rows += [("note", str(error)), *_told(config)]
    else:
        rows += _told(config)
    return Told(record, aligned(rows))


def _told(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a configuration says about itself, as far as it is short."""
    rows = []
    for key, value in config.items():
        if isinstance(value, dict):
            inner = {f"{key} {name}": v for name, v in value.items() if not isinstance(v, dict)}
            rows += [(name, short(v)) for name, v in inner.items()]
        else:
            rows.append((key, short(value)))
    return [(key, text) for key, text in rows if len(text) <= LONGEST]
