"""``sciml list``."""

from __future__ import annotations

import argparse
import inspect

from sciml import pdes
from sciml.solvers.cli.options import problem_fields
from sciml.solvers.cli.output import Told, short


def run(options: argparse.Namespace) -> Told:
    """The problems of the catalogue with their parameters."""
    entries = []
    for name in pdes.names():
        kind = pdes.get(name)
        lines = (inspect.getdoc(kind) or "").replace("``", "").splitlines()
        parameters = {field.name: field.default for field in problem_fields(kind)}
        about = lines[0] if lines else ""
        entries.append({"name": name, "class": kind.__name__, "about": about, "parameters": parameters})
    width = max(len(entry["name"]) for entry in entries)
    lines = []
    for entry in entries:
        values = "  ".join(f"--{k.replace('_', '-')} {short(v)}" for k, v in entry["parameters"].items())
        lines.append(f"{entry['name']:<{width}}  {entry['about']}")
        lines.append(f"{'':<{width}}  {values}\n" if values else "")
    return Told(entries, "\n".join(lines))
