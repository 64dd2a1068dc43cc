"""The two families in the ball: sources against finite differences, limits, and the density of the points."""

from __future__ import annotations

import math

import pytest
import torch

from sciml import pdes
from sciml.pdes.radial import radius, uniform_radius


def ray(problem, radii, t=0.2):
    """Points along one direction."""
    direction = torch.linspace(1, 2, problem.dim, dtype=torch.float64)
    x = torch.tensor(radii, dtype=torch.float64)[:, None] * direction / direction.norm()
    return torch.cat([torch.full((len(x), 1), t, dtype=torch.float64), x], dim=1)


def differences(u, x, axis, h):
    """Second-order central first and second difference along one coordinate, extrapolated to fourth order."""
    e = torch.zeros(x.shape[1], dtype=x.dtype)

    def raw(step):
        e[axis] = step
        plus, minus = u(x + e), u(x - e)
        return (plus - minus) / (2 * step), (plus - 2 * u(x) + minus) / step**2

    return [(4 * fine - coarse) / 3 for fine, coarse in zip(raw(h), raw(2 * h), strict=True)]


@pytest.mark.parametrize(("eps", "dim"), [(0.0, 10), (50.0, 10), (0.5, 2)])
def test_allen_cahn_source_by_finite_differences(eps, dim):
    problem = pdes.AllenCahnBall(eps=eps, dim=dim)
    x = ray(problem, [0.1, 0.4, 0.7, 0.9])
    u = problem.exact(x)
    lap = sum(differences(problem.exact, x, axis, 1e-3)[1] for axis in range(1, dim + 1))
    f = differences(problem.exact, x, 0, 1e-3)[0] - lap - u + u**3
    torch.testing.assert_close(problem.source(x), f, rtol=1e-6, atol=1e-6 * float(f.abs().max()))


@pytest.mark.parametrize(("eps", "dim"), [(0.0, 10), (2.0, 10), (-1.0, 3)])
def test_parabolic_source_by_finite_differences(eps, dim):
    problem = pdes.ParabolicBall(eps=eps, dim=dim)
    x = ray(problem, [0.2, 0.5, 0.95])

    def flux(axis):  # a du/dx_axis, itself by differences: the divergence form, not its expansion
        return lambda y: (1 + radius(y) / 2) * differences(problem.exact, y, axis, 1e-3)[0]

    div = sum(differences(flux(axis), x, axis, 1e-3)[0] for axis in range(1, dim + 1))
    f = differences(problem.exact, x, 0, 1e-4)[0] - div
    torch.testing.assert_close(problem.source(x), f, rtol=1e-5, atol=1e-6 * float(f.abs().max()))


def test_allen_cahn_source_is_continuous_at_the_centre_and_the_sphere():
    problem = pdes.AllenCahnBall(eps=2.0)
    f = problem.source(ray(problem, [0.0, 1e-300, 1e-12, 1e-7, 1e-5]))
    assert torch.isfinite(f).all()
    assert (f - f[0]).abs().max() < 2e-3 * f[0].abs()  # it begins linearly in the radius
    edge = problem.source(ray(problem, [1.0, 1 - 1e-15, 1 + 1e-15]))
    assert torch.isfinite(edge).all()
    assert (edge - edge[0]).abs().max() < 1e-6
    # at the centre 1 - s^2.5 = 2.5 R and 1 - s = R: every direction has second derivative -A² (2.5² + eps)
    a, u = math.pi / 2, 3 * math.exp(-0.2)
    lap = -math.exp(-0.2) * 10 * a**2 * (2.5**2 + 2.0)
    assert f[0].item() == pytest.approx(u**3 - 2 * u - lap, rel=1e-12)


def test_parabolic_source_is_held_near_the_tip():
    problem = pdes.ParabolicBall()
    f = problem.source(ray(problem, [0.0, 1e-6, 1e-3, 2e-3]))
    assert torch.equal(f[0], f[2])
    assert torch.equal(f[1], f[2])
    assert 0.45 < f[3] / f[2] < 0.55  # grows like -1/R


def test_parabolic_time_derivative_carries_the_half():
    """The formula with 1/√(1-t) misses the equation by u R / (2 √(1-t))."""
    problem = pdes.ParabolicBall()
    x = ray(problem, [0.5], t=0.3)
    u, r, left = problem.exact(x), 0.5, 0.7
    k = math.sqrt(left)
    flux = (1 + r / 2) * (k**2 + 9 * k / r) + k / 2
    torch.testing.assert_close(problem.source(x), -u * (r / (2 * k) + flux), rtol=1e-13, atol=0)


@pytest.mark.parametrize("kind", [pdes.AllenCahnBall, pdes.ParabolicBall])
@pytest.mark.parametrize("dim", [1, 2, 10])
def test_radius_of_the_points_is_uniform(kind, dim):
    problem = kind(dim=dim)
    x = problem.sample(4096, seed=1)
    r = radius(x)[:, 0].sort().values
    smallest = 1e-3 if kind is pdes.ParabolicBall else 0.0
    expected = smallest + (1 - smallest) * (torch.arange(4096, dtype=torch.float64) + 0.5) / 4096
    assert (r - expected).abs().max() < 0.02
    assert smallest <= r[0]
    assert r[-1] <= 1
    assert problem.domain.contains(x).all()
    unit = x[:, 1:] / radius(x)
    assert unit.mean(0).abs().max() < 0.05
    assert (x[:, 0].mean() - problem.domain.upper[0] / 2).abs() < 1e-2


def test_moving_the_radius_keeps_time_and_direction():
    x = pdes.AllenCahnBall(dim=3).domain.sample(50, seed=2)
    y = uniform_radius(x, 0.25)
    assert torch.equal(x[:, 0], y[:, 0])
    torch.testing.assert_close(x[:, 1:] / radius(x), y[:, 1:] / radius(y))
    torch.testing.assert_close(radius(y), 0.25 + 0.75 * radius(x) ** 3)
