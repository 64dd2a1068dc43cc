"""What holds at boundaries, at interfaces and inside fluxes: diffusion, radiation, inclusions, stress, a free end."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from scipy.optimize import brentq
from torch import Tensor

import sciml
from benchmarks.rows.case import Case, closed_form, table
from sciml.ansatz import Trial
from sciml.conditions import Condition, Dirichlet, Interface
from sciml.derivatives import AutogradSource
from sciml.domains import Box, Disk, Interval

PI = math.pi
SQUARE = Box([0.0, 0.0], [1.0, 1.0])


# ---- diffusion


def _smooth_k(x: Tensor) -> Tensor:
    return 1 + 0.5 * torch.sin(3 * x[:, :1]) * torch.cos(2 * x[:, 1:])


def _sines(x: Tensor) -> Tensor:
    return torch.sin(PI * x[:, :1]) * torch.sin(PI * x[:, 1:])


def _heating(x: Tensor) -> Tensor:
    """``-div(k grad u)`` of ``_sines``, by hand."""
    a, b = x[:, :1], x[:, 1:]
    k_x, k_y = 1.5 * torch.cos(3 * a) * torch.cos(2 * b), -torch.sin(3 * a) * torch.sin(2 * b)
    u_x, u_y = PI * torch.cos(PI * a) * torch.sin(PI * b), PI * torch.sin(PI * a) * torch.cos(PI * b)
    return 2 * PI**2 * _smooth_k(x) * _sines(x) - k_x * u_x - k_y * u_y


class Diffusion(sciml.PDE):
    """``-div(k grad u) = f`` with a smooth k, u = sin πx sin πy."""

    domain = SQUARE
    conditions = (Dirichlet(0.0),)
    k = staticmethod(_smooth_k)

    def residual(self, u, x):
        return -sciml.div(self.k(x) * u.grad()) - _heating(x)


class Tabled(Diffusion):
    """The same with k from a table of 21 x 21 values."""

    _line = np.linspace(0, 1, 21)
    _grid = torch.from_numpy(np.stack(np.meshgrid(_line, _line, indexing="ij"), -1).reshape(-1, 2))
    k = sciml.Spline((_line, _line), _smooth_k(_grid).reshape(21, 21))


# ---- two materials


def _rod_k(x: Tensor) -> Tensor:
    return torch.where(x < 0.5, 1.0, 10.0).to(x)


class Rod(sciml.PDE):
    """k = 1 | 10 on [0, 1], u(0) = 0, u(1) = 1: u(1/2) = 10/11."""

    domain = Interval(0.0, 1.0)
    conditions = (
        Dirichlet(0.0, on="x=0"),
        Dirichlet(1.0, on="x=1"),
        Interface("x=0.5", lambda u, x: _rod_k(x) * u.grad()),
    )

    def residual(self, u, x):
        return -sciml.div(_rod_k(x) * u.grad())


RADIUS, INSIDE = 0.3, 5.0


def _disc_k(x: Tensor) -> Tensor:
    return torch.where((x**2).sum(1, keepdim=True) < RADIUS**2, INSIDE, 1.0).to(x)


class Inclusion(sciml.PDE):
    """``div(k grad u) = 0`` on [-1/2, 1/2]^2, k = 5 in a disc of radius 0.3, u = x at the sides, insulated else."""

    domain = Box([-0.5, -0.5], [0.5, 0.5])
    conditions = (
        Dirichlet(-0.5, on="x=-0.5"),
        Dirichlet(0.5, on="x=0.5"),
        sciml.Neumann(0.0, on=["y=-0.5", "y=0.5"]),
        Interface(Disk((0.0, 0.0), RADIUS), lambda u, x: _disc_k(x) * u.grad()),
    )

    def residual(self, u, x):
        return -sciml.div(_disc_k(x) * u.grad())


def inclusion_series(terms: int = 14) -> Callable[[Tensor], Tensor]:
    """The solution by multipoles that satisfy the interface exactly, fitted to the outer sides by least squares.

    Outside ``sum a_n (r^n + s R^2n r^-n) cos nθ`` with odd n, ``s = (1 - k) / (1 + k)``, inside ``(1 + s) a_n r^n cos nθ``.
    """
    orders = np.arange(1, 2 * terms, 2)
    s = (1 - INSIDE) / (1 + INSIDE)

    def basis(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        z = x[:, :1] + 1j * x[:, 1:]
        far = s * RADIUS ** (2.0 * orders) * np.where(abs(z) < 1e-9, 1, z) ** -orders
        inside = abs(z) < RADIUS
        value = np.where(inside, (1 + s) * z**orders, z**orders + far).real * 2.0**orders
        slope = 1j * orders * (z ** (orders - 1) - far / np.where(abs(z) < 1e-9, 1, z))  # along y, outside
        return value, slope.real * 2.0**orders, inside

    t = np.cos(np.linspace(0, PI, 400))[:, None] / 2
    half = np.full_like(t, 0.5)
    matrix = np.concatenate([basis(np.hstack([half, t]))[0], basis(np.hstack([t, half]))[1]])
    right = np.concatenate([np.full(len(t), 0.5), np.zeros(len(t))])
    a = np.linalg.lstsq(matrix, right, rcond=None)[0]

    def values(x: Tensor) -> Tensor:
        return torch.from_numpy(basis(x.numpy())[0] @ a)[:, None]

    return values


# ---- conditions of one's own

LOSS = 0.8 * 5.67e-8  # emissivity times the Stefan-Boltzmann constant


class Radiating(sciml.PDE):
    """A rod in kelvin: -50 T'' = 1000, T(0) = 300, ``-50 T' = σε (T^4 - 250^4)`` at x = 1."""

    domain = Interval(0.0, 1.0)
    conditions = (
        Dirichlet(300.0, on="x=0"),
        Condition("x=1", lambda u, x, n: 50 * n * u.d("x") + LOSS * (u**4 - 250.0**4)),
    )

    def residual(self, u, x):
        return -50 * u.d("x", "x") - 1000.0


def _radiating(x: Tensor) -> Tensor:
    a = brentq(lambda a: 50 * (a - 20) + LOSS * ((290 + a) ** 4 - 250.0**4), -200, 200, xtol=1e-14)
    return 300 + a * x - 10 * x**2


class Beam(sciml.PDE):
    """u'''' = π^4 sin πx on [0, 1], u = 0 and no moment, u'' = 0, at both ends."""

    domain = Interval(0.0, 1.0)
    conditions = (Dirichlet(0.0), Condition(None, lambda u, x: u.d("x", "x")))

    def residual(self, u, x):
        return u.d("x", "x", "x", "x") - PI**4 * torch.sin(PI * x)


# ---- the plate with a hole

NU, OUTER = 0.3, 4.0
HOLE = Disk((0.0, 0.0), 1.0)


def _stress(u: sciml.field.Field) -> tuple[Tensor, Tensor, Tensor]:
    """Plane stress for E = 1: σ_xx, σ_yy, σ_xy."""
    e_x, e_y = u["u"].d("x"), u["v"].d("y")
    shear = u["u"].d("y") + u["v"].d("x")
    return (e_x + NU * e_y) / (1 - NU**2), (e_y + NU * e_x) / (1 - NU**2), shear / (2 + 2 * NU)


def kirsch(x: Tensor) -> Tensor:
    """Displacements around a hole of radius 1 under unit tension along x, plane stress, E = 1 (Kirsch 1898)."""
    r, t = x.norm(dim=1, keepdim=True), torch.atan2(x[:, 1:], x[:, :1])
    mu, kappa = 1 / (2 + 2 * NU), (3 - NU) / (1 + NU)
    u = r * (kappa + 1) * torch.cos(t) + 2 / r * ((1 + kappa) * torch.cos(t) + torch.cos(3 * t))
    u = u - 2 / r**3 * torch.cos(3 * t)
    v = r * (kappa - 3) * torch.sin(t) + 2 / r * ((1 - kappa) * torch.sin(t) + torch.sin(3 * t))
    v = v - 2 / r**3 * torch.sin(3 * t)
    return torch.cat([u, v], 1) / (8 * mu)


def _traction(u: sciml.field.Field, x: Tensor, n: Tensor) -> tuple[Tensor, Tensor]:
    s_x, s_y, s_xy = _stress(u)
    return s_x * n[:, :1] + s_xy * n[:, 1:], s_xy * n[:, :1] + s_y * n[:, 1:]


def _part(j: int) -> Callable[[Tensor], Tensor]:
    return lambda x: kirsch(x)[:, j : j + 1]


class Plate(sciml.PDE):
    """A quarter of a plate in tension with a hole free of traction; its far sides move as the infinite plate's."""

    domain = Box([0.0, 0.0], [OUTER, OUTER]) - HOLE
    unknowns = ("u", "v")
    conditions = (
        Dirichlet(0.0, on="x=0", component="u"),
        Dirichlet(0.0, on="y=0", component="v"),
        Condition("x=0", lambda u, x: _stress(u)[2], name="symmetry in x"),
        Condition("y=0", lambda u, x: _stress(u)[2], name="symmetry in y"),
        Dirichlet(_part(0), on=["x=4", "y=4"], component="u", hard=False),
        Dirichlet(_part(1), on=["x=4", "y=4"], component="v", hard=False),
        Condition(HOLE, _traction, name="hole"),
    )

    def residual(self, u, x):
        s_x, s_y, s_xy = _stress(u)
        return sciml.div(torch.cat([s_x, s_xy], 1)), sciml.div(torch.cat([s_xy, s_y], 1))


def concentration() -> Callable[[Trial], float]:
    """Relative error of σ_xx = 3 at the top of the hole."""

    def error(trial: Trial) -> float:
        x = torch.tensor([[0.0, 1.0]]).to(next(trial.network.parameters()))
        found = _stress(Plate().field(AutogradSource(trial, x)))[0]
        return abs(float(found.detach()) / 3 - 1)

    return error


def _on_domain(
    make: Callable[[], sciml.PDE], exact: Callable[[Tensor], Tensor]
) -> Callable[[], Callable[[Trial], float]]:
    return lambda: closed_form(make().domain, exact)


def _inclusion() -> Callable[[Trial], float]:
    x = Inclusion.domain.sample(2000, seed=987_654)
    return table(x, inclusion_series()(x))


CASES = (
    Case("diffusion, smooth k", Diffusion, _on_domain(Diffusion, _sines), ((1e-6, 5.0),), today="by hand"),
    Case("diffusion, k as a table", Tabled, _on_domain(Tabled, _sines), ((1e-4, 5.0),), today="refused"),
    Case(
        "two materials, rod",
        Rod,
        _on_domain(Rod, lambda x: torch.where(x < 0.5, 20 * x / 11, 1 - 2 * (1 - x) / 11)),
        ((1e-6, 5.0),),
        today=".31, converged",
    ),
    Case("two materials, inclusion", Inclusion, _inclusion, ((1e-3, 20.0),), today="none"),
    Case("radiating rod", Radiating, _on_domain(Radiating, _radiating), ((1e-6, 3.0),), today="none"),
    Case(
        "beam, no moment at its ends",
        Beam,
        _on_domain(Beam, lambda x: torch.sin(PI * x)),
        ((1e-6, 5.0),),
        today="none",
    ),
    Case("plate with a hole", Plate, concentration, ((1e-3, 60.0),), today="none"),
)
