"""Rules over the inside of domains without time."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from sciml.domains.ball import Ball
from sciml.domains.base import Domain
from sciml.domains.box import Box
from sciml.domains.csg import CSG
from sciml.domains.polygon import Polygon
from sciml.domains.product import Product
from sciml.domains.quadrature.gauss import Rule, graded, panels, periodic, product, stretched
from sciml.domains.quadrature.planar import Sections

HIGHEST = 4  # dimension of a product rule
CORNER = 6  # nodes of a panel in a triangle


def inside_rule(domain: Domain, level: int) -> Rule | None:
    """Points ``(n, d)`` and weights ``(n,)`` on a domain in space, the finer the higher the level.

    Boxes have products of Gauss panels, balls in at most three dimensions polar ones, polygons triangles that are graded
    towards their vertices, combinations in the plane sections, products those of their factors. None for anything else.
    """
    if isinstance(domain, Box) and domain.dim <= HIGHEST:
        ends = zip(domain.lower.tolist(), domain.upper.tolist(), strict=True)
        return product([stretched(panels(level), low, high) for low, high in ends])
    if isinstance(domain, Ball) and domain.dim <= 3:
        return _ball(domain, level)
    if isinstance(domain, Polygon):
        return _polygon(domain, level)
    if isinstance(domain, Product):
        one, two = inside_rule(domain.a, level), inside_rule(domain.b, level)
        return None if one is None or two is None else product([one, two])
    if isinstance(domain, CSG) and domain.dim <= 2:
        sections = Sections.of(domain)
        return None if sections is None else sections.rule(level)
    return None


def _ball(ball: Ball, level: int) -> Rule:
    centre, radius = ball.center, ball.radius
    if ball.dim == 1:
        x, w = stretched(panels(level), float(centre[0]) - radius, float(centre[0]) + radius)
        return x[:, None], w
    rules = [stretched(panels(level), 0.0, radius), periodic(level)]
    if ball.dim == 3:
        rules.append(stretched(panels(level), -1.0, 1.0))
    polar, weights = product(rules)
    r, angle = polar[:, 0], 2 * math.pi * polar[:, 1]
    flat = torch.stack([torch.cos(angle), torch.sin(angle)], 1)
    weights = weights * 2 * math.pi * r ** (ball.dim - 1)
    if ball.dim == 3:
        z = polar[:, 2:]
        flat = torch.cat([flat * (1 - z * z).sqrt(), z], 1)
    return centre + r[:, None] * flat, weights


def _polygon(domain: Polygon, level: int) -> Rule:
    """Each triangle as six, each with one of its vertices as a tip: powers of the distance to it become smooth."""
    a, b, c = domain.triangles().unbind(1)
    middle = (a + b + c) / 3
    tips, first, second = [], [], []
    for tip, left, right in ((a, c, b), (b, a, c), (c, b, a)):
        for end in (left, right):
            tips.append(tip)
            first.append(middle)
            second.append((tip + end) / 2)
    tip, p, q = torch.cat(tips), torch.cat(first), torch.cat(second)
    along, w_along = graded(level, CORNER)
    st, w = product([(along, w_along), panels(level, CORNER)])
    s, t = st[:, 0, None, None], st[:, 1, None, None]
    x = tip + s * ((1 - t) * (p - tip) + t * (q - tip))  # (nodes, triangles, 2)
    return x.reshape(-1, 2), (w[:, None] * st[:, :1] * _twice_area(tip, p, q)).reshape(-1)


def _twice_area(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    one, two = b - a, c - a
    return (one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]).abs()
