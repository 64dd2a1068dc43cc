"""Text of unknown origin, made safe to show on a terminal."""

from __future__ import annotations

MAX_TEXT = 500


def printable(text: object, limit: int = MAX_TEXT) -> str:
    r"""``str(text)`` on one line, without anything that a terminal obeys.

    A file, or its name, may hold escape sequences, other control characters, and marks that turn the direction of
    writing. Whatever Unicode does not call printable is written as an escape such as ``\x1b``, and a text longer than
    ``limit`` characters is cut. Doing it twice changes nothing.
    """
    text = str(text)
    if len(text) > limit:
        text = text[: max(limit - 3, 0)] + "..."
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def is_plain_name(text: object, limit: int = 200) -> bool:
    """Whether a name from a file can be shown and kept as it is: 1 to ``limit`` printable characters, no path to elsewhere.

    A slash may be part of a name (``nu=1/100``); an absolute path, or one with a part ``..``, may not.
    """
    if not isinstance(text, str) or not 0 < len(text) <= limit or not text.isprintable():
        return False
    parts = text.replace("\\", "/").split("/")
    return text == text.strip() and ".." not in parts and parts[0] not in ("", "~")
