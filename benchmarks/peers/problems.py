"""The problems that every library solves, with answers that none of them has made."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

import sciml
from benchmarks.peers import l_shape
from benchmarks.rows.corners import LShape
from sciml import pdes
from sciml.solvers.comparison import comparison

TEST_POINTS = 4000
GUESS, TRUTH = 1.0, pdes.InverseHeat.truth  # of the diffusivity


@dataclass(frozen=True)
class Problem:
    """One problem.

    Attributes:
        statement: Makes it, as sciml states it; the others state the same in their own words.
        answer: Makes points ``(n, d)`` and values ``(n, 1)``; None where the error is that of a coefficient.
        reference: Where the answer comes from, in words.
    """

    statement: Callable[[], sciml.PDE]
    answer: Callable[[], tuple[np.ndarray, np.ndarray]] | None
    reference: str


def unknown_heat() -> pdes.InverseHeat:
    """The heat equation with 50 exact measurements and the diffusivity open."""
    return pdes.InverseHeat(diffusivity=sciml.Unknown(GUESS), noise=0.0)


def measurements() -> tuple[np.ndarray, np.ndarray]:
    """Their places ``(50, 2)``, t first, and values ``(50, 1)``."""
    known = pdes.InverseHeat()
    x = known.domain.sample(known.count, seed=1)
    return x.numpy(), known.exact(x).numpy()


def burgers_start(x: np.ndarray) -> np.ndarray:
    """``-sin πx``."""
    return -np.sin(math.pi * x)


def allen_cahn_start(x: np.ndarray) -> np.ndarray:
    """``x² cos πx``."""
    return x**2 * np.cos(math.pi * x)


def heat_start(x: np.ndarray) -> np.ndarray:
    """``sin πx``."""
    return np.sin(math.pi * x)


def _known(statement: Callable[[], sciml.PDE]) -> Callable[[], tuple[np.ndarray, np.ndarray]]:
    def answer() -> tuple[np.ndarray, np.ndarray]:
        x, values = comparison(statement())
        return x.numpy(), values.numpy()

    return answer


def _on_l_shape() -> tuple[np.ndarray, np.ndarray]:
    x = LShape.domain.sample(TEST_POINTS, seed=987_654).to(torch.float64).numpy()
    return x, l_shape.solution(x)


PROBLEMS = {
    "poisson": Problem(pdes.Poisson, _known(pdes.Poisson), "closed form"),
    "burgers": Problem(pdes.Burgers, _known(pdes.Burgers), "Cole-Hopf quadrature"),
    "allen-cahn": Problem(pdes.AllenCahn, _known(pdes.AllenCahn), "cosine-Galerkin series"),
    "l-shape": Problem(LShape, _on_l_shape, "corner functions fitted to the boundary"),
    "inverse heat": Problem(unknown_heat, None, f"the diffusivity {TRUTH} of the measurements"),
}
