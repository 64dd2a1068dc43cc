"""Unknowns and equations whose sizes lie far from 1, or from each other."""

from __future__ import annotations

import math

import torch

import sciml
from benchmarks.trust_cases.case import Case

KIND = "sizes"


class Magnitude(sciml.PDE):
    """``-u'' = m``."""

    domain = sciml.Interval(0, 1)
    conditions = (sciml.Dirichlet(0.0),)

    def __init__(self, m: float):
        self.m = m

    def residual(self, u, x):
        return -u.d("x", "x") - self.m

    def exact(self, x):
        return self.m * x * (1 - x) / 2


class Pair(sciml.PDE):
    """Two unknowns, the second ``c`` times as large; the error is that of the second."""

    domain = sciml.Interval(0, 1)
    unknowns = ("u", "v")
    conditions = (sciml.Dirichlet(0.0, component="u"), sciml.Dirichlet(0.0, component="v"))

    def __init__(self, c: float):
        self.c = c

    def residual(self, u, x):
        return (
            u["u"].d("x", "x") + math.pi**2 * torch.sin(math.pi * x),
            u["v"].d("x", "x") + u["v"] - self.c * u["u"],
        )

    def exact(self, x):
        u = torch.sin(math.pi * x)
        return torch.cat([u, self.c / (1 - math.pi**2) * u], 1)


def _second(c: float):
    def error(solution) -> float:
        x = torch.linspace(0.01, 0.99, 99, dtype=torch.float64)[:, None]
        wanted = Pair(c).exact(x)[:, 1]
        return float((solution(x)[:, 1] - wanted).norm() / wanted.norm())

    return error


class Cantilever(sciml.PDE):
    """A steel cantilever in SI units: ``E I w'' = m``, ``m'' = q``."""

    domain = sciml.Interval(0, 0.5)
    unknowns = ("w", "m")
    EI, q = 2.1e11 * 1e-8 / 3, -5e4
    conditions = (
        sciml.Dirichlet(0.0, on="x=0", component="w"),
        sciml.Neumann(0.0, on="x=0", component="w"),
        sciml.Dirichlet(0.0, on="x=0.5", component="m"),
        sciml.Neumann(0.0, on="x=0.5", component="m"),
    )

    def residual(self, u, x):
        return self.EI * u["w"].d("x", "x") - u["m"], u["m"].d("x", "x") - self.q

    def exact(self, x):
        L = 0.5
        w = self.q / self.EI * (x**4 / 24 - L * x**3 / 6 + L**2 * x**2 / 4)
        return torch.cat([w, self.q * (L - x) ** 2 / 2], 1)


class Rod(sciml.PDE):
    """A rod at 300 K whose ends differ by 1 K, with a source: what matters is small beside what is solved for."""

    domain = sciml.Interval(0, 1)
    conditions = (sciml.Dirichlet(300.0, on="x=0"), sciml.Dirichlet(301.0, on="x=1"))

    def residual(self, u, x):
        return u.d("x", "x") + 10 * torch.sin(math.pi * x)

    def exact(self, x):
        return 300 + x + 10 / math.pi**2 * torch.sin(math.pi * x)


CASES = (
    *(
        Case(f"-u'' = {m:g}", KIND, lambda m=m: Magnitude(m), 1e-6, (3, 8, 40))
        for m in (1e-15, 1.0, 1e9, 1e15)
    ),
    *(
        Case(f"two unknowns, sizes 1 and {c:g}", KIND, lambda c=c: Pair(c), 1e-6, (40,), check=_second(c))
        for c in (1e-9, 1e4, 1e8)
    ),
    Case("a steel cantilever in SI units", KIND, Cantilever, 1e-6, (5, 20, 60)),
    Case("a rod at 300 K", KIND, Rod, 1e-8, (3, 8, 40)),
)
