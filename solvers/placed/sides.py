"""Layers at the sides of a box in several dimensions, which a network may not see: a note, before any training.

Taken from the coefficients around zero, so that a linear equation's are seen, and a nonlinear one's where it is at rest.
"""

from __future__ import annotations

from sciml.checks.equation import Equation
from sciml.checks.probe import Zero
from sciml.domains import Box
from sciml.problem import PDE
from sciml.solvers.placed.rates import coefficients, rates_along

THIN = 100.0  # times thinner than the box: what a default network does not find by itself
POINTS = 4  # on a side


def thin_sides(problem: PDE) -> list[str]:
    """A note where the coefficients make layers at sides of a box that are thin for the box."""
    domain = problem.domain
    if not isinstance(domain, Box) or not 2 <= domain.dim <= 3 or problem.periodic_axes:
        return []
    if type(problem).sample is not PDE.sample or not Equation(problem).usable:
        return []
    x = domain.sample(2 * domain.dim * POINTS, seed=0)
    lengths = (domain.upper - domain.lower).tolist()
    for k, at_side in enumerate(x.split(POINTS)):
        at_side[:, k // 2] = (domain.upper if k % 2 else domain.lower)[k // 2]
    found = coefficients(problem, Zero(x, problem.outputs), x)
    thin = []
    for axis, name in enumerate(domain.names):
        first = 2 * axis * POINTS
        near = {axes: a[first : first + 2 * POINTS] for axes, a in found.items()}
        rates = rates_along(near, axis, lengths)
        if rates is None:
            return []
        for side, rate in enumerate((rates.decay[:POINTS], rates.grow[POINTS:])):
            fastest = float(rate.max())
            if fastest * lengths[axis] > THIN:
                end = (domain.upper if side else domain.lower)[axis]
                thin.append(f"{1 / fastest:.1e} at {name} = {float(end):.6g}")
    if not thin:
        return []
    return [
        f"the coefficients may make thin layers, of width {', '.join(thin)}: points that are drawn evenly hardly see them, "
        "and a smooth network may miss them altogether."
    ]
