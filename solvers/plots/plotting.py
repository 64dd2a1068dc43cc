"""Pictures of a solution, as Matplotlib figures.

No picture touches pyplot's state or Matplotlib's settings; a figure shows itself in a notebook and is
saved with ``figure.savefig("name.png")``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sciml.ansatz.march import Chain
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.nn.seeing.picture import Picture
from sciml.solvers.plots import layout, solid
from sciml.solvers.plots.colours import colour_map
from sciml.solvers.plots.panels import draw_history, has_history
from sciml.solvers.plots.sampled import SampledSolution
from sciml.solvers.plots.slices import Slice, choose_slices
from sciml.solvers.plots.spectra import draw_spectra
from sciml.solvers.plots.vectors import VectorField
from sciml.solvers.quantities.vectors import vector_names

if TYPE_CHECKING:
    from sciml.solvers.answer import Answer

FIELDS = ("solution", "reference", "error", "difference", "estimate", "residual")
VECTORS = ("streamlines", "quiver")
SOLIDS = ("surface", "slices")
KINDS = ("overview", *FIELDS, *VECTORS, *SOLIDS, "history", "spectra")
COMPARISONS = ("reference", "error", "difference")
NARROW = 5.0  # inches, of a figure whose title takes two lines


def plot(
    solution: Answer,
    kind: str | None = None,
    *,
    unknown: str | None = None,
    vector: Sequence[str] | None = None,
    axes: Sequence[str] | None = None,
    at: Mapping[str, float] | None = None,
    times: Sequence[float] | None = None,
    resolution: int | None = None,
    base: Answer | None = None,
    ax: Axes | None = None,
    cmap: Any = None,
) -> Figure:
    """Draw a solution.

    One dimension gives curves, two a map, a space of two dimensions in time a row of snapshots. Of more
    coordinates a plane is shown, the others at the middle of the domain; the figure says where. Fields with values on both
    sides of zero have diverging colours with white at zero. Labels name the problem's ``units``.

    Args:
        solution: The solution.
        kind: ``"overview"`` (the default: solution, reference, error or residual, and history), or one of
            them alone: ``"solution"``, ``"reference"``, ``"error"`` (absolute, logarithmic),
            ``"difference"`` (solution minus reference, signed), ``"estimate"`` (what the error estimate would move the
            solution by; ``"error"`` is this where no reference is known), ``"residual"`` (absolute, logarithmic),
            ``"history"`` (with marks where points were drawn anew). ``"streamlines"`` and ``"quiver"`` show a vector.
            ``"surface"`` shows a field over a plane as a height, ``"slices"`` three planes through a body.
            ``"spectra"`` shows what a fine-tuning changed: a panel for each layer with the singular values
            of the change's unfoldings over its norm, a line for each mode, ringed where the adapter's rank cuts.
        unknown: One unknown of a system; all unless given.
        vector: For ``"streamlines"`` and ``"quiver"``: the unknowns that are the vector's components. Needed where their
            names do not tell, as ``u, v, p`` or ``Hx, Hy`` do.
        axes: One or two coordinates to draw over, as in ``axes=("x", "z")``; three for ``"slices"``.
        at: Values of other coordinates, as in ``at={"z": 0.5}``; for ``"slices"`` where the planes cut.
        times: Moments to draw, as in ``times=[0, 0.5, 1]``: snapshots of a plane, or curves over a line.
        resolution: Points an axis; 161 for maps and 401 for curves unless given.
        base: For ``"spectra"``: the solution that this one was fine-tuned from; needed where it does not know its own.
        ax: Axes to draw one panel in, the solution unless ``kind`` says otherwise; in three dimensions for ``"surface"``
            and ``"slices"``. A new figure unless given.
        cmap: A colour map of Matplotlib or its name; by the values unless given.

    Returns:
        A Matplotlib figure; that of ``ax`` where it is given.

    Raises:
        ArgumentError: An unknown kind, coordinate, unknown or colour map, a value outside the domain, a kind that
            needs a reference, a base or a vector where there is none, or ``ax`` with several panels.
        ArgumentTypeError: An argument of another type.
    """
    kind = _checked(solution, kind, unknown, resolution, base, ax)
    colours = colour_map(cmap)
    problem, until = solution.problem, last_time(solution)
    layers = SampledSolution(solution, unknown, resolution)
    figure: Any = Picture(layout="constrained") if ax is None else ax.figure
    if kind == "history":
        if ax is None:
            figure.set_size_inches(6.0, 4.0)
        draw_history(ax or figure.subplots(), solution.history)
    elif kind == "spectra":
        draw_spectra(figure, solution, base)
    elif kind in SOLIDS:
        body = solid.choose_body(problem, axes, at, times, until) if kind == "slices" else None
        planes = [] if body else choose_slices(problem, axes, at, times, until)
        _draw_solids(figure, ax, layers, planes, body, colours)
    elif kind in VECTORS:
        planes = choose_slices(problem, axes, at, times, until)
        field = VectorField(layers, planes, vector_names(problem, vector))
        _draw_vectors(figure, ax, field, kind, colours)
    else:
        _draw_fields(figure, ax, layers, choose_slices(problem, axes, at, times, until), kind, colours)
    if ax is None:
        figure.suptitle(_title(solution, narrow=figure.get_figwidth() < NARROW), fontsize=11)
    return figure


def last_time(solution: Answer) -> float | None:
    """The last time that was solved, of a chain of windows; None for a solution of all its domain."""
    return solution.trial.until if isinstance(solution.trial, Chain) else None


def _checked(
    solution: Answer, kind: str | None, unknown: str | None, resolution: Any, base: Any, ax: Any
) -> str:
    if ax is not None and not isinstance(ax, Axes):
        raise ArgumentTypeError(f"ax needs one Matplotlib Axes, got {type(ax).__name__}.")
    kind = ("overview" if ax is None else "solution") if kind is None else kind
    if kind not in KINDS:
        raise ArgumentError(f"kind needs one of {', '.join(KINDS)}, got {kind!r}.")
    if ax is not None and kind in ("overview", "spectra"):
        raise ArgumentError(f"ax needs a kind of one panel, such as 'solution' or 'history', got {kind!r}.")
    if ax is not None and (getattr(ax, "name", "") == "3d") != (kind in SOLIDS):
        need = "axes in three dimensions, as projection='3d' makes them," if kind in SOLIDS else "flat axes"
        raise ArgumentError(f"ax needs {need} for kind={kind!r}, got {type(ax).__name__}.")
    if base is not None and not hasattr(base, "network"):
        raise ArgumentTypeError(f"base needs a solution, got {type(base).__name__}.")
    if base is not None and kind != "spectra":
        raise ArgumentError(f"base goes with kind='spectra' only, got kind={kind!r}.")
    known = solution.problem.unknowns
    if unknown is not None and unknown not in known:
        raise ArgumentError(f"unknown needs one of {', '.join(known)}, got {unknown!r}.")
    if resolution is not None and (
        isinstance(resolution, bool) or not isinstance(resolution, int) or resolution < 2
    ):
        raise ArgumentError(f"resolution needs an int >= 2, got {resolution!r}.")
    return kind


def _draw_fields(
    figure: Any, ax: Axes | None, layers: SampledSolution, slices: list[Slice], kind: str, cmap: Any
) -> None:
    compares = layers.compares(slices)
    if kind == "error" and not compares:
        kind = "estimate"
    if kind in COMPARISONS and not compares:
        name = type(layers.problem).__name__
        raise ArgumentError(f"kind={kind!r} needs an exact or reference solution here; {name} has none.")
    kinds = [kind]
    if kind == "overview":
        kinds = ["solution", "reference", "error"] if compares else ["solution", "residual"]
    history = layers.solution.history if kind == "overview" and has_history(layers.solution.history) else []
    if ax is not None:
        if len(slices[0].axes) == 1:
            layout.one_panel_of_lines(ax, slices, layers, kinds, cmap)
            return
        _check_one_panel(slices, layers.unknowns if kind != "residual" else [0], layers)
        layout.one_map(ax, slices[0], layers, kind, layers.unknowns[0], kinds, cmap)
    elif len(slices[0].axes) == 1:
        layout.draw_lines(figure, slices, layers, kinds, history, cmap)
    elif len(slices) == 1:
        layout.draw_plane(figure, slices[0], layers, kinds, history, cmap)
    else:
        layout.draw_snapshots(figure, slices, layers, kinds, history, cmap)


def _check_one_panel(slices: Sequence[Slice], unknowns: Sequence[int], layers: SampledSolution) -> None:
    if len(slices) > 1:
        raise ArgumentError(
            f"ax needs a picture of one panel, got {len(slices)} moments: give one of them, as in times=[{_moment(slices)}]."
        )
    if len(unknowns) > 1:
        names = ", ".join(layers.problem.unknowns)
        raise ArgumentError(f"ax needs a picture of one panel: give unknown= as one of {names}, got None.")


def _moment(slices: Sequence[Slice]) -> str:
    clock = slices[0].problem.domain.time_axis
    return "0" if clock is None else f"{slices[-1].fixed[clock]:g}"


def _draw_vectors(figure: Any, ax: Axes | None, field: VectorField, kind: str, cmap: Any) -> None:
    draw, planes = field.drawing(kind, cmap), field.planes
    if ax is None and len(planes) > 1:
        layout.in_columns(figure, planes, [(field.label, draw, "neither")])
        return
    if len(planes) > 1:
        _check_one_panel(planes, [0], field.layers)
    panel = layout.grid(figure, planes[0], 1, 1, larger=1.3)[0] if ax is None else ax
    figure.colorbar(draw(panel, planes[0]), ax=panel, pad=0.02)
    panel.set_title(field.label + (f"   ({planes[0].label})" if planes[0].fixed else ""))


def _draw_solids(
    figure: Any, ax: Any, layers: SampledSolution, planes: list[Slice], body: Any, cmap: Any
) -> None:
    """A panel for each unknown and moment."""
    if planes and len(planes[0].axes) != 2:
        raise ArgumentError(f"kind='surface' needs two coordinates, got {', '.join(planes[0].names)}.")
    cells = [(k, plane) for k in layers.unknowns for plane in (planes or [None])]
    if ax is not None:
        _check_one_panel(planes, layers.unknowns, layers)
    else:
        columns = min(3, len(planes) if len(planes) > 1 else len(cells))
        rows = -(-len(cells) // columns)
        figure.set_size_inches(4.6 * columns, 3.9 * rows + 0.3)
    for number, (k, plane) in enumerate(cells, start=1):
        panel = ax or figure.add_subplot(rows, columns, number, projection="3d")
        if plane is None:
            chosen, cuts, fixed = body
            drawn = solid.draw_cuts(panel, layers, chosen, cuts, fixed, k, cmap)
            plane = Slice(layers.problem, chosen[:2], fixed)
        else:
            drawn = solid.draw_surface(panel, plane, layers, k, cmap)
        figure.colorbar(drawn, ax=panel, shrink=0.6, pad=0.12)
        name = layout.label(plane, "solution", k)
        panel.set_title(name + (f"   ({plane.label})" if plane.fixed else ""))


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
