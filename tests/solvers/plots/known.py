"""Problems whose solutions are plain sums, solved without training, for pictures and exports."""

from __future__ import annotations

import io

import matplotlib
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

import sciml
from sciml.ansatz import Trial
from sciml.solvers.report import Report


class Known(sciml.PDE):
    """``u = 1 + x + 10 y (+ 100 z + 1000 t)`` solves it; the network only has to stay out of the way."""

    def __init__(self, domain, unknowns=("u",), known=True):
        self.domain, self.unknowns, self._known = domain, unknowns, known
        self.conditions = ()

    def residual(self, u, x):
        return u.value - self.exact(x)

    def exact(self, x):
        scale = {"x": 1.0, "y": 10.0, "z": 100.0, "t": 1000.0}
        weights = torch.tensor([scale[n] for n in self.domain.names], dtype=x.dtype)
        value = 1 + (x @ weights)[:, None]
        return torch.cat([value * (k + 1) for k in range(len(self.unknowns))], 1)


class Unknown(Known):
    exact = sciml.PDE.exact

    def residual(self, u, x):
        return u.value - Known.exact(self, x)


def solved(problem, off: float = 0.0) -> sciml.Solution:
    """A solution whose values are exact plus ``off``, without any training."""

    class Exact(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.off = torch.nn.Parameter(torch.tensor(off, dtype=torch.float64))
            self.register_buffer("low", problem.domain.lower)
            self.register_buffer("high", problem.domain.upper)

        def forward(self, z):
            x = self.low + (z + 1) / 2 * (self.high - self.low)
            return Known.exact(problem, x) + self.off

    return sciml.solve(problem, Exact(), progress=False, points=20, max_time=0)


SQUARE = sciml.Box([0, 0], [2, 1], names=("x", "y"))
CUBE = sciml.Box([0, 0, 0], [1, 1, 1], names=("x", "y", "z"))
DOMAINS = {
    "line": sciml.Interval(0, 1),
    "time": sciml.TimeInterval(0, 1),
    "square": SQUARE,
    "hole": SQUARE - sciml.Disk([1.0, 0.5], 0.3),
    "triangle": sciml.Polygon([(0, 0), (2, 0), (0, 1)]),
    "time and line": sciml.TimeInterval(0, 1) * sciml.Interval(0, 2),
    "time and square": sciml.TimeInterval(0, 1) * SQUARE,
    "cube": CUBE,
    "time and cube": sciml.TimeInterval(0, 1) * CUBE,
}


def png(figure: Figure) -> np.ndarray:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=50)
    buffer.seek(0)
    return matplotlib.image.imread(buffer)


def images(figure: Figure) -> list[AxesImage]:
    """Maps, without the bars of colours."""
    return [image for ax in figure.axes for image in ax.get_images()]


class Turning(sciml.PDE):
    """A rigid rotation ``(-y, x)`` beside a pressure, faster in time where there is time."""

    conditions = ()

    def __init__(self, domain, unknowns=("u", "v", "p")):
        self.domain, self.unknowns = domain, unknowns

    def residual(self, u, x):
        return u.value - self.exact(x)

    def exact(self, x):
        a, b = (x[:, [k]] for k in self.domain.space_axes[:2])
        rate = 1 + x[:, :1] if self.domain.time_axis == 0 else torch.ones_like(a)
        return torch.cat([-b * rate, a * rate, a * a + b * b][: len(self.unknowns)], 1)


def exactly(problem) -> sciml.Solution:
    """A solution that is the exact one."""

    class Exact(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.nothing = torch.nn.Parameter(torch.zeros((), dtype=torch.float64))

        def forward(self, z):
            low, high = problem.domain.lower, problem.domain.upper
            return problem.exact(low + (z + 1) / 2 * (high - low)) + self.nothing

    return sciml.Solution(problem, Trial(problem, Exact()), [], Report())


CENTRED = sciml.Box([-1, -1], [1, 1])
