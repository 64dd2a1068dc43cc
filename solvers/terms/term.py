"""Parts: points with what must vanish on them, as rows of the residual."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sciml.ansatz import Trial
from sciml.ansatz.trial import Frozen
from sciml.conditions import Data
from sciml.derivatives import AutogradSource, DetachedSource, PerturbedSource, RecordingSource
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.expressions.parts import Parts
from sciml.field import Field
from sciml.jacobian.graph import columns_of
from sciml.jacobian.sums import Sums
from sciml.jacobian.tape import Block
from sciml.jets import DerivativePlan
from sciml.nn.base import JetNetwork, Record
from sciml.problem import PDE

PROBE = 7  # points of the recording pass
AGREE = 1e-5  # largest relative difference between jets and nested autograd that the probe accepts
ROUNDING = 1e-9  # the same relative to what cancels
PERTURBED = 1e-4


@dataclass
class Term:
    """Points and the function that must vanish on them: the equations, or one condition.

    Attributes:
        label: Name for messages.
        function: ``(Field, x (n, d)) -> {part: (n, k)}``.
        draw: ``(n, seed) -> (n, d)``, new points of the same kind.
        count: Number of points to draw.
        weight: Factor of the parts in the loss.
        sums: What makes rows of the points where a row adds up several of them; None for one row a point.
        adaptive: Whether the points may follow the residual.
        plan: Derivatives asked for; None where only autograd can answer.
        parts: Names and numbers of columns, known after ``record``.
        x: The points, ``(n, d)``.
        frozen: What does not change on them while training (``Trial.frozen_jets``).
        importance: Factor on each point's rows, ``(n, 1)``, with a mean square of 1: the root of the reciprocal density that
            the points were drawn with. None where they are drawn evenly.
        data: The measurements that it compares with, where it does.
        some: The function for a slice of the points, where it goes by their order; None where it sees each by itself.
    """

    label: str
    function: Callable[[Field, Tensor], Parts]
    draw: Callable[[int, int], Tensor]
    count: int
    weight: float = 1.0
    sums: Sums | None = None
    adaptive: bool = False
    plan: DerivativePlan | None = None
    parts: dict[str, int] = field(default_factory=dict)
    x: Tensor = field(default_factory=lambda: torch.zeros(0))
    frozen: Frozen | None = None
    importance: Tensor | None = None
    data: Data | None = None
    some: Callable[[slice], Callable[[Field, Tensor], Parts]] | None = None

    def record(self, trial: Trial, problem: PDE, like: Tensor) -> None:
        """Run the function once on a few points: make the plan, check shapes, dtypes and the jets themselves."""
        x = self.draw(max(PROBE, 2), 1).to(like)[:PROBE]
        source = RecordingSource(AutogradSource(trial, x))
        expected = self.function(problem.field(source), x)
        for name, part in expected.items():
            if part.dtype != like.dtype:
                raise ArgumentTypeError(
                    f"{self.label}: term {name!r} needs dtype {like.dtype} like the points, got {part.dtype}. "
                    "Check the constants and tables in the residual, the source and the conditions."
                )
            if not part.requires_grad:
                raise ArgumentError(
                    f"{self.label}: term {name!r} needs to depend on the unknown, got one that does not: it cannot be "
                    "solved for."
                )
        self.parts = {name: part.shape[1] for name, part in expected.items()}
        self._check_smooth(trial, max((len(terms[0]) for terms in source.highers), default=0))
        if not trial.offers_jets or (source.highers and not trial.network.any_order):
            return
        self.plan = DerivativePlan.from_requests(
            problem.domain.dim, source.firsts, source.seconds, source.highers
        )
        self.x, self.frozen = x, trial.frozen_jets(x, self.plan)
        got = self.pointwise(trial, problem)
        for name, part in expected.items():
            error, size = (got[name] - part).abs().max(), part.abs().max()
            slack = 1 if like.dtype == torch.float64 else 1e4
            if error <= AGREE * slack * size:
                continue
            # of a solution that is nearly right the rows are rounding of what cancels in them
            size = self._cancelled(trial, problem, x, name, part)
            if not error <= ROUNDING * slack * size:  # NaN too
                self.plan = self.frozen = None
                return

    def _cancelled(self, trial: Trial, problem: PDE, x: Tensor, name: str, part: Tensor) -> Tensor:
        """Size of what cancels in a part, by how much it changes when values and derivatives are a little off.

        A derivative that vanishes, such as a flux at a side, is the rounding of the values that it is taken of.
        """
        lengths = (problem.domain.upper - problem.domain.lower).clamp(min=1e-300).tolist()
        source = PerturbedSource(DetachedSource(AutogradSource(trial, x)), PERTURBED, lengths)
        off = self.function(problem.field(source), x)[name]
        return (off - part).detach().abs().max() / PERTURBED

    def rounding(self, trial: Trial, problem: PDE, like: Tensor) -> float:
        """Largest residual at a few points, relative to what cancels in it: rounding where the solution is exact."""
        x = self.draw(max(PROBE, 2), 1).to(like)[:PROBE]
        parts = self.function(problem.field(AutogradSource(trial, x)), x)
        shares = [
            float(
                part.detach().abs().max() / self._cancelled(trial, problem, x, name, part).clamp(min=1e-300)
            )
            for name, part in parts.items()
        ]
        return max(shares)

    def _check_smooth(self, trial: Trial, order: int) -> None:
        """Refuse a network whose derivatives of this order, 3 or higher, jump or vanish."""
        smooth = trial.network.smooth if isinstance(trial.network, JetNetwork) else None
        if smooth is None or order <= max(smooth, 2):
            return
        kind = type(trial.network).__name__
        degree = getattr(trial.network, "degree", None)
        needs, got = f"a {kind} whose derivatives up to order {order} are continuous", f"one up to {smooth}"
        if degree is not None:
            needs, got = f"a {kind} of degree >= {order + 1}", f"degree {degree}"
        raise ArgumentError(
            f"model needs to be {needs} for the derivatives of order {order} in {self.label}, got {got}."
        )

    def place(self, trial: Trial, x: Tensor, importance: Tensor | None = None) -> None:
        """Take new points and compute what stays fixed on them."""
        self.x, self.importance = x, importance
        self.frozen = trial.frozen_jets(x, self.plan) if self.plan is not None else None

    def rescale(self, trial: Trial) -> None:
        """Take up the trial function's new scale at the present points."""
        if self.plan is not None and self.frozen is not None:
            self.frozen = trial.rescaled_jets(self.frozen, self.x, self.plan)

    @property
    def rows(self) -> int:
        """How many rows each column of a part has at the current points."""
        return len(self.x) if self.sums is None else self.sums.rows(len(self.x))

    def evaluate(self, trial: Trial, problem: PDE) -> Parts:
        """The parts' rows at the current points, with a graph where gradients are enabled."""
        parts = self.pointwise(trial, problem)
        return parts if self.sums is None else {name: self.sums.of(part) for name, part in parts.items()}

    def pointwise(self, trial: Trial, problem: PDE, tape: list[Record] | None = None) -> Parts:
        """What the function returns at the current points, one row a point."""
        if self.plan is None or self.frozen is None:
            return self.function(problem.field(AutogradSource(trial, self.x)), self.x)
        jet = trial.jets(self.frozen, self.plan, tape)
        return self.function(problem.field(self.plan.source(jet)), self.x)

    def weighted(self, parts: Parts) -> Parts:
        """The parts times each point's importance."""
        if self.importance is None:
            return parts
        return {name: part * self.importance for name, part in parts.items()}

    def blocks(
        self, trial: Trial, problem: PDE, scales: dict[str, float], coefficients: Sequence[Tensor] = ()
    ) -> tuple[list[Tensor], list[Block]]:
        """Residual columns and the factors of their Jacobian, one backward pass a column.

        Args:
            trial, problem, scales: What is evaluated, and the factor on each part's rows.
            coefficients: Numbers in the problem, 0-dimensional, whose columns stand behind the network's.
        """
        tape: list[Record] = []
        with torch.enable_grad():
            parts = self.weighted(self.pointwise(trial, problem, tape))
            columns = [
                (parts[name][:, k], scales[name]) for name in self.parts for k in range(self.parts[name])
            ]
            outputs = [record.z_out for record in tape]
            rows, blocks = [], []
            for i, (column, scale) in enumerate(columns):
                grads = torch.autograd.grad(
                    column.sum(),
                    outputs,
                    retain_graph=i + 1 < len(columns) or bool(coefficients),
                    allow_unused=True,
                    materialize_grads=True,
                )
                row = column.detach() if self.sums is None else self.sums.of(column.detach())
                extra = columns_of(column, coefficients) if coefficients else None
                rows.append(row * scale)
                blocks.append(Block(tape, grads, scale, self.sums, extra))
        return rows, blocks
