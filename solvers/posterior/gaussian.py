"""The Gaussian around the best fit of a linearised least-squares problem, with some parameters singled out.

With the loss ``c |r|^2 + alpha |theta - theta0|^2`` for many parameters ``theta`` of a network and few coefficients, which
have no prior, the covariance is the inverse of ``c JᵀJ + alpha I`` (Laplace's approximation with the Gauss-Newton matrix).
``c`` follows from the noise and ``alpha`` from the evidence (MacKay 1992, "A practical Bayesian framework for
backpropagation networks").
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

ROUNDS = 30  # of noise and prior in turn
SETTLED = 1e-3
ROUNDING = 1e-10  # of a coefficient's column: what is left of it below that is rounding
SEEN = 1e-6  # of what the coefficients do to a value: an open direction that does less is not felt there
UNABLE = 1e-2  # of a coefficient's column in the equations: less is what a larger network would make up for


@dataclass(frozen=True)
class Gaussian:
    """The covariance of ``(theta, coefficients)``, in factors.

    Attributes:
        s, V: Singular values ``(k,)`` and right singular vectors ``(P, k)`` of the network's columns of J.
        c: Factor on the squared residual: the reciprocal of the noise's variance.
        alpha: Prior precision of the network's parameters.
        coupling: ``(P, K)``, by how much the network's parameters follow each coefficient.
        covariance: Of the coefficients, ``(K, K)``, of those directions that are determined.
        open: Directions of the coefficients that the rows do not determine, ``(K, j)``.
        shift: By how much the coefficients would move in one more Gauss-Newton step, in standard deviations, ``(K,)``.
        inside: The coefficients' columns in the left singular vectors, ``(k, K)``.
        outside: Products of what is left of these columns, ``(K, K)``.
        step: What one more Gauss-Newton step would change all numbers by, ``(P + K,)``.
        fall: Of the loss in that step, twice: about the squared deviations by which something would move.
        effective: Number of parameters that the rows of measurements determine.
        rows: Number of measurements.
        misfit: Sum of the squares of theirs.
    """

    s: Tensor
    V: Tensor
    c: float
    alpha: float
    coupling: Tensor
    covariance: Tensor
    open: Tensor
    shift: Tensor
    inside: Tensor
    outside: Tensor
    step: Tensor
    fall: float
    effective: float
    rows: int
    misfit: float

    @property
    def excess(self) -> float:
        """By how many of its deviations the squared misfit exceeds what the noise makes: chi squared, about normal."""
        freedom = max(1.0, self.rows - self.effective)
        return (self.c * self.misfit - freedom) / math.sqrt(2.0 * freedom)

    def solve(self, b: Tensor, damping: float = 0.0) -> Tensor:
        """``(c JᵀJ + (alpha + damping) I)^-1 b`` for ``b (P + K,)``, the coefficients without prior and damping; nothing
        along those that no row determines.
        """
        P = len(self.V)
        ridge = self.alpha + damping
        weight = self.c * self.s.square() + ridge
        inside = self.V.T @ b[:P]
        along = self.V @ (inside / weight - inside / ridge) + b[:P] / ridge
        if len(b) == P:
            return along
        coupling = self.V @ ((self.c * self.s / weight)[:, None] * self.inside)
        block = self.c * (self.outside + self.inside.T @ ((ridge / weight)[:, None] * self.inside))
        p = torch.linalg.pinv(block, rtol=ROUNDING, hermitian=True) @ (b[P:] - coupling.T @ b[:P])
        return torch.cat([along - coupling @ p, p])

    def variance(self, g: Tensor) -> Tensor:
        """Variance ``(n,)`` of linear functions ``g (n, P)`` of the network's parameters."""
        inside = g @ self.V
        whole = g.square().sum(1)
        free = (whole - inside.square().sum(1)).clamp(min=0.0) / self.alpha
        own = inside.square() @ (1.0 / (self.c * self.s.square() + self.alpha)) + free
        along = g @ self.coupling
        out = own + ((along @ self.covariance) * along).sum(1)
        loose = (along @ self.open).abs().amax(1) if self.open.shape[1] else torch.zeros_like(out)
        return torch.where(loose > SEEN * along.norm(dim=1), torch.full_like(out, math.inf), out)


def gaussian(
    J: Tensor, r: Tensor, coefficients: int, equations: int, rows: int, noise: float | None, size: float
) -> Gaussian:
    """The Gaussian of a fit.

    Args:
        J: ``(M, P + K)``, the coefficients' columns last, in units of the noise of the measurements: a row of them is the
            derivative of the misfit.
        r: ``(M,)``, in the same units.
        coefficients: K.
        equations: Number of the equations' rows, which are the first.
        rows: Number of rows of measurements, which are the last; 0 takes all rows for such.
        noise: Their standard deviation; None where it is estimated from the misfit.
        size: Squared norm of the network's parameters, for the prior.
    """
    P = J.shape[1] - coefficients
    U, s, Vh = torch.linalg.svd(J[:, :P], full_matrices=False)
    Jp = J[:, P:]
    inside = U.T @ Jp
    outside = Jp - U @ inside
    measured = slice(len(r) - rows, len(r)) if rows else slice(0, len(r))
    rows = measured.stop - measured.start
    misfit = float(r[measured].square().sum())
    leverage = U[measured].square().sum(0)  # of each singular direction on the measurements
    c = 1.0 / noise**2 if noise is not None else rows / max(misfit, 1e-300)
    alpha = max(1e-6 * c * float(s[0]) ** 2, 1e-300)
    effective = 0.0
    for _ in range(ROUNDS):
        before = (c, alpha)
        share = c * s.square() / (c * s.square() + alpha)
        alpha = max(float(share.sum()) / max(size, 1e-300), 1e-300)
        share = c * s.square() / (c * s.square() + alpha)
        effective = min(float((leverage * share).sum()) + coefficients, rows - 1.0)
        if noise is None:
            c = (rows - effective) / max(misfit, 1e-300)
        if all(abs(math.log(a / b)) < SETTLED for a, b in zip((c, alpha), before, strict=True)):
            break
    # what a change of the coefficients leaves in each row when the network follows it as well as it can
    left = outside + U @ ((alpha / (c * s.square() + alpha))[:, None] * inside)
    norms = Jp.norm(dim=0).clamp(min=1e-300)
    told = torch.cat([_unable(left[:equations] / norms), left[equations:] / norms])
    covariance, free = _inverse(told, norms * math.sqrt(c))
    coupling = Vh.T @ ((c * s / (c * s.square() + alpha))[:, None] * inside)
    gradient = c * (J.T @ r)
    move = covariance @ (gradient[P:] - coupling.T @ gradient[:P])
    plain = gradient[:P] - Vh.T @ (Vh @ gradient[:P])
    fall = float(
        ((Vh @ gradient[:P]).square() / (c * s.square() + alpha)).sum() + plain.square().sum() / alpha
    )
    shift = move.abs() / covariance.diagonal().clamp(min=1e-300).sqrt()
    found = Gaussian(
        s=s,
        V=Vh.T,
        c=c,
        alpha=alpha,
        coupling=coupling,
        covariance=covariance,
        open=free,
        shift=shift,
        inside=inside,
        outside=outside.T @ outside,
        step=torch.zeros_like(gradient),
        fall=fall,
        effective=effective,
        rows=rows,
        misfit=misfit,
    )
    return replace(found, step=-found.solve(gradient))


def _unable(B: Tensor) -> Tensor:
    """Rows of the equations, in the directions that they tell because no function can follow; else the network is too
    small to, and that says nothing about the coefficients.
    """
    if not B.numel():
        return B
    _, t, Wh = torch.linalg.svd(B, full_matrices=False)
    return torch.where(t > UNABLE, t, torch.zeros_like(t))[:, None] * Wh


def _inverse(B: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """``(D BᵀB D)^-1`` for ``D = diag(scale)`` on the directions that B ``(M, K)`` determines, and the others."""
    K = B.shape[1]
    if K == 0:
        return B.new_zeros(0, 0), B.new_zeros(0, 0)
    _, t, Wh = (
        torch.linalg.svd(B, full_matrices=True) if len(B) < K else torch.linalg.svd(B, full_matrices=False)
    )
    t = torch.cat([t, t.new_zeros(K - len(t))])
    known = t > ROUNDING
    W = Wh.T
    inverse = W[:, known] * (1.0 / t[known])
    covariance = (inverse @ inverse.T) / scale[:, None] / scale[None, :]
    free = W[:, ~known] / scale[:, None]
    return covariance, free / free.norm(dim=0).clamp(min=1e-300)
