"""How numbers become colours: sequential, diverging with white at zero, or logarithmic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np

from sciml.errors import ArgumentError, ArgumentTypeError

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

DECADES = 4.0  # of a logarithmic colour scale below its largest value
TINY = 1e-16  # top of the scale of a difference that is zero everywhere
FEW, OUTLIER = 0.005, 100.0  # a share of the points that lies so many times above all others is cut off
SIGNED = (
    0.05  # share of the larger side from which on a field with values on both sides of zero has two signs
)
COLOURS = {"plain": "viridis", "signed": "RdBu_r", "log": "magma"}


def colour_map(cmap: Any) -> Colormap | None:
    """A colour map by name, or as it is; None for the choice by the values.

    Raises:
        ArgumentError: No colour map of that name.
        ArgumentTypeError: Neither a name nor a colour map.
    """
    from matplotlib import colormaps
    from matplotlib.colors import Colormap

    if cmap is None or isinstance(cmap, Colormap):
        return cmap
    if not isinstance(cmap, str):
        raise ArgumentTypeError(
            f"cmap needs the name of a Matplotlib colour map or a Colormap, got {type(cmap).__name__}."
        )
    if cmap not in colormaps:
        near = get_close_matches(cmap, list(colormaps), n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ArgumentError(f"cmap needs the name of a Matplotlib colour map, got {cmap!r}.{hint}")
    return colormaps[cmap]


@dataclass(frozen=True)
class Scale:
    """The range of a colour scale.

    Attributes:
        kind: ``"plain"``, ``"signed"`` or ``"log"``.
        low, high: Its ends.
        cmap: Its colours; None for those of its kind.
        extend: ``"max"`` where some values lie above, else ``"neither"``, as a colour bar takes it.
    """

    kind: str
    low: float
    high: float
    cmap: Colormap | None = None
    extend: str = "neither"

    @classmethod
    def of(cls, values: Sequence[np.ndarray], kind: str, cmap: Colormap | None = None) -> Scale:
        """The scale that holds all finite values; a plain one becomes signed where they lie on both sides of zero."""
        finite = np.concatenate([np.ravel(v)[np.isfinite(np.ravel(v))] for v in values] or [np.zeros(1)])
        if finite.size == 0:
            finite = np.zeros(1)
        low, high = float(finite.min()), float(finite.max())
        if kind == "log":
            most = float(np.quantile(finite, 1 - FEW))
            # a residual at a corner of the domain may be infinite but for rounding: it is no scale for all the rest
            extend = "max" if 0.0 < most < high / OUTLIER else "neither"
            high = max(most if extend == "max" else high, TINY)
            return cls(kind, min(max(high * 10**-DECADES, low), high / 10), high, cmap, extend)
        if kind == "signed" or (low < 0 < high and min(-low, high) > SIGNED * max(-low, high)):
            high = max(abs(low), abs(high)) or 1.0
            return cls("signed", -high, high, cmap)
        if high - low <= 1e-12 * max(abs(low), abs(high), 1e-300):  # a constant: a little room around it
            room = 0.5 * abs(high) or 0.5
            low, high = low - room, high + room
        return cls(kind, low, high, cmap)

    def options(self) -> dict[str, Any]:
        """What Matplotlib's drawing functions take."""
        from matplotlib.colors import LogNorm, Normalize

        cmap = self.cmap or COLOURS[self.kind]
        if self.kind == "log":
            return {"norm": LogNorm(self.low, self.high, clip=True), "cmap": cmap}
        return {"norm": Normalize(self.low, self.high), "cmap": cmap}
