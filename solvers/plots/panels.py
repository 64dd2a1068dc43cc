"""Single panels of a picture: a map over a plane, curves over a line, the history of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from sciml.solvers.plots.colours import DECADES, Scale
from sciml.solvers.plots.slices import Slice
from sciml.solvers.report import COLUMNS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HISTORY = {  # column -> label and colour
    "loss": ("training loss", "#9aa5b1"),
    "held_out": ("held-out loss", "#3b6ea5"),
    "error": ("relative $L_2$ error", "#c8553d"),
}
LINES = ("#3b6ea5", "#c8553d", "#4a9c6d", "#8e6bb0", "#b08d2f", "#5b6770")


@dataclass(frozen=True)
class Samples:
    """Numbers to draw on a slice: on its grid, or at scattered points.

    Attributes:
        values: ``(n,)``; first axis slowest on a grid.
        points: ``(n, k)`` over the slice's axes, or None for the grid.
    """

    values: np.ndarray
    points: np.ndarray | None = None


def draw_map(ax: Axes, plane: Slice, layer: Samples, scale: Scale) -> Any:
    """Colours over a plane, cut to the domain's shape; gives what a colour bar needs."""
    (left, right), (bottom, top) = plane.limits
    options = scale.options()
    if layer.points is None:
        side = round(len(layer.values) ** 0.5)
        image = np.ma.masked_invalid(layer.values.reshape(side, side).T)
        drawn = ax.imshow(
            image,
            origin="lower",
            extent=(left, right, bottom, top),
            interpolation="bilinear",
            aspect="auto",
            **options,
        )
    elif len(layer.points) >= 4 and np.ptp(layer.points, axis=0).min() > 0:
        across, up = layer.points.T
        drawn = ax.tripcolor(across, up, layer.values, shading="gouraud", **options)
    else:
        drawn = ax.scatter(*layer.points.T, c=layer.values, s=12, **options)
    draw_frame(ax, plane, drawn)
    return drawn


def draw_frame(ax: Axes, plane: Slice, drawn: Any = None) -> None:
    """The outline of the domain, to which ``drawn`` is cut; limits and labels."""
    (left, right), (bottom, top) = plane.limits
    outline = plane.outline
    if outline is not None:
        from matplotlib.patches import PathPatch

        if drawn is not None:
            drawn.set_clip_path(outline, ax.transData)
        ax.add_patch(PathPatch(outline, facecolor="none", edgecolor="#404040", linewidth=0.6))
    across, up = plane.labels
    ax.set(xlim=(left, right), ylim=(bottom, top), xlabel=across, ylabel=up)
    if plane.spatial:
        ax.set_aspect("equal")


@dataclass(frozen=True)
class Curve:
    """One curve: its numbers, its entry in the legend (or None), its colour; dashed for a reference."""

    layer: Samples
    label: str | None
    colour: Any
    dashed: bool = False


def draw_curves(ax: Axes, line: Slice, curves: Sequence[Curve], log: bool) -> None:
    """Curves over a line; scattered values become dots."""
    for curve in curves:
        layer, label = curve.layer, curve.label or "_"
        if layer.points is not None:
            ax.plot(layer.points[:, 0], layer.values, "o", ms=3, color=curve.colour, label=label)
            continue
        x = line.coordinates(len(layer.values))[0]
        style = {"ls": (0, (4, 3)), "lw": 1.2, "zorder": 3} if curve.dashed else {"ls": "-", "lw": 1.8}
        ax.plot(x, layer.values, color=curve.colour, label=label, **style)
    top = max((float(np.nanmax(c.layer.values, initial=0.0)) for c in curves), default=0.0)
    if log and logarithmic(ax):
        # an exact condition's zeros are no news
        ax.set_ylim(bottom=max(top * 10 ** -(2 * DECADES), ax.get_ylim()[0]))
    ax.set(xlim=line.limits[0], xlabel=line.labels[0])
    ax.grid(alpha=0.25, lw=0.6)
    if any(curve.label for curve in curves) and len(curves) > 1:
        ax.legend(frameon=False, fontsize=9)


def logarithmic(ax: Axes) -> bool:
    """Make the axis of values logarithmic where its curves span a decade: below that its labels are long, and all alike."""
    values = np.concatenate(
        [np.ravel(np.asarray(line.get_ydata(), float)) for line in ax.get_lines()] or [np.zeros(1)]
    )
    values = values[np.isfinite(values) & (values > 0)]
    spans = values.size > 0 and values.max() >= 10 * values.min()
    if spans:
        ax.set_yscale("log")
    return bool(spans)


def has_history(history: Sequence[Mapping[str, float]]) -> bool:
    """Whether there is a curve to draw: two rows at least."""
    return sum(1 for row in history if any(row.get(column, 0) > 0 for column in HISTORY)) > 1


def draw_history(ax: Axes, history: Sequence[Mapping[str, float]]) -> None:
    """Losses, and the error where it is known, over the seconds; marks where points were drawn anew."""
    drawn = 0
    own = sorted({name for row in history for name in row} - set(COLUMNS))
    metrics = {name: (name, LINES[(k + 2) % len(LINES)]) for k, name in enumerate(own)}  # of the user
    for column, (label, colour) in {**HISTORY, **metrics}.items():
        rows = [r for r in history if column in r and r[column] > 0 and np.isfinite(r[column])]
        if rows:
            ax.plot(
                [r["seconds"] for r in rows], [r[column] for r in rows], color=colour, lw=1.6, label=label
            )
            drawn += 1
    redrawn = [
        row["seconds"]
        for before, row in pairwise(history)
        if row.get("draws", 0) > before.get("draws", row.get("draws", 0))
    ]
    if redrawn:
        ticks = {"marker": "|", "ls": "none", "ms": 9, "mew": 1.4, "color": "#303030", "clip_on": False}
        # at the foot of the panel, wherever the curves are
        foot = ax.get_xaxis_transform()
        ax.plot(redrawn, np.zeros(len(redrawn)), transform=foot, label="points redrawn", **ticks)
    ax.set(title="history", xlabel="seconds")
    ax.grid(alpha=0.25, lw=0.6)
    if drawn:
        logarithmic(ax)
        ax.legend(frameon=False, fontsize=9)
    else:
        ax.text(0.5, 0.5, "no history", ha="center", va="center", transform=ax.transAxes, color="#606060")
