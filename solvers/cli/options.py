"""The parameters of a problem as options of the command line."""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sciml import pdes
from sciml.errors import ArgumentError
from sciml.problem import PDE
from sciml.solvers.files import container


@dataclass(frozen=True)
class Option:
    """A problem's parameter as an option of the command line."""

    name: str
    type: Callable[[str], Any]
    metavar: str
    help: str
    default: Any


def describe_kind(name: str) -> tuple[str, list[Option]]:
    """A problem's description and its parameters.

    Raises:
        ArgumentError: An unknown name.
    """
    kind = pdes.get(name)
    text = inspect.getdoc(kind) or ""
    return text.replace("``", "").replace("Attributes:", "Parameters:") + "\n", problem_fields(kind)


def describe_file(path: str) -> tuple[str, list[Option]]:
    """The description and parameters of the problem that a solution's file holds."""
    header = container.peek(path)
    problem = header.config.get("problem")
    name = problem.get("name") if header.kind == "solution" and isinstance(problem, Mapping) else None
    if name not in pdes.names():
        raise ArgumentError(
            f"FILE needs a solution of a problem of the catalogue; {path} holds a {header.kind}"
            + (f" of {problem.get('class')!s:.80}" if isinstance(problem, Mapping) else "")
            + ". Use solution.finetune in Python."
        )
    return describe_kind(name)


def problem_fields(kind: type[PDE]) -> list[Option]:
    """The plain parameters of a problem's class, explained by its docstring."""
    texts = _attributes(inspect.getdoc(kind) or "")
    fields = []
    for field in dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else ():
        if not field.init or field.default is dataclasses.MISSING:
            continue
        kind_of = type(field.default)
        parse = {bool: _truth, int: int, float: float, str: str}.get(kind_of)
        if parse is not None:
            shown = f"{field.default:g}" if kind_of is float else str(field.default)
            text = f"{texts.get(field.name, '')} ({shown})".strip().replace("%", "%%")
            fields.append(Option(field.name, parse, kind_of.__name__.upper(), text, field.default))
    return fields


def _attributes(text: str) -> dict[str, str]:
    """The entries of a docstring's ``Attributes:`` by name, each in one line."""
    _, _, part = text.partition("Attributes:\n")
    found: dict[str, str] = {}
    name = ""
    for line in part.splitlines():
        entry = re.match(r"    (\w+): (.*)", line)
        if entry:
            name, found[entry[1]] = entry[1], entry[2]
        elif name and line.startswith("     "):
            found[name] += " " + line.strip()
        elif line.strip():
            break
    return {key: value.replace("``", "") for key, value in found.items()}


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false", "yes", "no", "1", "0"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return text.lower() in ("true", "yes", "1")
