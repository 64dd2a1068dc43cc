"""Dense factorisations for small matrices: LAPACK through SciPy on the CPU (zero copy), torch elsewhere.

OpenBLAS, which SciPy brings, factorises matrices of the sizes met here 1.5-2 times faster than torch's own
CPU library. Every function takes and returns tensors; float32 and float64 are both served.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg
import torch
from torch import Tensor


def divisor(x: Tensor) -> Tensor:
    """``x >= 0`` with the least normal number of its dtype in the place of what is less: to divide by."""
    return x.clamp(min=torch.finfo(x.dtype).tiny)


def outer_gram(a: Tensor) -> Tensor:
    """``a aᵀ`` of shape (m, m) for ``a`` (m, p)."""
    if a.is_cuda:
        return a @ a.T
    x = a.detach().numpy()
    return torch.from_numpy(x @ x.T)  # numpy sees one operand twice and calls the symmetric product


def inner_gram(a: Tensor) -> Tensor:
    """``aᵀ a`` of shape (p, p) for ``a`` (m, p)."""
    return outer_gram(a.T)


class Cholesky:
    """Factor of the symmetric ``a + shift I`` (n, n); ``ok`` is False when it is not positive definite in
    floating point.

    Args:
        a, shift: The matrix.
        memory: (n, n), for the factor in the place of new memory; a factor that used it before is lost.
    """

    def __init__(self, a: Tensor, shift: float = 0.0, memory: Tensor | None = None):
        shifted = a.detach().clone() if memory is None else memory.copy_(a.detach())
        shifted.diagonal().add_(shift)
        self.ok = bool(torch.isfinite(shifted.diagonal()).all())
        if not self.ok:
            return
        if shifted.is_cuda:
            self.factor, info = torch.linalg.cholesky_ex(shifted)
            self.ok = int(info) == 0
        else:
            potrf, self._potrs, self._trtrs = scipy.linalg.get_lapack_funcs(
                ("potrf", "potrs", "trtrs"), dtype=shifted.numpy().dtype
            )
            # the transpose of a C-ordered symmetric matrix is the Fortran order that LAPACK works in
            self.factor, info = potrf(shifted.numpy().T, lower=1, overwrite_a=1, clean=0)
            self.ok = info == 0

    def solve(self, b: Tensor) -> Tensor:
        """``(a + shift I)^-1 b`` for ``b`` (n,) or (n, k)."""
        if b.is_cuda:
            x = torch.cholesky_solve(b.reshape(len(b), -1), self.factor)
            return x.reshape(b.shape)
        x, _ = self._potrs(self.factor, b.detach().numpy(), lower=1)
        return torch.from_numpy(np.asarray(x).reshape(b.shape))

    def half_solve(self, b: Tensor) -> Tensor:
        """``L^-1 b`` for ``b`` (n,), so that ``|L^-1 b|^2 = bᵀ (a + shift I)^-1 b``."""
        if b.is_cuda:
            return torch.linalg.solve_triangular(self.factor, b[:, None], upper=False)[:, 0]
        x, _ = self._trtrs(self.factor, b.detach().numpy(), lower=1)
        return torch.from_numpy(np.asarray(x).reshape(b.shape))


def eigh(a: Tensor) -> tuple[Tensor, Tensor]:
    """Ascending eigenvalues (n,) and eigenvectors (n, n) of a symmetric ``a`` (n, n)."""
    if a.is_cuda:
        return torch.linalg.eigh(a)
    w, q = scipy.linalg.eigh(a.detach().numpy(), driver="evd", check_finite=False)
    return torch.from_numpy(w), torch.from_numpy(np.asarray(q))


def svd(a: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Thin singular value decomposition ``a = U diag(s) Vt`` of ``a`` (m, p): (m, k), (k,), (k, p), k =
    min(m, p).
    """
    if a.is_cuda:
        return torch.linalg.svd(a, full_matrices=False)
    try:
        u, s, vt = scipy.linalg.svd(a.detach().numpy(), full_matrices=False, check_finite=False)
    except np.linalg.LinAlgError:  # the divide-and-conquer driver fails to converge now and then
        u, s, vt = scipy.linalg.svd(
            a.detach().numpy(), full_matrices=False, check_finite=False, lapack_driver="gesvd"
        )
    return torch.from_numpy(u), torch.from_numpy(s), torch.from_numpy(vt)
