"""When a run draws new points, and when it takes more of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sciml.solvers.terms.measured import keeps_weights

if TYPE_CHECKING:
    from sciml.solvers.training.loop import Run

EVERY = 20  # accepted steps between redraws of second-order methods
FIRST_ORDER_EVERY = 200
OVERFIT = 4.0  # held-out loss over training loss from which more points are asked for
GAP = 1.25  # the same where the held-out loss has stopped to fall
MORE = 1.5  # times as many
PRIME = 7919  # apart lie the seeds of two draws


def consider_points(run: Run, held: float, loss: float) -> None:
    """Draw more points where the run fits those that it has and not what lies between, and new ones after a while.

    Args:
        run: Between two steps.
        held, loss: On points that training never sees, and on those that it sees.
    """
    count, second = run.system.points.count, run.method.second_order
    # what no longer falls between the points, and does on them, tells as much as a wide gap
    gap = GAP if run.counters.quiet_looks else OVERFIT
    overfit = held > gap * max(loss, 1e-300)
    if overfit and count < run.max_points:
        run.system.points.resize(min(run.max_points, int(MORE * count) + 1))
        redraw(run)
    elif run.counters.since_redraw >= (EVERY if second else FIRST_ORDER_EVERY) and (
        overfit
        or count >= run.max_points
        or not second
        or run.system.points.measured  # weights that were found at a wrong coefficient
    ):
        redraw(run)


def redraw(run: Run) -> None:
    """New points, more of them where the residual is large, and new weights of the conditions."""
    run.count(draws=run.counters.draws + 1, since_redraw=0)
    points = run.system.points
    run.system.load(run.theta)
    draw = points.redraw_adaptively if run.adaptive else points.redraw
    draw(run.seed + PRIME * run.counters.draws)
    if len(points.weights) > 1 and run.method.second_order:
        before = dict(points.weights)
        run.system.balance(run.theta)
        if points.measured and keeps_weights(before, points.weights, run.counters.draws):
            points.weights = before
        else:
            run.share_weights()
            run.count(best=math.inf, mark=math.inf)  # losses under other weights do not compare
    assert run.iteration is not None
    run.iteration.refresh()
