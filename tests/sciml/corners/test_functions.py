"""The functions of a corner: harmonic where they should be, their jets against nested autograd."""

from __future__ import annotations

import math

import pytest
import torch

from sciml.corners.functions import CornerInputs, Frame, Logarithm, Powers, Quotient
from sciml.derivatives import AutogradSource
from sciml.jets import DerivativePlan

AT = (0.3, -0.2)


def frame(angle, tilt=0.4, end=None):
    along, across = (math.cos(tilt), math.sin(tilt)), (-math.sin(tilt), math.cos(tilt))
    return Frame(AT, along, across, angle, 1.7, end)


def points(angle, n=41, tilt=0.4, least=1e-3):
    rng = torch.Generator().manual_seed(3)
    r = least + torch.rand(n, generator=rng, dtype=torch.float64)
    psi = angle * (torch.rand(n, generator=rng, dtype=torch.float64) - 0.5) + tilt
    return torch.stack([AT[0] + r * torch.cos(psi), AT[1] + r * torch.sin(psi)], 1)


def laplacian(function, x):
    return AutogradSource(function, x).second(((0, 0), (1, 1))).detach()


def sides(angle, r, tilt=0.4):
    psi = torch.tensor([-angle / 2, angle / 2], dtype=torch.float64) + tilt
    return torch.stack([AT[0] + r * torch.cos(psi), AT[1] + r * torch.sin(psi)], 1)


@pytest.mark.parametrize("angle", [1.5 * math.pi, 1.2 * math.pi, 2 * math.pi, 0.9 * math.pi])
def test_powers_are_harmonic_and_fit_the_sides(angle):
    f = Powers(frame(angle), math.pi / angle)
    assert laplacian(f, points(angle)).abs().max() < 1e-8
    assert f(sides(angle * (1 - 1e-13), 0.37))[:, 1].abs().max() < 1e-10


def test_mixed_powers_have_a_slope_of_zero_on_the_second_side():
    """``r^(1/2) sin(theta / 2)`` at a change of condition on a straight side along the first axis."""
    f = Powers(Frame((0.0, 0.0), (0.0, 1.0), (-1.0, 0.0), math.pi, 1.0), 0.5)
    x = torch.tensor([[0.3, 0.0], [-0.4, 1e-12]], dtype=torch.float64)
    source = AutogradSource(lambda y: f(y)[:, 1:], x)
    assert float(source.value.detach()[0].abs()) < 1e-12
    assert float(source.first(1).detach()[1].abs()) < 1e-10
    assert float(source.value.detach()[1]) == pytest.approx(0.4**0.5)


def test_an_input_at_the_tip_is_none_that_a_network_never_saw():
    """A pressure has no factor that vanishes at a corner: its network answers for what stands here."""
    right = frame(math.pi / 2)
    f, tip = Logarithm(right, divided=True), torch.tensor([AT], dtype=torch.float64)
    near = f(points(math.pi / 2, least=1e-3))
    assert float(f(tip)) < 2 * float(near.abs().max())
    x = torch.tensor([[0.5 + 1e-9, 0.5]], dtype=torch.float64)
    assert torch.isfinite(AutogradSource(f, torch.cat([tip, x])).second(((0, 0),))).all()


def test_logarithm_solves_poisson_at_a_right_angle():
    f = Logarithm(frame(math.pi / 2), divided=False)
    x = points(math.pi / 2)
    values = laplacian(lambda y: 0.3 * 1.7**2 * f(y), x)
    assert (values + 1).abs().max() < 1e-9
    assert f(sides(math.pi / 2, 0.41)).abs().max() < 1e-12


def test_divided_logarithm_is_the_quotient():
    whole, part = Logarithm(frame(math.pi / 2), False), Logarithm(frame(math.pi / 2), True)
    x = points(math.pi / 2)
    square, psi = whole.frame.polar(x)
    product = (square * torch.cos(2 * psi) / 2)[:, None]
    # in the units of both, and with the constant that the division leaves out
    expected = math.pi * whole(x) * 0.3 / product * 0.3
    assert torch.allclose(part(x), expected, rtol=1e-9, atol=1e-9)


def test_quotient_is_that_of_the_first_power_and_both_distances():
    for angle in (0.45 * math.pi, 0.62 * math.pi):
        a = math.pi / angle
        f = Quotient(frame(angle), a)
        square, psi = f.frame.polar(x := points(angle))
        r = square.sqrt()
        distances = r**2 * torch.sin(angle / 2 - psi) * torch.sin(angle / 2 + psi)
        ratio = r**a * torch.sin(a * (psi + angle / 2)) / distances
        assert torch.allclose(f(x)[:, 0], ratio if a > 2 else 1 / ratio, rtol=1e-9)


@pytest.mark.parametrize("end", [None, 0.8])
@pytest.mark.parametrize(
    "requests", [((0,), ()), ((0, 1), (((0, 0), (1, 1)),)), ((1,), (((0, 1),), ((0, 0),)))], ids=str
)
def test_jets_agree_with_nested_autograd(end, requests):
    right, wide = frame(math.pi / 2, end=end), frame(1.5 * math.pi, end=end)
    functions = (Powers(wide, 2 / 3), Quotient(frame(0.6 * math.pi, end=end), 5 / 3), Logarithm(right, True))
    inputs = CornerInputs((*functions, Logarithm(right, False)), (0, 1))
    plan = DerivativePlan.from_requests(2, *requests)
    # with points on the sides, where quotients have series
    x = torch.cat(
        [points(math.pi / 2), sides(math.pi / 2 * (1 - 1e-9), 0.31), sides(0.6 * math.pi - 2e-9, 0.2)]
    )
    assert inputs.count == 5
    got, expected = plan.pushed(inputs, x), plan.jet_of(inputs, x)
    assert torch.allclose(got, expected, rtol=1e-7, atol=1e-7)


def test_third_order_goes_through_autograd():
    inputs = CornerInputs((Powers(frame(1.5 * math.pi), 2 / 3),), (0, 1))
    plan = DerivativePlan.from_requests(2, (), (), (((0, 0, 1),),))
    x = points(1.5 * math.pi, 7)
    assert torch.equal(plan.pushed(inputs, x), plan.jet_of(inputs, x))


@pytest.mark.parametrize(
    "make",
    [
        lambda f: Powers(f, 2.0),
        lambda f: Quotient(f, 2.0),
        lambda f: Logarithm(f, divided=False),
        lambda f: Logarithm(f, divided=True),
    ],
    ids=["powers", "quotient", "logarithm", "divided"],
)
def test_second_derivatives_go_on_across_the_bisector(make):
    """A formula in the angle to the nearer side is smooth there, and so are its derivatives at points right on it."""
    function = make(Frame((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), math.pi / 2, 1.0))
    x = torch.tensor([[0.37, y] for y in (-1e-7, 0.0, 1e-7)], dtype=torch.float64)
    for axes in ((0, 0), (0, 1), (1, 1)):
        for column in range(function.count):
            found = AutogradSource(lambda y, k=column: function(y)[:, k : k + 1], x).higher(axes).detach()
            torch.testing.assert_close(found[1], (found[0] + found[2]) / 2, rtol=1e-5, atol=1e-5)
    plan = DerivativePlan.from_requests(2, (0, 1), (((0, 0), (1, 1)),))
    jets = plan.pushed(function, x)
    torch.testing.assert_close(jets[1], (jets[0] + jets[2]) / 2, rtol=1e-5, atol=1e-5)


def test_the_tip_has_finite_values():
    x = torch.tensor([AT], dtype=torch.float64)
    for f in (Powers(frame(1.5 * math.pi), 2 / 3), Logarithm(frame(math.pi / 2), False)):
        assert torch.isfinite(f(x)).all()


def test_faded_functions_end():
    f = Powers(frame(1.5 * math.pi, end=0.5), 2 / 3)
    far = points(1.5 * math.pi, least=0.51)
    assert f(far).abs().max() == 0
