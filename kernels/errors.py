"""The errors of every folder. They are defined on the lowest floor; users know them as ``sciml.errors``.

Every message names the argument, what it needs and what it got. ``SciMLError`` catches them all; ``ValueError`` and
``TypeError`` are mixed in where a caller would look for those.
"""

from __future__ import annotations


class SciMLError(Exception):
    """Base of every error that sciml raises on purpose."""


class ArgumentError(SciMLError, ValueError):
    """An argument has the right type and a value that cannot be used."""


class ArgumentTypeError(SciMLError, TypeError):
    """An argument has a type that cannot be used."""
