"""How a march through time ended: its report, with the estimated error of the whole chain."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from sciml.ansatz.march import Chain
from sciml.errors import SciMLError
from sciml.solvers.estimate.chain import estimate_chain
from sciml.solvers.report import Report
from sciml.solvers.windows.march import March


def report_of(march: March, outcome: str) -> Report:
    """How it ended."""
    state, request = march.state, march.request
    chain = march.chain
    notes = [*state.notes, *said_of_end(chain, outcome, state.worst, request.tol)]
    estimate = drop = None
    if outcome not in ("interrupted", "diverged"):
        estimate, drop, outcome = estimated(chain, state.weights, request.settings.accuracy, outcome, notes)
    parameters = sum(p.numel() for p in chain.network.parameters())
    named = "gn-arc" if request.automatic else str(request.optimizer)
    named = "Gauss-Newton on the last layer" if request.by_head else named
    return Report(
        outcome=outcome,
        seconds=march.seconds,
        steps=state.steps,
        rejected=state.rejected,
        points=state.points,
        parameters=parameters,
        optimizer=named,
        residual=state.residual,
        scale=state.scale,
        error_estimate=estimate,
        error_drop=drop,
        threads=torch.get_num_threads(),
        weights=dict(state.weights),
        hard=[condition.label for condition in chain.ansatz.hard],
        notes=notes,
        seed=request.settings.seed,
        dtype=str(next(chain.network.parameters()).dtype).removeprefix("torch."),
    )


def said_of_end(chain: Chain, outcome: str, worst: float, tol: float) -> list[str]:
    """What a user should know of windows that end early, or above their tolerance.

    Args:
        chain: The windows.
        outcome: How they ended.
        worst: The largest residual over its tolerance.
        tol: The tolerance, relative to a network of zeros.
    """
    notes, high = [], float(chain.problem.domain.upper[0])
    if chain.until < high:
        notes.append(
            f"solved until t = {chain.until:.6g} of {high:g}: beyond it the solution is not a number."
        )
    if worst > 1.0:
        notes.append(
            f"a window's residual stayed {worst:.2g} times above its tolerance of {tol:g}; later windows inherit its error."
        )
    if chain.until < high and outcome == "max_time":
        notes.append("max_time=... gives more.")
    return notes


def estimated(
    chain: Chain, weights: Mapping[str, float], accuracy: float | None, outcome: str, notes: list[str]
) -> tuple[float | None, float | None, str]:
    """The estimated error, what its correction leaves, and the outcome where an accuracy was asked for.

    Args:
        chain: The windows.
        weights: Term -> weight in the loss.
        accuracy: As in ``sciml.solve``.
        outcome: How they ended.
        notes: Where to say what is not known.
    """
    try:
        found = estimate_chain(chain.problem, chain, weights)
    except (SciMLError, ArithmeticError, RuntimeError) as error:
        notes.append(f"the error could not be estimated: {str(error).splitlines()[0][:200]}")
        return None, None, "stalled" if accuracy is not None and outcome == "converged" else outcome
    if found.value is None:
        notes.append(f"the error could not be estimated: {found.reason}.")
    if accuracy is not None and chain.until >= float(chain.problem.domain.upper[0]):
        if found.value is not None and found.value <= accuracy:
            outcome = "converged"
        elif outcome == "converged":
            outcome = "stalled"
            notes.append(f"the accuracy of {accuracy:g} was not reached: the estimated error is {found}.")
    return found.value, found.drop, outcome
