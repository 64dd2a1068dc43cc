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

from sciml.ansatz.march import Chain, WindowTrial, at_time, direction, like_window
from sciml.derivatives import recording_gradients
from sciml.jacobian.forward import pushforward
from sciml.jets import DerivativePlan
from sciml.problem import PDE
from sciml.solvers.estimate.correction import Correction
from sciml.solvers.estimate.judgement import ErrorEstimate
from sciml.solvers.estimate.window import LEVELS, WORK, estimate_window

POINTS = 2000
SEED = 31_337


class _Corrected:
    """The end of a window, moved by its correction.

    Every window draws the same points in space, so the jets there are kept: else each window would ask all before it.
    """

    def __init__(self, trial: WindowTrial, found: ErrorEstimate, correction: Correction):
        self.trial, self.found, self.correction = trial, found, correction
        self._kept: dict[tuple[DerivativePlan, bytes], Tensor] = {}

    def values(self, x: Tensor) -> Tensor:
        """What the window answers with its correction."""
        return self.trial(x) + self.found.correction(x)

    def end(self, x: Tensor, velocity: bool) -> tuple[Tensor, Tensor | None]:
        """As ``sciml.ansatz.march.End``."""
        x = at_time(x.to(next(self.trial.network.parameters()).dtype), self.trial.span.high)
        if velocity:
            return pushforward(self.values, (x,), (direction(x),))
        return self.values(x), None

    def end_jet(self, x: Tensor, plan: DerivativePlan) -> Tensor | None:
        """As ``sciml.ansatz.march.End``."""
        key = plan, x[:, 1:].detach().cpu().numpy().tobytes()
        if key not in self._kept:
            before = self.trial.end_jet(x, plan)
            if before is None:
                return None
            x, weights = at_time(x, self.trial.span.high), plan.weights.to(x)
            phi = self.correction.features.jets(self.trial.end_seen(x, plan), weights)
            self._kept[key] = before + self.trial.end_part(phi @ self.correction.w.to(phi), x, plan)
        return self._kept[key]


def estimate_chain(
    problem: PDE, chain: Chain, weights: Mapping[str, float] | None = None, *, seconds: float = 0.0
) -> ErrorEstimate:
    """Estimate the relative L2 error of a chain over the time that it has solved.

    Args:
        problem: What it solves.
        chain: Its windows.
        weights: As in ``estimate_error``.
        seconds: Of counted work, shared by the windows; each may take ``WORK`` in any case.
    """
    began = time.perf_counter()
    corrected: list[_Corrected] = []
    moved: list[WindowTrial] = []
    work = max(WORK, seconds / len(chain.windows))
    squares: list[float] = []
    reason = None
    spent, rich = 0.0, False
    with recording_gradients():
        for trial in chain.windows:
            previous = corrected[-1] if corrected else None
            again = like_window(trial, problem, moved, trial.network, previous)
            moved.append(again)
            found, change = estimate_window(again.problem, again, weights or {}, work, rich)
            spent += found.work
            # what one window needs, its neighbours need, too
            rich = rich or found.features > 1.1 * LEVELS[0][0]
            corrected.append(_Corrected(again, found, change))
            squares.append(0.0 if change.exact else found.drop**2)
            if found.value is None and found.reason is not None and "zero" not in found.reason:
                reason = f"in the window from t = {trial.span.low:.6g} {found.reason}"
                break
    # every window is solved to the same tolerance, so each counts alike
    drop = math.sqrt(sum(squares) / len(squares))

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
            amplified = 1.0 / math.sqrt(max(1.0 - drop**2, 1e-4))
            value = amplified * float(d.norm()) / size
            for name, part, whole in zip(problem.unknowns, d.T, u.T, strict=True):
                if float(whole.norm()) > 0.0:
                    unknowns[name] = amplified * float(part.norm() / whole.norm())
    took = time.perf_counter() - began
    last = corrected[-1].found
    return replace(
        last,
        value=value,
        reason=reason,
        unknowns=unknowns,
        drop=drop,
        seconds=took,
        work=spent,
        correction=correction,
    )
