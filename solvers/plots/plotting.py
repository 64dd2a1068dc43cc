"""Pictures of a solution, as Matplotlib figures.

No picture touches pyplot's state or Matplotlib's settings; a figure shows itself in a notebook and is
saved with ``figure.savefig("name.png")``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.nn.seeing.picture import Picture
from sciml.solvers.plots.panels import LINES, Curve, Scale, draw_curves, draw_history, draw_map
from sciml.solvers.plots.sampled import SampledSolution
from sciml.solvers.plots.slices import Slice, choose_slices
from sciml.solvers.plots.spectra import draw_spectra

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sciml.solvers.answer import Answer

KINDS = (
    "overview",
    "solution",
    "reference",
    "error",
    "difference",
    "estimate",
    "residual",
    "history",
    "spectra",
)
COMPARISONS = ("reference", "error", "difference")
TITLES = {"estimate": "estimated error"}
SCALES = {"error": "log", "estimate": "log", "residual": "log", "difference": "signed"}
HEIGHT = 2.9  # of a panel, inches
NARROW = 5.0  # inches, of a figure whose title takes two lines
WIDEST = 14.0  # inches, of a figure of several columns
MARGIN = 1.1  # of a panel beside its map, for the colour bar and the labels


def plot(
    solution: Answer,
    kind: str | None = None,
    *,
    unknown: str | None = None,
    axes: Sequence[str] | None = None,
    at: Mapping[str, float] | None = None,
    times: Sequence[float] | None = None,
    resolution: int | None = None,
    base: Answer | None = None,
) -> Picture:
    """Draw a solution.

    One dimension gives curves, two a map, a space of two dimensions in time a row of snapshots. Of more
    coordinates a plane is shown, the others at the middle of the domain; the figure says where.

    Args:
        solution: The solution.
        kind: ``"overview"`` (the default: solution, reference, error or residual, and history), or one of
            them alone: ``"solution"``, ``"reference"``, ``"error"`` (absolute, logarithmic),
            ``"difference"`` (solution minus reference, signed), ``"estimate"`` (what the error estimate would move the
            solution by; ``"error"`` is this where no reference is known), ``"residual"`` (absolute, logarithmic),
            ``"history"``. ``"spectra"`` shows what a fine-tuning changed: a panel for each layer with the singular values
            of the change's unfoldings over its norm, a line for each mode, ringed where the adapter's rank cuts.
        unknown: One unknown of a system; all unless given.
        axes: One or two coordinates to draw over, as in ``axes=("x", "z")``.
        at: Values of other coordinates, as in ``at={"z": 0.5}``.
        times: Moments to draw, as in ``times=[0, 0.5, 1]``: snapshots of a plane, or curves over a line.
        resolution: Points an axis; 161 for maps and 401 for curves unless given.
        base: For ``"spectra"``: the solution that this one was fine-tuned from; needed where it does not know its own.

    Returns:
        A Matplotlib figure.

    Raises:
        ArgumentError: An unknown kind, coordinate or unknown, a value outside the domain, or a kind that
            needs a reference or a base where there is none.
    """
    kind = "overview" if kind is None else kind
    if kind not in KINDS:
        raise ArgumentError(f"kind needs one of {', '.join(KINDS)}, got {kind!r}.")
    if base is not None and not hasattr(base, "network"):
        raise ArgumentTypeError(f"base needs a solution, got {type(base).__name__}.")
    if base is not None and kind != "spectra":
        raise ArgumentError(f"base goes with kind='spectra' only, got kind={kind!r}.")
    problem = solution.problem
    if unknown is not None and unknown not in problem.unknowns:
        raise ArgumentError(f"unknown needs one of {', '.join(problem.unknowns)}, got {unknown!r}.")
    if resolution is not None and (
        isinstance(resolution, bool) or not isinstance(resolution, int) or resolution < 2
    ):
        raise ArgumentError(f"resolution needs an int >= 2, got {resolution!r}.")
    figure = Picture(layout="constrained")
    if kind == "history":
        figure.set_size_inches(6.0, 4.0)
        draw_history(figure.subplots(), solution.history)
    elif kind == "spectra":
        draw_spectra(figure, solution, base)
    else:
        slices = choose_slices(problem, axes, at, times)
        layers = SampledSolution(solution, unknown, resolution)
        compares = layers.compares(slices)
        if kind == "error" and not compares:
            kind = "estimate"
        if kind in COMPARISONS and not compares:
            raise ArgumentError(
                f"kind={kind!r} needs an exact or reference solution here; {type(problem).__name__} has none."
            )
        kinds = [kind]
        if kind == "overview":
            kinds = ["solution", "reference", "error"] if compares else ["solution", "residual"]
        history = solution.history if kind == "overview" else []
        if len(slices[0].axes) == 1:
            _draw_curves(figure, slices, layers, kinds, history)
        elif len(slices) == 1:
            _draw_plane(figure, slices[0], layers, kinds, history)
        else:
            _draw_snapshots(figure, slices, layers, kinds, history)
    figure.suptitle(_title(solution, narrow=figure.get_figwidth() < NARROW), fontsize=11)
    return figure


History = Sequence[Mapping[str, float]]


def _draw_plane(
    figure: Figure, plane: Slice, layers: SampledSolution, kinds: list[str], history: History
) -> None:
    """A row for each unknown with a map of each kind; what is no unknown's own comes last."""
    cells = [(k, kind) for k in layers.unknowns for kind in kinds if kind != "residual"]
    cells += [(0, "residual")] if "residual" in kinds else []
    total = len(cells) + bool(history)
    columns = 2 if total == 4 else min(total, 3)
    panels = _grid(figure, plane, total, columns)
    for ax, (k, kind) in zip(panels, cells, strict=False):
        layer = layers.layer(plane, kind, k)
        shared = ["solution", "reference"] if kind in ("solution", "reference") else [kind]
        known = [kind, *(other for other in shared if other in kinds and other != kind)]
        scale = Scale.of(
            [layers.inside(plane, layers.layer(plane, other, k)) for other in known],
            SCALES.get(kind, "plain"),
        )
        figure.colorbar(draw_map(ax, plane, layer, scale), ax=ax, pad=0.02)
        ax.set_title(
            _label(plane, kind, k) + (f"   ({plane.label})" if plane.fixed and ax is panels[0] else "")
        )
    if history:
        draw_history(panels[-1], history)


def _draw_snapshots(
    figure: Figure, planes: list[Slice], layers: SampledSolution, kinds: list[str], history: History
) -> None:
    """A column for each moment, a row for each unknown and kind; the history below."""
    rows = [(k, kind) for k in layers.unknowns for kind in kinds if kind != "residual"]
    rows += [(0, "residual")] if "residual" in kinds else []
    width, height = _size(planes[0], small=True)
    figure.set_size_inches(width * len(planes) + 0.8, (height + 0.3) * len(rows) + (2.4 if history else 0.3))
    ratios = [height + 0.3] * len(rows) + ([2.2] if history else [])
    grid = figure.add_gridspec(len(ratios), len(planes), height_ratios=ratios)
    for i, (k, kind) in enumerate(rows):
        shown = [layers.layer(plane, kind, k) for plane in planes]
        numbers = [layers.inside(plane, layer) for plane, layer in zip(planes, shown, strict=True)]
        if kind in ("solution", "reference") and {"solution", "reference"} <= set(kinds):
            other = "reference" if kind == "solution" else "solution"
            numbers += [layers.inside(plane, layers.layer(plane, other, k)) for plane in planes]
        scale = Scale.of(numbers, SCALES.get(kind, "plain"))
        row: list[Axes] = []
        for j, (plane, layer) in enumerate(zip(planes, shown, strict=True)):
            ax = figure.add_subplot(grid[i, j])
            drawn = draw_map(ax, plane, layer, scale)
            if i == 0:
                ax.set_title(plane.label, fontsize=10)
            if j > 0:
                ax.set(ylabel="", yticklabels=[])
            if i < len(rows) - 1:
                ax.set(xlabel="", xticklabels=[])
            row.append(ax)
        figure.colorbar(drawn, ax=row, pad=0.01, fraction=0.06, label=_label(planes[0], kind, k))
    if history:
        draw_history(figure.add_subplot(grid[-1, :]), history)


def _draw_curves(
    figure: Figure, lines: list[Slice], layers: SampledSolution, kinds: list[str], history: History
) -> None:
    """Solution and reference in one panel, what is logarithmic in another, the history in a third."""
    panels = [
        [kind for kind in kinds if SCALES.get(kind) != "log"],
        [k for k in kinds if SCALES.get(k) == "log"],
    ]
    panels = [panel for panel in panels if panel]
    axes = _grid(figure, lines[0], len(panels) + bool(history), 3)
    for ax, panel in zip(axes, panels, strict=False):
        curves = [c for kind in panel for c in _curves(lines, layers, kind)]
        draw_curves(ax, lines[0], curves, log=SCALES.get(panel[0]) == "log")
        ax.set_title(
            " and ".join(TITLES.get(kind, kind) for kind in panel)
            + (f"   ({lines[0].label})" if len(lines) == 1 and lines[0].fixed else "")
        )
    if history:
        draw_history(axes[-1], history)


def _curves(lines: list[Slice], layers: SampledSolution, kind: str) -> list[Curve]:
    """One curve for each line and unknown; the legend names a reference once."""
    unknowns = layers.unknowns[:1] if kind == "residual" else layers.unknowns
    curves = []
    for j, line in enumerate(lines):
        for k in unknowns:
            parts = [_label(line, kind, k)] if len(lines) == 1 or len(unknowns) > 1 else []
            label = ", ".join([*parts, *([line.label] if len(lines) > 1 else [])])
            tone = _tone(j, len(lines)) if len(lines) > 1 else LINES[k % len(LINES)]
            reference = kind == "reference"
            if reference:
                label, tone = ("reference" if not curves else None), "#202020"
            curves.append(Curve(layers.layer(line, kind, k), label, tone, dashed=reference))
    return curves


def _grid(figure: Figure, slice_: Slice, total: int, columns: int) -> list[Axes]:
    width, height = _size(slice_)
    columns = min(columns, total, max(1, int(WIDEST / width)))
    rows = -(-total // columns)
    figure.set_size_inches(width * columns, height * rows + 0.4)
    axes = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for ax in axes[total:]:
        ax.remove()
    return axes[:total]


def _size(slice_: Slice, small: bool = False) -> tuple[float, float]:
    """Width and height of a panel, in inches; a plane of space keeps its proportions."""
    height = 2.2 if small else HEIGHT
    if not slice_.spatial:
        colours = len(slice_.axes) == 2
        return 1.2 * height + (0.2 if small else MARGIN if colours else 0.6), height
    (left, right), (bottom, top) = slice_.limits
    ratio = (right - left) / (top - bottom)
    width = height * min(max(ratio, 0.5), 2.5)
    return width + (0.2 if small else MARGIN), max(width / ratio, 0.5 * height)


def _label(slice_: Slice, kind: str, k: int) -> str:
    name = slice_.problem.unknowns[k]
    words = {
        "solution": name,
        "reference": f"{name}, reference",
        "error": f"|{name} − reference|",
        "difference": f"{name} − reference",
        "estimate": f"estimated |error| of {name}",
        "residual": "|residual|",
    }
    return words[kind]


def _tone(j: int, total: int) -> tuple[float, ...]:
    import matplotlib

    return matplotlib.colormaps["viridis"](0.9 * j / max(total - 1, 1))


def _title(solution: Answer, narrow: bool) -> str:
    text = re.sub(r"\d+\.\d{5,}", lambda digits: f"{float(digits[0]):.4g}", repr(solution.problem))
    text = text if len(text) <= (40 if narrow else 70) else type(solution.problem).__name__
    between = "\n" if narrow else ": "
    if solution.has_answer:
        return f"{text}{between}relative $L_2$ error {solution.error():.1e}"
    if solution.stats.error_estimate is not None:
        return f"{text}{between}estimated relative error {solution.stats.error_estimate:.1e}"
    residual = solution.stats.get("residual")
    return text if residual is None else f"{text}{between}relative residual {residual:.1e}"
