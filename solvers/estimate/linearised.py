"""The residual and its derivative by the coefficients of a correction ``u + B Phi w``, row by row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from sciml.ansatz import Trial
from sciml.derivatives import AutogradSource
from sciml.jacobian.graph import GraphLinearization
from sciml.problem import PDE
from sciml.solvers.estimate.features import Features
from sciml.solvers.terms.term import Parts, Term

NUMBERS = 1 << 22  # of a jet of features that exist at a time
POOL = 4  # candidates for each point


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

    The points are drawn from ``POOL`` times as many with a density of ``1/2 + |r| / (2 mean |r|)``.
    """
    like = next(trial.network.parameters()).detach()
    x = term.draw((POOL if term.adaptive else 1) * count, seed).to(like)
    density = x.new_ones(len(x), 1)
    if term.adaptive:
        size = _size(problem, trial, term, x)
        density = 0.5 + 0.5 * size / size.mean().clamp(min=1e-300)
        density = torch.where(torch.isfinite(density), density, torch.ones_like(density))
        rng = torch.Generator().manual_seed(seed)
        chosen = torch.multinomial(density.double().cpu(), min(count, len(x)), generator=rng).to(x.device)
        x, density = x[chosen], density[chosen][:, None]
    make = _by_jets if term.plan is not None else _by_autograd
    return [Rows(name, J, r, density) for name, J, r in make(problem, trial, term, x, features)]


def _size(problem: PDE, trial: Trial, term: Term, x: Tensor) -> Tensor:
    """Norm of a term's parts at each of the points ``x (n, d)``."""
    if term.plan is None:
        parts = term.function(problem.field(AutogradSource(trial, x)), x)
    else:
        with torch.no_grad():
            jet = trial.jets(trial.frozen_jets(x, term.plan), term.plan)
            parts = term.function(problem.field(term.plan.source(jet)), x)
    return torch.stack([part.detach().square().sum(1) for part in parts.values()]).sum(0).sqrt()


def _by_jets(
    problem: PDE, trial: Trial, term: Term, x: Tensor, features: Features
) -> list[tuple[str, Tensor, Tensor]]:
    """From one backward pass a column: the cotangents of the network's output jet, contracted with the features' jets."""
    plan = term.plan
    assert plan is not None
    frozen = trial.frozen_jets(x, plan)
    weights = plan.weights.to(x)
    with torch.no_grad():
        out = trial.network.jets(frozen[0], weights)  # type: ignore[operator]
    out.requires_grad_(True)
    with torch.enable_grad():
        parts = term.function(problem.field(plan.source(trial.around(out, frozen, plan))), x)
        columns = _columns(parts)
        cotangents = [
            torch.autograd.grad(c.sum(), out, retain_graph=True, allow_unused=True, materialize_grads=True)[0]
            for _, c in columns
        ]
    step = max(1, NUMBERS // (out.shape[1] * features.count))
    blocks: list[list[Tensor]] = [[] for _ in columns]
    with torch.no_grad():
        for start in range(0, len(x), step):
            phi = features.jets(frozen[0][start : start + step], weights)
            for block, g in zip(blocks, cotangents, strict=True):
                part = torch.einsum("ncm,nck->nmk", g[start : start + step], phi)
                block.append(part.reshape(len(phi), -1))
    return [(name, torch.cat(block), c.detach()) for (name, c), block in zip(columns, blocks, strict=True)]


def _by_autograd(
    problem: PDE, trial: Trial, term: Term, x: Tensor, features: Features
) -> list[tuple[str, Tensor, Tensor]]:
    """From nested autograd, where a derivative is of higher order or the network offers no jets."""
    w = x.new_zeros(problem.outputs, features.count).requires_grad_(True)

    def corrected(y: Tensor) -> Tensor:
        change = features.values(y) @ w.T
        return trial(y) + (trial.scaled(change) if trial.ansatz.trivial else trial.factor(y) * change)

    with torch.enable_grad():
        columns = _columns(term.function(problem.field(AutogradSource(corrected, x)), x))
        return [(name, GraphLinearization(c, [w]).dense(), c.detach()) for name, c in columns]


def _columns(parts: Parts | Mapping[str, Tensor]) -> list[tuple[str, Tensor]]:
    return [(name, part[:, k]) for name, part in parts.items() for k in range(part.shape[1])]
