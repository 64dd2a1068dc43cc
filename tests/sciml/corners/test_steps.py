"""The half-space's answers solve their equation, begin at rest and have the asked values at the face."""

from __future__ import annotations

import math

import pytest
import torch

from sciml.corners.steps import HalfSpace
from sciml.derivatives import AutogradSource, DetachedSource


def points(low=0.01, high=2.0):
    t, x = torch.meshgrid(
        torch.linspace(0.003, 1.0, 13, dtype=torch.float64),
        torch.linspace(low, high, 17, dtype=torch.float64),
        indexing="ij",
    )
    return torch.stack([t.flatten(), x.flatten()], 1)


@pytest.mark.parametrize("inward", [1.0, -1.0])
@pytest.mark.parametrize(
    ("kind", "drift"),
    [*(("step", drift) for drift in (0.0, 0.8, -0.8, 30.0, -30.0)), ("flux", 0.0), ("ramp", 0.0)],
)
def test_they_solve_their_equation(kind, drift, inward):
    k, c = 0.3, 0.7 if kind == "step" else 0.0
    space = HalfSpace(1, 0.0, inward, 0, 0.0, 1.0, k, drift, c)
    x = points() * torch.tensor([1.0, inward], dtype=torch.float64)
    u = DetachedSource(AutogradSource(getattr(space, kind), x))
    left = u.first(0) - k * u.higher((1, 1)) + inward * drift * u.first(1) + c * u.value
    assert float(left.abs().max()) < 1e-10 * max(1.0, float(u.first(0).abs().max()))
    rest = torch.tensor([[0.0, inward * 0.2], [0.0, inward * 1e-6]], dtype=torch.float64)
    assert float(getattr(space, kind)(rest).abs().max()) == 0.0


def test_values_at_the_face():
    t = torch.tensor([[0.0], [1e-6], [0.3], [1.0]], dtype=torch.float64)
    x = torch.cat([t, torch.full_like(t, 0.4)], 1)
    space = HalfSpace(1, 0.4, 1.0, 0, 0.0, 1.0, 0.2, 0.9, 1.5)
    torch.testing.assert_close(space.step(x), torch.exp(-1.5 * t), rtol=1e-12, atol=0)
    plain = HalfSpace(1, 0.4, 1.0, 0, 0.0, 1.0, 0.2)
    torch.testing.assert_close(plain.ramp(x), t, rtol=1e-12, atol=1e-29)
    slope = AutogradSource(plain.flux, x[1:]).first(1).detach()
    torch.testing.assert_close(slope, -torch.ones_like(slope), rtol=1e-12, atol=0)


def test_no_factor_overflows():
    for drift in (1e3, -1e3):
        space = HalfSpace(1, 0.0, 1.0, 0, 0.0, 1.0, 1e-3, drift)
        u = DetachedSource(AutogradSource(space.step, points()))
        assert all(bool(torch.isfinite(part).all()) for part in (u.value, u.first(0), u.higher((1, 1))))
        assert float(u.value.min()) >= 0 and float(u.value.max()) <= 1 + 1e-12


def test_a_step_from_its_fourier_integral():
    """``1 - (2/pi) int sin(q y)/q exp(-q^2 t) dq`` by the trapezoidal rule."""
    space = HalfSpace(1, 0.0, 1.0, 0, 0.0, 1.0, 1.0)
    q = torch.linspace(1e-9, 60, 400_001, dtype=torch.float64)
    for t, y in ((0.02, 0.3), (0.7, 1.1)):
        f = torch.sin(q * y) / q * torch.exp(-(q**2) * t)
        expected = 1 - 2 / math.pi * float(torch.trapezoid(f, q))
        found = float(space.step(torch.tensor([[t, y]], dtype=torch.float64)))
        assert found == pytest.approx(expected, abs=1e-7)
