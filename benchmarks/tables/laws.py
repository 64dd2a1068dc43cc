"""The tables of docs/laws.md: laws against exact ones, critics against exact distances; the worst seed of every figure."""

from __future__ import annotations

from benchmarks.tables.page import Page, records, seconds, table

MEAN, STD, NOISE = 0.02, 0.2, 3.0  # what is asked of a law


def laws() -> str:
    """A row a problem and method; bold where it keeps to what is asked."""
    head = (
        *("problem", "law from", "mean off by", "standard deviation off by"),
        *("W1 over that of exact draws", "seeds", "CPU s"),
    )
    rows, found = [], records("laws", "law")
    for problem, method in dict.fromkeys((r["problem"], r["method"]) for r in found):
        own = [r for r in found if (r["problem"], r["method"]) == (problem, method)]
        mean, std, noise, spent = (
            max(r[key] for r in own) for key in ("mean", "std", "w1_over_noise", "cpu_seconds")
        )
        rows.append(
            [
                *(problem, method),
                _bold(f"{mean:.2%}", mean <= MEAN),
                _bold(f"{std:.1%}", std <= STD),
                _bold(f"{noise:.1f}", noise <= NOISE),
                *(len(own), seconds(spent)),
            ]
        )
    return table(head, rows)


def critics() -> str:
    """A row a case; of the clipped critic the best seed."""
    head = ("samples", "GroupSort over exact", "its longest gradient", "clipped ReLU over exact")
    rows, found = [], records("laws", "critic")
    for case in dict.fromkeys(r["case"] for r in found):
        own = [r for r in found if r["case"] == case]
        least, longest = min(r["groupsort"] for r in own), max(r["gradient"] for r in own)
        rows.append([case, f"{least:.3f}", f"{longest:.3f}", f"{max(r['clipped'] for r in own):.2f}"])
    return table(head, rows)


def _bold(text: str, kept: bool) -> str:
    return f"**{text}**" if kept else text


PAGE = Page("laws", {"laws": laws, "critics": critics})
