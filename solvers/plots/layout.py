"""How panels share a figure: maps side by side, snapshots in columns, curves in one panel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from matplotlib import colormaps

from sciml.solvers.plots.colours import Scale
from sciml.solvers.plots.panels import LINES, Curve, draw_curves, draw_history, draw_map
from sciml.solvers.plots.sampled import SampledSolution
from sciml.solvers.plots.slices import Slice, with_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

TITLES = {"estimate": "estimated error"}
SCALES = {"error": "log", "estimate": "log", "residual": "log", "difference": "signed"}
HEIGHT = 2.9  # of a panel, inches
WIDEST = 14.0  # inches, of a figure of several columns
MARGIN = 1.1  # of a panel beside its map, for the colour bar and the labels

History = Sequence[Mapping[str, float]]
Drawing = Callable[["Axes", Slice], Any]
Row = tuple[str, Drawing, str]  # the label of a colour bar, what draws a panel, how the bar extends


def draw_plane(
    figure: Figure,
    plane: Slice,
    layers: SampledSolution,
    kinds: list[str],
    history: History,
    cmap: Colormap | None = None,
) -> None:
    """A map of each unknown and kind; what is no unknown's own comes last."""
    cells = [(k, kind) for k in layers.unknowns for kind in kinds if kind != "residual"]
    cells += [(0, "residual")] if "residual" in kinds else []
    total = len(cells) + bool(history)
    panels = grid(figure, plane, total, 2 if total == 4 else min(total, 3))
    for ax, (k, kind) in zip(panels, cells, strict=False):
        one_map(ax, plane, layers, kind, k, kinds, cmap, fixed=ax is panels[0])
    if history:
        draw_history(panels[-1], history)


def one_map(
    ax: Axes,
    plane: Slice,
    layers: SampledSolution,
    kind: str,
    k: int,
    kinds: Sequence[str],
    cmap: Colormap | None = None,
    fixed: bool = True,
) -> None:
    """One map with its colour bar; solution and reference share their colours where both are among the kinds."""
    scale = shared_scale([plane], layers, kind, k, kinds, cmap)
    drawn = draw_map(ax, plane, layers.layer(plane, kind, k), scale)
    ax.figure.colorbar(drawn, ax=ax, pad=0.02, extend=scale.extend)
    ax.set_title(label(plane, kind, k) + (f"   ({plane.label})" if plane.fixed and fixed else ""))


def shared_scale(
    planes: Sequence[Slice],
    layers: SampledSolution,
    kind: str,
    k: int,
    kinds: Sequence[str],
    cmap: Colormap | None,
) -> Scale:
    """One scale of colours for all planes."""
    shared = [kind]
    if kind in ("solution", "reference"):
        shared += [other for other in ("solution", "reference") if other in kinds and other != kind]
    values = [layers.inside(plane, layers.layer(plane, one, k)) for one in shared for plane in planes]
    return Scale.of(values, SCALES.get(kind, "plain"), cmap)


def draw_snapshots(
    figure: Figure,
    planes: list[Slice],
    layers: SampledSolution,
    kinds: list[str],
    history: History,
    cmap: Colormap | None = None,
) -> None:
    """A column for each moment, a row for each unknown and kind; the history below."""
    rows = [(k, kind) for k in layers.unknowns for kind in kinds if kind != "residual"]
    rows += [(0, "residual")] if "residual" in kinds else []
    drawings: list[Row] = []
    for k, kind in rows:
        scale = shared_scale(planes, layers, kind, k, kinds, cmap)

        def drawing(ax: Axes, plane: Slice, k: int = k, kind: str = kind, scale: Scale = scale) -> Any:
            return draw_map(ax, plane, layers.layer(plane, kind, k), scale)

        drawings.append((label(planes[0], kind, k), drawing, scale.extend))
    in_columns(figure, planes, drawings, history)


def in_columns(
    figure: Figure, planes: Sequence[Slice], drawings: Sequence[Row], history: History = ()
) -> None:
    """A column for each moment, and a row with one colour bar for each drawing; the history below.

    Args:
        figure: An empty figure.
        planes: The moments.
        drawings: For each row the label of its colour bar, what draws a panel and returns what the bar needs, and how the
            bar extends.
        history: Of the run; empty for none.
    """
    width, height = size(planes[0], small=True)
    figure.set_size_inches(
        width * len(planes) + 0.8, (height + 0.3) * len(drawings) + (2.4 if history else 0.3)
    )
    ratios = [height + 0.3] * len(drawings) + ([2.2] if history else [])
    cells = figure.add_gridspec(len(ratios), len(planes), height_ratios=ratios)
    for i, (name, draw, extend) in enumerate(drawings):
        row: list[Axes] = []
        for j, plane in enumerate(planes):
            ax = figure.add_subplot(cells[i, j])
            drawn = draw(ax, plane)
            if i == 0:
                ax.set_title(plane.label, fontsize=10)
            if j > 0:
                ax.set(ylabel="", yticklabels=[])
            if i < len(drawings) - 1:
                ax.set(xlabel="", xticklabels=[])
            row.append(ax)
        figure.colorbar(drawn, ax=row, pad=0.01, fraction=0.06, label=name, extend=extend)
    if history:
        draw_history(figure.add_subplot(cells[-1, :]), history)


def draw_lines(
    figure: Figure,
    lines: list[Slice],
    layers: SampledSolution,
    kinds: list[str],
    history: History,
    cmap: Colormap | None = None,
) -> None:
    """Solution and reference in one panel, what is logarithmic in another, the history in a third."""
    panels = [
        [kind for kind in kinds if SCALES.get(kind) != "log"],
        [k for k in kinds if SCALES.get(k) == "log"],
    ]
    panels = [panel for panel in panels if panel]
    axes = grid(figure, lines[0], len(panels) + bool(history), 3)
    for ax, panel in zip(axes, panels, strict=False):
        one_panel_of_lines(ax, lines, layers, panel, cmap)
    if history:
        draw_history(axes[-1], history)


def one_panel_of_lines(
    ax: Axes, lines: list[Slice], layers: SampledSolution, kinds: Sequence[str], cmap: Colormap | None = None
) -> None:
    """The curves of these kinds."""
    curves = [c for kind in kinds for c in _curves(lines, layers, kind, cmap)]
    draw_curves(ax, lines[0], curves, log=SCALES.get(kinds[0]) == "log")
    ax.set_title(
        " and ".join(TITLES.get(kind, kind) for kind in kinds)
        + (f"   ({lines[0].label})" if len(lines) == 1 and lines[0].fixed else "")
    )
    if len(layers.unknowns) == 1 and kinds[0] != "residual":
        ax.set_ylabel(with_unit(layers.problem, layers.problem.unknowns[layers.unknowns[0]]))


def _curves(
    lines: list[Slice], layers: SampledSolution, kind: str, cmap: Colormap | None = None
) -> list[Curve]:
    """One curve for each line and unknown; the legend names a reference once."""
    unknowns = layers.unknowns[:1] if kind == "residual" else layers.unknowns
    curves = []
    for j, line in enumerate(lines):
        for k in unknowns:
            parts = [label(line, kind, k)] if len(lines) == 1 or len(unknowns) > 1 else []
            text = ", ".join([*parts, *([line.label] if len(lines) > 1 else [])])
            tone = _tone(j, len(lines), cmap) if len(lines) > 1 else _colour(k, len(layers.unknowns), cmap)
            reference = kind == "reference"
            if reference:
                text, tone = ("reference" if not curves else None), "#202020"
            curves.append(Curve(layers.layer(line, kind, k), text, tone, dashed=reference))
    return curves


def grid(figure: Figure, slice_: Slice, total: int, columns: int, larger: float = 1.0) -> list[Axes]:
    """``total`` panels in rows, as wide as the slice's proportions ask for."""
    width, height = (larger * side for side in size(slice_))
    columns = min(columns, total, max(1, int(WIDEST / width)))
    rows = -(-total // columns)
    figure.set_size_inches(width * columns, height * rows + 0.4)
    axes = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for ax in axes[total:]:
        ax.remove()
    return axes[:total]


def size(slice_: Slice, small: bool = False) -> tuple[float, float]:
    """Width and height of a panel, in inches; a plane of space keeps its proportions."""
    height = 2.2 if small else HEIGHT
    if not slice_.spatial:
        colours = len(slice_.axes) == 2
        return 1.2 * height + (0.2 if small else MARGIN if colours else 0.6), height
    (left, right), (bottom, top) = slice_.limits
    ratio = (right - left) / (top - bottom)
    width = height * min(max(ratio, 0.5), 2.5)
    return width + (0.2 if small else MARGIN), max(width / ratio, 0.5 * height)


def label(slice_: Slice, kind: str, k: int) -> str:
    """What a panel shows of an unknown, with its unit."""
    name = slice_.problem.unknowns[k]
    unit = with_unit(slice_.problem, name).removeprefix(name)
    words = {
        "solution": name,
        "reference": f"{name}, reference",
        "error": f"|{name} − reference|",
        "difference": f"{name} − reference",
        "estimate": f"estimated |error| of {name}",
        "residual": "|residual|",
    }
    return words[kind] + ("" if kind == "residual" else unit)


def _tone(j: int, total: int, cmap: Colormap | None) -> Any:
    return (cmap or colormaps["viridis"])(0.9 * j / max(total - 1, 1))


def _colour(k: int, total: int, cmap: Colormap | None) -> Any:
    return LINES[k % len(LINES)] if cmap is None else _tone(k, total, cmap)
