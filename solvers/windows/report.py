"""How a march through time ended: its report, with the estimated error of the whole chain."""

from __future__ import annotations

import torch

from sciml.ansatz.march import Chain
from sciml.errors import SciMLError
from sciml.solvers.estimate.chain import estimate_chain
from sciml.solvers.report import Report
from sciml.solvers.windows.march import March

LEAST, SHARE = 0.1, 0.1  # seconds for a window's estimate, and share of the time that all may take


def report_of(march: March, outcome: str) -> Report:
    """How it ended."""
    state, request = march.state, march.request
    chain, high = march.chain, state.pace.high
    notes = list(state.notes)
    if chain.until < high:
        notes.append(
            f"solved until t = {chain.until:.6g} of {high:g}: beyond it the solution is not a number."
        )
    if state.worst > 1.0:
        notes.append(
            f"a window's residual stayed {state.worst:.2g} times above its tolerance of {request.tol:g}; later windows "
            "inherit its error."
        )
    if chain.until < high and outcome == "max_time":
        notes.append("max_time=... gives more.")
    estimate = drop = None
    if outcome not in ("interrupted", "diverged"):
        estimate, drop, outcome = _estimated(march, chain, outcome, notes)
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


def _estimated(
    march: March, chain: Chain, outcome: str, notes: list[str]
) -> tuple[float | None, float | None, str]:
    """The estimated error, what its correction leaves, and the outcome where an accuracy was asked for."""
    seconds = max(LEAST * len(chain.windows), SHARE * march.seconds)
    accuracy = march.request.settings.accuracy
    try:
        found = estimate_chain(march.request.problem, chain, march.state.weights, seconds=seconds)
    except (SciMLError, ArithmeticError, RuntimeError) as error:
        notes.append(f"the error could not be estimated: {str(error).splitlines()[0][:200]}")
        return None, None, "stalled" if accuracy is not None and outcome == "converged" else outcome
    if found.value is None:
        notes.append(f"the error could not be estimated: {found.reason}.")
    if accuracy is not None and chain.until >= march.state.pace.high:
        if found.value is not None and found.value <= accuracy:
            outcome = "converged"
        elif outcome == "converged":
            outcome = "stalled"
            notes.append(f"the accuracy of {accuracy:g} was not reached: the estimated error is {found}.")
    return found.value, found.drop, outcome
