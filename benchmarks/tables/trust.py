"""The tables of docs/trust.md: estimates, how cases end, evolutions that grow, what a polish gained, problems in words."""

from __future__ import annotations

from benchmarks.tables.page import Page, number, records, table

HOW = {
    "right": "right",
    "refused": "refused",
    "noted": "a note",
    "told by its estimate": "the estimate tells",
    "silent": "**no word**",
    "foreign error": "**another library's error**",
}


def stages() -> str:
    """Estimated against true errors, a row a stage."""
    rows = [
        [r["problem"], r["step"], number(r["true"]), number(r["estimate"]), _ratio(r["ratio"]), f"{r['drop']:.2g}"]
        for r in records("trust", "stage")
    ]  # fmt: skip
    return table(("problem", "step", "true error", "estimated", "ratio", "drop"), rows)


def cases() -> str:
    """How each case ends, a row a case."""
    rows = []
    for r in records("trust_cases", "case"):
        error, estimate = r.get("error"), r.get("estimate")
        solved = "estimate" in r
        rows.append(
            [
                r["case"],
                HOW[r["class"]],
                r["words"].split(": ")[0] if r["class"] == "refused" else r.get("outcome", ""),
                number(error) if error is not None and r["class"] != "refused" else "",
                number(estimate) if solved else "",
            ]
        )
    return table(("case", "how it ends", "outcome", "error", "estimated"), rows)


def growing() -> str:
    """What evolutions with growth or several solutions are told, a row a problem."""
    rows = [
        [r["case"], r["said"], number(r["error"]), number(r["told"]), f"{r['drop']:.2g}"]
        for r in records("growing", "growing")
    ]
    return table(("problem", "outcome", "true error", "estimated", "drop"), rows)


def polish() -> str:
    """What a polish gained, a row a solve that gained."""
    rows = [
        [
            r["problem"],
            r["steps"],
            number(r["error"]),
            number(r["error_after"]),
            number(r["estimate_after"]),
            f"{r['times_less']:.0f}",
            f"{r['polish_seconds']:.1f}",
        ]
        for r in records("polish", "polish")
        if r["polished"]
    ]
    return table(("problem", "steps", "error", "polished", "estimated", "times less", "CPU s"), rows)


def words() -> str:
    """Problems in a user's words, a row a default solve."""
    rows = []
    for r in records("words", "problem"):
        measure = "" if r["measure"] == "relative L2" else f" ({r['measure']})"
        rows.append(
            [
                r["said"] + measure,
                number(r["error"]),
                number(r["estimate"]) if measure in ("", " (integral)") else "",
                "" if r["before"] is None else number(r["before"]),
                number(r["best"]),
                r["outcome"],
                f"{r['max_time']:.0f}",
            ]
        )
    head = ("problem", "error", "estimated", "0.1.0", "best variant of 0.1.0", "outcome", "s")
    return table(head, rows)


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2g}"


PAGE = Page("trust", {"stages": stages, "cases": cases, "growing": growing, "polish": polish, "words": words})
