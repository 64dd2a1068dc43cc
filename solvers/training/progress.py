"""The progress bar of a solve: residual, error where it is known, time left."""

from __future__ import annotations

import math
from typing import Any

from sciml.solvers.report import COLUMNS
from sciml.solvers.training.run_state import Limits


class ProgressBar:
    """A tqdm bar that fills with the larger of the shares of time, steps and decades of residual.

    Args:
        enabled: Draw or stay silent.
        limits: What the run stops at.
        attempt: What is tried, where it is not the first attempt.
    """

    def __init__(self, enabled: bool, limits: Limits, attempt: str = ""):
        self._enabled, self._limits = enabled, limits
        self._words = f"solving ({attempt})" if attempt else "solving"
        self._bar: Any = None
        self._first: float | None = None

    def __enter__(self) -> ProgressBar:
        if self._enabled:
            from tqdm.auto import tqdm

            self._bar = tqdm(
                total=100,
                bar_format="{desc} |{bar}| {n:.0f}% [{elapsed}<{remaining}]{postfix}",
                desc=self._words,
            )
        return self

    def __exit__(self, *exception: Any) -> None:
        if self._bar is not None:
            self._bar.close()

    def update(self, row: dict[str, float], relative: float) -> None:
        """Show one look at the run."""
        if self._bar is None:
            return
        done = max(self._share(row, relative), self._bar.n / 100)
        self._bar.n = round(100 * min(done, 1.0), 1)
        shown = {"step": int(row["step"]), "residual": f"{relative:.1e}"}
        if "error" in row:
            shown["error"] = f"{row['error']:.1e}"
        shown |= {name: f"{value:.4g}" for name, value in row.items() if name not in COLUMNS}
        self._bar.set_postfix(shown)

    def _share(self, row: dict[str, float], relative: float) -> float:
        shares = [row["seconds"] / self._limits.max_time]
        if self._limits.max_steps:
            shares.append(row["step"] / self._limits.max_steps)
        if self._limits.tol > 0 and relative > 0 and math.isfinite(relative):
            self._first = self._first or max(relative, 10 * self._limits.tol)
            decades = math.log(self._first / relative) / math.log(self._first / self._limits.tol)
            shares.append(decades)
        return max(shares)
