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
from sciml.solvers.cli import user_file
from sciml.solvers.files import container


@dataclass(frozen=True)
class Option:
    """A problem's parameter as an option of the command line."""

    name: str
    type: Callable[[str], Any]
    metavar: str
    help: str
    default: Any
    required: bool = False


def describe_kind(name: str) -> tuple[str, list[Option]]:
    """A problem's description and its parameters, from the catalogue or from ``FILE.py:CLASS``.

    Raises:
        ArgumentError: An unknown name.
        UserCodeError: The user's file raised.
    """
    found = user_file.find(name) if user_file.is_user_file(name) else pdes.get(name)
    kind = type(found) if isinstance(found, PDE) else found
    text = inspect.getdoc(kind) or ""
    text = text.replace("``", "").replace("Attributes:", "Parameters:") + "\n"
    return text, [] if isinstance(found, PDE) else problem_fields(kind)


def describe_file(path: str, named: str | None = None) -> tuple[str, list[Option]]:
    """The description and parameters of the problem that a solution's file holds.

    Args:
        path: The file.
        named: ``FILE.py:CLASS`` of a problem of the user's own.
    """
    header = container.peek(path)
    problem = header.config.get("problem")
    name = problem.get("name") if header.kind == "solution" and isinstance(problem, Mapping) else None
    if named is not None:
        text, options = describe_kind(named)
        # what is not given is as it was saved
        return text, [dataclasses.replace(option, required=False) for option in options]
    if name not in pdes.names():
        raise ArgumentError(
            f"FILE needs a solution of a problem of the catalogue; {path} holds a {header.kind}"
            + (f" of {problem.get('class')!s:.80}" if isinstance(problem, Mapping) else "")
            + ". Name your own class: --problem FILE.py:CLASS."
        )
    return describe_kind(name)


def problem_fields(kind: type[PDE]) -> list[Option]:
    """The plain parameters of a problem's class (a dataclass's fields), explained by its docstring."""
    texts = _attributes(inspect.getdoc(kind) or "")
    fields = []
    for field in dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else ():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        kind_of = _plain_type(field.type) if required else type(field.default)
        parse = {bool: _truth, int: int, float: float, str: str}.get(kind_of)
        if field.init and parse is not None:
            shown = f"{field.default:g}" if kind_of is float and not required else str(field.default)
            text = f"{texts.get(field.name, '')} ({'required' if required else shown})".strip()
            metavar, default = kind_of.__name__.upper(), None if required else field.default
            fields.append(Option(field.name, parse, metavar, text.replace("%", "%%"), default, required))
    return fields


def _plain_type(annotation: Any) -> Any:
    """The type that an annotation names, as a class or, under postponed evaluation, as a text."""
    named = {"bool": bool, "int": int, "float": float, "str": str}
    return named.get(annotation) if isinstance(annotation, str) else annotation


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
