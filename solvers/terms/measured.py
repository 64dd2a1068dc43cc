"""What measurements count: by their noise, and against the equations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from sciml.conditions import Data
from sciml.solvers.terms.term import Term

SAME_WEIGHT = 2.0  # factor within which a fit keeps its weights
STIFF = 0.03  # of the NTK's balance, in the units of the residual: what measurements count where their noise counts

UNMOVED = 1e-20  # of the equations' mean squared row, for an unknown of size 1: misfits that nothing changes


def noise_level(data: Data) -> float | None:
    """The standard deviation that ``sureness`` is relative to; None where it is to be estimated."""
    if data.noise is None:
        return None
    return float(data.noise.reciprocal().square().mean().rsqrt())


def sureness(data: Data) -> Tensor | None:
    """Factor on each misfit, ``(n, 1)``, with a mean square of 1: noise of one size is left; None where all have one."""
    level = noise_level(data)
    if level is None or bool((data.noise == data.noise[0]).all()):
        return None
    return level / data.noise


def measured_weights(
    terms: Sequence[Term], traces: Mapping[str, float], equation: float, unknown: bool, size: float
) -> dict[str, float]:
    """Weights of measurements that have a noise, or that are to tell an unknown coefficient; none for others.

    The equation holds exactly and measurements do not, so that a function that fits their noise must cost more than the
    noise: they count ``STIFF`` of what the NTK's balance gives them. Among each other they count by their noise.

    Args:
        terms: The equations' first.
        traces: Mean squared row of J for each part at a weight of 1.
        equation: The same of the equations, at their weights.
        unknown: Whether the problem has unknown coefficients.
        size: Of the unknowns.
    """
    weights: dict[str, float] = {}
    known: dict[str, tuple[float, int]] = {}
    for term in terms:
        if term.data is None:
            continue
        level = noise_level(term.data)
        if level is None and not unknown:
            continue
        for name in term.parts:
            if (
                traces[name] <= UNMOVED * size**2 * equation
            ):  # all of them lie where a condition holds exactly
                weights[name] = 1.0
                continue
            weights[name] = STIFF**2 * equation / max(traces[name], 1e-300)
            if level is not None:
                known[name] = (level, len(term.x))
    if len(known) > 1:
        # rows of 1/noise each, with the same sum as before
        sums = sum(n * traces[name] / level**2 for name, (level, n) in known.items())
        for name, (level, n) in known.items():
            weights[name] = len(known) * STIFF**2 * equation * (n / level**2) / max(sums, 1e-300)
    return {name: weight * _own(terms, name) for name, weight in weights.items()}


def _own(terms: Sequence[Term], name: str) -> float:
    """The weight that the measurements were given."""
    data = next(term.data for term in terms if name in term.parts)
    return 1.0 if data is None else data.weight


def keeps_weights(before: Mapping[str, float], new: Mapping[str, float], draws: int) -> bool:
    """Whether a fit to measurements goes on with its weights: losses have to compare, since it ends at the noise.

    Weights that were found at a first guess are replaced. Later on a larger one tells that the network has grown rough, and
    to follow it would let it follow the noise.

    Args:
        before, new: Weights of the parts by name.
        draws: How often points were drawn anew.
    """
    ratios = [new[name] / before[name] for name in before]
    if draws > 1 and max(ratios) > 1.0:
        return True
    return all(1 / SAME_WEIGHT < ratio < SAME_WEIGHT for ratio in ratios)
