"""The directions along which a jet has to know derivatives, so that given sums of partial derivatives follow from them.

A sum of partial derivatives of order ``q`` is a homogeneous polynomial ``p`` in the coordinates ``xi`` (its symbol), and a
derivative along ``v`` is ``(v . xi)^q``. So the task is to write ``p = sum_k w_k (v_k . xi)^q`` with directions that cost
few channels, first of all those that other sums need anyway.

Reference: Griewank, Utke and Walther (2000), Math. Comp. 69, for mixed derivatives from univariate Taylor series; the
formula that never fails is polarisation with halves of the exponents.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import lru_cache

import numpy as np

from sciml.derivatives import Sum

Vector = tuple[float, ...]
Symbol = dict[tuple[int, ...], float]  # exponents of the coordinates -> coefficient

MOST = 4  # directions that are looked for together by trying
TOUCHED = 3  # coordinates in a sum for which that is affordable
EXACT = 1e-12


def symbol(terms: Sum, dim: int) -> Symbol:
    """The polynomial of a sum of partial derivatives."""
    out: Symbol = {}
    for axes in terms:
        exponents = tuple(axes.count(i) for i in range(dim))
        out[exponents] = out.get(exponents, 0.0) + 1.0
    return out


def weights_along(target: Symbol, directions: Sequence[Vector]) -> list[float] | None:
    """The ``w`` with ``target = sum_k w_k (v_k . xi)^q``, or None where these directions do not suffice."""
    order = sum(next(iter(target)))
    powers = [power(v, order) for v in directions]
    monomials = sorted({*target, *itertools.chain.from_iterable(powers)})
    matrix = np.array([[power.get(m, 0.0) for power in powers] for m in monomials])
    wanted = np.array([target.get(m, 0.0) for m in monomials])
    found = np.linalg.lstsq(matrix, wanted, rcond=None)[0]
    if np.abs(matrix @ found - wanted).max() > EXACT * np.abs(wanted).max():
        return None
    return [_round(float(w)) for w in found]


@lru_cache(maxsize=4096)
def power(v: Vector, order: int) -> Symbol:
    """``(v . xi)^order``."""
    out: Symbol = {}
    axes = [i for i, c in enumerate(v) if c]
    for chosen in itertools.combinations_with_replacement(axes, order):
        exponents = tuple(chosen.count(i) for i in range(len(v)))
        ways = math.factorial(order) // math.prod(math.factorial(a) for a in exponents)
        out[exponents] = ways * math.prod(v[i] for i in chosen)
    return out


def _round(w: float) -> float:
    """The simple fraction that a weight is up to rounding."""
    near = float(Fraction(w).limit_denominator(5040))
    return near if abs(w - near) <= EXACT else w


class Directions:
    """Directions with the order up to which derivatives along each are wanted.

    Attributes:
        rows: The directions.
        order: Highest order of a sum that each is part of.
    """

    def __init__(self, dim: int):
        self.dim = dim
        self.rows: list[Vector] = []
        self.order: list[int] = []

    def add(self, v: Vector, order: int) -> int:
        """The row of a direction, which from now on is wanted up to ``order``."""
        if v not in self.rows:
            self.rows.append(v)
            self.order.append(order)
        k = self.rows.index(v)
        self.order[k] = max(self.order[k], order)
        return k

    def unit(self, *axes: int) -> Vector:
        """The sum of some unit vectors."""
        return tuple(1.0 if i in axes else 0.0 for i in range(self.dim))

    def free(self, terms: Sum) -> dict[int, float] | None:
        """Weights of a sum where the channels that there are suffice, row by row; None where they do not."""
        order = len(terms[0])
        known = [k for k, top in enumerate(self.order) if channels(top) >= order]
        if (
            len(terms) == 1 and len(set(terms[0])) == 1
        ):  # along a coordinate: its own direction, if it is there
            alone = self.unit(terms[0][0])
            if any(self.rows[k] == alone for k in known):
                return {self.rows.index(alone): 1.0}
        axes = [k for k in known if sum(map(bool, self.rows[k])) == 1]
        for rows in (axes, known):
            found = weights_along(symbol(terms, self.dim), [self.rows[k] for k in rows]) if rows else None
            if found is not None:
                return {k: w for k, w in zip(rows, found, strict=True) if w}
        return None

    def take(self, terms: Sum) -> dict[int, float]:
        """Weights of a sum of order 3 or higher, row by row; directions are added where needed."""
        whole = symbol(terms, self.dim)
        total: dict[int, float] = {}

        def use(found: list[tuple[Vector, float]]) -> None:
            for v, w in found:
                k = self.add(v, len(terms[0]))
                total[k] = total.get(k, 0.0) + w

        found = self._search(whole)
        if found is not None:
            use(found)
        else:
            # one by one, first the pure derivatives, for which only one direction will do
            for exponents in sorted(whole, key=lambda m: sum(a > 0 for a in m)):
                one = {exponents: whole[exponents]}
                use(self._search(one) or _polarised(one))
        return {k: w for k, w in total.items() if w}

    def second(self, terms: Sum) -> dict[int, float]:
        """Weights of a sum of second derivatives: along the coordinates and, for a mixed one, ``e_i + e_j``."""
        total: dict[int, float] = {}
        for i, j in terms:
            e = self.unit
            parts = [(e(i), 1.0)] if i == j else [(e(i), -0.5), (e(j), -0.5), (e(i, j), 0.5)]
            for v, w in parts:
                k = self.add(v, 2)
                total[k] = total.get(k, 0.0) + w
        return total

    def _search(self, target: Symbol) -> list[tuple[Vector, float]] | None:
        """The directions with the fewest more channels, by trying; None where few do not suffice."""
        touched = [i for i in range(self.dim) if any(m[i] for m in target)]
        order = sum(next(iter(target)))
        if len(touched) > TOUCHED:
            return None
        inside = [v for v in self.rows if all(c == 0 or i in touched for i, c in enumerate(v))]
        pool = list(dict.fromkeys([*inside, *_candidates(self.dim, touched)]))
        held = {v: channels(top) for v, top in zip(self.rows, self.order, strict=True)}
        cost = {v: max(0, channels(order) - held.get(v, 0)) for v in pool}
        best: tuple[int, list[tuple[Vector, float]]] | None = None
        for size in range(1, MOST + 1):
            for chosen in itertools.combinations(pool, size):
                price = sum(cost[v] for v in chosen)
                if best is not None and price >= best[0]:
                    continue
                weights = weights_along(target, chosen)
                if weights is not None and all(weights):
                    best = price, list(zip(chosen, weights, strict=True))
        return None if best is None else best[1]


def _candidates(dim: int, touched: Sequence[int]) -> list[Vector]:
    """Directions with coordinates -1, 0, 1 and, in a plane, two that make angles of 60 degrees with the first."""
    out = []
    for signs in itertools.product((0.0, 1.0, -1.0), repeat=len(touched)):
        first = next((s for s in signs if s), 0.0)
        if first > 0:
            v = [0.0] * dim
            for i, s in zip(touched, signs, strict=True):
                v[i] = s
            out.append(tuple(v))
    out.sort(key=lambda v: sum(map(abs, v)))
    if len(touched) == 2:
        for s in (1.0, -1.0):
            v = [0.0] * dim
            v[touched[0]], v[touched[1]] = 0.5, s * math.sqrt(0.75)
            out.append(tuple(v))
    return out


def _polarised(monomial: Symbol) -> list[tuple[Vector, float]]:
    """``xi^a = 1/q! sum_(b <= a) (-1)^|b| C(a, b) ((a/2 - b) . xi)^q``, opposite directions taken together."""
    (exponents, coefficient), *_ = monomial.items()
    order = sum(exponents)
    found: dict[Vector, float] = {}
    for b in itertools.product(*(range(a + 1) for a in exponents)):
        v = [a / 2 - k for a, k in zip(exponents, b, strict=True)]
        size = next((c for c in v if c), 0.0)  # its sign makes opposite directions the same
        if not size:
            continue
        size = math.copysign(max(map(abs, v)), size)
        w = (-1.0) ** sum(b) * math.prod(math.comb(a, k) for a, k in zip(exponents, b, strict=True))
        key = tuple(c / size + 0.0 for c in v)
        found[key] = found.get(key, 0.0) + coefficient * w * size**order / math.factorial(order)
    return [(v, w) for v, w in found.items() if abs(w) > 0]


def channels(order: int) -> int:
    """How many channels a direction has of its own when it is part of sums up to this order."""
    return max(1, order - 1)


def in_order(sums: Iterable[Sum]) -> list[Sum]:
    """Sums of order 3 and higher, those first that leave the least choice: the highest order, the fewest coordinates."""

    def key(terms: Sum) -> tuple:
        return -len(terms[0]), len({i for axes in terms for i in axes}), len(terms), terms

    return sorted(set(sums), key=key)
