"""A page and the tables that stand in it between their marks; records, and how numbers are written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
LONGEST = 24  # characters of a cell that is a figure


@dataclass(frozen=True)
class Page:
    """A page of ``docs/`` and its tables, each between ``<!-- name -->`` and ``<!-- end of name -->``."""

    name: str
    tables: Mapping[str, Callable[[], str]]

    @property
    def path(self) -> Path:
        """The page's file."""
        return ROOT / "docs" / f"{self.name}.md"

    def text(self) -> str:
        """The page as it is."""
        return self.path.read_text(encoding="utf-8")

    def drawn(self) -> str:
        """The page with its tables drawn anew."""
        text = self.text()
        for name, table in self.tables.items():
            before, _, rest = text.partition(f"<!-- {name} -->\n")
            end = rest.index(f"<!-- end of {name} -->")
            text = f"{before}<!-- {name} -->\n\n{table()}\n{rest[end:]}"
        return text


def records(name: str, kind: str) -> list[dict[str, Any]]:
    """The records of a kind in a results file, in the order of the run."""
    lines = (RESULTS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [r for r in map(json.loads, lines) if r["record"] == kind]


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table in Markdown; columns of numbers stand at the right, and are not broken."""
    figures = [sum(_is_number(row[k]) for row in rows) > len(rows) / 2 for k in range(len(head))]
    lines = [head, ["---:" if right else "---" for right in figures], *rows]
    return "\n".join("| " + " | ".join(str(v) for v in line) + " |" for line in lines) + "\n"


def _is_number(cell: Any) -> bool:
    """A figure, perhaps with its unit or a second one; a sentence may begin with a digit, too."""
    text = str(cell).strip("*")
    return text[:1] in set("0123456789–") and len(text) <= LONGEST


def number(value: float | None, digits: int = 1) -> str:
    """An error with so many digits after its first."""
    return "unknown" if value is None else f"{value:.{digits}e}"


def seconds(value: float | None) -> str:
    """Seconds to two digits, whole above ten: ``0.42``, ``7.9``, ``58``; a mark that was never reached is a dash."""
    if value is None:
        return "–"
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"
