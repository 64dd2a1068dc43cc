"""Round holes, with layers around them and without."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.rows.case import Case, table
from sciml import pdes
from sciml.ansatz import Trial
from sciml.problem import PDE
from sciml.solvers.comparison import comparison


def _known(make: Callable[[], PDE]) -> Callable[[], Callable[[Trial], float]]:
    return lambda: table(*comparison(make()))


OFF = {"corners": False}
CASES = (
    Case(
        "four discs",
        pdes.PoissonDiscs,
        _known(pdes.PoissonDiscs),
        ((1e-4, 60.0),),
        today="1.9e-2",
        without=OFF,
        reference="series of poles fitted to the boundary",
        floor=1e-13,
    ),
    Case(
        "Poisson-Boltzmann, four discs",
        pdes.PoissonBoltzmann,
        _known(pdes.PoissonBoltzmann),
        ((1e-4, 60.0),),
        without=OFF,
        reference="series of decaying waves fitted to the boundary",
        floor=1e-11,
    ),
)
