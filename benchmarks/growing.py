"""Estimated against true errors where an evolution grows, or where there are several solutions.

    python -m benchmarks.growing --json [--only bistable] [--seconds 40] [--accuracy 1e-3]

Each problem is solved as a user would, and its error is measured against a reference of its own: the method of lines on a
fine grid, integrated by SciPy to 1e-10, or a closed form. ``said`` is the outcome, ``told`` the estimated error, and
``met`` whether it is unknown, above a tenth of the error, or the error is below 1e-4 of the solution.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy.integrate import solve_ivp
from torch import Tensor

import sciml
from benchmarks._common import machine, one_thread, show
from sciml import pdes
from sciml.conditions import Initial, Periodic
from sciml.domains import Interval, TimeInterval

TIMES = 81


class Evolution(sciml.PDE):
    """``u_t = right(u)`` with periodic sides.

    Args:
        end, half: The last time; half the period.
        start: ``x (n, 1)`` to ``(n, 1)``, of NumPy or torch.
        right: ``(u, x-derivatives by order, t, x)`` to the right-hand side, in either.
        orders: The derivatives that it asks for.
        grid: Points of the reference.
    """

    def __init__(
        self,
        end: float,
        half: float,
        start: Callable,
        right: Callable,
        orders: tuple[int, ...] = (2,),
        grid: int = 128,
    ):
        self.end, self.half, self.start, self.right = end, half, start, right
        self.orders, self.grid = orders, grid
        self.domain = TimeInterval(0.0, end) * Interval(-half, half)
        self.conditions = [Periodic("x"), Initial(lambda x: start(x[:, 1:], torch))]

    def residual(self, u: Any, x: Tensor) -> Tensor:
        """``u_t - right(u)``."""
        along = {k: u.d(*["x"] * k) for k in self.orders}
        return u.d("t") - self.right(u.value, along, x[:, :1], x[:, 1:], torch)

    def reference(self) -> sciml.problem.Reference:
        """The method of lines with a Fourier series in x."""
        y = -self.half + 2 * self.half * np.arange(self.grid) / self.grid
        waves = 2j * np.pi * np.fft.rfftfreq(self.grid, d=2 * self.half / self.grid)
        # an odd derivative of the shortest wave has no value on the grid
        short = np.where(np.arange(len(waves)) == self.grid // 2, 0.0, 1.0)

        def rate(t: float, v: np.ndarray) -> np.ndarray:
            f = np.fft.rfft(v)
            along = {
                k: np.fft.irfft(waves**k * (short if k % 2 else 1.0) * f, self.grid) for k in self.orders
            }
            return self.right(v, along, t, y, np)

        times = np.linspace(0.0, self.end, TIMES)
        found = solve_ivp(
            rate, (0.0, self.end), self.start(y, np), "BDF", t_eval=times, rtol=1e-9, atol=1e-11
        )
        points = torch.cartesian_prod(torch.from_numpy(times), torch.from_numpy(y))
        return sciml.problem.Reference(
            points, torch.from_numpy(found.y.T.reshape(-1, 1).copy()), 1e-7, "method of lines"
        )


class Dispersion(Evolution):
    """``u_t + u_xxx = 0``, each wave of which goes its own way."""

    def reference(self) -> sciml.problem.Reference:
        """Wave by wave."""
        y = -self.half + 2 * self.half * np.arange(self.grid) / self.grid
        waves = 2 * np.pi * np.fft.rfftfreq(self.grid, d=2 * self.half / self.grid)
        first, times = np.fft.rfft(self.start(y, np)), np.linspace(0.0, self.end, TIMES)
        found = np.stack([np.fft.irfft(first * np.exp(1j * waves**3 * t), self.grid) for t in times])
        points = torch.cartesian_prod(torch.from_numpy(times), torch.from_numpy(y))
        return sciml.problem.Reference(
            points, torch.from_numpy(found).reshape(-1, 1), 1e-10, "Fourier series"
        )


def _bistable(u: Any, d: Any, t: Any, x: Any, m: Any) -> Any:
    return 1e-3 * d[2] + u * (1 - u) * (u - 0.3)


def _several(u: Any, d: Any, t: Any, x: Any, m: Any) -> Any:
    return 1e-3 * d[2] + 3 * (u - u**3)


def _swift_hohenberg(u: Any, d: Any, t: Any, x: Any, m: Any) -> Any:
    return 0.3 * u - u - 2 * d[2] - d[4] - u**3


def _kuramoto(u: Any, d: Any, t: Any, x: Any, m: Any) -> Any:
    return -u * d[1] - d[2] - d[4]


def _burgers(u: Any, d: Any, t: Any, x: Any, m: Any) -> Any:
    return -u * d[1] + 4e-3 * d[2]


def _linear_kdv(u: Any, d: Any, t: Any, x: Any, m: Any) -> Any:
    return -d[3]


def _driven(u: Any, d: Any, t: Any, x: Any, m: Any) -> Any:
    return 0.05 * d[2] + m.cos(np.pi * x) * m.sin(2 * np.pi * t)


def _growing(u: Any, d: Any, t: Any, x: Any, m: Any) -> Any:
    return 0.1 * d[2] + 2.0 * u


def _pulse(x: Any, m: Any) -> Any:
    return 0.62 * m.exp(-8 * x**2)


def _small(x: Any, m: Any) -> Any:
    return 1e-3 * m.cos(np.pi * x) + 3e-4


def _waves(x: Any, m: Any) -> Any:
    return 0.02 * m.cos(x) + 0.02 * m.cos(x / 2)


def _first_waves(x: Any, m: Any) -> Any:
    return 0.1 * m.cos(np.pi * x / 11) + 0.1 * m.sin(2 * np.pi * x / 11)


def _sine(x: Any, m: Any) -> Any:
    return -m.sin(np.pi * x)


def _bump(x: Any, m: Any) -> Any:
    return m.exp(m.cos(np.pi * x))


def _cosine(x: Any, m: Any) -> Any:
    return m.cos(np.pi * x)


CASES: dict[str, Callable[[], sciml.PDE]] = {
    "bistable, near its threshold": lambda: Evolution(60.0, 1.0, _pulse, _bistable),
    "several steady states, from near the unstable one": lambda: Evolution(6.0, 1.0, _small, _several),
    "Swift-Hohenberg, from small waves": lambda: Evolution(20.0, 4 * np.pi, _waves, _swift_hohenberg, (2, 4)),
    "Kuramoto-Sivashinsky, past its first growth": lambda: Evolution(
        40.0, 11.0, _first_waves, _kuramoto, (1, 2, 4), 64
    ),
    "Burgers, long after a thin shock": lambda: Evolution(1.5, 1.0, _sine, _burgers, (1, 2), 512),
    "linear dispersion": lambda: Dispersion(0.2, 1.0, _bump, _linear_kdv, (3,)),
    "a source periodic in time": lambda: Evolution(4.0, 1.0, _cosine, _driven),
    "linear growth": lambda: Evolution(5.0, 1.0, _bump, _growing),
    "Gray-Scott, a pulse on the edge of splitting": lambda: pdes.GrayScott(0.06, 0.062),
}


def measure(name: str, seconds: float, accuracy: float | None, windows: Any, seed: int) -> dict[str, Any]:
    """One solve: what it says, and what is so."""
    began = time.process_time()
    found = sciml.solve(
        CASES[name](), max_time=seconds, accuracy=accuracy, windows=windows, seed=seed, progress=False
    )
    used = time.process_time() - began
    error, told = found.error(), found.stats.error_estimate
    return {
        "case": name,
        "said": found.outcome,
        "error": error,
        "told": told,
        "drop": found.stats.error_drop,
        "met": told is None or told > 0.1 * error or error < 1e-4,
        "cpu_s": round(used, 1),
        "notes": found.stats.notes,
        "attempts": found.stats.attempts or [],
    }


def main() -> None:
    """A record a problem."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="JSON lines")
    parser.add_argument("--only", default="", help="words of the names, with commas between them")
    parser.add_argument("--seconds", type=float, default=40.0, help="wall time of each solve")
    parser.add_argument("--accuracy", type=float, default=None)
    parser.add_argument("--at-once", action="store_true", help="never in windows of time")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    one_thread()
    show(machine(), options.json)
    for name in CASES:
        if not options.only or any(word in name for word in options.only.split(",")):
            windows = False if options.at_once else None
            found = measure(name, options.seconds, options.accuracy, windows, options.seed)
            show({"record": "growing", **found}, options.json)


if __name__ == "__main__":
    main()
