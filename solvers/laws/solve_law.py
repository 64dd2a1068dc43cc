"""``sciml.solve_law``: the law of a solution whose data are random."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.problem import PDE
from sciml.solvers.laws.generated import generated_law
from sciml.solvers.laws.law import Law
from sciml.solvers.laws.sampled import Make, sampled_law


def solve_law(
    problem: PDE | Make,
    *,
    draws: Any = None,
    snapshots: Any = None,
    model: torch.nn.Module | None = None,
    tol: float | None = None,
    latent: int | None = None,
    weight: float | None = None,
    steps: int | None = None,
    max_time: float | None = None,
    seed: int = 0,
    **options: Any,
) -> Law:
    """The law of the solution of one unknown, from draws of the data or from snapshots of them.

    Where the law of the data is known, draw from it and give ``draws``: some of them are solved, the others follow as
    weighted sums, exactly where equation and data are linear. That is the better way wherever it can be gone. ``snapshots``
    are for data whose law is not known: a generator carries the law of the snapshots' principal components into the domain,
    by least squares with the equation, and is trained against a critic where that sees a distance (WGAN-PINN). What is
    wrong beside the snapshots, of which it has not seen a quarter, is in ``law.notes``.

    Args:
        problem: With draws, a function of a draw's numbers that returns the problem with these data. With snapshots, the
            problem without the random data, whose other conditions hold exactly.
        draws: ``(n, p)``, or ``(n,)`` for one random number; ``n >= 8``.
        snapshots: Points ``(m, d)`` and values there ``(n, m)``, one row a draw; ``n >= 20``.
        model: With draws, as for ``sciml.solve``.
        tol: With draws, the relative L2 error of what is not solved for, at which no more is solved; 1e-4 unless given.
        latent: With snapshots, principal components at most; as many as hold 99.9 % of the variance unless given, up to six;
            0 for a law without any spread.
        weight: With snapshots, the weight of the equation's squared residual beside the squared values, both in units of
            the values; 1 unless given.
        steps: With snapshots, those of the generator against the critic; 300 unless given.
        max_time: Seconds; with draws, of each solve, as in ``sciml.solve``; with snapshots, of the steps against the critic,
            300 unless given.
        seed: Of everything random.
        options: With draws, further arguments of ``sciml.solve``, for each of the solves.

    Returns:
        A ``Law``: ``sample``, ``mean``, ``std``, ``quantile``, ``compare``.

    Raises:
        ArgumentError, ArgumentTypeError: Naming the argument, what it needs and what it got.
    """
    if (draws is None) == (snapshots is None):
        raise ArgumentError("draws needs to be given, or snapshots, and not both.")
    if draws is not None:
        if isinstance(problem, PDE) or not callable(problem):
            raise ArgumentTypeError(
                f"problem needs a function of a draw for draws, got {type(problem).__name__}."
            )
        _without("draws", {"latent": latent, "weight": weight, "steps": steps})
        options = {"progress": False, "seed": seed, "max_time": max_time, **options}
        return sampled_law(problem, draws, model, 1e-4 if tol is None else tol, options)
    if not isinstance(problem, PDE):
        raise ArgumentTypeError(f"problem needs a sciml.PDE for snapshots, got {type(problem).__name__}.")
    _without("snapshots", {"model": model, "tol": tol, **options})
    return generated_law(
        problem,
        snapshots,
        latent,
        1.0 if weight is None else weight,
        300 if steps is None else steps,
        300.0 if max_time is None else max_time,
        seed,
    )


def _without(way: str, given: Mapping[str, Any]) -> None:
    """Refuse arguments that the way to a law does not look at."""
    names = [name for name, value in given.items() if value is not None]
    if names:
        raise ArgumentError(f"{way} goes without {', '.join(names)}.")
