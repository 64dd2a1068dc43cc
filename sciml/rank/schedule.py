"""How the rank budget falls during joint training: constant, a cubic descent, constant.

The shape is AdaLoRA's (Zhang et al., ICLR 2023): full rank while the update is still forming, most of the
pruning soon after, a final phase in which the kept components settle.
"""

from __future__ import annotations

from dataclasses import dataclass

from sciml.errors import ArgumentError


@dataclass(frozen=True)
class CubicBudget:
    """Budget after each of ``total`` steps: ``start`` until ``warmup``, ``end`` from ``total - settle`` on.

    Between them ``end + (start - end) (1 - (step - warmup) / (total - settle - warmup))^3``, rounded up.
    Needs ``start >= end >= 0``, ``warmup, settle >= 0`` and ``warmup + settle < total``.
    """

    start: int
    end: int
    total: int
    warmup: int = 0
    settle: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.end <= self.start:
            raise ArgumentError(
                f"start and end need 0 <= end <= start, got start={self.start}, end={self.end}."
            )
        if self.warmup < 0 or self.settle < 0 or self.warmup + self.settle >= self.total:
            raise ArgumentError(
                "warmup and settle need to be >= 0 and leave steps in between, got "
                f"warmup={self.warmup}, settle={self.settle}, total={self.total}."
            )

    def __call__(self, step: int) -> int:
        """The budget after ``step`` steps, never rising with ``step``."""
        if step <= self.warmup:
            return self.start
        if step >= self.total - self.settle:
            return self.end
        span = self.total - self.settle - self.warmup
        left = self.total - self.settle - step
        # whole numbers throughout, so that the rounding up is exact
        return self.end + -((self.end - self.start) * left**3 // span**3)
