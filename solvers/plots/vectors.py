"""Vector unknowns in a plane: streamlines and arrows, coloured by their length."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from sciml.errors import ArgumentError
from sciml.solvers.plots.colours import Scale
from sciml.solvers.plots.panels import draw_frame
from sciml.solvers.plots.sampled import SampledSolution
from sciml.solvers.plots.slices import Slice, with_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

STREAM_POINTS, ARROWS = 81, 16  # points an axis
DENSITY = 1.1  # of streamlines
DARK = 0.88  # of a colour map: as bright as a line on white may be
STILL = 1e-12  # of the largest length, below which nothing moves


class VectorField:
    """Two components of a vector in planes of space.

    Args:
        layers: The solution's values.
        planes: Planes of space, one for each moment.
        names: The vector's components, one for each coordinate of space.

    Raises:
        ArgumentError: The slices are no planes of space.
    """

    def __init__(self, layers: SampledSolution, planes: list[Slice], names: tuple[str, ...]):
        problem = layers.problem
        if not planes[0].spatial:
            raise ArgumentError(
                f"axes needs two coordinates of space to draw a vector over, got {', '.join(planes[0].names)}."
            )
        space = list(problem.domain.space_axes)
        self.names = [names[space.index(axis)] for axis in planes[0].axes]
        self.unknowns = [problem.unknowns.index(name) for name in self.names]
        self.layers, self.planes = layers, planes

    @property
    def label(self) -> str:
        """What the colours show."""
        name = self.names[0]
        unit = with_unit(self.layers.problem, name).removeprefix(name)
        return f"|({', '.join(self.names)})|{unit}"

    def drawing(self, kind: str, cmap: Any) -> Callable[[Axes, Slice], Any]:
        """What draws a panel of ``"streamlines"`` or ``"quiver"``; one scale for all planes."""
        count = STREAM_POINTS if kind == "streamlines" else ARROWS
        count = self.layers.resolution or count
        vectors = {plane: self._components(plane, count) for plane in self.planes}
        longest = max(
            (float(np.nanmax(np.hypot(u, v), initial=0.0)) for u, v in vectors.values()), default=0.0
        )
        scale = Scale("plain", 0.0, longest or 1.0, cmap or _dark())
        draw = _streamlines if kind == "streamlines" else _arrows

        def panel(ax: Axes, plane: Slice) -> Any:
            drawn = draw(ax, plane, *vectors[plane], longest, scale)
            draw_frame(ax, plane)
            return drawn

        return panel

    def _components(self, plane: Slice, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Both components ``(count, count)``, rows upwards; nan outside of the domain."""
        x = plane.points(count)
        values = self.layers.at(x)[:, self.unknowns]
        values[~plane.inside(count)] = np.nan
        u, v = values.reshape(count, count, 2).transpose(2, 1, 0)
        return u, v


def _streamlines(ax: Axes, plane: Slice, u: np.ndarray, v: np.ndarray, longest: float, scale: Scale) -> Any:
    x, y = plane.coordinates(len(u))
    length = np.ma.masked_invalid(np.hypot(u, v))
    if length.count() == 0 or length.max() <= STILL * longest:  # at rest: there are no lines
        return _colours_only(ax, scale)
    lines = ax.streamplot(
        x,
        y,
        np.ma.masked_invalid(u),
        np.ma.masked_invalid(v),
        color=length,
        density=DENSITY,
        linewidth=1.1,
        arrowsize=0.9,
        **scale.options(),
    )
    return lines.lines


def _arrows(ax: Axes, plane: Slice, u: np.ndarray, v: np.ndarray, longest: float, scale: Scale) -> Any:
    x, y = plane.coordinates(len(u))
    there = np.isfinite(u) & np.isfinite(v)
    if not there.any() or longest == 0.0:
        return _colours_only(ax, scale)
    # the longest arrow is as long as the distance between two
    (left, right), (bottom, top) = plane.limits
    spacing = min(right - left, top - bottom) / (len(u) - 1)
    across, up = np.meshgrid(x, y)
    return ax.quiver(
        across[there],
        up[there],
        u[there],
        v[there],
        np.hypot(u, v)[there],
        angles="xy",
        scale_units="xy",
        scale=longest / (1.4 * spacing),
        width=0.006,
        pivot="mid",
        **scale.options(),
    )


def _dark() -> Colormap:
    """Viridis without its bright end, which a line on white would vanish in."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    return ListedColormap(colormaps["viridis"](np.linspace(0.0, DARK, 256)))


def _colours_only(ax: Axes, scale: Scale) -> Any:
    """What a colour bar needs, and a word, where nothing moves."""
    from matplotlib.cm import ScalarMappable

    ax.text(0.5, 0.5, "at rest", ha="center", va="center", transform=ax.transAxes, color="#606060")
    return ScalarMappable(**scale.options())
