"""The picture of a KAN: layers from the bottom up, the function of every edge in a small frame on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.patches import Rectangle

from sciml.errors import ArgumentError
from sciml.nn.seeing.edges import curve, inputs_of, passes, shares_of
from sciml.nn.seeing.picture import Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

    from sciml.nn.kan import KAN

CURVE = "#3b6ea5"
MOST = 120  # frames; beyond them only the edges with the largest shares get one
LABEL = {"fc": "white", "ec": "none", "pad": 0.6, "alpha": 0.8}
STEPS = 80  # points of a curve
FAINT = 0.12  # of the ink of the strongest edge of a layer: the least that an edge gets
FRAME = 0.56  # inches
TALL = 1.9  # inches a layer


def draw(kan: KAN, x: Tensor | None, inputs: Sequence[str] | None, outputs: Sequence[str] | None) -> Figure:
    """The figure.

    Raises:
        ArgumentError: As many names as inputs or outputs are needed, and inputs of the network's width.
    """
    below = _names("inputs", inputs, kan.widths[0], "x")
    above = _names("outputs", outputs, kan.widths[-1], "u")
    seen = passes(kan, inputs_of(kan, x))
    shares = shares_of(seen)
    crowd = max(s.numel() for s in shares)
    width = max(4.0, min(16.0, 1.15 * FRAME * min(crowd, MOST) + 1.0))
    height = TALL * len(seen) + 0.9
    figure = Picture(figsize=(width, height))
    page = figure.add_axes((0, 0, 1, 1))
    page.set_xlim(0, width)
    page.set_ylim(0, height)
    page.axis("off")

    def at(layer: int, unit: int) -> tuple[float, float]:
        return width * (unit + 0.5) / kan.widths[layer], 0.45 + TALL * layer

    ranked = sorted((float(v) for s in shares for v in s.flatten()), reverse=True)
    least = ranked[MOST - 1] if len(ranked) > MOST else -1.0
    for k, share in enumerate(shares):
        n_in, n_out = share.shape
        strongest = float(share.max()) or 1.0
        # frames in the order of both ends, so that few lines cross
        ends = [(i, o) for i in range(n_in) for o in range(n_out)]
        ends.sort(key=lambda e: ((e[0] + 0.5) / n_in + (e[1] + 0.5) / n_out, e))
        order = {e: place for place, e in enumerate(ends)}
        slots, slot = n_in * n_out, width / (n_in * n_out)
        size = min(FRAME, 0.86 * slot)
        for i in range(n_in):
            for o in range(n_out):
                value = float(share[i, o])
                ink = FAINT + (1 - FAINT) * value / strongest
                place = order[i, o]
                middle = (slot * (place + 0.5), at(k, 0)[1] + TALL / 2)
                for end, to in ((at(k, i), -1), (at(k + 1, o), 1)):
                    page.plot(
                        [end[0], middle[0]],
                        [end[1], middle[1] + to * size / 2],
                        color=CURVE,
                        alpha=ink,
                        lw=0.8 + 1.6 * value / strongest,
                        zorder=1,
                    )
                if value < least or size < 0.12:
                    continue
                t, y = curve(kan, k, i, o, seen[k], STEPS)
                corner = (middle[0] - size / 2, middle[1] - size / 2)
                page.add_patch(
                    Rectangle(corner, size, size, fc="white", ec=(0.2, 0.2, 0.2, ink), lw=0.8, zorder=2)
                )
                low, high = float(y.min()), float(y.max())
                room = high - low if high > low else 1.0
                t = (t - t[0]) / (t[-1] - t[0])
                page.plot(
                    (corner[0] + size * (0.08 + 0.84 * t)).numpy(force=True),
                    (corner[1] + size * (0.1 + 0.8 * (y - low) / room)).numpy(force=True),
                    color=CURVE,
                    alpha=max(ink, 0.3),
                    lw=1.3,
                    zorder=3,
                )
                if slots <= 40:
                    page.text(
                        middle[0],
                        corner[1] - 0.03,
                        f"{100 * value:.0f} %",
                        ha="center",
                        va="top",
                        fontsize=6.5,
                        bbox=LABEL,
                        zorder=3,
                    )
    for layer, units in enumerate(kan.widths):
        for unit in range(units):
            page.plot(*at(layer, unit), "o", ms=5, color="#222222", zorder=4)
    for names, layer, shift in ((below, 0, -0.12), (above, len(seen), 0.12)):
        for unit, name in enumerate(names):
            px, py = at(layer, unit)
            page.text(px, py + shift, name, ha="center", va="top" if shift < 0 else "bottom", fontsize=10)
    return figure


def _names(what: str, given: Sequence[str] | None, n: int, letter: str) -> list[str]:
    if given is None:
        return [letter] if n == 1 else [f"${letter}_{{{k + 1}}}$" for k in range(n)]
    if isinstance(given, str) or len(given) != n:
        raise ArgumentError(f"{what} needs {n} names, got {given!r}.")
    return [str(name) for name in given]
