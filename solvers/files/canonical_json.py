"""Plain data and its one JSON form: what a file may say besides numbers in arrays.

Plain data is ``None``, ``bool``, ``int`` (64 bits), finite ``float``, ``str``, lists and dictionaries with
string keys. Its canonical JSON (sorted keys, no blanks, ASCII) is the same bytes for the same data, so it
can be hashed.
"""

from __future__ import annotations

import json
import math
from typing import Any

from sciml.errors import ArgumentError, ArgumentTypeError

MAX_BYTES = 4 << 20
MAX_DEPTH = 32
MAX_NODES = 200_000


def encode(data: Any, name: str = "config") -> bytes:
    """The canonical JSON of plain ``data``; tuples are written as lists.

    Raises:
        ArgumentTypeError: A value is no plain data; the message gives its place, as in ``config['net'][0]``.
        ArgumentError: A number is not finite or beyond 64 bits, a text is no Unicode, or there is too much.
    """
    plain = _Copy(name).copy(data, name, 0)
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")
    if len(text) > MAX_BYTES:
        raise ArgumentError(f"{name} takes {len(text)} bytes as JSON; at most {MAX_BYTES} are allowed.")
    return text


def decode(text: bytes) -> Any:
    """The plain data behind canonical JSON of unknown origin.

    Raises:
        ArgumentError: Not the canonical JSON of plain data within the limits of this module.
    """
    if len(text) > MAX_BYTES:
        raise ArgumentError(f"the JSON takes {len(text)} bytes; at most {MAX_BYTES} are allowed.")
    # brackets inside strings count too: text with that many of them is refused unless it is really shallow
    if max(text.count(b"["), text.count(b"{")) > MAX_NODES:
        raise ArgumentError(f"the JSON has more than {MAX_NODES} lists or dictionaries.")
    try:
        data = json.loads(text.decode("ascii"))
    except RecursionError:
        raise ArgumentError("the JSON is nested too deeply.") from None
    except ValueError as error:
        raise ArgumentError(f"no valid JSON: {error}.") from None
    try:
        canonical = encode(data, "config")
    except ArgumentTypeError as error:
        raise ArgumentError(str(error)) from None
    if canonical != text:
        raise ArgumentError(
            "the JSON is not in canonical form (a key twice, other blanks, order or escapes)."
        )
    return data


class _Copy:
    def __init__(self, name: str):
        self.name = name
        self.nodes = 0

    def copy(self, data: Any, place: str, depth: int) -> Any:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise ArgumentError(
                f"{self.name} holds more than {MAX_NODES} values; put long lists into arrays."
            )
        if depth > MAX_DEPTH:
            raise ArgumentError(f"{self.name} is nested more than {MAX_DEPTH} levels deep, at {place[:80]}.")
        if data is None or isinstance(data, bool):
            return data
        if isinstance(data, int):
            if not -(2**63) <= data < 2**64:
                raise ArgumentError(f"{place} needs an integer of at most 64 bits.")
            return int(data)
        if isinstance(data, float):
            if not math.isfinite(data):
                raise ArgumentError(
                    f"{place} needs a finite number, got {data!r}; JSON knows no such number."
                )
            return float(data)
        if isinstance(data, str):
            return _unicode(data, place)
        if isinstance(data, (list, tuple)):
            return [self.copy(value, f"{place}[{i}]", depth + 1) for i, value in enumerate(data)]
        if isinstance(data, dict):
            for key in data:
                if not isinstance(key, str):
                    raise ArgumentTypeError(f"{place} needs strings as keys, got {key!r:.80}.")
            return {
                _unicode(key, place): self.copy(value, f"{place}[{key!r:.80}]", depth + 1)
                for key, value in data.items()
            }
        raise ArgumentTypeError(
            f"{place} needs None, bool, int, float, str, list or dict, got {type(data).__name__}."
        )


def _unicode(text: str, place: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ArgumentError(f"{place} needs valid Unicode, got {text!r:.80}.") from None
    return str(text)
