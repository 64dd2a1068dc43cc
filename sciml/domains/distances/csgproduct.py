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
from sciml.domains.distances.corners import wedge
from sciml.domains.distances.rfunctions import conjunction, disjunction
from sciml.domains.vertices import TOUCH, vertices

LOOKS = 2048  # points in the domain at which the sign of a level is looked at
ALONG = 512  # points on each piece of its boundary
DIFFERENCE = 1e-5  # of the domain's size
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
    """A level that bounds the domain.

    Attributes:
        level: Positive inside.
        pieces: Those of the boundary on which it vanishes.
        group: A number that it shares with the factors whose pieces meet its own.
        slope: Mean slope, on its pieces, of the product of its group.
        steep: Whether its slope has no bound, at a re-entrant corner.
    """

    level: Level
    pieces: frozenset[int]
    group: int = 0
    slope: float = 1.0
    steep: bool = False


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
    if rest == -1:
        return None
    if not isinstance(rest, int):
        last, steep = _rest(domain, rest)
        if not bool((last(looks) >= -small).all()):
            return None
        zero = last(edge).abs() <= small
        found.append(_factor(last, zero & ~covered, of, steep))
        covered |= zero
    if not bool(covered.all()):
        return None
    _group(domain, found, edge)
    return found


def _factor(level: Level, zero: Tensor, of: Tensor, steep: bool = False) -> Factor:
    return Factor(level, frozenset(of[zero].tolist()), steep=steep)


def _rest(domain: Domain, tree: Tree) -> tuple[Level, bool]:
    """The last factor: a wedge (True) for a disjunction of two levels that always meet at one angle."""
    if isinstance(tree, tuple) and tree[0] == "or":
        _, a, b = tree
        x = vertices(domain)
        x = x[(value(a, x).abs() + value(b, x).abs()) <= 10 * TOUCH * domain._size]
        if len(x):
            one, two = (
                torch.nn.functional.normalize(
                    _slope(lambda y, side=side: value(side, y), x, domain._size), dim=1
                )
                for side in (a, b)
            )
            angle = math.pi + torch.acos((one * two).sum(1).clamp(-1, 1))
            if float(angle.max() - angle.min()) <= ANGLE and float(angle.max()) < 2 * math.pi - ANGLE:
                same = float(angle.mean())
                return (lambda y: wedge(value(a, y), value(b, y), same)), True
    return (lambda y: value(tree, y)), False


def _slope(level: Level, x: Tensor, size: float) -> Tensor:
    """The gradient at ``x (n, d)`` by central differences: a domain may be asked first while it is being differentiated."""
    steps = DIFFERENCE * size * torch.eye(x.shape[1], dtype=x.dtype)
    return torch.stack([(level(x + h) - level(x - h)) / (2 * DIFFERENCE * size) for h in steps], 1)


def _group(domain: Domain, found: list[Factor], edge: Tensor) -> None:
    """Number the groups of factors that meet, and measure the slopes of their products."""
    corners = vertices(domain)
    for k, factor in enumerate(found):
        factor.group = k
    if domain.dim > 3:  # where they meet is not known
        for factor in found:
            factor.group = 0
    zero = [factor.level(corners).abs() <= 10 * TOUCH * domain._size for factor in found]
    for i, one in enumerate(found):
        for j, two in enumerate(found[:i]):
            if not (one.steep or two.steep) and bool((zero[i] & zero[j]).any()):
                for factor in found:
                    factor.group = two.group if factor.group == one.group else factor.group
    for group in {factor.group for factor in found}:
        members = [factor for factor in found if factor.group == group]
        if len(members) > 1:

            def whole(x: Tensor, members: list[Factor] = members) -> Tensor:
                return reduce(torch.mul, [factor.level(x) for factor in members])

            slope = _slope(whole, edge, domain._size)
            on = whole(edge).abs() <= SIGN * domain._size
            for factor in members:
                factor.slope = float(slope[on].norm(dim=1).mean())


def product(chosen: Sequence[int], among: Sequence[Factor], x: Tensor) -> Tensor | None:
    """What vanishes on the chosen pieces alone; None where a factor vanishes on others, too.

    Factors whose pieces meet are multiplied: that is smooth at a convex corner. Those that do not are joined by an
    R-function, which is smooth there and keeps the slope at one boundary free of how far the others are. A wedge is
    multiplied all the same: an R-function would square its slope, which has no bound.
    """
    picked = frozenset(chosen)
    taken = [f for f in among if f.pieces & picked]
    if any(f.pieces - picked for f in taken):
        return None
    steep = [f.level(x) for f in taken if f.steep]
    groups: dict[int, Tensor] = {}
    for f in taken:
        if f.steep:
            continue
        level = f.level(x)
        groups[f.group] = groups[f.group] * level if f.group in groups else level / f.slope
    return reduce(torch.mul, [reduce(conjunction, groups.values()), *steep] if groups else steep)
