"""From few functions to many: what a level holds, and when another one is entered."""

from __future__ import annotations

import itertools
import math

import pytest

from sciml import nn, pdes
from sciml.ansatz import Trial
from sciml.solvers.estimate.levels import MOST, RICHER, Allowance, Level, level_work, levels_of
from sciml.solvers.terms.build import recorded_terms
from tests.solvers.estimate.manufactured import Poisson, missed

PROBLEMS = {1: pdes.Poisson(2), 2: pdes.Schrodinger(), 3: pdes.Kovasznay()}


def levels(problem, least=0):
    trial = Trial(problem, nn.MLP([problem.inputs, 6, problem.outputs], "tanh", seed=1))
    return levels_of(problem, trial, recorded_terms(problem, trial), least)


@pytest.mark.parametrize("unknowns", PROBLEMS)
def test_each_level_is_clearly_richer_and_none_has_more_columns_than_there_is_room_for(unknowns):
    problem = PROBLEMS[unknowns]
    found, own, skipped = levels(problem)
    assert own is None and skipped == 0 and problem.outputs == unknowns
    assert found[-1].functions == MOST // unknowns
    for one, other in itertools.pairwise(found):
        assert other.functions >= RICHER * one.functions and other.points > one.points
    for level in found:
        assert level.functions * unknowns <= MOST
        assert level.points >= 5 * level.functions  # rows for each column, for each of as many equations
        assert level.work == level_work(problem, level.functions, level.points)


def test_levels_with_too_few_functions_are_passed_over_but_for_the_last():
    every = levels(PROBLEMS[1])[0]
    assert levels(PROBLEMS[1], 390)[0] == every[1:] and levels(PROBLEMS[1], 390)[2] == 1
    assert levels(PROBLEMS[1], 5000)[0] == every[-1:]


def test_a_plain_network_has_one_level():
    problem, trial, _, _ = missed(Poisson, 1e-2, "plain")
    found, _, _ = levels_of(problem, trial, recorded_terms(problem, trial))
    assert [level[:2] for level in found] == [(100, 300)]


@pytest.mark.parametrize(
    ("work", "seconds", "drop", "needed", "entered"),
    [
        (math.inf, math.inf, 0.4, False, True),
        (1.0, math.inf, 0.4, False, False),
        (1.0, math.inf, 0.4, True, False),  # not doubtful
        (1.0, math.inf, 0.7, True, True),
        (1.0, math.inf, 0.7, False, False),
        (math.inf, 1.0, 0.4, True, False),
        (math.inf, 1.0, 0.7, True, True),  # twice the seconds
        (math.inf, 0.4, 0.7, True, False),
    ],
)
def test_an_allowance_is_kept_but_for_what_is_doubtful(work, seconds, drop, needed, entered):
    last, following = Level(100, 500, 0.1), Level(400, 2000, 1.0)
    allowance = Allowance(seconds, work)
    allowance.done = 0.1
    assert allowance.reaches(last, 0.1, following, drop, needed) is entered


def test_what_is_not_counted_grows_with_the_points():
    last, following = Level(100, 500, 0.1), Level(400, 2000, 1.0)
    allowance = Allowance(seconds=2.0)
    assert allowance.reaches(last, 0.1, following, 0.4, False)
    assert not allowance.reaches(
        last, 0.6, following, 0.4, False
    )  # 0.5 s more a level, and four times that in the next
