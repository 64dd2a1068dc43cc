"""The distance of a CSG domain as a product, where its pieces allow it.

The formula of a domain is made of levels: of a box's faces, a ball's sphere, a polygon's edges. Many have one sign all
over the domain. Those that bound it are factors of the distance, which so is smooth where they meet at a convex corner;
the formula of the others is the last factor. Where that is a disjunction whose two sides meet at one and the same
angle (a re-entrant corner, a square hole, two discs that overlap), it is a ``wedge``, else an R-function.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

from sciml.domains.base import Domain
from sciml.domains.corners import wedge
from sciml.domains.rfunctions import conjunction, disjunction
from sciml.domains.vertices import TOUCH, vertices

LOOKS = 2048  # points in the domain at which the sign of a level is looked at
ALONG = 512  # points on each piece of its boundary
SIGN = 1e-8  # of the size: a level below has no sign
ANGLE = 1e-5  # largest difference between angles that count as the same

Level = Callable[[Tensor], Tensor]
# a level, its sign where it has one all over the domain, or two of these with "and" or "or" between them
Tree = Level | int | tuple[str, "Tree", "Tree"]


def joined(joint: str, a: Tree, b: Tree) -> Tree:
    """The formula ``a joint b``; what is known to be true or false everywhere drops out."""
    rules = 1 if joint == "or" else -1
    for one, two in ((a, b), (b, a)):
        if isinstance(one, int):
            return one if one == rules else two
    return joint, a, b


def negated(tree: Tree) -> Tree:
    """The formula of what lies outside."""
    if isinstance(tree, int):
        return -tree
    if isinstance(tree, tuple):
        joint, a, b = tree
        return ("and" if joint == "or" else "or"), negated(a), negated(b)
    return lambda x: -tree(x)


def value(tree: Tree, x: Tensor) -> Tensor:
    """The formula's R-function."""
    if isinstance(tree, tuple):
        joint, a, b = tree
        return (conjunction if joint == "and" else disjunction)(value(a, x), value(b, x))
    assert callable(tree)
    return tree(x)


def leaves(tree: Tree) -> list[Level]:
    """The levels of a formula."""
    if isinstance(tree, tuple):
        return leaves(tree[1]) + leaves(tree[2])
    return [tree] if callable(tree) else []


def replaced(tree: Tree, signs: dict[int, int]) -> Tree:
    """The formula with levels replaced by their signs, by ``id``."""
    if isinstance(tree, tuple):
        joint, a, b = tree
        return joined(joint, replaced(a, signs), replaced(b, signs))
    return signs.get(id(tree), tree) or tree


@dataclass
class Factor:
    """A factor of the distance, and the pieces of the boundary on which it vanishes."""

    level: Level
    pieces: frozenset[int]


def factors(domain: Domain, tree: Tree) -> list[Factor] | None:
    """Functions whose product vanishes on the boundary and is positive inside; None where there are none.

    Args:
        domain: Without time.
        tree: Its formula.
    """
    on = [piece.sample(ALONG, (0, k)) for k, piece in enumerate(domain._pieces)]
    of = torch.cat([torch.full((len(x),), k) for k, x in enumerate(on)])
    edge = torch.cat(on)
    looks = torch.cat([domain.sample(LOOKS), edge])
    small = SIGN * domain._size
    found: list[Factor] = []
    covered = torch.zeros(len(edge), dtype=torch.bool)
    signs: dict[int, int] = {}
    for level in leaves(tree):
        at = level(looks)
        sign = int(bool((at >= -small).all())) - int(bool((at <= small).all()))
        if sign == 0:
            continue
        signs[id(level)] = sign
        zero = at[-len(edge) :].abs() <= small
        if int(zero.sum()) > 1 and not bool((zero & covered).any()):
            found.append(_factor(level if sign > 0 else negated(level), zero, of))  # type: ignore[arg-type]
            covered |= zero
    rest = replaced(tree, signs)
    if isinstance(rest, int):
        return found if rest > 0 and bool(covered.all()) else None
    last = _rest(domain, rest)
    zero = last(edge).abs() <= small
    found.append(_factor(last, zero & ~covered, of))
    return found if bool((zero | covered).all()) and bool((last(looks) >= -small).all()) else None


def _factor(level: Level, zero: Tensor, of: Tensor) -> Factor:
    return Factor(level, frozenset(of[zero].tolist()))


def _rest(domain: Domain, tree: Tree) -> Level:
    """The last factor: a wedge for a disjunction of two levels that always meet at one angle."""
    if isinstance(tree, tuple) and tree[0] == "or":
        _, a, b = tree
        x = vertices(domain)
        x = x[(value(a, x).abs() + value(b, x).abs()) <= 10 * TOUCH * domain._size]
        if len(x):
            with torch.enable_grad():
                one, two = _slope(a, x), _slope(b, x)
            angle = math.pi + torch.acos((one * two).sum(1).clamp(-1, 1))
            if float(angle.max() - angle.min()) <= ANGLE and float(angle.max()) < 2 * math.pi - ANGLE:
                same = float(angle.mean())
                return lambda y: wedge(value(a, y), value(b, y), same)
    return lambda y: value(tree, y)


def _slope(tree: Tree, x: Tensor) -> Tensor:
    x = x.detach().requires_grad_(True)
    (slope,) = torch.autograd.grad(value(tree, x).sum(), x)
    return torch.nn.functional.normalize(slope, dim=1)


def product(chosen: Sequence[int], among: Sequence[Factor], x: Tensor) -> Tensor | None:
    """The product of the factors that vanish on the chosen pieces; None where one vanishes on others, too."""
    picked = frozenset(chosen)
    taken = [f for f in among if f.pieces & picked]
    if any(f.pieces - picked for f in taken):
        return None
    return reduce(torch.mul, [f.level(x) for f in taken])
