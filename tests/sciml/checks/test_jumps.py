"""Jumps of sources and coefficients inside the domain, and what is no jump."""

from __future__ import annotations

import math

import pytest
import torch

import sciml
from sciml import Dirichlet, Initial
from sciml.checks.findings import undetermined
from tests.sciml.checks.cases import LINE, SQUARE, TIME_LINE, heat, notes, poisson, stated

ZERO = [Dirichlet(0.0)]


def step(s, low, high):
    return torch.where(s > 0.37, high, low)


JUMPS = {
    "coefficient of a line": (LINE, lambda u, x: step(x, 1.0, 10.0) * u.d("x", "x") - 1, "coefficient", 0.37),
    "coefficient of a square": (
        SQUARE,
        lambda u, x: step(x[:, :1], 1.0, 2.0) * u.laplacian() - 1,
        "coefficient",
        0.37,
    ),
    "of a first-order term": (
        LINE,
        lambda u, x: u.d("x", "x") + step(x, 0.0, 3.0) * u.d("x"),
        "coefficient",
        0.37,
    ),
    "written as a sign": (LINE, lambda u, x: u.d("x", "x") + torch.sign(x - 0.37), "source", 0.37),
    "a disc": (
        SQUARE,
        lambda u, x: u.laplacian() + ((x - 0.5).square().sum(1, keepdim=True) < 0.09).double() - 3,
        "source",
        None,
    ),
    "rounded coordinates": (LINE, lambda u, x: u.d("x", "x") + torch.floor(3 * x), "source", None),
    "in the unknown": (SQUARE, lambda u, x: u.laplacian() + 3 * (u.value > 1.5), "coefficient", None),
    "in time": (TIME_LINE, lambda u, x: heat(u, x) - step(x[:, :1], 0.0, 5.0), "source", 0.37),
}


@pytest.mark.parametrize("case", JUMPS.values(), ids=JUMPS.keys())
def test_jumps_are_noted(case):
    domain, residual, what, place = case
    conditions = ZERO if domain.time_axis is None else [*ZERO, Initial(0.0)]
    (found,) = notes(domain, conditions, residual)
    words = {"source": "the source jumps near", "coefficient": "a coefficient of the equation jumps near"}
    assert words[what] in found
    if place is not None:
        assert f"= {place}" in found


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
def test_a_jump_of_the_source_is_called_that(size):
    def source(self, x):
        return size * step(x[:, :1], 1.0, 4.0)

    class Own(sciml.PDE):
        domain = SQUARE
        conditions = ZERO

        def residual(self, u, x):
            return -size * u.laplacian() - self.source(x)

    found = sciml.check(type("Stepped", (Own,), {"source": source})()).notes
    assert len(found) == 1
    assert f"the source jumps from {size:.4g} to {4 * size:.4g} near x = 0.37" in found[0] or (
        f"the source jumps from {4 * size:.4g} to {size:.4g} near x = 0.37" in found[0]
    )
    assert sciml.check(Own().with_source(lambda x: source(None, x))).notes == found


SMOOTH = {
    "steep": lambda u, x: poisson(u, x) + torch.tanh((x[:, :1] - 0.37) / 1e-3),
    "a corner of a power": lambda u, x: poisson(u, x) + 10 * (x[:, :1] - 0.37).abs() ** 0.2,
    "a kink": lambda u, x: poisson(u, x) + 10 * (x[:, :1] - 0.37).abs(),
    "a square root": lambda u, x: poisson(u, x) + 10 * (x[:, :1] - 0.37).abs().sqrt(),
    "fast waves": lambda u, x: poisson(u, x) + torch.sin(200 * x[:, :1]),
    "a narrow bell": lambda u, x: poisson(u, x) + 100 * torch.exp(-((x[:, :1] - 0.5) ** 2) / 1e-6),
    "a corner's singularity": lambda u, x: poisson(u, x) * x.norm(dim=1, keepdim=True) ** 0.1,
    "a large constant": lambda u, x: poisson(u, x) + 1e12,
}


@pytest.mark.parametrize("residual", SMOOTH.values(), ids=SMOOTH.keys())
def test_steep_is_no_jump(residual):
    assert notes(SQUARE, ZERO, residual) == []


@pytest.mark.parametrize("at", [0.37, 0.3137])
@pytest.mark.parametrize("width", [1e-5, 1e-6, 1e-7])
@pytest.mark.parametrize("domain", [LINE, SQUARE, TIME_LINE])
def test_what_is_steeper_than_points_resolve_is_said_like_a_jump(domain, width, at):
    def rise(x):
        return torch.tanh((x[:, :1] - at) / width)

    def equation(u, x):
        return heat(u, x) if domain is TIME_LINE else -u.laplacian()

    conditions = ZERO if domain.time_axis is None else [*ZERO, Initial(0.0)]
    (source,) = notes(domain, conditions, lambda u, x: equation(u, x) - rise(x))
    (coefficient,) = notes(domain, conditions, lambda u, x: (2 + rise(x)) * equation(u, x) - 1)
    assert source.startswith("the source rises within ")
    assert coefficient.startswith("a coefficient of the equation rises within ")
    for note in (source, coefficient):
        said = float(note.split("within ")[1].split(" ")[0])
        assert 0.3 * width < said < 3 * width
        assert f"= {at}" in note


@pytest.mark.parametrize("at", [0.37, 0.3137])
@pytest.mark.parametrize("width", [1e-4, 1e-5, 1e-6, 1e-8])
def test_the_slope_of_a_steep_coefficient_leaves_the_error_unknown(width, at):
    """``div(k grad u)`` with ``k'`` at next to no point: the flux is not continuous, and the solution another."""

    def residual(u, x):
        k = torch.tanh((x[:, :1] - at) / width)
        return -(2 + k) * u.laplacian() - (1 - k**2) / width * u.d("x")

    found = notes(SQUARE, ZERO, residual)
    assert len(found) == 1 and "hardly" in found[0] and f"x = {at}" in found[0]
    assert undetermined(stated(SQUARE, ZERO, residual)) is not None


def test_what_happens_outside_the_domain_does_not_matter():
    ring = sciml.Disk((0.0, 0.0), 1.0) - sciml.Disk((0.0, 0.0), 0.4)
    assert notes(ring, ZERO, lambda u, x: u.laplacian() + (x.norm(dim=1, keepdim=True) < 0.4).double()) == []
    assert (
        notes(
            ring,
            ZERO,
            lambda u, x: u.laplacian() + torch.log(x.norm(dim=1, keepdim=True) - 0.39 + math.ulp(1)),
        )
        == []
    )
