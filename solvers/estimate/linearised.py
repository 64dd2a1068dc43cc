"""The residual and its derivative by the coefficients of a correction ``u + B Phi w``, row by row.

A row that depends on its own point alone has its derivative from one backward pass, contracted with the features at that
point. Rows that depend on other points too (a mean over points, two ends compared) are recognised, and have theirs from
products with the whole Jacobian.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from sciml.ansatz import Trial
from sciml.derivatives import AutogradSource
from sciml.jacobian.graph import GraphLinearization, vjp
from sciml.problem import PDE
from sciml.solvers.estimate.features import Features
from sciml.solvers.terms.term import Parts, Term

NUMBERS = 1 << 22  # of a jet of features that exist at a time
POOL = 4  # candidates for each point
FEW = 16  # points whose rows are compared with those among many


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


def rows_of(problem: PDE, trial: Trial, term: Term, count: int, seed: int, features: Features) -> list[Rows]:
    """Rows of a term at ``count`` fresh points, more of them where its residual is large.

    The points are drawn from ``POOL`` times as many with a density of ``1/2 + |r| / (2 mean |r|)``; evenly where a row
    depends on other points, as a mean over them would be another one.
    """
    like = next(trial.network.parameters()).detach()
    x = term.draw((POOL if term.adaptive else 1) * count, seed).to(like)
    density = x.new_ones(len(x), 1)
    if term.adaptive:
        if _depends_on_others(problem, trial, term, x[: 2 * FEW], features):
            x = term.draw(count, seed).to(like)
            density = x.new_ones(len(x), 1)
        else:
            size = _size(problem, trial, term, x)
            density = 0.5 + 0.5 * size / size.mean().clamp(min=1e-300)
            density = torch.where(torch.isfinite(density), density, torch.ones_like(density))
            rng = torch.Generator().manual_seed(seed)
            chosen = torch.multinomial(density.double().cpu(), min(count, len(x)), generator=rng).to(x.device)
            x, density = x[chosen], density[chosen][:, None]
    make = _by_jets if term.plan is not None else _by_autograd
    return [
        Rows(name, J, r, density if len(r) == len(x) else r.new_ones(len(r), 1))
        for name, J, r in make(problem, trial, term, x, features)
    ]


def _size(problem: PDE, trial: Trial, term: Term, x: Tensor) -> Tensor:
    """Norm of a term's parts at each of the points ``x (n, d)``."""
    if term.plan is None:
        parts = term.function(problem.field(AutogradSource(trial, x)), x)
    else:
        with torch.no_grad():
            jet = trial.jets(trial.frozen_jets(x, term.plan), term.plan)
            parts = term.function(problem.field(term.plan.source(jet)), x)
    return torch.stack([part.detach().square().sum(1) for part in parts.values()]).sum(0).sqrt()


class _Jets:
    """A term as a function of the jet of the network's output at points ``x (n, d)``."""

    def __init__(self, problem: PDE, trial: Trial, term: Term, x: Tensor):
        assert term.plan is not None
        self.problem, self.trial, self.term, self.x, self.plan = problem, trial, term, x, term.plan
        self.frozen, self.weights = trial.frozen_jets(x, term.plan), term.plan.weights.to(x)
        with torch.no_grad():
            self.out = trial.network.jets(self.frozen[0], self.weights)  # type: ignore[operator]
        self.out.requires_grad_(True)

    def columns(self, out: Tensor) -> list[tuple[str, Tensor]]:
        """Rows of each part and column, ``(n,)``, from a jet ``(n, C, m)``."""
        jet = self.trial.around(out, self.frozen, self.plan)
        return _columns(self.term.function(self.problem.field(self.plan.source(jet)), self.x))

    def pull(self, total: Tensor) -> Tensor:
        """Derivative ``(n, C, m)`` of a sum of rows by the jet."""
        (found,) = torch.autograd.grad(
            total, self.out, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        return found

    def mixed(self, columns: list[tuple[str, Tensor]], cotangents: list[Tensor]) -> bool:
        """Whether a row depends on the numbers at other points.

        The cotangents of ``sum_n s_n r_n`` are ``s_n`` times those of ``sum_n r_n`` where each row has its own point.
        """
        if any(len(c) != len(self.x) for _, c in columns):
            return True
        rng = torch.Generator().manual_seed(0)
        total, expected = self.out.new_zeros(()), torch.zeros_like(self.out)
        for (_, c), g in zip(columns, cotangents, strict=True):
            s = torch.rand(len(c), generator=rng, dtype=torch.float64).to(c)
            total, expected = total + s @ c, expected + s[:, None, None] * g
        return _differ(self.pull(total), expected)


def _by_jets(
    problem: PDE, trial: Trial, term: Term, x: Tensor, features: Features
) -> list[tuple[str, Tensor, Tensor]]:
    """From one backward pass a column: the cotangents of the network's output jet, contracted with the features' jets."""
    jets = _Jets(problem, trial, term, x)
    with torch.enable_grad():
        columns = jets.columns(jets.out)
        cotangents = [jets.pull(c.sum()) for _, c in columns]
        mixed = jets.mixed(columns, cotangents)
    _, C, m = jets.out.shape
    step = max(1, NUMBERS // (C * features.count))
    with torch.no_grad():
        phis = (features.jets(z, jets.weights) for z in jets.frozen[0].split(step))
        if not mixed:
            blocks: list[list[Tensor]] = [[] for _ in columns]
            for k, phi in enumerate(phis):
                for block, g in zip(blocks, cotangents, strict=True):
                    part = torch.einsum("ncm,nck->nmk", g[k * step : (k + 1) * step], phi)
                    block.append(part.reshape(len(phi), -1))
            return [
                (name, torch.cat(block), c.detach()) for (name, c), block in zip(columns, blocks, strict=True)
            ]
        phi = torch.cat(list(phis))
    w = x.new_zeros(m, features.count).requires_grad_(True)
    with torch.enable_grad():
        return _whole(jets.columns(jets.out.detach() + torch.einsum("nck,mk->ncm", phi, w)), w)


def _by_autograd(
    problem: PDE, trial: Trial, term: Term, x: Tensor, features: Features
) -> list[tuple[str, Tensor, Tensor]]:
    """From nested autograd, where the network offers no jets."""
    columns, w = _corrected(problem, trial, term, x, features)
    return _whole(columns, w)


@torch.enable_grad()
def _corrected(
    problem: PDE, trial: Trial, term: Term, x: Tensor, features: Features
) -> tuple[list[tuple[str, Tensor]], Tensor]:
    """A term's rows with the graph to the coefficients ``w (m, K)``, at zero."""
    w = x.new_zeros(problem.outputs, features.count).requires_grad_(True)

    def corrected(y: Tensor) -> Tensor:
        change = features.values(y) @ w.T
        return trial(y) + (trial.scaled(change) if trial.ansatz.trivial else trial.factor(y) * change)

    return _columns(term.function(problem.field(AutogradSource(corrected, x)), x)), w


def _whole(columns: list[tuple[str, Tensor]], w: Tensor) -> list[tuple[str, Tensor, Tensor]]:
    """By products with the Jacobian of all rows, whatever each depends on."""
    with torch.enable_grad():
        return [(name, GraphLinearization(c, [w]).dense(), c.detach()) for name, c in columns]


@torch.enable_grad()
def _depends_on_others(problem: PDE, trial: Trial, term: Term, x: Tensor, features: Features) -> bool:
    """Whether rows of a term at some of the points ``x (n, d)`` depend on there being more of them.

    It is their derivatives that are compared: of a solution that is nearly right the rows themselves are rounding.
    """
    few = x[: len(x) // 2]
    if term.plan is not None:
        jets = _Jets(problem, trial, term, few)
        columns = jets.columns(jets.out)
        return jets.mixed(columns, [jets.pull(c.sum()) for _, c in columns])
    with torch.no_grad():
        if _differ(trial(x)[: len(few)], trial(few)):  # the network itself mixes points
            return True
    slopes = []
    for points in (x, few):
        columns, w = _corrected(problem, trial, term, points, features)
        total = torch.stack([c[: len(few)] @ torch.linspace(1, 2, len(few)).to(c) for _, c in columns]).sum()
        slopes.append(vjp(total, [w], torch.ones_like(total)))
    return _differ(*slopes)


def _differ(one: Tensor, other: Tensor) -> bool:
    """Whether two computations of the same differ by more than rounding; False where they are not finite."""
    return float((one - other).norm()) > torch.finfo(one.dtype).eps ** 0.5 * float(other.norm())


def _columns(parts: Parts | Mapping[str, Tensor]) -> list[tuple[str, Tensor]]:
    return [(name, part[:, k]) for name, part in parts.items() for k in range(part.shape[1])]
