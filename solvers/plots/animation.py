"""An evolution as a moving picture: GIF, MP4 or a page that plays it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sciml.arguments import integer, positive
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.nn.seeing.picture import Picture
from sciml.solvers.plots import layout
from sciml.solvers.plots.colours import Scale, colour_map
from sciml.solvers.plots.panels import draw_map
from sciml.solvers.plots.plotting import COMPARISONS, FIELDS, VECTORS, last_time
from sciml.solvers.plots.sampled import SampledSolution
from sciml.solvers.plots.slices import Slice, choose_slices, with_unit
from sciml.solvers.plots.vectors import VectorField
from sciml.solvers.quantities.vectors import vector_names

if TYPE_CHECKING:
    from matplotlib.animation import AbstractMovieWriter
    from matplotlib.axes import Axes

    from sciml.solvers.answer import Answer

SUFFIXES = (".gif", ".mp4", ".html")
MOST_FRAMES = 500
DPI = 100
ROOM = 0.05  # above and below the curves, of their range


def animate(
    solution: Answer,
    path: str | os.PathLike,
    kind: str = "solution",
    *,
    unknown: str | None = None,
    vector: Sequence[str] | None = None,
    axes: Sequence[str] | None = None,
    at: Mapping[str, float] | None = None,
    frames: int = 60,
    fps: float = 12.0,
    resolution: int | None = None,
    cmap: Any = None,
) -> Path:
    """Write an evolution as a moving picture, from its first time to the last one that was solved.

    Colours and axes stay the same over all frames. A space of one dimension gives a moving curve, of more a map.

    Args:
        solution: A solution of a problem in time and space.
        path: Where to; the suffix says how: ``.gif``, ``.html`` (a page with buttons, all in one file) or ``.mp4``, which
            needs the program ``ffmpeg``.
        kind: As in ``sciml.solvers.plots.plotting.plot``: a field, ``"streamlines"`` or ``"quiver"``.
        unknown, vector, axes, at, resolution, cmap: As there.
        frames: How many, 2 to 500, evenly over the time.
        fps: Frames a second.

    Returns:
        The path.

    Raises:
        ArgumentError: No time or no space, another suffix, or as ``plot``.
    """
    target, problem = _target(path), solution.problem
    if problem.domain.time_axis is None or problem.domain.dim < 2:
        raise ArgumentError(
            f"animate needs a problem in time and space, got the coordinates {', '.join(map(str, problem.domain.names))}."
        )
    if kind not in (*FIELDS, *VECTORS):
        raise ArgumentError(f"kind needs one of {', '.join((*FIELDS, *VECTORS))}, got {kind!r}.")
    if unknown is not None and unknown not in problem.unknowns:
        raise ArgumentError(f"unknown needs one of {', '.join(problem.unknowns)}, got {unknown!r}.")
    count, rate = integer("frames", frames, least=2, most=MOST_FRAMES), positive("fps", fps)
    clock = problem.domain.time_axis
    until = last_time(solution)
    end = float(problem.domain.upper[clock]) if until is None else until
    moments = np.linspace(float(problem.domain.lower[clock]), end, count)
    slices = choose_slices(problem, axes, at, [float(t) for t in moments], until)
    layers = SampledSolution(solution, unknown, resolution)
    if kind in COMPARISONS and not layers.compares(slices):
        raise ArgumentError(
            f"kind={kind!r} needs an exact solution, or a reference at every frame; {type(problem).__name__} has none."
        )
    figure = Picture(layout="constrained")
    show = _panels(figure, slices, layers, kind, vector, colour_map(cmap))
    _write(figure, show, count, target, _writer(target.suffix, rate))
    return target


def _target(path: Any) -> Path:
    try:
        target = Path(path)
    except TypeError:
        raise ArgumentTypeError(f"path needs a file's name, got {type(path).__name__}.") from None
    if target.suffix not in SUFFIXES:
        raise ArgumentError(
            f"path needs a name that ends in one of {', '.join(SUFFIXES)}, got {str(path)!r}."
        )
    if not target.parent.is_dir():
        raise ArgumentError(f"path needs a folder that exists, got {str(path)!r}.")
    return target


def _writer(suffix: str, fps: float) -> AbstractMovieWriter:
    from matplotlib.animation import FFMpegWriter, HTMLWriter, PillowWriter

    if suffix == ".gif":
        return PillowWriter(fps=fps)  # type: ignore[arg-type]
    if suffix == ".html":
        return HTMLWriter(fps=fps, embed_frames=True, default_mode="loop", embed_limit=200)  # type: ignore[arg-type]
    if shutil.which("ffmpeg") is None:
        raise ArgumentError(
            "path needs a name in .gif or .html, got one in .mp4, which the program ffmpeg writes: it is not installed."
        )
    return FFMpegWriter(fps=fps, codec="h264", extra_args=["-pix_fmt", "yuv420p"])  # type: ignore[arg-type]


def _write(figure: Picture, show: Any, count: int, target: Path, writer: AbstractMovieWriter) -> None:
    """Frame by frame; a file that is not complete does not stay."""
    show(0)  # what cannot be drawn is told before there is a file
    done = False
    try:
        with writer.saving(figure, str(target), DPI):
            for frame in range(count):
                show(frame)
                writer.grab_frame()
        done = True
    finally:
        if not done:
            target.unlink(missing_ok=True)


def _panels(
    figure: Picture, slices: list[Slice], layers: SampledSolution, kind: str, vector: Any, cmap: Any
) -> Any:
    """What draws one frame; the colour bars are drawn once."""
    if len(slices[0].axes) == 1:
        if kind in VECTORS:
            raise ArgumentError(f"kind={kind!r} needs two coordinates of space, got {slices[0].names[0]}.")
        return _lines(figure, slices, layers, kind, cmap)
    if kind in VECTORS:
        field = VectorField(layers, slices, vector_names(layers.problem, vector))
        drawings: list[layout.Row] = [(field.label, field.drawing(kind, cmap), "neither")]
    else:
        unknowns = layers.unknowns[:1] if kind == "residual" else layers.unknowns
        drawings = []
        for k in unknowns:
            scale = layout.shared_scale(slices, layers, kind, k, [kind], cmap)

            def drawing(ax: Axes, plane: Slice, k: int = k, scale: Scale = scale) -> Any:
                return draw_map(ax, plane, layers.layer(plane, kind, k), scale)

            drawings.append((layout.label(slices[0], kind, k), drawing, scale.extend))
    panels = layout.grid(figure, slices[0], len(drawings), 3)
    bars: set[Axes] = set()

    def show(frame: int) -> None:
        plane = slices[frame]
        for ax, (name, draw, extend) in zip(panels, drawings, strict=True):
            ax.clear()
            drawn = draw(ax, plane)
            ax.set_title(name)
            if ax not in bars:
                figure.colorbar(drawn, ax=ax, pad=0.02, extend=extend)
                bars.add(ax)
        _moment(figure, plane)

    return show


def _lines(figure: Picture, slices: list[Slice], layers: SampledSolution, kind: str, cmap: Any) -> Any:
    """Curves of all unknowns in one panel, whose range is that of all frames."""
    (ax,) = layout.grid(figure, slices[0], 1, 1)
    log = layout.SCALES.get(kind) == "log"
    every = [
        layers.layer(line, kind, k).values
        for line in slices
        for k in (layers.unknowns[:1] if kind == "residual" else layers.unknowns)
    ]
    scale = Scale.of(every, "log" if log else "plain")
    low, high = scale.low, scale.high
    if not log:
        finite = np.concatenate([v[np.isfinite(v)] for v in every])
        low, high = (low, high) if scale.kind == "plain" else (float(finite.min()), float(finite.max()))
        low, high = low - ROOM * (high - low), high + ROOM * (high - low)

    def show(frame: int) -> None:
        ax.clear()
        layout.one_panel_of_lines(ax, [slices[frame]], layers, [kind], cmap)
        ax.set(ylim=(low, high))
        ax.set_title(layout.TITLES.get(kind, kind))
        _moment(figure, slices[frame])

    return show


def _moment(figure: Picture, slice_: Slice) -> None:
    """The time above the panels, in as many digits in every frame."""
    problem = slice_.problem
    clock = problem.domain.time_axis
    assert clock is not None
    name, _, unit = with_unit(problem, str(problem.domain.names[clock])).partition(" ")
    span = float(problem.domain.upper[clock] - problem.domain.lower[clock])
    digits = max(0, 2 - int(np.floor(np.log10(span))))
    others = [f"{problem.domain.names[k]} = {v:.3g}" for k, v in slice_.fixed.items() if k != clock]
    moment = f"{name} = {slice_.fixed[clock]:.{digits}f} {unit.strip('[]')}".strip()
    figure.suptitle(", ".join([moment, *others]), fontsize=11)
