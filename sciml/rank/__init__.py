"""Rank determination: which components of a low-rank update are worth their parameters.

* ``hessian``, ``hessian_by_differences``, ``jacobian`` and ``gauss_newton`` give ``Derivatives`` of a loss in the
  strengths.
* ``SecondOrder`` is the model that they make up, ``project`` its nearest submodular one.
* ``greedy``, ``random_greedy``, ``backward_elimination`` and ``brute_force`` search it under a budget.
* ``select`` applies one of ``SELECTORS`` to ``Components``; ``SmoothedSensitivity`` is a score for them.
* ``rank_pattern`` and ``ranks`` say what was kept; ``CubicBudget`` says how a budget falls during training.
"""

from sciml.rank.greedy import backward_elimination, brute_force, greedy, random_greedy
from sciml.rank.hessian import Derivatives, gauss_newton, hessian, hessian_by_differences, jacobian
from sciml.rank.pattern import rank_pattern, ranks
from sciml.rank.projection import project
from sciml.rank.schedule import CubicBudget
from sciml.rank.second_order import SecondOrder
from sciml.rank.selectors import SELECTORS, Components, select
from sciml.rank.sensitivity import SmoothedSensitivity

__all__ = [
    "SELECTORS",
    "Components",
    "CubicBudget",
    "Derivatives",
    "SecondOrder",
    "SmoothedSensitivity",
    "backward_elimination",
    "brute_force",
    "gauss_newton",
    "greedy",
    "hessian",
    "hessian_by_differences",
    "jacobian",
    "project",
    "random_greedy",
    "rank_pattern",
    "ranks",
    "select",
]
