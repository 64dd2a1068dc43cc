"""Laws of solutions: the critic's distance against exact ones, generators and sampled solves against exact laws.

    python -m benchmarks.laws --json [--seeds 3] [--only critic|generator|sampling] [--problem heat]

``critic``: Wasserstein-1 distance by ``nn.GroupSort`` over the exact one, beside a ReLU critic with clipped weights that is
scaled by its own largest gradient; the longest gradient of the GroupSort critic. ``generator``: a law from snapshots, with a
latent variable and without: relative L2 error of mean and standard deviation over the domain, and W1 at five points
over that of as many exact draws. ``sampling``: the same for the law from draws, with the seconds of both.

The problems are those of WGAN-PINN (Gao and Ng, arXiv 2108.13054). The heat equation's random shape is another: the
published one has a kink, and is not zero at the ends. Its law is one of Gauss with a closed form; that of the nonlinear
boundary value problem comes from 2000 solves by Chebyshev collocation.
"""

from __future__ import annotations

import argparse
import itertools
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

import sciml
from benchmarks._common import machine, one_thread, show
from sciml import nn, stats
from sciml.solvers.laws.law import Law
from sciml.stats.wasserstein import critic_distance

Record = dict[str, Any]

SAMPLES, DRAWS, SNAPSHOTS, SPREAD = 2000, 2000, 1000, 0.05


def normal(n: int, d: int, seed: int) -> Tensor:
    """Standard normal numbers ``(n, d)``."""
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class Heat(sciml.PDE):
    """``u_t = u_xx / pi^2`` from ``sin(pi x) + a shape(x)``; without ``a`` the start is left open."""

    domain = sciml.TimeInterval(0, 1) * sciml.Interval(-1, 1, name="x")

    def __init__(self, a: float | None = None):
        start = (
            ()
            if a is None
            else (sciml.Initial(lambda x: Heat.law(x, torch.tensor([[a]]).double()).reshape(-1, 1)),)
        )
        self.conditions = (sciml.Dirichlet(0.0), *start)

    def residual(self, u: Any, x: Tensor) -> Tensor:
        """Zero for a solution."""
        return math.pi**2 * u.d("t") - u.d("x", "x")

    @staticmethod
    def law(x: Tensor, a: Tensor) -> Tensor:
        """Solutions ``(n, m)`` at ``x (m, 2)`` of amplitudes ``a (n, 1)``."""
        t, y = x[:, 0], math.pi * x[:, 1]
        shape = torch.cos(y / 2) * torch.exp(-t / 4) + torch.cos(1.5 * y) * torch.exp(-2.25 * t)
        return torch.sin(y) * torch.exp(-t) + 1.4 * SPREAD * a * shape


class TwoSided(Heat):
    """The same with ``a`` about 1 or about -1, which is no law of Gauss."""

    @staticmethod
    def numbers(a: Tensor) -> Tensor:
        """Amplitudes of standard normal numbers."""
        return 0.9 * torch.sign(a) + 0.2 * a

    @staticmethod
    def law(x: Tensor, a: Tensor) -> Tensor:
        """Solutions of standard normal numbers ``a (n, 1)``."""
        return Heat.law(x, TwoSided.numbers(a))


class Bent(sciml.PDE):
    """``u_xx - u^2 u_x = b`` with ``u = sin(pi x)`` for ``b``, and ``u = 0.05 a`` at the ends."""

    domain = sciml.Interval(-1, 1)

    def __init__(self, left: float | None = None, right: float | None = None):
        ends = {"x=-1": left, "x=1": right}
        self.conditions = tuple(sciml.Dirichlet(SPREAD * v, on=k) for k, v in ends.items() if v is not None)

    def residual(self, u: Any, x: Tensor) -> Tensor:
        """Zero for a solution."""
        return u.d("x", "x") - u * u * u.d("x") - right_side(x)

    @staticmethod
    def law(x: Tensor, a: Tensor) -> Tensor:
        """Solutions ``(n, m)`` at ``x (m, 1)`` of ends ``0.05 a (n, 2)``, by Newton's method on 33 Chebyshev points."""
        nodes, first = chebyshev(33)
        second = first @ first
        u = torch.sin(math.pi * nodes) + SPREAD * (a[:, :1] * (1 - nodes) + a[:, 1:] * (1 + nodes)) / 2
        b = right_side(nodes[:, None])[:, 0]
        for _ in range(8):
            slope = u @ first.T
            rows = (u @ second.T - u * u * slope - b)[:, 1:-1]
            matrix = second - torch.diag_embed(2 * u * slope) - (u * u)[:, :, None] * first
            u[:, 1:-1] -= torch.linalg.solve(matrix[:, 1:-1, 1:-1], rows)
        return u @ interpolation(nodes, x[:, 0]).T


def right_side(x: Tensor) -> Tensor:
    """``b`` of ``Bent``."""
    s, c = torch.sin(math.pi * x), torch.cos(math.pi * x)
    return -(math.pi**2) * s - math.pi * c * s * s


def chebyshev(n: int) -> tuple[Tensor, Tensor]:
    """Points ``cos(pi k / (n-1))``, their matrix of differentiation (Trefethen 2000, Spectral Methods in MATLAB, ch. 6)."""
    k = torch.arange(n, dtype=torch.float64)
    x = torch.cos(math.pi * k / (n - 1))
    c = torch.where((k == 0) | (k == n - 1), 2.0, 1.0) * (-1.0) ** k
    off = (c[:, None] / c) / (x[:, None] - x + torch.eye(n))
    return x, off - torch.diag(off.sum(1))


def interpolation(nodes: Tensor, x: Tensor) -> Tensor:
    """Values at ``x (m,)`` from those at Chebyshev points ``(n,)``: ``(m, n)``, barycentric."""
    w = (-1.0) ** torch.arange(len(nodes), dtype=torch.float64)
    w[0], w[-1] = w[0] / 2, w[-1] / 2
    gap = x[:, None] - nodes
    gap = torch.where(gap.abs() < 1e-14, 1e-14, gap)
    return (w / gap) / (w / gap).sum(1, keepdim=True)


@dataclass(frozen=True)
class Case:
    """A problem whose data are random.

    Attributes:
        make: A draw's numbers to the problem; without any, the one whose data are left open.
        numbers: Random numbers of a draw.
        sensors: Where snapshots are taken, ``(m, d)``.
        places: The five points for W1.
        model: For the solves of the draws.
        published: Relative error of the mean in the authors' code.
    """

    make: Any
    numbers: int
    sensors: Tensor
    places: Tensor
    model: Callable[[], torch.nn.Module]
    published: float


def grid(*values: Any) -> Tensor:
    """Points of a product, ``(m, d)``."""
    return torch.cartesian_prod(*(torch.as_tensor(v, dtype=torch.float64) for v in values)).reshape(
        -1, len(values)
    )


CASES = {
    "heat": Case(
        Heat,
        1,
        grid([0.0], torch.linspace(-0.95, 0.95, 20)),
        grid([0.5], [-0.7, -0.3, 0.1, 0.4, 0.8]),
        lambda: nn.KAN([2, 6, 1], grid=8, degree=5),
        1.25e-2,
    ),
    "heat, two-sided": Case(
        TwoSided,
        1,
        grid([0.0], torch.linspace(-0.95, 0.95, 20)),
        grid([0.5], [-0.7, -0.3, 0.1, 0.4, 0.8]),
        lambda: nn.KAN([2, 6, 1], grid=8, degree=5),
        1.25e-2,
    ),
    "nonlinear bvp": Case(
        Bent, 2, grid([-1.0, 1.0]), grid([-0.9, -0.5, 0.0, 0.4, 0.8]), lambda: nn.MLP([1, 12, 1]), 1.93e-2
    ),
}  # fmt: skip


def judged(case: Case, law: Law) -> Record:
    """Errors of a law against exact draws."""
    exact = case.make.law
    x = case.make.domain.sample(400, seed=3)
    own, known = law.sample(x, 4000, seed=11), exact(x, normal(DRAWS, case.numbers, 17))
    at = case.places
    here, there = law.sample(at, 1000, seed=5), exact(at, normal(20_000, case.numbers, 23))
    others = exact(at, normal(1000, case.numbers, 29))
    away = sum(stats.wasserstein1(here[:, k], there[:, k]) for k in range(len(at)))
    noise = sum(stats.wasserstein1(others[:, k], there[:, k]) for k in range(len(at)))
    return {
        "mean": float((own.mean(0) - known.mean(0)).norm() / known.mean(0).norm()),
        "std": float((own.std(0) - known.std(0)).norm() / known.std(0).norm()),
        "w1_over_noise": away / noise,
        "notes": [note.partition(":")[0] for note in law.notes if ":" in note],
    }


def generators(name: str, seeds: int) -> Iterator[Record]:
    """Laws from snapshots; the last one has no latent variable, and the mean of its start by least squares.

    For a function without spread W1 is flat about the median, so steps against the critic would lead it away.
    """
    case = CASES[name]
    for seed in range(seeds + 1):
        latent = 2 if seed < seeds else 0
        data = normal(SNAPSHOTS, case.numbers, 100 + seed)
        known = case.make.law(case.sensors, data)
        began = time.process_time()
        law = sciml.solve_law(
            case.make(),
            snapshots=(case.sensors, known),
            latent=latent,
            steps=100 if latent else 1,
            max_time=1e6,
            seed=seed,
        )
        spent = time.process_time() - began
        yield {
            "record": "law",
            "problem": name,
            "method": "generator" if latent else "generator without z",
            "seed": seed % seeds,
            "steps": getattr(law, "steps", 0),  # a law by sampling takes none
            **judged(case, law),
            "published_mean": case.published,
            "cpu_seconds": round(spent, 1),
        }


def sampling(name: str, seeds: int) -> Iterator[Record]:
    """Laws from draws."""
    case = CASES[name]
    for seed in range(seeds):
        data = normal(1000, case.numbers, 200 + seed)
        began = time.process_time()
        law = sciml.solve_law(
            case.make,
            draws=TwoSided.numbers(data) if case.make is TwoSided else data,
            model=case.model(),
            tol=1e-3,
            max_steps=60,
            max_time=math.inf,
            seed=seed,
        )
        spent = time.process_time() - began
        yield {
            "record": "law",
            "problem": name,
            "method": "sampling",
            "seed": seed,
            **judged(case, law),
            "published_mean": case.published,
            "cpu_seconds": round(spent, 1),
        }


def critics(seeds: int) -> Iterator[Record]:
    """Two laws of Gauss on a line, and spheres about the origin: ``W1`` is known."""
    a, b = normal(4000, 1, 1), 1.0 + 0.5 * normal(4000, 1, 2)
    line = float((a.sort(0).values - b.sort(0).values).abs().mean())
    cases = {"1-d Gauss": (a, b, line)}
    for d in (2, 5):
        a = normal(1000, d, d)
        cases[f"{d}-d sphere"] = (a / a.norm(dim=1, keepdim=True), torch.zeros(1, d).double(), 1.0)
    for name, (a, b, exact) in cases.items():
        for seed in range(seeds):
            began = time.process_time()
            found, critic = critic_distance(a, b, seed=seed)
            spent = time.process_time() - began
            yield {
                "record": "critic",
                "case": name,
                "seed": seed,
                "groupsort": found / exact,
                "gradient": longest(critic, torch.cat([a, b])),
                "clipped": clipped(a, b, seed) / exact,
                "cpu_seconds": round(spent, 1),
            }


def longest(function: Callable[[Tensor], Tensor], x: Tensor) -> float:
    """The longest gradient at points and between random pairs of them."""
    rng = torch.Generator().manual_seed(0)
    pairs = torch.randint(len(x), (2, 4000), generator=rng)
    share = torch.rand(4000, 1, generator=rng, dtype=x.dtype)
    points = torch.cat([x, share * x[pairs[0]] + (1 - share) * x[pairs[1]]]).requires_grad_(True)
    return float(torch.autograd.grad(function(points).sum(), points)[0].norm(dim=1).max())


def clipped(a: Tensor, b: Tensor, seed: int) -> float:
    """Distance by a ReLU critic with weights in [-0.1, 0.1], divided by its longest gradient."""
    torch.manual_seed(seed)
    widths = [a.shape[1], 32, 32, 32, 1]
    layers: list[torch.nn.Module] = []
    for n_in, n_out in itertools.pairwise(widths):
        layers += [torch.nn.Linear(n_in, n_out, dtype=a.dtype), torch.nn.ReLU()]
    critic = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.Adam(critic.parameters(), lr=5e-3)
    rng = torch.Generator().manual_seed(seed)
    for _ in range(400):
        own, other = (s[torch.randint(len(s), (min(256, len(s)),), generator=rng)] for s in (a, b))
        gap = critic(other).mean() - critic(own).mean()
        optimizer.zero_grad()
        gap.backward()
        optimizer.step()
        with torch.no_grad():
            for p in critic.parameters():
                p.clamp_(-0.1, 0.1)
    with torch.no_grad():
        found = float(critic(a).mean() - critic(b).mean())
    return found / longest(critic, torch.cat([a, b]))


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", choices=("critic", "generator", "sampling"))
    parser.add_argument("--problem", choices=list(CASES))
    options = parser.parse_args()
    one_thread()
    show(machine(), options.json)
    if options.only in (None, "critic"):
        for record in critics(options.seeds):
            show(record, options.json)
    for part, run in (("generator", generators), ("sampling", sampling)):
        if options.only in (None, part):
            for name in CASES if options.problem is None else (options.problem,):
                for record in run(name, options.seeds):
                    show(record, options.json)


if __name__ == "__main__":
    main()
