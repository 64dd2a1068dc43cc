"""What can be done with every answer: draw it, integrate it, write it, look into it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sciml.ansatz.march import Chain
from sciml.conservation.fluxes import Fluxes, fluxes
from sciml.conservation.velocity import velocity_of
from sciml.errors import ArgumentError
from sciml.solvers.answer import Answer
from sciml.solvers.exports.dataset import to_xarray
from sciml.solvers.exports.program import export
from sciml.solvers.exports.table import to_csv
from sciml.solvers.exports.vtk import to_vtk
from sciml.solvers.files import solution_file
from sciml.solvers.quantities.integrals import Integral, flux, integrate
from sciml.solvers.tangent.kernel import ProblemKernel, kernel_of
from sciml.solvers.training.settings import Settings

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure


class Verbs(Answer):
    """What every solution can do besides answering."""

    def plot(self, kind: str | None = None, **options: Any) -> Figure:
        """Solution, reference, error and history as a Matplotlib figure; see ``sciml.solvers.plots.plotting.plot``."""
        from sciml.solvers.plots.plotting import plot  # Matplotlib takes as long as all the rest

        return plot(self, kind, **options)

    def animate(self, path: Any, kind: str = "solution", **options: Any) -> Path:
        """Write an evolution as a moving picture (.gif, .html, .mp4); see ``sciml.solvers.plots.animation.animate``."""
        from sciml.solvers.plots.animation import animate

        return animate(self, path, kind, **options)

    def integrate(self, f: Any = None, **options: Any) -> Integral:
        """The integral over the domain, a side or a moment; see ``sciml.solvers.quantities.integrals.integrate``."""
        return integrate(self, f, **options)

    def flux(self, on: Any = None, coefficient: Any = 1.0, **options: Any) -> Integral:
        """What passes outwards through a side; see ``sciml.solvers.quantities.integrals.flux``."""
        return flux(self, on, coefficient, **options)

    def to_xarray(self, grid: Any = None) -> xarray.Dataset:
        """Values on a grid with named coordinates; see ``sciml.solvers.exports.dataset.to_xarray``."""
        return to_xarray(self, grid)

    def to_vtk(self, path: Any, grid: Any = None, **options: Any) -> Path:
        """Write a mesh with values for ParaView (.vtu, .vtk, .pvd); see ``sciml.solvers.exports.vtk.to_vtk``."""
        return to_vtk(self, path, grid, **options)

    def to_csv(self, path: Any, points: Any = None) -> Path:
        """Write points and values as comma-separated values; see ``sciml.solvers.exports.table.to_csv``."""
        return to_csv(self, path, points)

    def export(self, path: Any) -> Path:
        """Write a program that runs without sciml (.pt2, .onnx); see ``sciml.solvers.exports.program.export``."""
        return export(self, path)

    def save(self, path: Any) -> None:
        """Write one HDF5 file; see ``sciml.solvers.files.solution_file.save``."""
        solution_file.save(self, path)

    def fluxes(self) -> Fluxes:
        """What flows out through each part of the boundary, for an incompressible flow, and the share that is lost.

        Raises:
            ArgumentError: No equation of the problem is the divergence of some of its unknowns.
        """
        velocity = velocity_of(self.problem)
        if velocity is None:
            raise ArgumentError(
                "fluxes needs an incompressible flow, one of whose equations is the divergence of its velocity, got "
                f"{self.problem!r}."
            )
        return fluxes(self.problem.domain, velocity, self)

    def kernel(self, points: int | None = None, seed: int = 0) -> ProblemKernel:
        """The tangent kernel at the solved parameters; see ``sciml.tangent_kernel``.

        Raises:
            ArgumentError: A solution in windows of time, whose networks have a kernel each.
        """
        if isinstance(self.trial, Chain):
            raise ArgumentError("kernel needs a solution with one network, got one in windows of time.")
        trial = self.trial.like(self.problem, copy.deepcopy(self.trial.network))
        return kernel_of(Settings(self.problem, points=points, seed=seed), trial)

    def card(self) -> str:
        """What a notebook shows of it, as HTML: how the solve ended, and a small picture.

        Above them stands the equation in LaTeX, where ``from_sympy`` made it.
        """
        from sciml.solvers.plots.html import solution_table

        return solution_table(self)

    def _repr_html_(self) -> str:
        return self.card()
