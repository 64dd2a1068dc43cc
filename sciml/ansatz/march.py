"""Trial functions of windows of time, each of which begins exactly where the last one ends, and the chain of them.

In a window that is not the first, with boundary values ``h`` and the last window's end ``u1`` and slope ``v1``,

    A = h + [u1 - h(t0)] + (t - t0) [v1 - h_t(t0)]        B = distance * s^(1 or 2),   s = (t - t0) / T

for those unknowns that have initial data.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from sciml.ansatz.exact import Ansatz
from sciml.ansatz.trial import Frozen, Trial
from sciml.ansatz.window import LogTime, Span, WindowProblem, starts
from sciml.conditions import BaseCondition, Initial
from sciml.corners.functions import CornerInputs
from sciml.errors import ArgumentError
from sciml.jacobian.forward import pushforward
from sciml.jets import DerivativePlan
from sciml.problem import PDE


class End(Protocol):
    """What a window goes on from."""

    def end(self, x: Tensor, velocity: bool) -> tuple[Tensor, Tensor | None]:
        """Values, and the velocity where asked for, at ``x (n, d)`` of the last instant: ``(n, m)`` each."""
        ...

    def end_jet(self, x: Tensor, plan: DerivativePlan) -> Tensor | None:
        """The jet ``(n, C, m)`` in space at ``x (n, d)`` of the last instant; None where there are no jets of it."""
        ...


class WindowAnsatz(Ansatz):
    """``A`` and ``B`` of a window that goes on from another.

    Args:
        problem: The window's.
        previous: What it goes on from.
    """

    def __init__(self, problem: WindowProblem, previous: End):
        super().__init__(problem, jumps=False)  # it begins with values that meet those of its sides
        self.span, self.previous = problem.span, previous
        self.orders = starts(problem.whole)
        self._known: tuple[Tensor, Tensor | None] | None = None
        if problem.domain.dim == 1:
            x = torch.full((1, 1), self.span.low, dtype=torch.float64)
            u, v = previous.end(x, self.moves)
            self._known = u.detach(), None if v is None else v.detach()

    @property
    def trivial(self) -> bool:
        """False: it has a start."""
        return False

    def _try_hard(self, condition: BaseCondition) -> bool:
        return True if isinstance(condition, Initial) else super()._try_hard(condition)

    @property
    def moves(self) -> bool:
        """Whether an unknown goes on with its velocity."""
        return 2 in self.orders

    @property
    def sided(self) -> bool:
        """Whether boundary values are built in."""
        return any(part.sides for part in self._parts)

    def started(self, start: Tensor) -> tuple[Tensor, Tensor | None]:
        """Values and velocity at points of the first instant."""
        if self._known is None:
            return self.previous.end(start, self.moves)
        u, v = (None if k is None else k.to(start).expand(len(start), -1) for k in self._known)
        assert u is not None
        return u, v

    def offset(self, x: Tensor) -> Tensor:
        start = at_time(x, self.span.low)
        u, v = self.started(start)
        rows = []
        for i, (part, order) in enumerate(zip(self._parts, self.orders, strict=True)):
            total = part.boundary_value(x)
            if order:
                total = total + u[:, i : i + 1] - part.boundary_value(start)
            if order == 2:
                assert v is not None
                slope = part.start_slope(start, direction(x)) if part.sides else 0.0
                total = total + (x[:, :1] - self.span.low) * (v[:, i : i + 1] - slope)
            rows.append(total)
        return torch.cat(rows, 1)

    def factor(self, x: Tensor) -> Tensor:
        s = self.span.share(x[:, :1])
        rows = [part.distance(x) * s**order for part, order in zip(self._parts, self.orders, strict=True)]
        return torch.cat(rows, 1)

    def end_slope(self, x: Tensor, started: Tensor | None) -> Tensor:
        """``A_t`` at points ``x`` of the last instant, for the velocity ``(n, m)`` at the first: ``(n, m)``."""
        rows = []
        for i, (part, order) in enumerate(zip(self._parts, self.orders, strict=True)):
            slope = part.start_slope(x, direction(x)) if part.sides else torch.zeros_like(x[:, :1])
            if order == 2:
                assert started is not None
                start = at_time(x, self.span.low)
                slope = slope + started[:, i : i + 1]
                slope = slope - (part.start_slope(start, direction(x)) if part.sides else 0.0)
            rows.append(slope)
        return torch.cat(rows, 1)


class WindowTrial(Trial):
    """The trial function of one window.

    Args:
        problem: The window's.
        network: As in ``Trial``.
        previous: What it goes on from; None for the first.
        scale, corners: As in ``Trial``.
        jumps: As in ``Ansatz``; for the first.
    """

    def __init__(
        self,
        problem: WindowProblem,
        network: nn.Module,
        previous: End | None,
        scale: Tensor | None = None,
        jumps: bool = True,
        corners: CornerInputs | None = None,
    ):
        ansatz = Ansatz(problem, jumps=jumps) if previous is None else WindowAnsatz(problem, previous)
        super().__init__(problem, network, ansatz, scale, corners)
        self.previous = previous
        self.span = problem.span
        self.orders = starts(problem.whole)
        if self.span.origin is not None:
            domain = problem.domain
            like = next(network.parameters())
            self.inputs = LogTime(self.span, domain.lower, domain.upper, problem.periodic_axes).to(like)  # type: ignore[assignment]

    def like(self, problem: PDE, network: nn.Module) -> WindowTrial:
        """The same window with another network; ``problem`` is a window's, of the same times."""
        assert isinstance(problem, WindowProblem)
        return WindowTrial(problem, network, self.previous, self.scale, self.ansatz.jumps, self.corners)

    def end(self, x: Tensor, velocity: bool) -> tuple[Tensor, Tensor | None]:
        """Values and velocity at ``x (n, d)`` of the last instant."""
        x = at_time(x.to(next(self.network.parameters()).dtype), self.span.high)
        ansatz = self.ansatz
        if not velocity:
            return self(x), None
        if not isinstance(ansatz, WindowAnsatz):
            return pushforward(self.forward, (x,), (direction(x),))
        u0, v0 = ansatz.started(at_time(x, self.span.low))
        out, slope = pushforward(self._reached, (x,), (direction(x),))
        rows = [part.boundary_value(x) for part in ansatz._parts]
        for i, (part, order) in enumerate(zip(ansatz._parts, self.orders, strict=True)):
            if order:
                rows[i] = rows[i] + u0[:, i : i + 1] - part.boundary_value(at_time(x, self.span.low))
        u = torch.cat(rows, 1) + out
        A_t = ansatz.end_slope(x, v0)
        if 2 in self.orders:
            assert v0 is not None
            start = at_time(x, self.span.low)
            moved = []
            for i, (part, order) in enumerate(zip(ansatz._parts, self.orders, strict=True)):
                h_t = part.start_slope(start, direction(x)) if part.sides else 0.0
                duration = self.span.high - self.span.low
                moved.append(
                    duration * (v0[:, i : i + 1] - h_t) if order == 2 else torch.zeros_like(x[:, :1])
                )
            u = u + torch.cat(moved, 1)
        return u, A_t + slope

    def _reached(self, x: Tensor) -> Tensor:
        return self.factor(x) * self.network(self.inputs_at(x))

    # ---- derivatives in space pass from window to window as jets

    def frozen_jets(self, x: Tensor, plan: DerivativePlan) -> Frozen:
        """As in ``Trial``; a start in space comes from jets of the windows before."""
        ansatz = self.ansatz
        if not isinstance(ansatz, WindowAnsatz) or ansatz.moves or ansatz._known is not None:
            return super().frozen_jets(x, plan)
        with torch.no_grad():
            started = ansatz.previous.end_jet(at_time(x, self.span.low), plan)
        if started is None:
            return super().frozen_jets(x, plan)
        seed = self.seen_jets(x, plan)
        start = torch.tensor([float(order > 0) for order in self.orders]).to(x)
        offset = started * start
        if ansatz.sided:
            offset = offset + plan.jet_of(self._sides, x)
        return seed, offset, plan.jet_of(self.factor, x), x.new_zeros(0)

    def end_jet(self, x: Tensor, plan: DerivativePlan) -> Tensor | None:
        """The jet ``(n, C, m)`` in space of the last instant at ``x (n, d)``; None where there are no jets of it."""
        network: Any = self.network
        if not self.offers_jets or (plan.order > 2 and not network.any_order):
            return None
        x, ansatz = at_time(x, self.span.high), self.ansatz
        out = self.end_part(network.jets(self.end_seen(x, plan), plan.weights.to(x)), x, plan)
        if ansatz.trivial:
            return out
        if not isinstance(ansatz, WindowAnsatz):
            return out + plan.jet_of(lambda y: ansatz.offset(at_time(y, self.span.high)), x)
        before = ansatz.previous.end_jet(at_time(x, self.span.low), plan)
        if before is None:
            return None
        before = before * torch.tensor([float(order > 0) for order in self.orders]).to(x)
        if ansatz.sided:
            before = before + plan.jet_of(lambda y: self._sides(at_time(y, self.span.high)), x)
        return before + out

    def end_seen(self, x: Tensor, plan: DerivativePlan) -> Tensor:
        """The jets in space of what the network sees at ``x (n, d)`` of the last instant, which does not move."""
        seed = plan.seed(x)
        seed[:, 1:, 0] = 0.0
        seen = [self.inputs.jet(seed, plan.weights.to(x))]
        seen += [plan.jet_of(lambda y, f=extra: f(at_time(y, self.span.high)), x) for extra in self._extras]
        return torch.cat(seen, 2)

    def end_part(self, out: Tensor, x: Tensor, plan: DerivativePlan) -> Tensor:
        """What a jet ``out (n, C, m)`` of a network's outputs at ``x`` of the last instant adds there."""
        if self.ansatz.trivial:
            return self.scaled(out)
        return plan.product(plan.jet_of(lambda y: self.factor(at_time(y, self.span.high)), x), out)

    def _sides(self, x: Tensor) -> Tensor:
        ansatz = self.ansatz
        start = at_time(x, self.span.low)
        rows = [
            part.boundary_value(x) - (part.boundary_value(start) if order else 0.0)
            for part, order in zip(ansatz._parts, self.orders, strict=True)
        ]
        return torch.cat(rows, 1)


class Chain(nn.Module):
    """Windows one after the other, as one trial function.

    Beyond the last window it is not a number: nothing was solved there.

    Args:
        problem: The whole problem.
        windows: Their trial functions, in the order of time.

    Attributes:
        network: Their networks, as a ``torch.nn.ModuleList``.
        until: The last instant that was solved.
    """

    def __init__(self, problem: PDE, windows: Sequence[WindowTrial]):
        super().__init__()
        if not windows:
            raise ArgumentError("windows needs at least one window, got none.")
        self.problem, self.windows = problem, tuple(windows)
        self.network = nn.ModuleList(trial.network for trial in windows)
        self.ansatz = windows[0].ansatz
        self.scale = None
        self.until = windows[-1].span.high

    @property
    def offers_jets(self) -> bool:
        """False: each window has jets of its own."""
        return False

    def forward(self, x: Tensor) -> Tensor:
        """``u`` at ``x (n, d)``: ``(n, m)``."""
        ends = torch.tensor([trial.span.high for trial in self.windows], dtype=x.dtype, device=x.device)
        where = torch.bucketize(x[:, 0].detach().contiguous(), ends)
        rows, parts = [], []
        for k, trial in enumerate(self.windows):
            mine = (where == k).nonzero()[:, 0]
            if len(mine):
                rows.append(mine)
                parts.append(trial(x[mine]))
        beyond = (where == len(self.windows)).nonzero()[:, 0]
        if len(beyond):
            rows.append(beyond)
            # a graph goes through, so that derivatives there are no numbers, either
            parts.append(x[beyond].sum(1, keepdim=True).expand(-1, self.problem.outputs) * torch.nan)
        if not rows:
            return x.new_zeros(0, self.problem.outputs)
        return torch.cat(parts)[torch.cat(rows).argsort()]

    def scaled(self, values: Tensor) -> Tensor:
        """As they are: each window has sizes of its own."""
        return values

    def like(self, problem: PDE, network: nn.ModuleList) -> Chain:
        """Windows of the same times for another problem, as many as there are networks."""
        windows: list[WindowTrial] = []
        for trial, own in zip(self.windows, network, strict=False):
            windows.append(like_window(trial, problem, windows, own))
        return Chain(problem, windows)


def chain_of(
    problem: PDE,
    networks: Sequence[nn.Module],
    spans: Sequence[Span],
    scales: Sequence[Tensor | None],
    jumps: bool = True,
) -> Chain:
    """The chain of solved windows, from their networks."""
    windows: list[WindowTrial] = []
    for network, span, scale in zip(networks, spans, scales, strict=True):
        windows.append(next_window(problem, windows, span, network, scale, jumps=jumps))
    return Chain(problem, windows)


def next_window(
    problem: PDE,
    windows: Sequence[WindowTrial],
    span: Span,
    network: nn.Module,
    scale: Tensor | None = None,
    previous: End | None = None,
    jumps: bool = True,
    corners: CornerInputs | None = None,
) -> WindowTrial:
    """A window after those; ``previous`` where it goes on from something else than the last of them."""
    soft = [c.label for c in windows[0].ansatz.soft] if windows else []
    piece = WindowProblem(problem, span, not windows, soft)
    last = previous if previous is not None else (windows[-1] if windows else None)
    return WindowTrial(piece, network, last, scale, jumps, corners)


def like_window(
    trial: WindowTrial,
    problem: PDE,
    windows: Sequence[WindowTrial],
    network: nn.Module,
    previous: End | None = None,
) -> WindowTrial:
    """The window of ``trial`` after others, for another problem or with another network; see ``next_window``."""
    jumps, corners = trial.ansatz.jumps, trial.corners
    return next_window(problem, windows, trial.span, network, trial.scale, previous, jumps, corners)


def at_time(x: Tensor, t: float) -> Tensor:
    """The points, all at one instant."""
    return torch.cat([torch.full_like(x[:, :1], t), x[:, 1:]], 1)


def direction(x: Tensor) -> Tensor:
    """That of time, at every point."""
    return torch.cat([torch.ones_like(x[:, :1]), torch.zeros_like(x[:, 1:])], 1)
