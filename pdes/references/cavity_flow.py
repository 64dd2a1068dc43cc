"""Steady flow in a lid-driven square cavity, by a spectral Galerkin method with the corners' singularities built in."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray
from torch import Tensor

from sciml.derivatives import AutogradSource
from sciml.pdes.references.clamped import clamped, legendre

NEWTON_STEPS = 20
SETTLED = 1e-9  # of the solution: a step that says that Newton's method has arrived
SLOW = 300.0  # Reynolds number up to which it arrives from rest; beyond, from the flow at a lower speed


@dataclass(frozen=True)
class CavityFlow:
    """Flow in the unit square under a lid ``y = 1`` that moves with ``u = lid x (1 - x)``; see ``cavity_flow``.

    Attributes:
        lid: Speed of the lid.
        nu: Viscosity.
        stream: Coefficients of the stream function, ``(m, m)`` float64.
        pressure: Coefficients of the pressure, ``(m, m)`` float64.
    """

    lid: float
    nu: float
    stream: Tensor
    pressure: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """``(u, v, p)`` at ``x (n, 2)`` float64, ``(n, 3)``, differentiable; ``p(0, 0) = 0``."""
        corners = AutogradSource(_stream_of_corners, x)
        in_x, in_y = (clamped(corners.x[:, i], len(self.stream), 1) for i in (0, 1))
        u = _series(self.stream, in_x[0], in_y[1]) + self.lid * corners.first(1)
        v = _series(self.stream, in_x[1], in_y[0]) + self.lid * corners.first(0)
        return torch.cat([u, -v, self._pressure(corners.x) - self._pressure(torch.zeros_like(x[:1]))], dim=1)

    def _pressure(self, x: Tensor) -> Tensor:
        in_x, in_y = (legendre(x[:, i], len(self.pressure), 0)[0] for i in (0, 1))
        return _series(self.pressure, in_x, in_y) + self.lid * self.nu * _pressure_of_corners(x)


def cavity_flow(lid: float, nu: float, modes: int) -> CavityFlow:
    """Solve ``u·∇u = -∇p + nu Δu``, ``∇·u = 0`` for the stream function ψ with ``u = (ψ_y, -ψ_x)``.

    In the upper corners the walls ask for different velocity gradients. The Stokes flow that settles this,
    ``ψ = lid (πY²/4 - XY/2 - r²θ/2)`` with X, Y, r and θ measured from the corner, is built in; the smoother
    rest is expanded in products of Legendre combinations that vanish with their slope at both ends. Newton's
    method solves the weak form of the vorticity equation, for a fast lid from slower ones; the pressure follows from
    the momentum equations by least squares.

    Args:
        lid: Above 0; the Reynolds number of the fastest lid point is ``lid / (4 nu)``, tried up to 800.
        nu: Viscosity, above 0.
        modes: Number of functions in each direction; 24 give about 1e-6 in the velocity and 3e-5 in the
            pressure at Reynolds number 100, 40 give 1e-7 and 3e-6.

    Raises:
        ArithmeticError: Newton's method does not arrive.

    References: Shen (1994), SIAM J. Sci. Comput. 15, for the basis.
    """
    points, weight = leggauss(2 * modes + 32)
    points, weight = (points + 1) / 2, weight / 2
    weights = np.outer(weight, weight)
    basis = [table.numpy() for table in clamped(torch.from_numpy(points), modes, 3)]
    x = torch.cartesian_prod(torch.from_numpy(points), torch.from_numpy(points))
    corners = AutogradSource(_stream_of_corners, x)

    def grid(values: Tensor) -> NDArray:
        return values.detach().numpy().reshape(len(points), len(points))

    known = {
        (i, j): grid(corners.higher((0,) * i + (1,) * j))
        for i in range(4)
        for j in range(4)
        if 0 < i + j <= 3
    }

    def psi(c: NDArray, i: int, j: int, speed: float = lid) -> NDArray:
        return speed * known[i, j] + basis[i].T @ c @ basis[j]

    def test(f: NDArray, i: int, j: int) -> NDArray:
        return basis[i] @ (f * weights) @ basis[j].T

    def matrix(f: NDArray, i: int, j: int, k: int, l: int) -> NDArray:
        """``∫ f ∂_x^i ∂_y^j φ ∂_x^k ∂_y^l φ'`` for all pairs of basis functions, ``(m², m²)``."""
        pairs_x = (basis[i][:, None] * basis[k]).reshape(modes**2, -1)
        pairs_y = (basis[j][:, None] * basis[l]).reshape(modes**2, -1)
        out = (pairs_x @ (f * weights) @ pairs_y.T).reshape((modes,) * 4)
        return out.transpose(0, 2, 1, 3).reshape(modes**2, modes**2)

    one = np.ones_like(weights)
    viscous = nu * sum(matrix(one, *a, *b) for a in ((2, 0), (0, 2)) for b in ((2, 0), (0, 2)))

    def stepped(c: NDArray, speed: float) -> NDArray:
        """A step of Newton's method."""
        psi_x, psi_y, lap = (
            psi(c, 1, 0, speed),
            psi(c, 0, 1, speed),
            psi(c, 2, 0, speed) + psi(c, 0, 2, speed),
        )
        residual = (
            nu * (test(lap, 2, 0) + test(lap, 0, 2)) + test(lap * psi_y, 1, 0) - test(lap * psi_x, 0, 1)
        )
        slope = viscous + matrix(lap, 1, 0, 0, 1) - matrix(lap, 0, 1, 1, 0)
        for second in ((2, 0), (0, 2)):
            slope = slope + matrix(psi_y, 1, 0, *second) - matrix(psi_x, 0, 1, *second)
        return np.linalg.solve(slope, -residual.ravel()).reshape(modes, modes)

    c = np.zeros((modes, modes))
    faster = max(0, math.ceil(2 * math.log2(lid / (4 * nu) / SLOW)))
    for k in range(faster, -1, -1):
        speed = lid * 2 ** (-k / 2)
        for _ in range(NEWTON_STEPS):
            step = stepped(c, speed)
            c = c + step
            if abs(step).max() <= (1e-12 if k == 0 else SETTLED) * abs(c).max():
                break
        if not abs(step).max() <= SETTLED * abs(c).max():
            raise ArithmeticError(f"no flow was found for lid = {lid:g}, nu = {nu:g} with {modes} modes.")
        c = c * 2 ** (0.5 if k else 0.0)

    u, v = psi(c, 0, 1), -psi(c, 1, 0)
    force_x = nu * (psi(c, 2, 1) + psi(c, 0, 3)) - u * psi(c, 1, 1) - v * psi(c, 0, 2)
    force_y = -nu * (psi(c, 3, 0) + psi(c, 1, 2)) + u * psi(c, 2, 0) + v * psi(c, 1, 1)
    log = AutogradSource(lambda y: lid * nu * _pressure_of_corners(y), x)
    flat = [table.numpy() for table in legendre(torch.from_numpy(points), modes, 1)]
    rest_x, rest_y = (force_x - grid(log.first(0))) * weights, (force_y - grid(log.first(1))) * weights
    right = (flat[1] @ rest_x @ flat[0].T + flat[0] @ rest_y @ flat[1].T).ravel()
    mass, stiff = (flat[0] * weight) @ flat[0].T, (flat[1] * weight) @ flat[1].T
    left = np.kron(stiff, mass) + np.kron(mass, stiff)
    pressure = np.zeros(modes**2)
    pressure[1:] = np.linalg.solve(left[1:, 1:], right[1:])  # the constant stays free
    return CavityFlow(lid, nu, torch.from_numpy(c), torch.from_numpy(pressure.reshape(modes, modes)))


def _series(c: Tensor, in_x: Tensor, in_y: Tensor) -> Tensor:
    return torch.einsum("an,ab,bn->n", in_x, c, in_y)[:, None]


def _stream_of_corners(x: Tensor) -> Tensor:
    """Both corners' Stokes flows, faded out towards the far walls, and what the lid's speed still lacks: ``(n, 1)``."""
    left, right, down = x[:, 0], 1 - x[:, 0], 1 - x[:, 1]
    total = 4 * (left * right * (1 - down)) ** 2 * down
    for across in (left, right):
        flow = (
            math.pi / 4 * down**2 - across * down / 2 - (across**2 + down**2) * torch.atan2(down, across) / 2
        )
        total = total + flow * ((1 - across) * (1 - down)) ** 2 * (1 + 2 * across) * (1 + 2 * down)
    return total[:, None]


def _pressure_of_corners(x: Tensor) -> Tensor:
    down = (1 - x[:, 1]) ** 2
    return (torch.log(x[:, 0] ** 2 + down) - torch.log((1 - x[:, 0]) ** 2 + down))[:, None]
