"""Text for a stream that cannot encode all of it, such as a console in cp1252: spelt out, still readable."""

from __future__ import annotations

import codecs
import contextlib
import io
import sys
import unicodedata
from collections.abc import Iterator
from typing import Any

HANDLER = "sciml.spelt"  # as the `errors` of a codec or of a stream

SPELT = {
    "½": "1/2",
    "¼": "1/4",
    "√": "sqrt",
    "±": "+-",
    "·": "*",
    "×": "x",
    "–": "-",
    "—": "-",
    "−": "-",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "≈": "~",
    "→": "->",
    "…": "...",
    "∂": "d",
    "∇": "grad",
    "∫": "integral",
    "∞": "inf",
    "°": " deg",
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
}


def encodable(text: str, stream: Any) -> str:
    """``text`` as ``stream`` can write it; characters that it cannot are spelt out (``nu``, ``^2``, or an escape)."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, HANDLER).decode(encoding)


@contextlib.contextmanager
def readable_streams() -> Iterator[None]:
    """A block in which ``print`` never fails for a character that standard output or standard error cannot encode."""
    changed: list[tuple[io.TextIOWrapper, str]] = []
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors != HANDLER:
            changed.append((stream, stream.errors or "strict"))
            stream.reconfigure(errors=HANDLER)
    try:
        yield
    finally:
        for stream, errors in changed:
            with contextlib.suppress(ValueError, OSError):  # closed, or its reader has gone
                stream.reconfigure(errors=errors)


def _spell(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text, start, end = error.object, error.start, error.end
    return "".join(_spelt(text, k) for k in range(start, end)), end


def _spelt(text: str, k: int) -> str:
    """Character ``k`` in ASCII; a letter's name keeps apart from letters around it: ``sin(2 pi x)``."""
    c = text[k]
    if c in SPELT:
        return SPELT[c]
    name = unicodedata.name(c, "")
    if name.startswith("SUPERSCRIPT "):
        return "^" + unicodedata.normalize("NFKC", c).encode("ascii", "backslashreplace").decode()
    if name.startswith("SUBSCRIPT "):
        return "_" + unicodedata.normalize("NFKC", c).encode("ascii", "backslashreplace").decode()
    for size, change in (("GREEK SMALL LETTER ", str.lower), ("GREEK CAPITAL LETTER ", str.capitalize)):
        if name.startswith(size):
            before = " " if k > 0 and text[k - 1].isalnum() else ""
            after = " " if text[k + 1 : k + 2].isalnum() and text[k + 1 : k + 2].isascii() else ""
            letter = name.removeprefix(size).partition(" WITH ")[0].split()[-1].replace("LAMDA", "LAMBDA")
            return before + change(letter) + after
    plain = unicodedata.normalize("NFKD", c).encode("ascii", "ignore").decode()
    return plain or c.encode("ascii", "backslashreplace").decode()


codecs.register_error(HANDLER, _spell)
