"""Sides with more conditions than the equation takes there."""

from __future__ import annotations

import torch

from sciml.checks.determined.sides import ACROSS, measurements
from sciml.checks.equation import Equation
from sciml.checks.probe import sampled
from sciml.checks.values import Statement
from sciml.coefficients import has_unknowns
from sciml.conditions import Initial
from sciml.domains import Box

SHOWN = 4  # sides named in a note


def crowded_sides(equation: Equation, stated: list[Statement]) -> list[str]:
    """Notes on sides of two or more coordinates of space where an equation of second order is given several conditions.

    On a line the conditions of both ends are counted together elsewhere; nor does a side of a box count whose opposite
    side has none, as at the start of a wave. Measurements, and coefficients that are to be found from more than a solution
    needs, are no reason for a note; nor are systems, one of whose unknowns may be a derivative of another.
    """
    problem = equation.problem
    if problem.domain.dim < 2 or not problem.domain._pieces or has_unknowns(problem):
        return []
    notes = []
    for block in equation.blocks:
        if len(block) > 1 or equation.space_order(block[0]) != 2 or measurements(equation, block):
            continue
        own = [s for s in stated if s.unknown == block[0] and not isinstance(s.condition, Initial)]
        found: dict[tuple[str, ...], list[str]] = {}
        for i, piece in enumerate(problem.domain._pieces):
            if isinstance(problem.domain.space, Box) and not any(
                s.pieces is None or i ^ 1 in s.pieces for s in own
            ):
                continue
            x = sampled(lambda n, seed, p=piece, i=i: p.sample(n, (seed, i)), ACROSS)
            for labels in sorted(_together(own, i, x)):
                names = found.setdefault(labels, [])
                names += [piece.name] if piece.name not in names else []
        for labels, names in found.items():
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            notes.append(
                f"{' and '.join(labels)} hold together at {', '.join(names[:SHOWN])}{more}, where an equation of second "
                f"order takes one condition on {problem.unknowns[block[0]]}: they may contradict each other."
            )
    return notes


def _together(own: list[Statement], piece: int, x: torch.Tensor) -> set[tuple[str, ...]]:
    """Labels of conditions of different kinds that hold at the same points of a piece."""
    covers = [torch.full((len(x),), piece in s.pieces) if s.pieces is not None else s.covers(x) for s in own]
    found = set()
    for k in range(len(x)):
        here = [s for s, cover in zip(own, covers, strict=True) if bool(cover[k])]
        if len({type(s.condition) for s in here}) > 1:
            found.add(tuple(s.label for s in here))
    return found
