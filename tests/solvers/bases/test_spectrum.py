"""The frequency of a network against that of an equation."""

from __future__ import annotations

import math

import pytest
import torch

import sciml
from sciml import nn
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.solvers.bases.spectrum import _distance, _spectrum


class Wave(torch.nn.Module):
    """``sin(k pi z)`` for ``z`` in [-1, 1]: k waves."""

    def __init__(self, k):
        super().__init__()
        self.k = torch.nn.Parameter(torch.tensor(k, dtype=torch.float64))

    def forward(self, z):
        return torch.sin(self.k * math.pi * z)


class Fit(sciml.PDE):
    """``u = sin(2 pi 5 x)`` on [0, 1]: five waves."""

    domain = sciml.Interval(0.0, 1.0)
    conditions = ()

    def residual(self, u, x):
        return u.value - torch.sin(10 * math.pi * x)


class Undefined(Fit):
    """Infinite everywhere."""

    def residual(self, u, x):
        return u.value + math.inf


def test_the_network_of_the_right_frequency_is_chosen():
    match = sciml.match_spectrum(Fit(), Wave, (1, 3, 5, 8))
    assert match.choice == 5 and match.distances[5] < 1e-6
    # a wave of another number is that far away: the Wasserstein distance is in waves
    assert [round(match.distances[k]) for k in (1, 3, 8)] == [4, 2, 3]


def test_an_mlp_stands_for_itself_at_other_scales():
    model = nn.MLP([2, 10, 1], "sine", scale=3.0, seed=4)
    slow = sciml.match_spectrum(sciml.pdes.Poisson(frequency=1), model)
    fast = sciml.match_spectrum(sciml.pdes.Poisson(frequency=6), model)
    assert slow.choice < fast.choice
    assert fast.model.scale == fast.choice and fast.model.widths == model.widths
    assert slow.distances == sciml.match_spectrum(sciml.pdes.Poisson(frequency=1), model).distances


def test_a_spectrum_sums_to_one_and_a_distance_to_itself_is_zero():
    window = torch.ones(16, 16, dtype=torch.float64)
    values = torch.randn(256, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    spectrum = _spectrum(values, window)
    assert (spectrum.sum(1) - 1).abs().max() < 1e-12 and (spectrum[:, 0] == 0).all()
    assert _distance(spectrum, spectrum) == 0


class Pair(sciml.PDE):
    """The second equation is solved by the conditions: it asks for no frequency."""

    domain = sciml.Interval(0.0, 1.0)
    conditions = ()
    unknowns = ("u", "v")

    def residual(self, u, x):
        return {"u": u["u"].value - torch.sin(10 * math.pi * x), "v": u["v"].value}


def test_an_equation_that_asks_for_nothing_does_not_count():
    def two(k):
        return torch.nn.Sequential(Wave(k), torch.nn.Linear(1, 2, bias=False).double())

    torch.manual_seed(0)
    match = sciml.match_spectrum(Pair(), two, (1, 5, 8))
    assert match.choice == 5 and match.distances[5] < 1e-6
    lorenz = sciml.match_spectrum(sciml.pdes.Lorenz(), nn.MLP([1, 10, 3], "sine"))
    assert max(lorenz.distances.values()) < 5


def test_networks_of_other_precision_and_whole_numbers_are_taken():
    double = sciml.match_spectrum(sciml.pdes.Poisson(), nn.MLP([2, 10, 1], "sine", seed=2))
    single = sciml.match_spectrum(
        sciml.pdes.Poisson(), nn.MLP([2, 10, 1], "sine", seed=2, dtype=torch.float32)
    )
    assert single.choice == double.choice
    assert next(single.model.parameters()).dtype == torch.float32
    match = sciml.match_spectrum(
        sciml.pdes.Poisson(), lambda m: nn.KAN([2, 3, 1], basis="fourier", size=m), (3, 6)
    )
    assert match.model.sizes == [match.choice] * 2


def test_jets_and_autograd_see_the_same_image():
    model = nn.MLP([2, 6, 1], "sine", seed=1)

    class Plain(torch.nn.Module):
        def __init__(self, scale):
            super().__init__()
            self.net = nn.from_config(model.config() | {"scale": scale})

        def forward(self, z):
            return self.net(z)

    for problem in (sciml.pdes.Poisson(), sciml.pdes.Burgers()):
        by_jets = sciml.match_spectrum(problem, model).distances
        by_autograd = sciml.match_spectrum(problem, Plain).distances
        assert by_jets == pytest.approx(by_autograd, rel=1e-9)


@pytest.mark.parametrize(
    "problem, model, candidates, error, words",
    [
        (None, nn.MLP([2, 1]), (1,), ArgumentTypeError, "problem needs a sciml.PDE"),
        (sciml.pdes.Poisson(dim=4), nn.MLP([4, 1]), (1,), ArgumentError, "at most three coordinates, got 4"),
        (sciml.pdes.Poisson(), nn.MLP([2, 1]), (), ArgumentError, "candidates needs one number"),
        (sciml.pdes.Poisson(), nn.MLP([2, 1]), (0,), ArgumentError, r"candidates\[0\]"),
        (
            sciml.pdes.Poisson(),
            nn.KAN([2, 1]),
            (1,),
            ArgumentTypeError,
            "model needs an nn.MLP or a function",
        ),
        (sciml.pdes.Poisson(), nn.MLP([2, 1]), 3, ArgumentTypeError, "candidates needs a sequence"),
        (
            sciml.pdes.Poisson(),
            lambda s: s,
            (1,),
            ArgumentTypeError,
            "model needs to return a torch.nn.Module",
        ),
        (Undefined(), nn.MLP([1, 1]), (1,), ArgumentError, "problem needs a residual of finite numbers"),
    ],
)
def test_what_is_refused(problem, model, candidates, error, words):
    with pytest.raises(error, match=words):
        sciml.match_spectrum(problem, model, candidates)
