"""``sciml.solve_law``: the law of a solution whose data are random."""

from __future__ import annotations

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
    tol: float = 1e-4,
    latent: int = 2,
    weight: float = 1.0,
    steps: int = 300,
    max_time: float = 300.0,
    seed: int = 0,
    **options: Any,
) -> Law:
    """The law of the solution of one unknown, from draws of the data or from snapshots of them.

    Where the law of the data is known, draw from it and give ``draws``: some of them are solved, the others follow as
    weighted sums, exactly where equation and data are linear. That is the better way wherever it can be gone. ``snapshots``
    are for data whose law is not known: a generator is trained against a critic (WGAN-PINN). Its training is not certain to
    find the law; what is wrong beside the snapshots is in ``law.notes``.

    Args:
        problem: With draws, a function of a draw's numbers that returns the problem with these data. With snapshots, the
            problem without the random data, whose other conditions hold exactly.
        draws: ``(n, p)``, or ``(n,)`` for one random number; ``n >= 8``.
        snapshots: Points ``(m, d)`` and values there ``(n, m)``, one row a draw; ``n >= 20``.
        model: With draws, as for ``sciml.solve``.
        tol: With draws, the relative L2 error of what is not solved for, at which no more is solved.
        latent: With snapshots, the random numbers of the generator; 0 for one without any spread.
        weight: With snapshots, the weight of the equation's squared residual.
        steps: With snapshots, those of the generator.
        max_time: With snapshots, seconds.
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
        return sampled_law(problem, draws, model, tol, {"progress": False, "seed": seed, **options})
    if not isinstance(problem, PDE):
        raise ArgumentTypeError(f"problem needs a sciml.PDE for snapshots, got {type(problem).__name__}.")
    if options or model is not None:
        raise ArgumentError(f"snapshots goes without {', '.join(options) or 'model'}.")
    return generated_law(problem, snapshots, latent, weight, steps, max_time, seed)
