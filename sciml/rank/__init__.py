"""Rank determination: which components of a low-rank update are worth their parameters."""

from sciml.rank.greedy import backward_elimination, brute_force, greedy, random_greedy
from sciml.rank.hessian import Derivatives, gauss_newton, hessian, hessian_by_differences, jacobian
from sciml.rank.pattern import keep_mask, rank_pattern, ranks
from sciml.rank.projection import project, project_hessian
from sciml.rank.schedule import CubicBudget
from sciml.rank.second_order import SecondOrder
from sciml.rank.selectors import SELECTORS, Components, select
from sciml.rank.sensitivity import SmoothedSensitivity, triplet_score

__all__ = [
    # choosing
    "SELECTORS",
    "Components",
    "CubicBudget",
    # its derivatives
    "Derivatives",
    # the model
    "SecondOrder",
    "SmoothedSensitivity",
    "backward_elimination",
    "brute_force",
    "gauss_newton",
    "greedy",
    "hessian",
    "hessian_by_differences",
    "jacobian",
    "keep_mask",
    "project",
    "project_hessian",
    "random_greedy",
    # the outcome
    "rank_pattern",
    "ranks",
    "select",
    "triplet_score",
]
