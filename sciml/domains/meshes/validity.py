"""What keeps facets from bounding a region: nothing there, no area, open, crossing, or inside out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sciml.domains.meshes.crossings import Crossings
from sciml.domains.meshes.facets import Facets, Floats, Ints, cut_length
from sciml.errors import ArgumentError

FLAT = 1e-14  # of the squared (cubed) size: what has a smaller area is degenerate
ASIDE = 1e-7  # of the size: how far beside a facet the inside is asked for
MOST_PARTS = 4  # that a facet is cut into on average, for the search of neighbours
PAIRS = 2**20  # of facets looked at together


def check_facets(facets: Facets) -> None:
    """Raise unless facets bound a region.

    Raises:
        ArgumentError: They are degenerate, do not close, meet elsewhere than at common points, or point inwards.
    """
    _check_areas(facets)
    _check_closed(facets)
    _check_crossings(facets)
    _check_sides(facets)


def _check_areas(facets: Facets) -> None:
    small = facets.areas <= FLAT * facets.size ** (facets.dim - 1)
    if small.any():
        what = "length" if facets.dim == 2 else "area"
        raise ArgumentError(
            f"facets needs {what}s above 0, got {int(small.sum())} of {len(small)} without: facet "
            f"{int(small.argmax())} at {shown(facets.corners[small][0, 0])}."
        )


def _check_closed(facets: Facets) -> None:
    """Every edge is one facet's, and the other way round one other's; in the plane the same for points."""
    if facets.dim == 2:
        begin, end, what = facets.index[:, :1], facets.index[:, 1:], "ends"
    else:
        turns = [facets.index[:, [i, (i + 1) % 3]] for i in range(3)]
        begin, what = np.concatenate(turns), "edges"
        end = begin[:, ::-1]
    n = len(facets.points)
    there, back = (np.ravel_multi_index(tuple(e.T), (n,) * e.shape[1]) for e in (begin, end))
    keys, uses = np.unique(there, return_counts=True)
    partners, backs = np.unique(back, return_counts=True)

    def place(key: int) -> str:
        return shown(facets.points[np.array(np.unravel_index(key, (n,) * begin.shape[1]))].mean(0))

    lonely = np.setdiff1d(keys, partners)
    if (
        facets.dim == 2
    ):  # a point may lack the edge before it or the one behind; an edge of triangles is the same both ways
        lonely = np.concatenate([lonely, np.setdiff1d(partners, keys)])
    if len(lonely) and uses.max() == 1:
        raise ArgumentError(
            f"facets needs a closed boundary, got an open one: {len(lonely)} {what} belong to one facet only, such as that "
            f"at {place(int(lonely[0]))}."
        )
    if uses.max() > 1 or backs.max() > 1:
        twice = int(keys[uses.argmax()] if uses.max() > 1 else partners[backs.argmax()])
        need = "two facets that go round the same way meet"
        raise ArgumentError(
            f"facets needs {what} at which {need}, got more facets, or some that go the other way, at {place(twice)}."
        )


def _check_crossings(facets: Facets) -> None:
    """Facets meet at common points alone."""
    from scipy.spatial import KDTree  # it takes longer to import than all of sciml

    most = MOST_PARTS * len(facets.index) + 512
    centres, owner, radius = facets.pieces_no_longer_than(cut_length(facets, most))
    pairs = KDTree(centres).query_pairs(2 * radius, output_type="ndarray")
    pairs = np.sort(owner[pairs], axis=1)
    pairs = np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)
    low, high = facets.corners.min(1), facets.corners.max(1)
    i, j = pairs.T
    pairs = pairs[((low[i] <= high[j]) & (low[j] <= high[i])).all(1)]
    for block in np.array_split(pairs, -(-len(pairs) // PAIRS)) if len(pairs) else ():
        meet = _meet(facets, *block.T)
        if meet.any():
            one, two = (int(k) for k in block[meet][0])
            raise ArgumentError(
                f"facets needs facets that meet at common points alone, got {int(meet.sum())} pairs that cross: facets "
                f"{one} and {two} near {shown(facets.corners[one].mean(0))}."
            )


def _meet(facets: Facets, i: Ints, j: Ints) -> np.ndarray:
    """Whether facets ``i`` and ``j`` have more in common than points of both: ``(k,)`` bool."""
    a, b = facets.index[i], facets.index[j]
    common = (a[:, :, None] == b[:, None, :]).any(2)  # which corners of i are also of j
    shared = common.sum(1)
    if facets.dim == 2:
        # neighbours lie on each other where they go back
        folded = (shared == 1) & ((facets.normals[i] * facets.normals[j]).sum(1) < -1 + 1e-12)
        one, two = facets.corners[i], facets.corners[j]
        apart = _strictly(one, two) | _strictly(two, one)
        return folded & _same_way(facets, i, j) | (shared == 0) & ~apart
    folded = (shared == 2) & ((facets.normals[i] * facets.normals[j]).sum(1) < -1 + 1e-12)
    found = folded & _same_side(facets, i, j)
    for q, mine, other in ((j, a, b), (i, b, a)):
        for k in range(3):
            start, stop = mine[:, k], mine[:, (k + 1) % 3]
            # an edge with an end in the other facet meets it there
            free = (start[:, None] != other).all(1) & (stop[:, None] != other).all(1) & (shared < 2)
            rows = np.flatnonzero(free & ~found)
            hit = _pierces(facets.points[start[rows]], facets.points[stop[rows]], facets.corners[q[rows]])
            found[rows] |= hit
    return found


def _strictly(one: Floats, two: Floats) -> np.ndarray:
    """Whether both ends of ``two`` lie on one side of the line of ``one``: ``(k, 2, 2), (k, 2, 2) -> (k,)``."""
    along = one[:, 1] - one[:, 0]
    tol = 1e-13 * (along**2).sum(1)
    side = [
        along[:, 0] * (two[:, e, 1] - one[:, 0, 1]) - along[:, 1] * (two[:, e, 0] - one[:, 0, 0])
        for e in (0, 1)
    ]
    beside = ((side[0] > tol) & (side[1] > tol)) | ((side[0] < -tol) & (side[1] < -tol))
    on_line = (np.abs(side[0]) <= tol) & (np.abs(side[1]) <= tol)
    apart = ((one.max(1) < two.min(1)) | (two.max(1) < one.min(1))).any(1)
    return beside | (on_line & apart)


def _same_way(facets: Facets, i: Ints, j: Ints) -> np.ndarray:
    """Whether two edges with a common point, on one line, run over each other from there."""
    a, b = facets.index[i], facets.index[j]
    return (a[:, 1] == b[:, 0]) | (a[:, 0] == b[:, 1])


def _same_side(facets: Facets, i: Ints, j: Ints) -> np.ndarray:
    """Whether two triangles with a common edge, in one plane, lie on the same side of it."""
    a, b = facets.index[i], facets.index[j]
    own = facets.points[a[np.arange(len(a)), (a[:, :, None] != b[:, None, :]).all(2).argmax(1)]]
    other = facets.points[b[np.arange(len(b)), (b[:, :, None] != a[:, None, :]).all(2).argmax(1)]]
    middle = (facets.corners[i].sum(1) - own) / 2
    return ((own - middle) * (other - middle)).sum(1) > 0


def _pierces(p: Floats, q: Floats, c: Floats) -> np.ndarray:
    """Whether segments go through triangles, their borders included: ``(k, 3), (k, 3), (k, 3, 3) -> (k,)``."""

    def volume(a: Floats, b: Floats, d: Floats, e: Floats) -> Floats:
        return (np.cross(b - a, d - a) * (e - a)).sum(1)

    scale = np.abs(c - c[:, :1]).max((1, 2)) ** 2 * np.abs(q - p).max(1)
    tol = 1e-13 * scale
    below, above = volume(c[:, 0], c[:, 1], c[:, 2], p), volume(c[:, 0], c[:, 1], c[:, 2], q)
    apart = ((below > tol) & (above > tol)) | ((below < -tol) & (above < -tol))
    flat = (np.abs(below) <= tol) & (np.abs(above) <= tol)
    turns = np.stack([volume(p, q, c[:, i], c[:, (i + 1) % 3]) for i in range(3)], 1)
    through = (turns >= -tol[:, None]).all(1) | (turns <= tol[:, None]).all(1)
    return ~apart & ~flat & through


def _check_sides(facets: Facets) -> None:
    """A step outwards leaves the region, a step inwards does not."""
    crossings = Crossings(facets)
    middle = facets.corners.mean(1)
    step = ASIDE * facets.size
    out = crossings.inside(middle + step * facets.normals)
    within = crossings.inside(middle - step * facets.normals)
    wrong = out & ~within
    if wrong.any():
        share = f"{int(wrong.sum())} of {len(wrong)}"
        raise ArgumentError(
            "facets needs normals that point out of the region (the corners of a triangle counterclockwise seen from "
            f"outside, the inside left of an edge), got {share} facets inside out, such as that at "
            f"{shown(middle[wrong][0])}."
        )


def shown(at: Sequence[float] | Floats) -> str:
    """A place, for a message."""
    return "(" + ", ".join(f"{float(v):.4g}" for v in at) + ")"
