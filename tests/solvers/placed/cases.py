"""Problems with layers and jumps on a line, with solutions in closed form."""

from __future__ import annotations

import math

import numpy as np
import torch

import sciml
from sciml import Dirichlet, Interface, Neumann

ENDS = (Dirichlet(0.0),)


def stated(residual, conditions, exact=None, interval=(0.0, 1.0), unknowns=("u",)):
    """A problem on a line."""

    class Stated(sciml.PDE):
        domain = sciml.Interval(*interval)

        def residual(self, u, x):
            return residual(u, x)

    Stated.conditions, Stated.unknowns = conditions, unknowns
    if exact is not None:
        Stated.exact = lambda self, x: exact(x)
    return Stated()


def outflow(eps, length=1.0):
    """``-eps u'' + u' = 1`` on ``[0, length]``, ``eps`` in units of it."""
    e = eps * length
    return stated(
        lambda u, x: -e * u.d("x", "x") + u.d("x") - 1,
        ENDS,
        lambda x: x - length * (torch.exp((x - length) / e) - math.exp(-1 / eps)) / (1 - math.exp(-1 / eps)),
        (0.0, length),
    )


def inflow(eps):
    """The same with the flow to the left."""
    return stated(
        lambda u, x: -eps * u.d("x", "x") - u.d("x") - 1,
        ENDS,
        lambda x: 1 - x - (torch.exp(-x / eps) - math.exp(-1 / eps)) / (1 - math.exp(-1 / eps)),
    )


def reaction(eps):
    """``-eps^2 u'' + u = 1``: a layer at both ends."""
    return stated(
        lambda u, x: -eps * eps * u.d("x", "x") + u.value - 1,
        ENDS,
        lambda x: 1 - (torch.exp(-x / eps) + torch.exp((x - 1) / eps)) / (1 + math.exp(-1 / eps)),
    )


def turning(eps):
    """``-eps u'' - x u' = 0``: a layer of width sqrt(eps) where the flow turns."""
    return stated(
        lambda u, x: -eps * u.d("x", "x") - x * u.d("x"),
        (Dirichlet(-1.0, on="left"), Dirichlet(1.0, on="right")),
        lambda x: torch.erf(x / math.sqrt(2 * eps)) / math.erf(1 / math.sqrt(2 * eps)),
        (-1.0, 1.0),
    )


def sloped(eps):
    """``-eps^2 u'' + u = 1`` with a slope at the right end: what a spline's last knot must not spoil."""
    q = math.exp(-1 / eps)
    b = (eps - q) / (1 + q * q)
    a = -1 - b * q
    return stated(
        lambda u, x: -eps * eps * u.d("x", "x") + u.value - 1,
        (Dirichlet(0.0, on="left"), Neumann(1.0, on="right")),
        lambda x: 1 + a * torch.exp(-x / eps) + b * torch.exp((x - 1) / eps),
    )


def clamped(eps):
    """``eps^2 u'''' - u'' = 1``, clamped: layers in the slope."""
    q = math.exp(-1 / eps)
    rows = [[1, 0, 1, q], [1, 1, q, 1], [0, 1, -1 / eps, q / eps], [0, 1, -q / eps, 1 / eps]]
    c = np.linalg.solve(np.array(rows), np.array([0, 0.5, 0, 1.0])).tolist()
    return stated(
        lambda u, x: eps * eps * u.d("x", "x", "x", "x") - u.d("x", "x") - 1,
        (Dirichlet(0.0), Neumann(0.0)),
        lambda x: c[0] + c[1] * x - x * x / 2 + c[2] * torch.exp(-x / eps) + c[3] * torch.exp((x - 1) / eps),
    )


def switched(eps, c=0.3):
    """``-eps^2 u'' + u = H(x - c)``: a layer on both sides of where the source jumps."""
    e, f = math.exp(-c / eps), math.exp((c - 1) / eps)
    rows = [[1, e, 0, 0], [0, 0, f, 1], [e, 1, -1, -f], [-e, 1, 1, -f]]
    s = np.linalg.solve(np.array(rows), np.array([0, -1, 1, 0.0])).tolist()

    def exact(x):
        left = s[0] * torch.exp(-x / eps) + s[1] * torch.exp((x - c) / eps)
        right = 1 + s[2] * torch.exp(-(x - c) / eps) + s[3] * torch.exp((x - 1) / eps)
        return torch.where(x < c, left, right)

    return stated(lambda u, x: -eps * eps * u.d("x", "x") + u.value - (x > c).double(), ENDS, exact)


def materials():
    """``-(k u')' = 1`` with k = 1 left of 0.5 and 10 right of it."""

    def k(x):
        return torch.where(x[:, :1] < 0.5, 1.0, 10.0)

    rows = [[0, 1, 1], [0.5, -0.5, -1], [1, -10, 0]]
    s = np.linalg.solve(np.array(rows), np.array([1 / 20, 0.125 - 0.0125, 0])).tolist()
    return stated(
        lambda u, x: -k(x) * u.d("x", "x") - 1,
        (Dirichlet(0.0), Interface("x=0.5", lambda u, x: k(x) * u.grad())),
        lambda x: torch.where(x < 0.5, -x * x / 2 + s[0] * x, -x * x / 20 + s[1] * x + s[2]),
    )


def rod(*places):
    """``a u' = q, q' = -1`` with ``a`` doubled at each place."""

    def a(x):
        return 2.0 ** sum((x >= p).double() for p in places)

    def exact(x):
        edges = torch.tensor([0.0, *places, 1.0], dtype=torch.float64)
        weight = 2.0 ** -torch.arange(len(edges) - 1, dtype=torch.float64)
        squares, widths = edges.square().diff() / 2, edges.diff()
        c = float((weight * squares).sum() / (weight * widths).sum())
        reached = x.clamp(edges[:-1], edges[1:])
        parts = weight * (c * (reached - edges[:-1]) - (reached.square() - edges[:-1].square()) / 2)
        return torch.cat([parts.sum(1, keepdim=True), c - x], 1)

    return stated(
        lambda u, x: {"flux": a(x) * u["u"].d("x") - u["q"].value, "balance": u["q"].d("x") + 1},
        (Dirichlet(0.0, component="u"),),
        exact,
        unknowns=("u", "q"),
    )


def pair(eps):
    """``u' = v, -eps v' + v = 1``."""
    q = math.exp(-1 / eps)
    return stated(
        lambda u, x: {"slope": u["u"].d("x") - u["v"].value, "flow": -eps * u["v"].d("x") + u["v"].value - 1},
        (Dirichlet(0.0, component="u"),),
        lambda x: torch.cat(
            [
                x - (torch.exp((x - 1) / eps) - q) / (1 - q),
                1 - torch.exp((x - 1) / eps) / (eps * (1 - q)),
            ],
            1,
        ),
        unknowns=("u", "v"),
    )


def peaked(width, c=0.3):
    """``-u'' = exp(-(x - c)^2 / (2 width^2)) / width``: a source that few points see."""

    def twice(x):  # its second derivative is the source
        t = (x - c) / (width * math.sqrt(2))
        bell = width * math.sqrt(2 / math.pi) * torch.exp(-t * t)
        return math.sqrt(math.pi / 2) * ((x - c) * torch.erf(t) + bell)

    a, b = (float(twice(torch.full((1, 1), e, dtype=torch.float64))) for e in (0.0, 1.0))
    return stated(
        lambda u, x: u.d("x", "x") + torch.exp(-((x - c) ** 2) / (2 * width**2)) / width,
        ENDS,
        lambda x: a + (b - a) * x - twice(x),
    )


def bent(eps, a=0.5, b=1.5):
    """``eps u'' + u u' - u = 0``: nonlinear, with a layer at the left end."""
    return stated(
        lambda u, x: eps * u.d("x", "x") + u.value * u.d("x") - u.value,
        (Dirichlet(a, on="left"), Dirichlet(b, on="right")),
    )


def cubic(eps):
    """``-eps^2 u'' + u^3 + u = 1``: nonlinear, with layers at both ends."""
    return stated(lambda u, x: -eps * eps * u.d("x", "x") + u.value**3 + u.value - 1, ENDS)
