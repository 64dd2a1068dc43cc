"""Docstrings as this project writes them, turned into what Sphinx reads: fences of Python, and formulas after a colon."""

from __future__ import annotations

import re

FENCE = re.compile(r"^(\s*)```(\w+)\s*$")
LABEL = re.compile(r"^\s*(Args|Attributes|Raises|Returns|Yields|References|Examples?|Notes?):$")


def translate(lines: list[str]) -> list[str]:
    """The same docstring in reStructuredText."""
    out: list[str] = []
    fence: str | None = None
    for i, line in enumerate(lines):
        if fence is not None:
            if line.strip() == "```":
                out.append("")
                fence = None
            else:
                out.append("   " + line if line.strip() else "")
        elif opened := FENCE.match(line):
            fence = opened[1]
            out += ["", f"{fence}.. code-block:: {opened[2]}", ""]
        elif formula_follows(lines, i):
            out.append(line + ":")
        else:
            out.append(line)
    return out


def formula_follows(lines: list[str], i: int) -> bool:
    """Whether line ``i`` ends in a colon, and an indented block comes after an empty line."""
    if not lines[i].endswith(":") or LABEL.match(lines[i]) or i + 2 >= len(lines) or lines[i + 1].strip():
        return False
    return indent(lines[i + 2]) > indent(lines[i]) and bool(lines[i + 2].strip())


def indent(line: str) -> int:
    """Blanks at the start of a line."""
    return len(line) - len(line.lstrip())


def process(app, what: str, name: str, thing, options, lines: list[str]) -> None:
    """Handler of ``autodoc-process-docstring``."""
    lines[:] = translate(lines)


def setup(app) -> dict:
    """Connect before napoleon, which reads the sections."""
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", process, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
