"""``sciml compare``: how far a solution lies from another one or from a table."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
import torch

from sciml.csv_columns import read_columns
from sciml.errors import ArgumentError
from sciml.solvers.cli.commands.saved import read_solution
from sciml.solvers.cli.exit_codes import FAILED, OK
from sciml.solvers.cli.output import Told
from sciml.solvers.cli.rows import aligned
from sciml.solvers.comparison import TEST_POINTS, TEST_SEED
from sciml.solvers.solution import Solution


@dataclass(frozen=True)
class Pair:
    """Values to compare at points ``(n, d)``: ``here`` of A and ``there`` of B, each ``(n, m)``; and notes on them."""

    points: np.ndarray
    here: np.ndarray
    there: np.ndarray
    notes: list[str]


def run(options: argparse.Namespace) -> Told:
    """Relative L2 and largest difference, for all unknowns together and for each."""
    if options.tol is not None and not options.tol >= 0:
        raise ArgumentError(f"--tol needs a number of at least 0, got {options.tol!r}.")
    solution = read_solution(options.file, options.problem)
    if options.other.lower().endswith(".csv"):
        pair = _with_table(solution, options.other)
    else:
        pair = _with_solution(solution, read_solution(options.other, options.problem))
    names, unknowns = tuple(solution.problem.domain.names), tuple(solution.problem.unknowns)
    gap = np.abs(pair.here - pair.there)
    where = int(gap.max(axis=1).argmax())
    largest = {name: float(v) for name, v in zip(names, pair.points[where], strict=True)}
    each = {name: relative(pair.here[:, j], pair.there[:, j]) for j, name in enumerate(unknowns)}
    record = {
        "a": options.file,
        "b": options.other,
        "points": len(pair.points),
        "relative": relative(pair.here, pair.there),
        "relative_each": each,
        "largest": float(gap.max()),
        "largest_at": largest,
        "tol": options.tol,
        "notes": pair.notes,
    }
    rows = [("relative L2 difference", f"{record['relative']:.3e}")]
    if len(unknowns) > 1:
        rows += [(f"  of {name}", f"{value:.3e}") for name, value in each.items()]
    at = ", ".join(f"{name} = {value:.6g}" for name, value in largest.items())
    rows += [("largest difference", f"{record['largest']:.3e} at {at}"), ("points", str(len(pair.points)))]
    rows += [("note", note) for note in pair.notes]
    near = options.tol is None or record["relative"] <= options.tol
    return Told(record, aligned(rows), OK if near else FAILED)


def relative(here: np.ndarray, there: np.ndarray) -> float:
    """``|here - there| / |there|``; infinite where only ``there`` is zero."""
    gap, size = float(np.linalg.norm(here - there)), float(np.linalg.norm(there))
    if size == 0:
        return 0.0 if gap == 0 else float("inf")
    return gap / size


def _with_table(solution: Solution, path: str) -> Pair:
    names, unknowns = tuple(solution.problem.domain.names), tuple(solution.problem.unknowns)
    columns = read_columns(path, (*names, *unknowns))
    points = np.column_stack([columns[name] for name in names])
    inside = _inside(solution, points)
    if not inside.any():
        raise ArgumentError(f"{path} needs points in the domain of A, got none of {len(points)}.")
    notes = [] if inside.all() else [f"{int((~inside).sum())} of {len(points)} points lie outside: left out"]
    there = np.column_stack([columns[name] for name in unknowns])
    return Pair(points[inside], solution(points[inside]), there[inside], notes)


def _with_solution(one: Solution, other: Solution) -> Pair:
    for what, a, b in (
        ("coordinates", one.problem.domain.names, other.problem.domain.names),
        ("unknowns", one.problem.unknowns, other.problem.unknowns),
    ):
        if tuple(a) != tuple(b):
            raise ArgumentError(f"B needs the {what} {', '.join(a)} of A, got {', '.join(b)}.")
    points = one.problem.domain.sample(TEST_POINTS, seed=TEST_SEED).numpy()
    shared = _inside(other, points)
    if not shared.any():
        raise ArgumentError("B needs a domain that shares points with that of A, got one apart from it.")
    notes = []
    if not shared.all():
        notes.append(
            f"the domains differ: compared at the {int(shared.sum())} of {len(points)} points in both"
        )
    if repr(one.problem) != repr(other.problem):
        notes.append(f"the problems differ: {one.problem!r:.100} and {other.problem!r:.100}")
    points = points[shared]
    return Pair(points, one(points), other(points), notes)


def _inside(solution: Solution, points: np.ndarray) -> np.ndarray:
    return solution.problem.domain.contains(torch.from_numpy(points)).numpy()
