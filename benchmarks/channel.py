"""Flow through a channel, whatever stands in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

import sciml
from sciml.conditions import Condition, Dirichlet


class Channel(sciml.PDE):
    """Steady Navier-Stokes in a channel along x at whose outlet nothing pulls: ``nu u_x = p``, ``v_x = 0``.

    Attributes:
        nu: Viscosity.
        inlet, outlet, walls: Parts of the boundary.
        parabola: Velocity along x at the inlet, ``(n, d) -> (n, 1)``.
    """

    unknowns = ("u", "v", "p")
    nu: float
    inlet: str
    outlet: str
    walls: tuple[Any, ...]
    parabola: Callable[[Tensor], Tensor]

    @property
    def conditions(self) -> Any:
        """A parabola flows in; nothing slips."""
        return (
            Dirichlet(self.parabola, on=self.inlet, component="u", name="inflow:u"),
            Dirichlet(0.0, on=list(self.walls), component="u", name="walls:u"),
            Dirichlet(0.0, on=[self.inlet, *self.walls], component="v", name="v"),
            Condition(self.outlet, self.pull, name="outflow"),
        )

    def residual(self, u: Any, x: Tensor) -> Any:
        """Momentum and continuity."""
        along, across, lap, w = u.d("x"), u.d("y"), u.laplacian(), u.value
        carried = w[:, :1] * along[:, :2] + w[:, 1:2] * across[:, :2] - self.nu * lap[:, :2]
        return {
            "momentum_x": carried[:, :1] + along[:, 2:],
            "momentum_y": carried[:, 1:] + across[:, 2:],
            "continuity": along[:, :1] + across[:, 1:2],
        }

    def pull(self, u: Any, x: Tensor) -> dict[str, Tensor]:
        """What pulls across a line along y."""
        along = u.d("x")
        return {"pull": self.nu * along[:, :1] - u.value[:, 2:], "shear": along[:, 1:2]}
