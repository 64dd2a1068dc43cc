"""The picture of what a fine-tuning changed: the singular spectra of every layer's difference, mode by mode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from sciml.adapters import Adapter
from sciml.adapters.changes import changes, normalised_spectra
from sciml.adapters.lora import matrix_shape
from sciml.adapters.parameters import AdaptedParameter, named
from sciml.errors import ArgumentError
from sciml.solvers.adapted import AdaptedAnswer
from sciml.solvers.plots.panels import LINES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sciml.solvers.answer import Answer

LOWEST = 1e-8  # of a panel; further down no rank is decided
ROUNDING = 1e-13  # share of the norm below which a singular value is that of zero
STYLES = {  # what a line stands for -> colour, marker, width; the wider ones lie below, for modes of equal spectra
    "in": (LINES[0], "o", 2.8),
    "out": (LINES[1], "s", 2.0),
    "basis": (LINES[2], "D", 1.2),
    "matrix": (LINES[5], "v", 1.2),
}


@dataclass(frozen=True)
class Spectrum:
    """One line of a panel: falling values, how many there are in all, and the rank where the adapter cuts, or None."""

    style: str
    label: str
    values: np.ndarray
    length: int
    rank: int | None


def draw_spectra(figure: Figure, solution: Answer, base: Answer | None) -> None:
    """A panel for each layer that has matrices or tensors; a ring where the adapter's rank cuts a mode.

    Args:
        figure: An empty figure.
        solution: What was fine-tuned.
        base: What it differs from; None where the solution knows its own.

    Raises:
        ArgumentError: No base, one of another structure, or nothing but vectors was adapted.
    """
    before, differences = _differences(solution, base)
    layers: dict[str, list[str]] = {}
    for name in normalised_spectra(differences):
        layers.setdefault(name.rpartition(".")[0], []).append(name)
    if not layers:
        raise ArgumentError(
            f"kind='spectra' needs a changed matrix or tensor, got {', '.join(differences)}, vectors only."
        )
    columns = min(len(layers), 4)
    rows = -(-len(layers) // columns)
    figure.set_size_inches(max(3.1 * columns, 4.2), 2.9 * rows + 0.4)
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel().tolist()
    for ax in panels[len(layers) :]:
        ax.remove()
    shown: list[np.ndarray] = []
    for k, (ax, (layer, names)) in enumerate(zip(panels, layers.items(), strict=False)):
        lines = [_without_zeros(line) for name in names for line in _lines(solution, base, name, differences)]
        shown += [line.values for line in lines if len(line.values)]
        _draw_layer(ax, lines)
        moved = np.sqrt(sum(float(differences[n].square().sum()) for n in names))
        size = np.sqrt(sum(float(before[n].square().sum()) for n in names))
        times = moved / size if size > 0 else np.inf
        number = f"{times:.2g}" if times < 100 else f"{times:.0f}"
        share = rf"   $\|\Delta\| = {number}\,\|A\|$" if size > 0 else ""
        ax.set_title((layer or "network") + share, fontsize=10)
        if k % columns == 0:
            ax.set_ylabel(r"singular value / $\|\Delta\|$")
    panels[0].set_ylim(max(0.4 * min((float(v[-1]) for v in shown), default=1.0), LOWEST), 1.6)


def _differences(solution: Answer, base: Answer | None) -> tuple[Mapping[str, Tensor], dict[str, Tensor]]:
    """The base's parameters, and what was added to those that an adapter adapts (or to all)."""
    if base is None and isinstance(solution, AdaptedAnswer):
        # from the factors: the merged network's parameters have the difference only to the base's rounding
        added = {name: delta.detach() for name, delta in solution.adapter.deltas().items()}
        return named(solution.base.network), added
    if base is None:
        raise ArgumentError(
            "kind='spectra' needs a fine-tuned solution, as base.finetune(...) gives it, or the solution that this one was "
            "fine-tuned from as base=, got neither."
        )
    return named(base.network), changes(base.network, solution.network)


def _lines(
    solution: Answer, base: Answer | None, name: str, differences: Mapping[str, Tensor]
) -> list[Spectrum]:
    """The spectra of one parameter; a matrix has one, under its own name."""
    found = normalised_spectra({name: differences[name]})[name]
    spectra = {mode: s.cpu().numpy() for mode, s in found.items()}
    cuts = _cuts(solution, name) if base is None else {}
    if len(spectra) == 2:
        rank = min((cuts[mode] for mode in spectra if mode in cuts), default=None)
        spectra = {"matrix": spectra["in"]}
        cuts = {} if rank is None else {"matrix": rank}
    lines = []
    for mode in [m for m in STYLES if m in spectra]:
        values, cut = spectra[mode], cuts.get(mode)
        cut = cut if cut is not None and cut < len(values) else None
        label = name.rpartition(".")[2] if mode == "matrix" else mode
        text = label if cut is None else f"{label}, rank {cut} of {len(values)}"
        lines.append(Spectrum(mode, text, values, len(values), cut))
    return lines


def _cuts(solution: Answer, name: str) -> dict[str, int]:
    """Largest rank of each unfolding that an adapter's configuration allows."""
    assert isinstance(solution, AdaptedAnswer)
    rank = solution.ranks().get(name)
    if rank is None or not isinstance(solution.adapter, Adapter):
        return {}
    parameter = solution.adapter.adapted[name]
    if isinstance(rank, int):  # a product of two matrices: the unfolding that they make up
        return {_lone_mode(parameter): rank}
    return dict(zip([mode for mode in ("in", "out", "basis") if mode in parameter.roles], rank, strict=True))


def _lone_mode(parameter: AdaptedParameter) -> str:
    """The mode that stands alone on one side of the matrix that a parameter is laid out as."""
    return parameter.roles[-1] if matrix_shape(parameter)[1] == parameter.shape[-1] else parameter.roles[0]


def _without_zeros(line: Spectrum) -> Spectrum:
    return replace(line, values=line.values[line.values > ROUNDING])


def _draw_layer(ax: Axes, lines: list[Spectrum]) -> None:
    for line in lines:
        if not len(line.values):
            continue
        colour, marker, width = STYLES[line.style]
        index = np.arange(1, len(line.values) + 1)
        ax.plot(
            index, line.values, marker=marker, ms=3 + 1.5 * width, lw=width, color=colour, label=line.label
        )
        if line.rank is not None and 0 < line.rank <= len(line.values):
            ring = {"marker": "o", "ms": 14, "mfc": "none", "mew": 1.4, "ls": "none", "label": "_rank"}
            ax.plot(line.rank, line.values[line.rank - 1], color=colour, **ring)
    longest = max((line.length for line in lines), default=1)
    ax.set(yscale="log", xlabel="index", xlim=(0.5, longest + 0.5))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.grid(alpha=0.25, lw=0.6)
    if ax.get_lines():
        ax.legend(frameon=False, fontsize=9)
    else:
        ax.text(0.5, 0.5, "unchanged", ha="center", va="center", transform=ax.transAxes, color="#606060")
