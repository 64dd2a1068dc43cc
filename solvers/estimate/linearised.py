"""The residual and its derivative by the coefficients of a correction ``u + B Phi w``, row by row.

A row that depends on its own point alone has its derivative from one backward pass, contracted with the features at that
point. Rows that depend on other points too (a mean over points, two ends compared) are recognised, and have theirs from
products with the whole Jacobian.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from sciml.ansatz import Trial
from sciml.derivatives import AutogradSource
from sciml.expressions.parts import Parts
from sciml.jacobian.graph import GraphLinearization, vjp
from sciml.linalg import divisor
from sciml.problem import PDE
from sciml.solvers.estimate.features import Features
from sciml.solvers.estimate.polynomials import TimePolynomials
from sciml.solvers.estimate.splines import SplineFeatures
from sciml.solvers.terms.term import Term

NUMBERS = 1 << 18  # of features at points that exist at a time
POOL = 4  # candidates for each point
FEW = 16  # points on which rows are tried for depending on other points


@dataclass(frozen=True)
class Rows:
    """Rows of a linear least-squares problem for ``w``, of one part of the residual.

    Attributes:
        part: Name of the part.
        matrix: ``(n, m K)``, unknown by unknown.
        residual: ``(n,)``.
        density: ``(n, 1)``, that of the points; rows count by its reciprocal.
    """

    part: str
    matrix: Tensor
    residual: Tensor
    density: Tensor


def rows_of(
    problem: PDE,
    trial: Trial,
    term: Term,
    count: int,
    seed: int,
    features: Features | SplineFeatures | TimePolynomials,
    pool: int = POOL,
) -> list[Rows]:
    """Rows of a term at ``count`` fresh points, more of them where its residual is large.

    The points are drawn from ``pool`` times as many with a density of ``1/2 + |r| / (2 mean |r|)``; evenly where a row
    depends on other points, as a mean over them would be another one.
    """
    like = next(trial.network.parameters()).detach()
    x = term.draw((pool if term.adaptive else 1) * count, seed).to(like)
    density = x.new_ones(len(x), 1)
    function = evaluated(problem, trial, term, x)
    if term.adaptive and function.mixes(features):
        x = term.draw(count, seed).to(like)
        function, density = evaluated(problem, trial, term, x), x.new_ones(len(x), 1)
    elif term.adaptive:
        size = function.residual().square().sum(1).sqrt()
        density = 0.5 + 0.5 * size / divisor(size.mean())
        density = torch.where(torch.isfinite(density), density, torch.ones_like(density))
        rng = torch.Generator().manual_seed(seed)
        chosen = torch.multinomial(density.double().cpu(), min(count, len(x)), generator=rng).to(x.device)
        function, density = function.at(chosen), density[chosen][:, None]
    found = function.rows(features)
    if term.sums is not None:
        found = [(name, term.sums.of(J), term.sums.of(r)) for name, J, r in found]
    return [
        Rows(name, J, r, density if len(r) == len(density) else r.new_ones(len(r), 1)) for name, J, r in found
    ]


def evaluated(problem: PDE, trial: Trial, term: Term, x: Tensor) -> Jets | Graph:
    """A term at points ``x (n, d)``."""
    return (Jets if term.plan is not None else Graph)(problem, trial, term, x)


class Jets:
    """A term as a function of the jet of the network's output at points ``x (n, d)``."""

    def __init__(self, problem: PDE, trial: Trial, term: Term, x: Tensor):
        assert term.plan is not None
        self.problem, self.trial, self.term, self.x, self.plan = problem, trial, term, x, term.plan
        self.frozen, self.weights = trial.frozen_jets(x, term.plan), term.plan.weights.to(x)
        with torch.no_grad():
            self.out = trial.network.jets(self.frozen[0], self.weights)  # type: ignore[operator]

    def at(self, chosen: Tensor | slice) -> Jets:
        """The same at some of the points."""
        part = copy.copy(self)
        part.x, part.out = self.x[chosen], self.out[chosen]
        part.frozen = tuple(jet[chosen] if len(jet) else jet for jet in self.frozen)  # type: ignore[assignment]
        return part

    def columns(self, out: Tensor) -> list[tuple[str, Tensor]]:
        """Rows of each part and column, ``(n,)``, from a jet ``(n, C, m)``."""
        jet = self.trial.around(out, self.frozen, self.plan)
        return _columns(self.term.function(self.problem.field(self.plan.source(jet)), self.x))

    @torch.no_grad()
    def residual(self) -> Tensor:
        """All columns side by side, ``(n, k)``."""
        return torch.stack([c for _, c in self.columns(self.out)], 1)

    @torch.no_grad()
    def corrected(self, features: Features | SplineFeatures | TimePolynomials, w: Tensor) -> Tensor:
        """The residual, not linearised, with ``Phi w`` added for ``w (K, m)``: ``(n, k)``."""
        phi = features.jets(self.frozen[0], self.weights)
        return torch.stack([c for _, c in self.columns(self.out + phi @ w)], 1)

    def mixes(self, features: Features | SplineFeatures | TimePolynomials) -> bool:
        """Whether rows depend on other points, as tried on some of them."""
        return self.at(slice(FEW))._differentiated()[2]

    def rows(self, features: Features | SplineFeatures | TimePolynomials) -> list[tuple[str, Tensor, Tensor]]:
        """Name, derivative ``(n, m K)`` and value ``(n,)`` of each column.

        A backward pass a column gives the cotangents of the network's output jet, which are contracted with the features'.
        """
        columns, cotangents, mixed = self._differentiated()
        z, m = self.frozen[0], self.out.shape[2]
        step = max(1, NUMBERS // features.count)
        with torch.no_grad():
            if not mixed:
                every = torch.stack(cotangents, 2).movedim(3, 2).flatten(2)  # (n, C, m columns)
                blocks = [
                    torch.stack(
                        features.contracted(part, self.weights, g.unbind(2)), 1
                    )  # (step, m columns, K)
                    for part, g in zip(z.split(step), every.split(step), strict=True)
                ]
                matrices = torch.cat(blocks).unflatten(1, (m, len(columns)))
                return [
                    (name, matrices[:, :, k].flatten(1), c.detach()) for k, (name, c) in enumerate(columns)
                ]
            phi = torch.cat([features.jets(part, self.weights) for part in z.split(step)])
        w = self.x.new_zeros(m, features.count).requires_grad_(True)
        with torch.enable_grad():
            return _whole(self.columns(self.out + torch.einsum("nck,mk->ncm", phi, w)), w)

    def _differentiated(self) -> tuple[list[tuple[str, Tensor]], list[Tensor], bool]:
        """Columns, the cotangents ``(n, C, m)`` of the sum of each, and whether a row depends on other points.

        The cotangents of ``sum_n s_n r_n`` are ``s_n`` times those of ``sum_n r_n`` where each row has its own point.
        """
        out = self.out.detach().requires_grad_(True)

        def pull(total: Tensor) -> Tensor:
            (found,) = torch.autograd.grad(
                total, out, retain_graph=True, allow_unused=True, materialize_grads=True
            )
            return found

        with torch.enable_grad():
            columns = self.columns(out)
            cotangents = [pull(c.sum()) for _, c in columns]
            if any(len(c) != len(self.x) for _, c in columns):
                return columns, cotangents, True
            rng = torch.Generator().manual_seed(0)
            total, expected = out.new_zeros(()), torch.zeros_like(out)
            for (_, c), g in zip(columns, cotangents, strict=True):
                s = torch.rand(len(c), generator=rng, dtype=torch.float64).to(c)
                total, expected = total + s @ c, expected + s[:, None, None] * g
            return columns, cotangents, _differ(pull(total), expected)


class Graph:
    """A term at points ``x (n, d)`` by nested autograd, where the network offers no jets."""

    def __init__(self, problem: PDE, trial: Trial, term: Term, x: Tensor):
        self.problem, self.trial, self.term, self.x = problem, trial, term, x

    def at(self, chosen: Tensor | slice) -> Graph:
        """The same at some of the points."""
        return Graph(self.problem, self.trial, self.term, self.x[chosen])

    def residual(self) -> Tensor:
        """All columns side by side, ``(n, k)``."""
        source = AutogradSource(self.trial, self.x)
        return torch.cat(
            [part.detach() for part in self.term.function(self.problem.field(source), self.x).values()], 1
        )

    def rows(self, features: Features | SplineFeatures | TimePolynomials) -> list[tuple[str, Tensor, Tensor]]:
        """Name, derivative ``(n, m K)`` and value ``(n,)`` of each column."""
        columns, w = self._corrected(features)
        return _whole(columns, w)

    def mixes(self, features: Features | SplineFeatures | TimePolynomials) -> bool:
        """Whether rows at some of the points depend on there being more of them.

        It is their derivatives that are compared: of a solution that is nearly right the rows themselves are rounding.
        """
        both, few = self.at(slice(2 * FEW)), self.at(slice(FEW))
        with torch.no_grad():
            if _differ(
                self.trial(both.x)[: len(few.x)], self.trial(few.x)
            ):  # the network itself mixes points
                return True
        slopes = []
        for points in (both, few):
            columns, w = points._corrected(features)
            with torch.enable_grad():
                s = torch.linspace(1, 2, len(few.x)).to(w)
                total = torch.stack([s @ c[: len(s)] for _, c in columns]).sum()
            slopes.append(vjp(total, [w], torch.ones_like(total)))
        return _differ(*slopes)

    @torch.enable_grad()
    def _corrected(
        self, features: Features | SplineFeatures | TimePolynomials
    ) -> tuple[list[tuple[str, Tensor]], Tensor]:
        """The rows with the graph to the coefficients ``w (m, K)``, at zero."""
        trial, w = self.trial, self.x.new_zeros(self.problem.outputs, features.count).requires_grad_(True)

        def corrected(y: Tensor) -> Tensor:
            change = features.values(y) @ w.T
            return trial(y) + (trial.scaled(change) if trial.ansatz.trivial else trial.factor(y) * change)

        source = AutogradSource(corrected, self.x)
        return _columns(self.term.function(self.problem.field(source), self.x)), w


def _whole(columns: list[tuple[str, Tensor]], w: Tensor) -> list[tuple[str, Tensor, Tensor]]:
    """By products with the Jacobian of all rows, whatever each depends on."""
    with torch.enable_grad():
        return [(name, GraphLinearization(c, [w]).dense(), c.detach()) for name, c in columns]


def _differ(one: Tensor, other: Tensor) -> bool:
    """Whether two computations of the same differ by more than rounding; False where they are not finite."""
    return float((one - other).norm()) > torch.finfo(one.dtype).eps ** 0.5 * float(other.norm())


def _columns(parts: Parts | Mapping[str, Tensor]) -> list[tuple[str, Tensor]]:
    return [(name, part[:, k]) for name, part in parts.items() for k in range(part.shape[1])]
