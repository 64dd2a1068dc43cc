"""The tables of docs/tangent_kernel.md: the loss measured over the loss that the kernel predicts, and a diagnosis."""

from __future__ import annotations

import math

from benchmarks.tables.page import Page, records, table

STEPS = ("10", "100", "1000")
RATE = 0.5  # of the kernel's own
CASES = {"fit": ("values", 2, (32, 128, 512)), "equation": ("-u″ = f", 1, (32, 128, 512))}


def drift() -> str:
    """A row a network: of three seeds the ratio farthest from one, and the largest drift."""
    found = [r for r in records("tangent_kernel", "wide") if r["rate"] == RATE]
    rows = []
    for case, (words, inputs, widths) in CASES.items():
        for width in widths:
            seeds = [r for r in found if (r["case"], r["hidden"]) == (case, [width])]
            ratios = [
                max((r["measured_over_predicted"][n] for r in seeds), key=lambda v: abs(math.log(v)))
                for n in STEPS
            ]
            rows.append(
                [
                    f"{words}, KAN [{inputs}, {width}, 1]",
                    *(f"{v:.2f}" if v < 2 else f"{v:.2g}" for v in ratios),
                    f"{max(r['drift'] for r in seeds):.1g}",
                ]
            )
    return table(("network", *STEPS, "drift"), rows)


def heat() -> str:
    """A row a width: the share of multiscale heat's loss that 10,000 steps leave."""
    rows = [
        [r["width"], f"{r['predicted']:.2f}", f"{r['measured']:.2f}", f"{r['drift']:.1f}"]
        for r in records("tangent_kernel", "heat")
    ]
    return table(("width", "left, as predicted", "left, measured", "drift"), rows)


PAGE = Page("tangent_kernel", {"drift": drift, "heat": heat})
