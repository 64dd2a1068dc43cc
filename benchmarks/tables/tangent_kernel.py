"""The tables of docs/tangent_kernel.md: the loss measured over the loss that the kernel predicts, and a diagnosis."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.tables.page import Page, records, table

STEPS = ("100", "1000")
# case -> words, inputs, share of the kernel's own rate: at the full one the equation diverges where the network is narrow
CASES = {"fit": ("values", 2, 1.0), "equation": ("-u″ = f", 1, 0.5)}
WIDTHS = (32, 128, 512)


def drift() -> str:
    """A row a network: of three seeds the ratio farthest from one, the most kernels, and the largest drift."""
    found = records("tangent_kernel", "wide")
    rows = []
    for case, (words, inputs, rate) in CASES.items():
        for width in WIDTHS:
            seeds = [r for r in found if (r["case"], r["hidden"], r["rate"]) == (case, [width], rate)]
            frozen = [farthest([r["measured_over_predicted"][n] for r in seeds]) for n in STEPS]
            rows.append(
                [
                    f"{words}, KAN [{inputs}, {width}, 1]",
                    *(_ratio(v) for v in frozen),
                    *_followed(seeds),
                    f"{max(r['drift'] for r in seeds):.1g}",
                ]
            )
    head = ("network", "one kernel, 100 steps", "1000", "kernels on the way, 1000", "kernels", "drift")
    return table(head, rows)


def _followed(seeds: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    if any("looks" not in r for r in seeds):
        return "not measured", ""
    return _ratio(farthest([r["measured_over_followed"] for r in seeds])), str(max(r["looks"] for r in seeds))


def farthest(ratios: Sequence[float]) -> float:
    """From one, in logarithms; one without a number is farther than all others."""
    return max(ratios, key=lambda v: abs(math.log(v)) if math.isfinite(v) else math.inf)


def _ratio(value: float) -> str:
    if not math.isfinite(value):
        return "none"
    return f"{value:.3f}" if 0.9 < value < 1.1 else f"{value:.2g}"


def heat() -> str:
    """A row a width: the share of multiscale heat's loss that 10,000 steps leave."""
    rows = [
        [r["width"], f"{r['predicted']:.2f}", f"{r['measured']:.2f}", f"{r['drift']:.1f}"]
        for r in records("tangent_kernel", "heat")
    ]
    return table(("width", "left, as predicted", "left, measured", "drift"), rows)


PAGE = Page("tangent_kernel", {"drift": drift, "heat": heat})
