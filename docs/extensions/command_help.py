"""The directive ``command-help``: what ``sciml COMMAND --help`` prints, from the parser itself, so that it is never stale.

Without an argument it shows the help of the program.
"""

from __future__ import annotations

import os

from docutils import nodes
from docutils.parsers.rst import Directive

from sciml.solvers.cli.arguments import make_parser

WIDTH = "88"  # characters: a page shows them without a scroll bar


def help_of(command: str) -> str:
    """The text, wrapped for a page."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = WIDTH
    try:
        parser, commands = make_parser([])
        return (commands[command] if command else parser).format_help().rstrip()
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before


class CommandHelp(Directive):
    """See the module."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """One literal block."""
        text = help_of(self.arguments[0] if self.arguments else "")
        block = nodes.literal_block(text, text)
        block["language"] = "text"
        return [block]


def setup(app) -> dict:
    """Register the directive."""
    app.add_directive("command-help", CommandHelp)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
