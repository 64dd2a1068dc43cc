"""The error of a chain of windows: each window's correction begins where the last one's ends.

A window alone does not see the error that it inherits. So every window is first moved to the corrected end of the one
before, and its linearised equation is solved around that: what an unstable equation makes of an early error is part of the
estimate.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from sciml.ansatz.march import Chain, WindowTrial, at_time, direction, next_window
from sciml.derivatives import recording_gradients
from sciml.jacobian.forward import pushforward
from sciml.problem import PDE
from sciml.solvers.estimate.estimate import ErrorEstimate, estimate_error

POINTS = 2000
SEED = 31_337
SHARE = 0.25  # of the time that is left which one window may take
PATIENCE = 20.0  # seconds beyond what it may take, before the estimate is given up


class _Corrected:
    """The end of a window, moved by its correction."""

    def __init__(self, trial: WindowTrial, found: ErrorEstimate):
        self.trial, self.found = trial, found

    def values(self, x: Tensor) -> Tensor:
        """What the window answers with its correction."""
        return self.trial(x) + self.found.correction(x)

    def end(self, x: Tensor, velocity: bool) -> tuple[Tensor, Tensor | None]:
        """As ``sciml.ansatz.march.End``."""
        x = at_time(x.to(next(self.trial.network.parameters()).dtype), self.trial.span.high)
        if velocity:
            return pushforward(self.values, (x,), (direction(x),))
        return self.values(x), None


def estimate_chain(
    problem: PDE, chain: Chain, weights: Mapping[str, float] | None = None, *, seconds: float = 3.0
) -> ErrorEstimate:
    """Estimate the relative L2 error of a chain over the time that it has solved.

    Args:
        problem: What it solves.
        chain: Its windows.
        weights: As in ``estimate_error``.
        seconds: What it may take; where that is not enough for all windows, nothing is known.
    """
    began = time.perf_counter()
    corrected: list[_Corrected] = []
    moved: list[WindowTrial] = []
    count = len(chain.windows)
    worst: ErrorEstimate | None = None
    reason = None
    with recording_gradients():
        for k, trial in enumerate(chain.windows):
            previous = corrected[-1] if corrected else None
            again = next_window(
                problem,
                moved,
                trial.span,
                trial.network,
                trial.scale,
                previous,
                trial.ansatz.jumps,
                trial.corners,
            )
            moved.append(again)
            # most windows need less than their share, and leave it to those that need more
            left = seconds - (time.perf_counter() - began)
            share = max(seconds / count, SHARE * left)
            found = estimate_error(again.problem, again, weights, seconds=share)
            corrected.append(_Corrected(again, found))
            if worst is None or found.drop > worst.drop:
                worst = found
            if found.value is None and found.reason is not None and "zero" not in found.reason:
                reason = f"in the window from t = {trial.span.low:.6g} {found.reason}"
                break
            if time.perf_counter() - began > seconds + PATIENCE and k + 1 < count:
                reason = f"the time was enough for {k + 1} of {count} windows only"
                break
    assert worst is not None

    def correction(x: Tensor) -> Tensor:
        ends = torch.tensor([trial.span.high for trial in chain.windows], dtype=x.dtype, device=x.device)
        where = torch.bucketize(x[:, 0].contiguous(), ends)
        out = x.new_full((len(x), problem.outputs), math.nan)
        with torch.no_grad():
            for k, window in enumerate(corrected):
                mine = where == k
                if bool(mine.any()):
                    out[mine] = window.values(x[mine]) - chain.windows[k](x[mine])
        return out

    value, unknowns = None, {}
    if reason is None:
        like = next(chain.network.parameters()).detach()
        x = problem.sample(POINTS, seed=SEED).to(like)
        x = x[x[:, 0] <= chain.until]
        with torch.no_grad():
            d = correction(x).double()
            u = chain(x).double() + d
        size = float(u.norm())
        if not math.isfinite(size) or size == 0.0:
            reason = "the solution is zero, so a relative error means nothing"
        else:
            amplified = 1.0 / math.sqrt(max(1.0 - worst.drop**2, 1e-4))
            value = amplified * float(d.norm()) / size
            for name, part, whole in zip(problem.unknowns, d.T, u.T, strict=True):
                if float(whole.norm()) > 0.0:
                    unknowns[name] = amplified * float(part.norm() / whole.norm())
    spent = time.perf_counter() - began
    return replace(worst, value=value, reason=reason, unknowns=unknowns, seconds=spent, correction=correction)
