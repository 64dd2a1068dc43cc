"""The exact conditions of a member of a family are those that it would get alone."""

import math
from dataclasses import dataclass

import pytest
import torch

import sciml
from sciml import pdes
from sciml.ansatz import Ansatz
from tests.sciml.checks.cases import TIME_LINE


@dataclass(frozen=True)
class Bar(sciml.PDE):
    """A bar, or with ``stiff`` a clamped beam: the slopes at its ends are built in for the beam alone."""

    length: float = 1.0
    end: float = 0.0
    load: float = 1.0
    stiff: bool = False

    @property
    def domain(self):
        return sciml.Interval(0.0, self.length)

    @property
    def conditions(self):
        return [sciml.Dirichlet(self.end), sciml.Neumann(0.0)]

    def residual(self, u, x):
        if self.stiff:
            return u.d("x", "x", "x", "x") - self.load
        return -u.d("x", "x") - self.load


@dataclass(frozen=True)
class Heat(sciml.PDE):
    """A rod that starts with another value than its ends have: the jump follows from the diffusivity."""

    k: float = 1.0

    domain = TIME_LINE

    @property
    def conditions(self):
        return [sciml.Initial(1.0), sciml.Dirichlet(0.0)]

    def residual(self, u, x):
        return u.d("t") - self.k * u.d("x", "x")


PAIRS = [
    (pdes.Burgers(0.1), pdes.Burgers(0.05), True),
    (pdes.Wave(2.0), pdes.Wave(1.7), False),
    (Bar(), Bar(load=3.0), True),
    (Bar(), Bar(end=1.5), False),
    (Bar(), Bar(length=2.0), False),
    (Bar(), Bar(stiff=True), False),
    (Bar(stiff=True), Bar(stiff=True, load=2.0), True),
    (Heat(), Heat(k=0.2), False),
    (pdes.LidDriven(4.0), pdes.LidDriven(2.0), False),
]


@pytest.mark.parametrize(("base", "member", "shared"), PAIRS)
def test_a_member_gets_what_it_would_get_alone(base, member, shared):
    one = Ansatz(base)
    before = [c.label for c in one.hard], list(one.notes)
    found, alone = one.like(member), Ansatz(member)
    x = member.domain.sample(57, seed=3)
    torch.testing.assert_close(found.offset(x), alone.offset(x), rtol=0, atol=0)
    torch.testing.assert_close(found.factor(x), alone.factor(x), rtol=0, atol=0)
    for name in ("hard", "soft"):
        assert [c.label for c in getattr(found, name)] == [c.label for c in getattr(alone, name)]
        assert all(any(c is own for own in found.stated) for c in getattr(found, name))
    assert found.notes == alone.notes
    assert (found._parts is one._parts) == shared
    assert found.problem is member
    assert ([c.label for c in one.hard], one.notes) == before


def test_values_of_a_condition_that_differ_are_built_anew():
    @dataclass(frozen=True)
    class Start(sciml.PDE):
        size: object = 1.0
        k: float = 1.0

        domain = TIME_LINE

        @property
        def conditions(self):
            return [sciml.Dirichlet(0.0), sciml.Initial(lambda x: self.size * torch.sin(math.pi * x[:, 1:]))]

        def residual(self, u, x):
            return u.d("t") - self.k * u.d("x", "x")

    one = Ansatz(Start())
    other = one.like(Start(size=2.0))
    x = Start().domain.sample(5, seed=0)
    torch.testing.assert_close(other.offset(x), 2.0 * one.offset(x))
