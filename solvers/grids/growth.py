"""When grids grow, and by how much: whenever a solve slows down, up to a number of numbers.

A coarse grid is trained in fewer steps than a fine one, and a knot is of use only where the solution needs it. So knots
come one after the other while training goes on; the function, and with it everything that was reached, stays.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import torch

from sciml.nn import KAN
from sciml.solvers.grids.places import follow

if TYPE_CHECKING:
    from sciml.solvers.training.loop import Run
    from sciml.solvers.training.residual_system import ResidualSystem

LOOKS = 4  # looks in which the held-out loss has to fall
FALL = 0.5  # to this share of itself; else knots are added
SHARE = 0.25  # of its cells by which a grid grows
TIMES = 2.0  # as many numbers as at first, at most, unless a number is given
POINTS = 12  # for each number: uneven splines fit what lies between fewer points wrongly
IN_VAIN = 3  # additions in a row that brought no such fall, after which no more are made
POOL_SEED = 15_485_863  # added to the seed of the points on which the residual is looked at


class Growth:
    """The growth of one network's grids.

    Args:
        network: At its start.
        most: Numbers that it may have; None for ``TIMES`` those of its start.
        points: Interior points that a run may grow to at most; 0 where their number is fixed.

    Attributes:
        most: Numbers that it may have.
        sizes: Numbers before each addition.
    """

    def __init__(self, network: KAN, most: int | None = None, points: int = 0):
        self._most_points = points
        size = sum(p.numel() for p in network.parameters())
        self.most = int(TIMES * size) if most is None else most
        self.sizes: list[int] = []
        self._ended = False
        self._look = 0  # the last at which knots were added
        self._losses: list[float] = []  # the lowest before each addition

    def points(self, size: int) -> int:
        """Interior points that a run with ``size`` numbers may grow to."""
        return min(POINTS * size, self._most_points)

    def due(self, held: Sequence[float]) -> bool:
        """Whether the held-out losses ``held``, one a look, have not fallen enough lately."""
        lately = held[self._look :]
        if len(lately) <= LOOKS:
            return False
        return min(lately[-LOOKS:]) > FALL * min(lately[:-LOOKS])

    def grow(self, run: Run) -> bool:
        """Give the best state of a run more numbers, as the same function; False where none are to be added.

        Args:
            run: Between two steps, of a system that trains its own network.
        """
        if run.iteration is None or self._ended:
            return False
        system = cast("ResidualSystem", run.system)
        system.load(run.result)
        if not self.enlarge(system, run.held(), run.seed):
            system.load(run.theta)
            return False
        theta = system.theta
        run.best_theta = theta.clone()
        run.told.forget()
        run.max_points = max(run.max_points, self.points(theta.numel()))
        run.count(quiet_looks=0, rescued=False)
        run.iteration.enlarge(theta)
        return True

    def enlarge(self, system: ResidualSystem, held: Sequence[float], seed: int) -> bool:
        """Add knots to a system's network, which stays the same function; False where no more are to be added.

        Args:
            system: With the network in the state to go on from.
            held: Held-out losses so far.
            seed: Of the points.
        """
        network = system.trial.network
        assert isinstance(network, KAN)
        best = min(held, default=math.inf)
        vain = [best > FALL * loss for loss in self._losses[-IN_VAIN:]]
        size = sum(p.numel() for p in network.parameters())
        ended = size >= self.most or (len(vain) == IN_VAIN and all(vain))
        larger = None if ended else self._larger(system, network, seed)
        if larger is None or sum(p.numel() for p in larger.parameters()) > self.most:
            self._ended = True
            return False
        self._losses.append(best)
        self.sizes.append(size)
        self._look = len(held)
        system.trial.network = larger
        system.take_parameters()
        return True

    @torch.no_grad()
    def _larger(self, system: ResidualSystem, network: KAN, seed: int) -> KAN | None:
        """The same network on larger grids; None where the residual is not finite."""
        pool = system.elsewhere(system.points.count, 1, seed + POOL_SEED).points
        term = pool.terms[0]
        squares = sum(
            (
                pool.weights[name] * part.double().cpu().square().sum(1)
                for name, part in pool.evaluate(term).items()
            ),
            start=torch.zeros(len(term.x), dtype=torch.float64),
        )
        if not bool(torch.isfinite(squares).all()):
            return None
        larger = copy.deepcopy(network)
        follow(larger, system.trial.inputs_at(term.x), squares, SHARE)
        return larger

    def note(self, size: int) -> str:
        """What a user should know."""
        return (
            f"knots were added where the residual is large, {len(self.sizes)} times: {self.sizes[0]} numbers became "
            f"{size} (knots=False: never)."
        )
