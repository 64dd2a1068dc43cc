"""A parser of command lines whose errors take one line and suggest what was meant; the types of its values."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, NoReturn

from sciml.errors import SciMLError, did_you_mean


class UsageError(SciMLError):
    """The command line cannot be read; the message begins with the program and the command."""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are a ``UsageError`` of one line.

    Attributes:
        without: What is said of an unknown option in the place of one like it: why a problem has none of its own.
    """

    without = ""

    def __init__(self, **options: Any):
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where help is.

        Raises:
            UsageError: Always.
        """
        raise UsageError(f"{self.prog}: error: {message} (help: {self.prog} --help)")

    def options(self) -> list[str]:
        """All options of this parser, as they are written."""
        return [word for word in self._option_string_actions if word.startswith("--")]


def read(parser: Parser, commands: dict[str, Parser], arguments: list[str]) -> argparse.Namespace:
    """Parse a command line.

    Args:
        parser: The whole program's.
        commands: Each command's own.
        arguments: What the user wrote.

    Raises:
        UsageError: It cannot be read; the message names the word, and one like it that is known.
    """
    command = command_of(arguments)
    if command is not None and command not in commands:
        hint = did_you_mean(command, commands)
        parser.error(f"COMMAND needs one of {', '.join(commands)}, got {command!r}.{hint}")
    options, others = parser.parse_known_args(arguments)
    if others:
        own = parser if command is None else commands[command]
        word = others[0].partition("=")[0]
        hint = own.without or did_you_mean(word, own.options()) if word.startswith("-") else ""
        own.error(f"unrecognized arguments: {' '.join(others)}.{hint}")
    return options


def command_of(arguments: list[str]) -> str | None:
    """The command in a command line: its first word that is no option."""
    return next((word for word in arguments if not word.startswith("-")), None)


def value_of(arguments: list[str], option: str) -> str | None:
    """What an option is given, as ``--option VALUE`` or ``--option=VALUE``."""
    for k, word in enumerate(arguments):
        if word == option:
            return next(iter(arguments[k + 1 :]), None)
        if word.startswith(f"{option}="):
            return word.partition("=")[2]
    return None


def one_of(*known: str) -> Callable[[str], str]:
    """A value that is one of some words."""

    def parse(text: str) -> str:
        if text not in known:
            hint = did_you_mean(text, known)
            raise argparse.ArgumentTypeError(f"needs one of {', '.join(known)}, got {text!r}.{hint}")
        return text

    return parse


def list_of(kind: Callable[[str], Any], example: str) -> Callable[[str], list[Any]]:
    """Values between commas."""

    def parse(text: str) -> list[Any]:
        try:
            return [kind(part) for part in text.split(",")]
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is no list such as {example}") from None

    return parse


ints, floats, words = list_of(int, "2,8,8,1"), list_of(float, "0,0.5,1"), list_of(str, "x,z")


def place(text: str) -> tuple[str, float]:
    """A coordinate and its value, ``y=0.5``."""
    name, _, value = text.partition("=")
    try:
        return name.strip(), float(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no place such as y=0.5") from None


# what a shell completes such an argument with; the words are those of shtab.FILE
FILES = {"bash": "_shtab_compgen_files", "zsh": "_files", "tcsh": "f"}


def file_argument(parser: Any, *names: str, **options: Any) -> None:
    """An argument that names a file."""
    parser.add_argument(*names, **options).complete = FILES
