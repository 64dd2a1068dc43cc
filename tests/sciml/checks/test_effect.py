"""Sources and parameters that change nothing, and problems with another source as values."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from dataclasses import dataclass

import pytest
import torch

import sciml
from sciml import Data, Dirichlet, Neumann, pdes
from sciml.errors import ArgumentError, ArgumentTypeError
from tests.sciml.checks.cases import LINE, SQUARE


def two(x):
    return 2 + 0 * x[:, :1]


def ramp(x):
    return x[:, :1]


class Own(sciml.PDE):
    domain = LINE
    conditions = (Dirichlet(0.0),)

    def residual(self, u, x):
        return -u.d("x", "x") - 1.0


class Plain(Own):
    def __init__(self, k=1.0):
        self.k = k

    def residual(self, u, x):
        return -self.k * u.d("x", "x") - self.source(x)


class Copied(Own):
    def __init__(self):
        self.f = 1.0

    def residual(self, u, x):
        return -u.d("x", "x") - self.f


class Erased(Own):
    def residual(self, u, x):
        return -u.d("x", "x") - 0 * self.source(x)


@pytest.mark.parametrize("kind", [Own, Copied, Erased])
@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_a_source_without_effect_is_refused(kind, mode):
    with (
        mode(),
        pytest.raises(
            ArgumentError, match=f"with_source needs a residual that uses the source.*{kind.__name__}"
        ),
    ):
        kind().with_source(two)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize(
    "residual",
    [
        lambda self, u, x: -u.d("x", "x") - self.source(x),
        lambda self, u, x: (u.d("x"), u.d("x", "x") * self.source(x)),
        lambda self, u, x: u.d("x", "x") - 1e12 - self.source(x),
        lambda self, u, x: u.d("x", "x") - torch.relu(self.source(x)),
        lambda self, u, x: {"main": u.d("x", "x") - self.load(x)},
    ],
)
def test_a_source_with_any_effect_is_taken(residual, scale):
    parts = {"residual": residual, "load": lambda self, x: 3 * self.source(x)}
    problem = type("Uses", (Own,), parts)()
    new = problem.with_source(lambda x: scale * two(x))
    torch.testing.assert_close(new.source(torch.ones(3, 1).double()), torch.full((3, 1), 2 * scale).double())


@pytest.mark.parametrize(
    "parts",
    [
        {"residual": lambda self, u, x: u.nothing - self.source(x)},
        {"residual": lambda self, u, x, y: u.value},
        {"domain": None},
        {"residual": lambda self, u, x: 1 / 0},
    ],
)
def test_what_cannot_be_run_waits_for_the_solve(parts):
    problem = type("Broken", (Own,), parts)().with_source(two)
    with pytest.raises(sciml.SciMLError):
        problem.validate()


def test_a_source_that_writes_into_its_points_gets_a_copy():
    def greedy(x):
        x[:] = 0.0
        return x[:, :1] + 1

    x = torch.rand(5, 1).double()
    kept = x.clone()
    problem = Plain().with_source(greedy)
    problem.source(x)
    assert torch.equal(x, kept)
    problem.validate()


# ---- values


@pytest.mark.parametrize(
    "problem", [Plain(3.0), pdes.Poisson(2), pdes.Burgers(nu=0.02), pdes.LidDriven()], ids=repr
)
def test_a_problem_with_another_source_is_a_value(problem):
    new = problem.with_source(two)
    assert isinstance(new, type(problem))
    assert type(new).__name__ == type(problem).__name__
    assert new != problem
    assert problem != new
    assert new != problem.with_source(ramp)
    assert repr(new) == f"{problem!r} with another source"
    x = problem.domain.sample(5)
    for twin in (copy.copy(new), copy.deepcopy(new), pickle.loads(pickle.dumps(new))):
        assert torch.equal(twin.source(x), two(x))
        assert twin.is_custom
        assert not twin.has_exact
        assert type(twin) is type(new)
        assert twin.parameters() == new.parameters()
        if dataclasses.is_dataclass(problem):
            assert twin == new
            assert hash(twin) == hash(new)
    again = new.with_source(ramp, exact=ramp)
    assert torch.equal(again.source(x), ramp(x))
    assert again.has_exact
    assert torch.equal(new.source(x), two(x))


def test_an_own_source_of_the_instance_is_replaced():
    class Given(Plain):
        def __init__(self):
            super().__init__()
            self.source = ramp

    x = torch.rand(4, 1).double()
    given = Given()
    assert torch.equal(given.with_source(two).source(x), two(x))
    assert torch.equal(given.source(x), ramp(x))


def test_a_family_keeps_the_source():
    x = torch.rand(4, 2).double()
    members = pdes.Poisson(dim=2).with_source(two).family(frequency=[1, 2])
    for frequency, member in zip((1, 2), members.values(), strict=True):
        assert member.frequency == frequency
        assert torch.equal(member.source(x), two(x))
    lost = dataclasses.replace(pdes.Poisson(dim=2).with_source(two), frequency=2)
    with pytest.raises(ArgumentError, match="with_parameters"):
        lost.source(x)


@pytest.mark.parametrize("exact", [1.0, "x", torch.zeros(3, 1)])
def test_what_is_no_function_is_refused(exact):
    with pytest.raises(ArgumentTypeError, match="exact needs a function"):
        Plain().with_source(two, exact=exact)
    with pytest.raises(ArgumentTypeError, match="source needs a function"):
        Plain().with_source(exact)


# ---- parameters


@dataclass(frozen=True)
class Rod(sciml.PDE):
    conductivity: float = 2.0
    length: float = 1.0
    end: float = 0.5
    slope: float = 0.0
    seen: float = 3.0
    modes: int = 4
    idle: float = 1.0
    count: int = 2
    label: str = "a"
    flag: bool = True

    @property
    def domain(self):
        return sciml.Box([0, 0], [self.length, 1])

    @property
    def conditions(self):
        return [
            Dirichlet(self.end, on="x=0"),
            Neumann(lambda x: self.slope * x[:, 1:], on=["y=0", "y=1", lambda x: x[:, 0] == self.length]),
            Data([[0.2, 0.2]], [self.seen]),
        ]

    def residual(self, u, x):
        return -self.conductivity * u.laplacian() - sum(torch.sin(k * x[:, :1]) for k in range(self.modes))


def test_parameters_without_effect_are_noted():
    found = sciml.check(Rod()).notes
    assert [n for n in found if "without effect" in n] == [
        f"the parameter {name} of Rod is without effect: neither the equation nor a condition changes with it."
        for name in ("idle", "count")
    ]


def test_parameters_out_of_range_are_let_be():
    @dataclass(frozen=True)
    class Picky(Own):
        k: float = 1.0

        def __post_init__(self):
            if self.k != 1.0:
                raise ValueError("only 1")

    assert sciml.check(Picky()).ok


@pytest.mark.parametrize("domain", [LINE, SQUARE])
def test_an_instance_without_fields_has_no_idle_parameters(domain):
    problem = type("Free", (Plain,), {"domain": domain, "residual": lambda self, u, x: u.laplacian() - 1})(
        5.0
    )
    assert sciml.check(problem).ok
