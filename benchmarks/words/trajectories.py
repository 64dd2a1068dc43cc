"""Ordinary differential equations over long times."""

from __future__ import annotations

from benchmarks.trust_cases.equations import Lorenz, Periods, VanDerPol
from benchmarks.words.case import Words
from sciml import pdes

PROBLEMS = (
    Words("van-der-pol", "Van der Pol with μ = 10 to t = 20", VanDerPol, 1.01, 1.01),
    Words("lorenz", "Lorenz to t = 3", Lorenz, 0.69, 2.1e-6),
    Words(
        "lorenz-evolution",
        "Lorenz to t = 3, stated as an evolution",
        lambda: pdes.Lorenz(duration=3.0),
        0.69,
        2.1e-6,
    ),
    Words("oscillator", "an oscillator over ten periods", Periods, 5.3e-7, 5.3e-7),
)
