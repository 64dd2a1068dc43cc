"""Unknown coefficients: their maps, what they refuse, and the problem with something else in their places."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch

import sciml
from sciml import pdes
from sciml.coefficients import at_guess, open_conditions, unknowns_of, with_coefficients, with_values
from sciml.unknown import Coefficient, Unknown

KINDS = {
    "free": Unknown(-3e-9),
    "zero": Unknown(0.0),
    "positive": Unknown(4e9, positive=True),
    "bounded": Unknown(0.3, bounds=(-1.0, 2.0)),
    "wide": Unknown(1e-3, bounds=(1e-6, 10.0)),
    "positive and bounded": Unknown(0.3, positive=True, bounds=(0.0, 2.0)),
}


@pytest.mark.parametrize("unknown", KINDS.values(), ids=KINDS)
def test_a_coefficient_starts_at_its_guess_and_maps_back(unknown):
    c = Coefficient("c", unknown)
    assert c.number == pytest.approx(unknown.guess, rel=1e-12, abs=1e-300)
    for raw in (-1.7, 0.4, 2.0):
        value = float(unknown.value(torch.tensor(raw, dtype=torch.float64)))
        assert unknown.inverse(value) == pytest.approx(raw, rel=1e-9)
        if unknown.bounds:
            assert unknown.bounds[0] < value < unknown.bounds[1]
        if unknown.positive:
            assert value > 0
        c.set(value)
        assert c.number == pytest.approx(value, rel=1e-12)
        step = 1e-6
        up, down = (float(unknown.value(torch.tensor(raw + h, dtype=torch.float64))) for h in (step, -step))
        assert unknown.slope(value) == pytest.approx((up - down) / (2 * step), rel=1e-6)


def test_an_interval_stays_where_the_coefficient_may_be():
    assert all(0 < end < math.inf for end in KINDS["positive"].span(2e9, 3.0))
    low, high = KINDS["bounded"].span(1.9, 5.0)
    assert -1 < low < 1.9 < high < 2
    assert KINDS["zero"].span(0.5, 0.25) == (0.25, 0.75)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (("a",), sciml.ArgumentTypeError, "guess needs a number"),
        ((math.nan,), sciml.ArgumentError, "guess needs a finite"),
        ((-1.0, True), sciml.ArgumentError, "above 0"),
        ((1.0, 1), sciml.ArgumentTypeError, "positive needs True or False"),
        ((5.0, False, (0, 1)), sciml.ArgumentError, "from 0 to 1"),
        ((0.5, False, (1, 0)), sciml.ArgumentError, "above"),
        ((0.5, True, (-1, 1)), sciml.ArgumentError, "at least 0"),
        ((0.5, False, 3), sciml.ArgumentTypeError, "bounds"),
    ],
)
def test_bad_arguments(arguments, error, said):
    with pytest.raises(error, match=said):
        Unknown(*arguments)


OPERATIONS = {
    "product": lambda c: 2 * c * torch.ones(3, 1),
    "quotient": lambda c: torch.ones(3, 1) / c,
    "power": lambda c: c**2 - 3 ** (-c),
    "function": lambda c: torch.exp(c) + c.sqrt() + abs(-c),
    "two": lambda c: c * c + c - c / c,
    "comparison": lambda c: torch.where(c > 0.1, c * 2, c),
    "stack": lambda c: torch.stack([c.tensor, c * 2]).sum(),
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_a_coefficient_computes_as_its_tensor(operation):
    c = Coefficient("c", Unknown(0.7, positive=True))

    class Plain:  # the tensor under the name that one of the operations reads
        tensor = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)

    plain = Plain.tensor.clone()
    plain.tensor = plain
    got, expected = operation(c), operation(plain)
    assert torch.allclose(got.double(), expected.double())
    (slope,) = torch.autograd.grad(got.sum(), c.raw)
    (own,) = torch.autograd.grad(expected.sum(), Plain.tensor)
    assert float(slope) == pytest.approx(0.7 * float(own))


def test_a_coefficient_refuses_what_would_not_be_trained():
    c = Coefficient("k", Unknown(0.7))
    for use in (float, math.exp, lambda v: v * np.ones(3), lambda v: np.ones(3) * v):
        with pytest.raises(sciml.ArgumentTypeError, match="the Unknown k needs"):
            use(c)
    with pytest.raises(TypeError):
        np.sin(c)


@pytest.mark.parametrize("use", [float, lambda u: u * 2, lambda u: 2 - u, torch.exp, lambda u: u > 1, bool])
def test_an_unknown_has_no_value_of_its_own(use):
    with pytest.raises(sciml.ArgumentTypeError, match="needs to be read as an attribute"):
        use(Unknown(1.0))


class Rod(sciml.PDE):
    domain = sciml.Interval(0, 1)
    k = sciml.Unknown(2.0, positive=True)
    rest = (
        sciml.Unknown(3.0),
        5.0,
    )

    @property
    def conditions(self):
        return [sciml.Dirichlet(lambda x: 0 * x + self.rest[0], on="x=0"), sciml.Dirichlet(0.0, on="x=1")]

    def residual(self, u, x):
        return -self.k * u.laplacian() - self.rest[1]


def test_where_unknowns_are_found_and_exchanged():
    rod = Rod()
    assert list(unknowns_of(rod)) == ["k", "rest[0]"]
    plain = at_guess(rod)
    assert (plain.k, plain.rest) == (2.0, (3.0, 5.0)) and Rod.k is rod.k
    found = with_values(rod, {"k": 7.0, "rest[0]": 1.5})
    assert float(found.conditions[0].value(torch.zeros(1, 1))) == 1.5
    live, coefficients = with_coefficients(rod)
    assert [c.name for c in coefficients] == ["k", "rest[0]"] and live.k is coefficients[0]
    assert open_conditions(live) == open_conditions(found) == (0,)
    assert open_conditions(rod) == ()


def test_an_unknown_of_a_condition_is_named_by_it():
    shared = sciml.Unknown(1.0)

    class Cooled(sciml.PDE):
        domain = sciml.Interval(0, 1)
        h = shared
        conditions = (
            sciml.Robin(alpha=shared, on="x=0"),
            sciml.Robin(alpha=sciml.Unknown(2.0), beta=sciml.Unknown(3.0), on="x=1"),
        )

        def residual(self, u, x):
            return u.laplacian()

    assert list(unknowns_of(Cooled())) == ["h", "robin:x=1.alpha", "robin:x=1.beta"]
    plain = at_guess(Cooled())
    assert [c.alpha for c in plain.conditions] == [1.0, 2.0]
    assert isinstance(Cooled.conditions[0].alpha, Unknown)


def test_a_catalogue_parameter_takes_its_range_as_bounds():
    problem = pdes.Burgers(nu=sciml.Unknown(0.02))
    assert problem.nu.bounds == (1e-5, 1.0)
    with pytest.raises(sciml.ArgumentError, match="nu"):
        pdes.Burgers(nu=sciml.Unknown(3.0))
    with pytest.raises(sciml.ArgumentTypeError, match="dim needs an int"):
        pdes.Heat(dim=sciml.Unknown(2.0))
    assert pdes.Burgers(nu=sciml.Unknown(0.02, bounds=(0.01, 5.0))).nu.bounds == (0.01, 1.0)


def test_a_closure_that_keeps_the_unknown_is_refused_by_name():
    class Kept(sciml.PDE):
        domain = sciml.Interval(0, 1)
        k = sciml.Unknown(2.0)
        conditions = (sciml.Dirichlet(lambda x: Kept.k * x),)

        def residual(self, u, x):
            return self.k * u.laplacian()

    with pytest.raises(sciml.ArgumentError, match=r"Unknown\(2\) needs to be read as an attribute"):
        Kept().validate()


def test_with_data_stays_with_the_problem():
    @dataclass(frozen=True, repr=False)
    class Own(sciml.PDE):
        a: float = 1.0
        domain = sciml.Interval(0, 1)
        conditions = (sciml.Dirichlet(0.0),)

        def residual(self, u, x):
            return self.a * u.laplacian()

    data = sciml.Data([[0.5]], [1.0])
    for problem in (Own(), pdes.Poisson(dim=1), pdes.Poisson(dim=1).with_source(lambda x: x[:, :1])):
        measured = problem.with_data(data)
        assert measured.conditions[-1] is data and data not in problem.conditions
        assert measured.is_custom
        name = next(iter(problem.parameters()))
        changed = measured.with_parameters(**{name: problem.parameters()[name]})
        assert list(changed.conditions).count(data) == 1
    with pytest.raises(sciml.ArgumentTypeError, match=r"sciml\.Data"):
        Own().with_data(3.0)
    measured = pdes.Heat(diffusivity=sciml.Unknown(0.2)).with_data(data)
    assert with_values(measured, {"diffusivity": 0.3}).conditions[-1] is data
