"""Gauss rules in panels on the unit interval, and their products."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

Rule = tuple[Tensor, Tensor]  # points (n, d) and weights (n,)

ORDER = 8  # nodes of a panel


def panels(level: int, order: int = ORDER) -> Rule:
    """``2^level`` panels of ``order`` Gauss nodes each on [0, 1]: nodes ``(n,)``, weights ``(n,)`` that sum to one."""
    x, w = np.polynomial.legendre.leggauss(order)
    count = 2**level
    starts = np.arange(count)[:, None]
    nodes = (starts + 0.5 + 0.5 * x[None]) / count
    return torch.from_numpy(nodes.ravel()), torch.from_numpy(np.tile(0.5 * w / count, count))


def graded(level: int, order: int = ORDER) -> Rule:
    """As ``panels``, by the map ``u = s^3 (10 - 15 s + 6 s^2)``: powers of the distance to an end become smooth."""
    s, w = panels(level, order)
    return s**3 * (10 - 15 * s + 6 * s * s), w * 30 * (s * (1 - s)) ** 2


def periodic(level: int) -> Rule:
    """``16 2^level`` even nodes on [0, 1), for periodic functions."""
    count = 16 * 2**level
    return (torch.arange(count, dtype=torch.float64) + 0.5) / count, torch.full((count,), 1 / count).double()


def product(rules: Sequence[Rule]) -> Rule:
    """The product of rules on points ``(n, d)`` or ``(n,)``: all combinations, coordinates side by side."""
    points = [p if p.ndim == 2 else p[:, None] for p, _ in rules]
    index = torch.cartesian_prod(*[torch.arange(len(p)) for p in points]).reshape(-1, len(points))
    weights = torch.stack([w[index[:, k]] for k, (_, w) in enumerate(rules)]).prod(0)
    return torch.cat([p[index[:, k]] for k, p in enumerate(points)], 1), weights


def stretched(rule: Rule, low: float, high: float) -> Rule:
    """A rule on [0, 1] moved to an interval."""
    return low + (high - low) * rule[0], (high - low) * rule[1]


def cosine(rule: Rule) -> Rule:
    """A rule on [0, 1] by ``u = (1 - cos(pi s)) / 2``, which makes square roots at both ends smooth."""
    return (1 - torch.cos(math.pi * rule[0])) / 2, rule[1] * 0.5 * math.pi * torch.sin(math.pi * rule[0])
