"""Round holes: which a domain has, and what a network sees of them."""

from __future__ import annotations

import pytest
import torch

import sciml
from sciml import Ball, Box, Dirichlet, Disk, Polygon, TimeInterval, pdes
from sciml.corners.holes import Hole, holes_of
from sciml.derivatives import AutogradSource, DetachedSource

SQUARE = Box([-1, -1], [1, 1])


@pytest.mark.parametrize(
    ("space", "expected"),
    [
        (SQUARE - Disk((0.2, 0.1), 0.3), [((0.2, 0.1), 0.3)]),
        (SQUARE - Disk((0.5, 0.5), 0.1) - Disk((-0.5, 0.2), 0.2), [((0.5, 0.5), 0.1), ((-0.5, 0.2), 0.2)]),
        (Polygon([(0, 0), (4, 0), (4, 1)]) - Disk((3, 0.4), 0.1), [((3.0, 0.4), 0.1)]),
        (SQUARE - Disk((1, 1), 0.5), [((1.0, 1.0), 0.5)]),
        (Box([-1] * 3, [1] * 3) - Ball((0, 0, 0.2), 0.3), [((0.0, 0.0, 0.2), 0.3)]),
        (SQUARE | Disk((1, 0), 0.5), []),
        (SQUARE & Disk((0, 0), 1.2), []),
        (SQUARE, []),
        (Disk((0, 0), 1.0), []),
    ],
)
def test_holes_of_domains(space, expected):
    assert [(hole.at, hole.radius) for hole in holes_of(space)] == expected


@pytest.mark.parametrize(
    "space", [SQUARE - Disk((0.2, 0.1), 0.3), Box([-1] * 3, [1] * 3) - Ball((0, 0, 0.2), 0.3)]
)
def test_what_is_seen_is_harmonic_and_of_size_one(space):
    (hole,) = holes_of(space)
    x = space.sample(200)
    source = DetachedSource(AutogradSource(hole, x))
    assert source.value.shape == (200, 1 + space.dim) == (200, hole.count)
    assert float(source.value.abs().max()) <= 1 + 1e-12
    laplacian = source.total(tuple((i, i) for i in range(space.dim)))
    harmonic = (
        laplacian[:, :1] if space.dim == 3 else laplacian
    )  # inverted coordinates are in the plane alone
    assert float(harmonic.abs().max()) < 1e-9


def test_problems_see_them_with_time_and_in_systems():
    class Heat(sciml.PDE):
        domain = TimeInterval(0, 1) * (SQUARE - Disk((0, 0), 0.25))
        conditions = (Dirichlet(0.0), sciml.Initial(0.0))

        def residual(self, u, x):
            return u.d("t") - u.laplacian() - 1.0

    seen = Heat().corner_inputs
    assert [type(f) for f in seen.functions] == [Hole] and seen.axes == (1, 2)
    assert "log r and the inverted coordinates of the round holes at (0, 0)" in seen.notes[0]
    x = Heat.domain.sample(9)
    torch.testing.assert_close(seen(x)[:, 1:], 0.25 * x[:, 1:] / (x[:, 1:] ** 2).sum(1, keepdim=True))


def test_a_solve_around_four_holes():
    solution = sciml.solve(pdes.PoissonDiscs(), points=300, max_steps=25, max_time=600, progress=False)
    assert solution.network.widths[0] == 2 + 4 * 3
    assert solution.error() < 0.4  # without them 0.77
    assert any("round holes at" in note for note in solution.stats.notes)
