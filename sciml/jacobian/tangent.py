"""The tangent kernel of a residual vector: what gradient descent will do to each part of it.

With ``J`` (M, P) the Jacobian of the scaled residual ``r`` (M,), ``H = J Jᵀ`` and ``f = 1/2 |r|^2``, gradient descent with
rate ``eta`` and a kernel that stays as it is gives ``r(t) = (I - eta H)^t r(0)`` (Jacot et al. 2018; for physics-informed
networks Wang, Yu, Perdikaris 2022). Only wide networks are in this regime: ``drift`` tells how far one has left it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property

import torch
from torch import Tensor

from sciml.arguments import integer, positive
from sciml.errors import ArgumentError
from sciml.jacobian.protocols import Linearization

MOST_ROWS = 3000  # whose eigenvalues are found within half a minute of one core
NEVER = 1e18  # steps
LAZY = 0.1  # relative change of the kernel up to which its predictions hold


class TangentKernel:
    """``H = J Jᵀ`` at one set of parameters, with the residual there.

    Args:
        matrix: H, ``(M, M)``, symmetric.
        residual: r, ``(M,)``, scaled so that the loss is ``1/2 |r|^2``.
        parts: Name -> rows of each term of the loss; they cover all rows.

    Attributes:
        matrix, residual, parts: As given.

    Raises:
        ArgumentError: Shapes that do not fit, more than 3000 rows, or numbers that are not finite.
    """

    def __init__(self, matrix: Tensor, residual: Tensor, parts: Mapping[str, slice]):
        M = residual.numel()
        if matrix.shape != (M, M):
            raise ArgumentError(
                f"matrix needs shape ({M}, {M}), as the residual has it, got {tuple(matrix.shape)}."
            )
        if M > MOST_ROWS:
            raise ArgumentError(f"residual needs at most {MOST_ROWS} rows, got {M}: take fewer points.")
        if not bool(torch.isfinite(matrix).all() and torch.isfinite(residual).all()):
            raise ArgumentError("matrix and residual need finite numbers, got nan or infinity.")
        self.matrix, self.residual, self.parts = matrix.double(), residual.double(), dict(parts)

    @classmethod
    def of(cls, linearization: Linearization, parts: Mapping[str, slice]) -> TangentKernel:
        """The kernel of a linearised residual."""
        return cls(linearization.gram(), linearization.residual, parts)

    # ---- the spectrum

    @cached_property
    def _spectrum(self) -> tuple[Tensor, Tensor]:
        values, vectors = torch.linalg.eigh(self.matrix)
        values, vectors = values.flip(0), vectors.flip(1)
        # below rounding of the largest one nothing is known: such directions count as out of reach
        floor = len(values) * torch.finfo(values.dtype).eps * float(values[0])
        return torch.where(values > floor, values, 0.0), vectors

    @property
    def eigenvalues(self) -> Tensor:
        """``(M,)``, falling; 0 where rounding hides them."""
        return self._spectrum[0]

    @property
    def shares(self) -> Tensor:
        """Share of ``|r|^2`` in the direction of each eigenvector, ``(M,)``; they add up to 1."""
        size = float(self.residual @ self.residual)
        return self._amplitudes.square() / size if size > 0 else torch.zeros_like(self.residual)

    @property
    def _amplitudes(self) -> Tensor:
        return self._spectrum[1].T @ self.residual

    @property
    def largest(self) -> float:
        """The largest eigenvalue."""
        return float(self.eigenvalues[0])

    @property
    def rate(self) -> float:
        """Learning rate of gradient descent that is safe while the kernel stays as it is: ``1 / largest``.

        Above ``2 / largest`` it diverges.
        """
        return 1.0 / self.largest if self.largest > 0 else math.inf

    @property
    def condition(self) -> float:
        """Largest over least eigenvalue that rounding leaves to see; inf where some are hidden."""
        least = float(self.eigenvalues[-1])
        return self.largest / least if least > 0 else math.inf

    @property
    def traces(self) -> dict[str, float]:
        """Trace of each part's own block: how fast its loss falls at first (Wang, Yu, Perdikaris 2022)."""
        diagonal = self.matrix.diagonal()
        return {name: float(diagonal[rows].sum()) for name, rows in self.parts.items()}

    def batch_rate(self, batch: int) -> float:
        """Rate for stochastic gradient descent whose steps see ``batch`` rows, drawn with replacement.

        ``batch / (M max_i H_ii + (batch - 1) largest)``. With it the expected distance from parameters that solve all rows
        falls in each step, where there are such and the kernel stays as it is (Ma, Bassily, Belkin 2018); with large batches
        it becomes ``rate``.

        Raises:
            ArgumentError: ``batch`` is no number of at least 1.
        """
        batch = integer("batch", batch, least=1)
        bound = len(self.residual) * float(self.matrix.diagonal().max()) + (batch - 1) * self.largest
        return batch / bound if bound > 0 else math.inf

    # ---- predictions

    def predict(self, steps: int, rate: float | None = None) -> dict[str, float]:
        """Loss of each part after so many steps of gradient descent; the loss is their sum.

        Args:
            steps: At least 0.
            rate: Of the descent; ``self.rate`` unless given.

        Raises:
            ArgumentError: Steps below 0, or a rate that is no positive number.
        """
        r = self.after(self.residual, integer("steps", steps, least=0), rate)
        return {name: 0.5 * float(r[rows] @ r[rows]) for name, rows in self.parts.items()}

    def unreached(self, steps: int, rate: float | None = None) -> float:
        """Share of the loss that so many steps of gradient descent leave, between 0 and 1; see ``predict``."""
        whole = 0.5 * float(self.residual @ self.residual)
        return sum(self.predict(steps, rate).values()) / whole if whole > 0 else 0.0

    def steps_to(self, tol: float, rate: float | None = None) -> float:
        """Steps of gradient descent after which ``|r|`` is ``tol`` times what it is; inf where they do not bring it there.

        Raises:
            ArgumentError: ``tol`` or ``rate`` is no positive number.
        """
        tol = positive("tol", tol)
        factors = self._factors(rate)
        squares = self.shares

        def left(steps: float) -> float:
            return math.sqrt(float((squares * factors.abs().pow(2.0 * steps)).sum()))

        if left(0.0) <= tol:
            return 0.0
        if not left(NEVER) <= tol:
            return math.inf
        low, high = 0.0, NEVER  # the share that is left falls, and keeps falling
        while high - low > max(1.0, 1e-6 * high):
            middle = math.sqrt(max(low, 1.0) * high) if high > 4.0 else 0.5 * (low + high)
            low, high = (low, middle) if left(middle) <= tol else (middle, high)
        fewest = math.ceil(high)
        return fewest - 1 if left(fewest - 1) <= tol else fewest

    def after(self, residual: Tensor, steps: int, rate: float | None = None) -> Tensor:
        """``(I - rate H)^steps residual``, ``(M,)``: what so many steps make of a residual of the same rows."""
        # an exponent of floating point, so that any number of steps goes; whole numbers keep the sign right
        left = self._factors(rate).pow(float(steps)) * (self._spectrum[1].T @ residual.double())
        return self._spectrum[1] @ left

    def gathered(self, residual: Tensor, steps: int, rate: float | None = None) -> Tensor:
        """``rate * sum_{s < steps} (I - rate H)^s residual``, ``(M,)``: the parameters move by ``-Jᵀ`` times it."""
        values, vectors = self._spectrum
        factors = self._factors(rate)
        eta = self.rate if rate is None else rate
        # a geometric sum; in directions that rounding hides every step is the same
        sums = torch.where(
            values > 0, (1.0 - factors.pow(float(steps))) / values.clamp(min=1e-300), eta * steps
        )
        return vectors @ (sums * (vectors.T @ residual.double()))

    def drift(self, later: TangentKernel) -> float:
        """``|H' - H| / |H|`` in the Frobenius norm, with ``H'`` the kernel of the same rows at other parameters.

        Above 0.1 the kernel has changed too much for its predictions.

        Raises:
            ArgumentError: The other kernel has other rows.
        """
        if later.matrix.shape != self.matrix.shape:
            raise ArgumentError(
                f"later needs the same {len(self.residual)} rows, got {len(later.residual)} of them."
            )
        size = float(torch.linalg.matrix_norm(self.matrix))
        moved = float(torch.linalg.matrix_norm(later.matrix - self.matrix))
        return moved / size if size > 0 else (math.inf if moved > 0 else 0.0)

    def _factors(self, rate: float | None) -> Tensor:
        eta = self.rate if rate is None else positive("rate", rate)
        return 1.0 - min(eta, 1e300) * self.eigenvalues
