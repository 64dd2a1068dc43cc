"""What a command answers, as lines for a reader and as one JSON object for a program."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from sciml import __version__
from sciml.solvers.cli.exit_codes import OK


@dataclass(frozen=True)
class Told:
    """What a command has to say.

    Attributes:
        result: Plain data.
        text: The same for a reader; may be empty.
        code: The exit code.
    """

    result: Any
    text: str = ""
    code: int = OK


def envelope(command: str | None, code: int, **content: Any) -> str:
    """The line that ``--json`` prints, whatever the command: ``result`` or ``error``, in ASCII, without nan and inf.

    Args:
        command: Its name.
        code: The exit code.
        content: ``result=...``, or ``error={"kind": ..., "message": ...}``.
    """
    record = {"sciml": __version__, "command": command, "code": code, **content}
    return json.dumps(finite(record), allow_nan=False)


def finite(value: Any) -> Any:
    """The same plain data with None for every number that is not finite: JSON has none of them."""
    if isinstance(value, dict):
        return {k: finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def short(value: Any) -> str:
    """A value in a table."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
