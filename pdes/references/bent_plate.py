"""A clamped rectangular plate under a uniform load, by a Galerkin method."""

from __future__ import annotations

import numpy as np
import torch
from numpy.polynomial.legendre import leggauss
from torch import Tensor

from sciml.pdes.references.clamped import clamped


def bent_plate(aspect: float, modes: int) -> Tensor:
    """Solve ``Δ²u = 1`` on ``[0, 1] x [0, aspect]``, clamped on all sides.

    The weak form ``∫ Δu Δφ = ∫ φ`` in products of Legendre combinations that vanish with their slope at both
    ends. At the corners u is not analytic, so the error falls like a power of the number of functions.

    Args:
        aspect: Above 0.
        modes: Number of functions in each direction; the load is even, so half of them count.
    Returns:
        Coefficients of the products, ``(m, m)`` float64; see ``deflection``.
    References: Shen (1994), SIAM J. Sci. Comput. 15, for the basis.
    """
    points, weight = leggauss(modes + 8)
    points, weight = (points + 1) / 2, weight / 2
    value, slope, bend = (table.numpy()[::2] for table in clamped(torch.from_numpy(points), modes, 2))
    mass, stretch, stiff = ((table * weight) @ table.T for table in (value, slope, bend))
    left = np.kron(stiff, mass) + 2 / aspect**2 * np.kron(stretch, stretch) + np.kron(mass, stiff) / aspect**4
    mean = value @ weight
    c = np.zeros((modes, modes))
    c[::2, ::2] = np.linalg.solve(left, np.outer(mean, mean).ravel()).reshape(len(mean), len(mean))
    return torch.from_numpy(c)


def deflection(c: Tensor, x: Tensor, aspect: float) -> Tensor:
    """The series at ``x (n, 2)`` float64: ``(n, 1)``, differentiable."""
    in_x, in_y = (clamped(s, len(c), 0)[0] for s in (x[:, 0], x[:, 1] / aspect))
    return torch.einsum("an,ab,bn->n", in_x, c, in_y)[:, None]
