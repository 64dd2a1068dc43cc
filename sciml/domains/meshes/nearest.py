"""The nearest of many facets."""

from __future__ import annotations

import numpy as np

from sciml.domains.meshes.facets import Facets, Floats, Ints, cut_length

MOST_PARTS = 4  # that a facet is cut into on average, for the search
FIRST, NEXT = 12, 96  # parts looked at: by all points, by those that need more
NEAR = 2.0  # radii of a part within which the distance is exact


class NearestFacet:
    """Distances to facets, by a tree of the centres of parts of about one size.

    Far away, where many centres are about as near as each other, a tree is slow and the distance of no use: there only a
    bound is found.

    Args:
        facets: What the distance goes to.
    """

    def __init__(self, facets: Facets):
        from scipy.spatial import KDTree  # it takes longer to import than all of sciml

        self.facets = facets
        most = MOST_PARTS * len(facets.index) + 512
        centres, self._owner, self.radius = facets.pieces_no_longer_than(cut_length(facets, most))
        self._tree = KDTree(centres)

    def __call__(self, x: Floats) -> tuple[Floats, Ints]:
        """Distance to the nearest facet, and its index: ``(n, d) -> (n,), (n,)``.

        Exact within ``NEAR`` radii of a part; beyond, larger by at most a radius and a half of the distance. For nan both
        mean nothing.
        """
        gap, facet = np.full(len(x), np.nan), np.zeros(len(x), np.int64)
        good = np.isfinite(x).all(1)
        near = np.flatnonzero(good)
        gap[near], facet[near], more = self._among(x[near], FIRST)
        again = near[more & (gap[near] <= NEAR * self.radius)]
        gap[again], facet[again], _ = self._among(x[again], NEXT)
        far = np.flatnonzero(good & np.isinf(gap))
        if len(far):
            facet[far] = self._owner[self._tree.query(x[far], eps=0.5)[1]]
            gap[far] = self.facets.distance(x[far], facet[far])
        return gap, facet

    def _among(self, x: Floats, count: int) -> tuple[Floats, Ints, np.ndarray]:
        """The nearest of the facets with the nearest centres, and whether a farther centre might have a nearer one.

        Infinite where no centre is near.
        """
        best, facet = np.full(len(x), np.inf), np.zeros(len(x), np.int64)
        if len(x) == 0:
            return best, facet, np.zeros(0, bool)
        reach = (NEAR + 1) * self.radius
        away, which = self._tree.query(x, k=min(count, len(self._owner)), distance_upper_bound=reach)
        away, which = away.reshape(len(x), -1), which.reshape(len(x), -1)
        for column in range(away.shape[1]):
            active = np.flatnonzero(away[:, column] - self.radius < best)
            active = active[np.isfinite(away[active, column])]
            if len(active) == 0:
                break
            k = self._owner[which[active, column]]
            found = self.facets.distance(x[active], k)
            nearer = found < best[active]
            best[active[nearer]], facet[active[nearer]] = found[nearer], k[nearer]
        more = (away[:, -1] - self.radius < best) & np.isfinite(away[:, -1])
        return best, facet, more & (away.shape[1] < len(self._owner))

    def bounds(self, x: Floats) -> Floats:
        """The distance where it is at most ``NEAR`` radii, else that number: ``(n, d) -> (n,)``; nan for nan."""
        good = np.flatnonzero(np.isfinite(x).all(1))
        found, _, more = self._among(x[good], FIRST)
        again = np.flatnonzero(more & (found <= NEAR * self.radius))
        found[again] = self._among(x[good[again]], NEXT)[0]
        gap = np.full(len(x), np.nan)
        gap[good] = np.minimum(found, NEAR * self.radius)
        return gap
