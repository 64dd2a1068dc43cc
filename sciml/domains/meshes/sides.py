"""A boundary's sides: facets with one name that go on smoothly into each other."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sciml.domains.meshes.facets import Facets, Ints

CREASE = math.cos(math.radians(30))  # of the angle between normals: beyond it a side ends
STRAIGHT = 1 - 1e-11  # of the same: closer to 1 is one line
MOST = 64  # sides that are told apart where no name does


def sides(facets: Facets, label: Ints) -> list[Ints]:
    """Indices of each side's facets, the side of the first facet first; in the plane in the order along the side.

    Args:
        facets: A closed boundary.
        label: ``(k,)``, a number for each name, negative for none.
    """
    one, two = _neighbours(facets)
    smooth = (facets.normals[one] * facets.normals[two]).sum(1) >= CREASE
    if facets.dim == 2:
        smooth &= _alike(facets, one, two)
    number = _connected(len(label), one, two, smooth & (label[one] == label[two]))
    if number.max() + 1 > MOST:
        number = _connected(len(label), one, two, label[one] == label[two])
    found = [np.flatnonzero(number == k) for k in range(number.max() + 1)]
    found.sort(key=lambda k: int(k[0]))
    return [in_order(facets, k) for k in found] if facets.dim == 2 else found


def _neighbours(facets: Facets) -> tuple[Ints, Ints]:
    """Pairs of facets with a common edge, in the plane with a common point."""
    k = len(facets.index)
    if facets.dim == 2:
        begins = np.full(len(facets.points), -1)
        begins[facets.index[:, 0]] = np.arange(k)
        return np.arange(k), begins[facets.index[:, 1]]
    edges = np.concatenate([facets.index[:, [i, (i + 1) % 3]] for i in range(3)])
    edges.sort(axis=1)
    order = np.lexsort(edges.T)
    owner = np.tile(np.arange(k), 3)[order]
    return owner[::2], owner[1::2]


def _alike(facets: Facets, one: Ints, two: Ints) -> np.ndarray:
    """Whether edges go on straight, or both turn at either end, as those of a curve do."""
    along = (facets.normals[one] * facets.normals[two]).sum(1)
    bent = along < STRAIGHT
    turns = np.zeros(len(facets.index), int)
    np.add.at(turns, one[bent], 1)
    np.add.at(turns, two[bent], 1)
    return ~bent | ((turns[one] == 2) & (turns[two] == 2))


def _connected(count: int, one: Ints, two: Ints, joined: np.ndarray) -> Ints:
    from scipy.sparse import coo_array  # they take longer to import than all of sciml
    from scipy.sparse.csgraph import connected_components

    one, two = one[joined], two[joined]
    graph = coo_array((np.ones(len(one)), (one, two)), shape=(count, count))
    return connected_components(graph, directed=False)[1]


def in_order(facets: Facets, chosen: Ints) -> Ints:
    """Edges, each behind the one that ends where it begins; a closed curve from its first edge."""
    begins = {int(facets.index[k, 0]): int(k) for k in chosen}
    ends = {int(facets.index[k, 1]) for k in chosen}
    ordered: dict[int, None] = {}
    for first in [*(k for p, k in begins.items() if p not in ends), *begins.values()]:
        k: int | None = first
        while k is not None and k not in ordered:
            ordered[k] = None
            k = begins.get(int(facets.index[k, 1]))
    return np.array(list(ordered))


def straight(facets: Facets, chosen: Sequence[int] | Ints) -> bool:
    """Whether edges lie on one line, all the same way."""
    normals = facets.normals[chosen]
    return bool((normals @ normals[0] > STRAIGHT).all())
