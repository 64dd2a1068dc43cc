"""Problems in a user's words, solved by default: error, estimate, outcome and CPU seconds.

    python -m benchmarks.words --json [--only layer,call] [--max-time 60]

Nobody has tuned a network, points or weights for them.
"""

from __future__ import annotations

import argparse
import math
import time
from typing import Any

import torch

import sciml
from benchmarks._common import machine, one_thread, show
from sciml import pdes


class Layer(sciml.PDE):
    """``-0.003 u'' + u' = 1``, zero at both ends."""

    domain = sciml.Interval(0, 1)
    conditions = (sciml.Dirichlet(0.0),)

    def residual(self, u: Any, x: torch.Tensor) -> Any:
        """The equation."""
        return -0.003 * u.d("x", "x") + u.d("x") - 1

    def exact(self, x: torch.Tensor) -> torch.Tensor:
        """A straight line with a layer at the right end."""
        return x - (torch.exp((x - 1) / 0.003) - math.exp(-1 / 0.003)) / (1 - math.exp(-1 / 0.003))


class Front(sciml.PDE):
    """Advection of a step."""

    domain = sciml.TimeInterval(0, 0.5) * sciml.Interval(0, 2)
    conditions = (
        sciml.Dirichlet(1.0, on="x=0"),
        sciml.Initial(lambda x: (x[:, 1:] < 0.5).to(x)),
    )

    def residual(self, u: Any, x: torch.Tensor) -> Any:
        """The equation."""
        return u.d("t") + u.d("x")

    def exact(self, x: torch.Tensor) -> torch.Tensor:
        """The step, moved."""
        return (x[:, 1:] - x[:, :1] < 0.5).to(x)


class Call(sciml.PDE):
    """Black-Scholes call, volatility 0.3, rate 0.05, strike 1; time runs backwards from the expiry."""

    domain = sciml.TimeInterval(0, 1) * sciml.Interval(0, 3)
    conditions = (
        sciml.Initial(lambda x: torch.relu(x[:, 1:] - 1)),
        sciml.Dirichlet(0.0, on="x=0"),
        sciml.Dirichlet(lambda x: 3 - torch.exp(-0.05 * x[:, :1]), on="x=3"),
    )

    def residual(self, u: Any, x: torch.Tensor) -> Any:
        """The equation."""
        S = x[:, 1:]
        return u.d("t") - 0.045 * S**2 * u.d("x", "x") - 0.05 * S * u.d("x") + 0.05 * u.value

    def exact(self, x: torch.Tensor) -> torch.Tensor:
        """The formula of Black and Scholes."""
        t, S = x[:, :1].clamp(min=1e-12), x[:, 1:].clamp(min=1e-300)
        width = 0.3 * t.sqrt()
        d = (torch.log(S) + 0.095 * t) / width
        return S * torch.special.ndtr(d) - torch.exp(-0.05 * t) * torch.special.ndtr(d - width)


class Many(sciml.PDE):
    """Poisson's equation in 100 dimensions."""

    domain = sciml.Box([0.0] * 100, [1.0] * 100)

    @property
    def conditions(self) -> Any:
        """The solution on all sides."""
        return (sciml.Dirichlet(self.exact),)

    def residual(self, u: Any, x: torch.Tensor) -> Any:
        """The equation."""
        return -u.laplacian() + 2.0 - 0.09 * torch.sin(3 * x.mean(1, keepdim=True))

    def exact(self, x: torch.Tensor) -> torch.Tensor:
        """A paraboloid and a wave along the diagonal."""
        return (x**2).mean(1, keepdim=True) + torch.sin(3 * x.mean(1, keepdim=True))


# name: how to make it, and the relative L2 error before there were estimates and other attempts
PROBLEMS: dict[str, tuple[Any, float | None]] = {
    "layer": (Layer, 0.97),
    "front": (Front, 0.67),
    "call": (Call, 0.031),
    "burgers-1e-4": (lambda: pdes.Burgers(nu=1e-4), 0.32),
    "poisson-100": (Many, None),
}


def main() -> None:
    """Solve each by default: a record a problem."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="JSON lines")
    parser.add_argument("--only", default="", help="problems, with commas between them; all unless given")
    parser.add_argument("--max-time", type=float, default=60.0, help="seconds for each")
    options = parser.parse_args()
    one_thread()
    show(machine(), options.json)
    for name in options.only.split(",") if options.only else PROBLEMS:
        make, before = PROBLEMS[name]
        start = time.process_time()
        solution = sciml.solve(make(), max_time=options.max_time, progress=False)
        record = {
            "record": "problem",
            "problem": name,
            "error": solution.error(),
            "before": before,
            "estimate": solution.stats.error_estimate,
            "outcome": solution.outcome,
            "attempts": solution.stats.attempts,
            "cpu_s": round(time.process_time() - start, 1),
        }
        show(record, options.json)


if __name__ == "__main__":
    main()
