"""A solution as a notebook shows it: a small table and a small picture."""

from __future__ import annotations

import base64
import html
import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sciml.solvers.answer import Answer

CELL = "style='text-align:left;padding:2px 10px;vertical-align:top'"


def solution_table(solution: Answer, picture: bool = True) -> str:
    """HTML for ``_repr_html_``; every text is escaped, and nothing in a solution can make it fail.

    Args:
        solution: The solution.
        picture: Whether to put a small picture of the first unknown beside the table.
    """
    latex = getattr(solution.problem, "latex", None)
    stated = [("equation", f"${latex}$")] if latex else []
    rows = "".join(
        f"<tr><th {CELL}>{html.escape(name)}</th><td {CELL}>{html.escape(text)}</td></tr>"
        for name, text in [*stated, *solution_rows(solution)]
    )
    table = f"<table style='display:inline-table;margin:0'><tbody>{rows}</tbody></table>"
    image = _thumbnail(solution) if picture else ""
    return f"<div style='display:flex;gap:16px;align-items:center'>{image}{table}</div>"


def solution_rows(solution: Answer) -> list[tuple[str, str]]:
    """Names and texts of what there is to say about a solution, the most important first."""
    stats = solution.stats
    rows = [("problem", repr(solution.problem)), ("outcome", solution.outcome)]
    if solution.has_answer:
        rows.append(("relative L2 error", f"{solution.error():.2e}"))
    if stats.get("error_estimate") is not None:
        rows.append(("estimated error", _number(stats["error_estimate"], ".2e")))
    rows.append(("relative residual", _number(stats.get("residual"), ".2e")))
    rows.append(("seconds", _number(stats.get("seconds"), ".3g")))
    steps = _number(stats.get("steps"), "d")
    if stats.get("rejected"):
        steps += f" ({_number(stats['rejected'], 'd')} rejected)"
    rows.append(("steps", steps))
    rows.append(("network", describe(solution.network)))
    rows.append(("parameters", _number(sum(p.numel() for p in solution.network.parameters()), "d")))
    rows.append(("points", _number(stats.get("points"), "d")))
    rows.append(("optimizer", str(stats.get("optimizer", "unknown")).partition("(")[0]))
    hard = stats.get("hard")
    if isinstance(hard, list) and hard:
        rows.append(("exact conditions", ", ".join(map(str, hard))))
    notes = stats.get("notes")
    rows += [("note", str(note)) for note in notes] if isinstance(notes, list) else []
    return [(name, text) for name, text in rows if text != "unknown"]


def describe(network: Any) -> str:
    """A network in a few words, such as ``KAN [2, 8, 1], grid 5, degree 3``."""
    words = type(network).__name__
    if hasattr(network, "widths"):
        words += f" {list(network.widths)}"
    grids = getattr(network, "grids", None)
    if grids:
        words += f", grid {grids[0] if len(set(grids)) == 1 else grids}, degree {network.degree}"
    activation = getattr(network, "activation", None)
    return f"{words}, {activation}" if isinstance(activation, str) else words


def _number(value: Any, spec: str) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "unknown"
    return format(int(value) if spec == "d" else value, spec)


def _thumbnail(solution: Answer) -> str:
    try:
        from sciml.solvers.plots.plotting import plot

        names = solution.problem.unknowns
        figure = plot(solution, kind="solution", unknown=names[0], resolution=81)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=48)
    except Exception:  # a notebook that cannot draw still shows the table
        return ""
    text = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f"<img alt='the solution' src='data:image/png;base64,{text}'/>"
