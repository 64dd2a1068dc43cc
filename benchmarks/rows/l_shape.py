"""The integral of the solution of ``-Δu = 1`` on the L-shape by finite elements (by scikit-fem), to compare with."""

from __future__ import annotations

import itertools
from functools import cache
from typing import Any

HALVINGS = 24  # of the triangles at the re-entrant corner, before all of them are halved
FINEST = 3  # of such halvings of all
FALL = 16.0  # of the error of an integral by quadratic elements, at each
FLOOR = 1e-9  # relative error of what is extrapolated


@cache
def integral() -> float:
    """On four meshes, extrapolated twice: the convex corners leave an error of ``h^4 (a + b log h)``."""
    import numpy as np
    from skfem import Basis, BilinearForm, ElementTriP2, LinearForm, MeshTri, condense, solve
    from skfem.helpers import dot, grad

    def energy(u: Any, v: Any, w: Any) -> Any:
        slope: Any = grad(u)
        return dot(slope, grad(v))  # pyright: ignore[reportArgumentType]

    stiffness = BilinearForm(energy)
    load = LinearForm(lambda v, w: 1.0 * v)
    mesh = MeshTri.init_lshaped().refined(1)
    for k in range(1, HALVINGS + 1):
        far = np.abs(mesh.p[:, mesh.t]).max(0).max(0)
        mesh = mesh.refined(np.nonzero(far <= 1.01 * 0.5**k)[0])
    values = []
    for _ in range(FINEST + 1):
        basis = Basis(mesh, ElementTriP2())
        right = load.assemble(basis)
        u = solve(*condense(stiffness.assemble(basis), right, D=basis.get_dofs()))
        values.append(float(right @ u))
        mesh = mesh.refined(1)
    for _ in range(2):
        values = [fine + (fine - coarse) / (FALL - 1) for coarse, fine in itertools.pairwise(values)]
    return values[-1]
