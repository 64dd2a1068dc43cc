"""``sciml completion``: a script for a shell, written by shtab."""

from __future__ import annotations

import argparse

from sciml import pdes
from sciml.errors import MissingPackageError
from sciml.solvers.cli.arguments import make_parser
from sciml.solvers.cli.output import Told

try:
    import shtab
except ImportError:
    shtab = None


def run(options: argparse.Namespace) -> Told:
    """The script.

    Raises:
        MissingPackageError: shtab is not installed.
    """
    if shtab is None:
        raise MissingPackageError('completion needs shtab, got none: pip install "sciml-kan[completion]".')
    parser, commands = make_parser([])
    for action in commands["solve"]._actions:
        if action.dest == "problem":
            action.choices = None
            action.complete = {shell: f"_sciml_problems_{shell}" for shell in ("bash", "zsh")}  # type: ignore[attr-defined]
    preamble = PREAMBLE.get(options.shell, "")
    script = shtab.complete(parser, shell=options.shell, preamble=preamble)
    return Told({"shell": options.shell, "script": script}, script)


NAMES = " ".join(pdes.names())
PREAMBLE = {
    "bash": f'_sciml_problems_bash() {{ compgen -W "{NAMES}" -- "$1"; compgen -f -X "!*.py" -- "$1"; }}',
    "zsh": f"_sciml_problems_zsh() {{ compadd -- {NAMES}; _files -g '*.py'; }}",
}
