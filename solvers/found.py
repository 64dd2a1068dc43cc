"""A coefficient that was found, with what the measurements leave open."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NORMAL = 1.959963984540054  # half width of 95 % of a normal distribution, in standard deviations


@dataclass(frozen=True)
class Found:
    """A coefficient of the problem, as a solve found it.

    Attributes:
        value: The number.
        low, high: Ends of the interval that holds it with a probability of 95 %; the whole range of the coefficient where
            the measurements do not determine it, None where nothing is known of it.
        std: Standard deviation; infinite where it is not determined.
        determined: Whether the measurements determine it.
    """

    value: float
    low: float | None = None
    high: float | None = None
    std: float | None = None
    determined: bool = True

    def __float__(self) -> float:
        return self.value

    @property
    def interval(self) -> tuple[float, float] | None:
        """``(low, high)`` of 95 %."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    def __str__(self) -> str:
        if not self.determined:
            return f"not determined by the data (the solve stopped at {self.value:.3g})"
        if self.low is None or self.high is None:
            return f"{self.value:.6g} (no interval)"
        below, above = self.value - self.low, self.high - self.value
        half = max(below, above)
        if half > 0 and min(below, above) < 0.8 * half:
            digits = _digits(self.value, half)
            return f"{self.value:.{digits}g} ({self.low:.{digits}g} to {self.high:.{digits}g}, 95 %)"
        return f"{self.value:.{_digits(self.value, half)}g} ± {half:.2g} (95 %)"

    def __repr__(self) -> str:
        return f"<{self}>"

    def to_json(self) -> dict[str, Any]:
        """As JSON allows it: infinite ends are left out."""
        given = {"value": self.value, "low": self.low, "high": self.high, "std": self.std}
        plain = {k: v for k, v in given.items() if v is not None and math.isfinite(v)}
        return {**plain, "determined": self.determined}

    @classmethod
    def from_json(cls, data: Any) -> Found:
        """What ``to_json`` described.

        Raises:
            ValueError: Something else.
        """
        if not isinstance(data, Mapping) or type(data.get("determined")) is not bool:
            raise ValueError(f"a coefficient is {data!r:.80}")
        numbers = {k: data.get(k) for k in ("value", "low", "high", "std")}
        if numbers["value"] is None or not all(v is None or _is_real(v) for v in numbers.values()):
            raise ValueError(f"a coefficient is {data!r:.80}")
        determined = data["determined"]
        if not determined:
            unbounded = {"low": -math.inf, "high": math.inf, "std": math.inf}
            numbers = {k: unbounded[k] if v is None else v for k, v in numbers.items()}
        return cls(**{k: None if v is None else float(v) for k, v in numbers.items()}, determined=determined)  # type: ignore[arg-type]


def _digits(value: float, half: float) -> int:
    """Significant digits of a value whose interval is so wide: two of the width."""
    if half <= 0 or value == 0:
        return 6
    return min(15, max(2, math.floor(math.log10(abs(value))) - math.floor(math.log10(half)) + 2))


def _is_real(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)
