"""The pictures of README.md and of the first pages: ``make figures`` solves and draws them, in a few minutes.

python docs/figures.py [hole evolution system inverse race poisson burgers plate profiles estimate streamlines edges]
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

import sciml
from sciml import nn, pdes

IMAGES = Path(__file__).parent / "images"
SMALL = (3.1, 2.5)  # inches


class Plate(sciml.PDE):
    """Heated evenly, held at zero on its edge and at one on the rim of a hole."""

    outer, hole = sciml.Box([0, 0], [2, 1], names=("x", "y")), sciml.Disk([0.7, 0.5], 0.25)
    domain = outer - hole
    conditions = (sciml.Dirichlet(0.0, on=outer), sciml.Dirichlet(1.0, on=hole))

    def residual(self, u, x):
        """``-Δu = 5``."""
        return -u.laplacian() - 5.0


class Burgers(sciml.PDE):
    """A sine that steepens."""

    domain = sciml.TimeInterval(0, 1) * sciml.Interval(-1, 1)
    conditions = (sciml.Dirichlet(0.0), sciml.Initial(lambda x: -torch.sin(math.pi * x[:, 1:])))
    nu = 0.05

    def residual(self, u, x):
        """``u_t + u u_x = ν u_xx``."""
        return u.d("t") + u * u.d("x") - self.nu * u.d("x", "x")


def hole() -> Figure:
    """The plate."""
    solution = sciml.solve(Plate(), max_time=20, tol=1e-4, progress=False)
    x, y = np.meshgrid(np.linspace(0, 2, 241), np.linspace(0, 1, 121))
    outside = (x - 0.7) ** 2 + (y - 0.5) ** 2 < 0.25**2
    # any point of the plate stands for those of the hole, which are not drawn
    values = solution(np.where(outside, 1.5, x), np.where(outside, 0.5, y))
    figure, axis = small("a plate with a hole")
    shown = axis.pcolormesh(x, y, np.ma.masked_array(values.reshape(x.shape), outside), cmap="inferno")
    axis.add_patch(Circle((0.7, 0.5), 0.25, facecolor="lightgrey", edgecolor="black", linewidth=0.8))
    axis.set(aspect="equal", xlabel="x", ylabel="y")
    figure.colorbar(shown, ax=axis, shrink=0.55, label="temperature")
    return figure


def evolution() -> Figure:
    """Burgers' equation at four times."""
    solution = sciml.solve(pdes.Burgers(), max_time=60, progress=False)
    t, x = np.meshgrid(np.linspace(0, 1, 161), np.linspace(-1, 1, 241))
    figure, axis = small("an evolution: Burgers' shock")
    shown = axis.pcolormesh(t, x, solution(t, x).reshape(t.shape), cmap="RdBu_r", vmin=-1, vmax=1)
    axis.set(xlabel="t", ylabel="x")
    figure.colorbar(shown, ax=axis, label="u")
    return figure


def system() -> Figure:
    """The flow behind a grid: streamlines over the pressure."""
    solution = sciml.solve(pdes.Kovasznay(), progress=False)
    x, y = np.meshgrid(np.linspace(-0.5, 1, 121), np.linspace(-0.5, 1.5, 161))
    u, v, p = np.moveaxis(solution(x, y).reshape(*x.shape, 3), -1, 0)
    figure, axis = small("a system: flow behind a grid")
    most = np.abs(p).max()
    shown = axis.pcolormesh(x, y, p, cmap="RdBu_r", vmin=-most, vmax=most)
    axis.streamplot(x, y, u, v, color="black", linewidth=0.6, arrowsize=0.6, density=0.8)
    axis.set(aspect="equal", xlabel="x", ylabel="y", xlim=(-0.5, 1), ylim=(-0.5, 1.5))
    figure.colorbar(shown, ax=axis, label="pressure")
    return figure


def inverse() -> Figure:
    """A rod's loss of heat from twenty measurements."""
    rng = np.random.default_rng(3)
    places = np.sort(rng.uniform(0.05, 0.95, 20))
    measured = 1.5 * np.sinh(2 * (1 - places)) / np.sinh(2) + 0.05 * rng.normal(size=20)

    class Rod(sciml.PDE):
        domain = sciml.Interval(0, 1)
        loss = sciml.Unknown(1.0, positive=True)
        conditions = (
            sciml.Dirichlet(1.5, on="x=0"),
            sciml.Dirichlet(0.0, on="x=1"),
            sciml.Data(places[:, None], measured, noise=0.05),
        )

        def residual(self, u, x):
            return -u.laplacian() + self.loss * u

    solution = sciml.solve(Rod(), progress=False)
    found = solution.unknown["loss"]
    x = np.linspace(0, 1, 101)
    low, high = solution.interval(x)
    figure, axis = small(f"loss of heat: {found.low:.1f} to {found.high:.1f}, made at 4")
    axis.fill_between(x, low.ravel(), high.ravel(), alpha=0.35, label="95 %")
    axis.plot(x, solution(x).ravel(), label="found")
    axis.plot(places, measured, "k.", label="measured")
    axis.set(xlabel="x", ylabel="temperature")
    axis.legend(frameon=False)
    return figure


def race() -> Figure:
    """One problem, network, start and set of points; six optimisers."""
    figure = Figure(figsize=(6.4, 3.0), layout="constrained")
    axis: Axes = figure.subplots()
    for name in ("gn-arc", "gn-arcm", "lm", "ssbroyden", "lbfgs", "adam"):
        solve_by(name, 1.0)  # a method's first step imports what it needs
        seconds, errors = solve_by(name, 4.0)
        axis.semilogy(seconds, errors, label=name)
    axis.set(
        xlabel="CPU-seconds of one core", ylabel="relative L2 error", title="Poisson 2-D, 501 parameters"
    )
    axis.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    axis.grid(alpha=0.3)
    return figure


def solve_by(optimizer: str, limit: float) -> tuple[list[float], list[float]]:
    """CPU-seconds and errors at every look, for so many CPU-seconds."""
    began, seconds, errors = time.process_time(), [], []

    def watch(event) -> bool:
        seconds.append(time.process_time() - began)
        errors.append(event.error)
        return seconds[-1] > limit

    model = nn.MLP([2, 20, 20, 1], "sine", seed=1)
    sciml.solve(
        pdes.Poisson(2), model, optimizer=optimizer, tol=0.0, max_time=1e3, callbacks=[watch], progress=False
    )
    return seconds, errors


def small(title: str) -> tuple[Figure, Axes]:
    """An empty picture of the row in README.md."""
    figure = Figure(figsize=SMALL, layout="constrained")
    axis = figure.subplots()
    axis.set_title(title, fontsize=9)
    return figure, axis


def poisson() -> Figure:
    """What ``plot()`` draws."""
    return sciml.solve(pdes.Poisson(dim=2), progress=False).plot()


def burgers() -> Figure:
    """The first equation of one's own."""
    solution = sciml.solve(Burgers(), max_time=30, tol=1e-4, progress=False)
    figure = solution.plot("solution", times=[0, 0.25, 0.5, 1])
    figure.set_size_inches(5.5, 3.6)
    return figure


def plate() -> Figure:
    """The plate as ``plot()`` draws it."""
    return sciml.solve(Plate(), max_time=30, tol=1e-3, progress=False).plot()


def profiles() -> Figure:
    """Two of the panels of docs/howto/plotting.md, in axes of one's own."""
    solution = sciml.solve(pdes.Burgers(nu=0.05), max_time=20, progress=False)
    figure = Figure(figsize=(8, 2.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    solution.plot(ax=left, cmap="PuOr")
    solution.plot("history", ax=right)
    return figure


def estimate() -> Figure:
    """A map of the estimated error."""
    return sciml.solve(pdes.Poisson(dim=2), max_steps=6, progress=False).plot("estimate")


def streamlines() -> Figure:
    """A flow, by its streamlines."""
    return sciml.solve(pdes.Kovasznay(), progress=False).plot("streamlines")


class Bumps(sciml.PDE):
    """A solution that is ``exp(sin(pi x) + y²)``, with conditions as penalties."""

    domain = sciml.Box([-1, -1], [1, 1])
    conditions = (sciml.Dirichlet(lambda x: Bumps.answer(x), hard=False),)

    @staticmethod
    def answer(x: torch.Tensor) -> torch.Tensor:
        """``exp(sin(pi x) + y²)``."""
        return torch.exp(torch.sin(math.pi * x[:, :1]) + x[:, 1:] ** 2)

    def residual(self, u, x):
        """``Δu`` less that of the answer."""
        s, c, y = torch.sin(math.pi * x[:, :1]), torch.cos(math.pi * x[:, :1]), x[:, 1:]
        return u.laplacian() - self.answer(x) * (math.pi**2 * (c**2 - s) + 4 * y**2 + 2)


def edges() -> Figure:
    """The edges of a KAN."""
    kan = nn.KAN([2, 2, 1], grid=4, degree=5, base=False)
    solution = sciml.solve(Bumps(), kan, max_steps=200, max_time=1e3, progress=False)
    return solution.network.plot(inputs=["x", "y"], outputs=["u"])


PICTURES: dict[str, Callable[[], Figure]] = {
    f.__name__: f
    for f in (
        *(hole, evolution, system, inverse, race, poisson, burgers, plate),
        *(profiles, estimate, streamlines, edges),
    )
}

if __name__ == "__main__":
    torch.set_num_threads(1)
    for name in sys.argv[1:] or PICTURES:
        PICTURES[name]().savefig(IMAGES / f"{name}.png", dpi=72 if name in ("poisson", "plate") else 110)
        print(name, flush=True)
