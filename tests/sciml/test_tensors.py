"""Tucker factors of random tensors against their own singular values."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sciml.tensors import hosvd, multiply, spectra, unfold

F64 = torch.float64


def reconstruct(core: torch.Tensor, factors: list[torch.Tensor]) -> torch.Tensor:
    return torch.einsum("abc,ia,jb,kc->ijk", core, *factors)


@settings(max_examples=50, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 6)] * 3),
    cut=st.tuples(*[st.integers(0, 6)] * 3),
    seed=st.integers(0, 99),
)
def test_hosvd_errs_by_no_more_than_the_singular_values_it_cuts(shape, cut, seed):
    tensor = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=F64)
    ranks = [min(r, n) for r, n in zip(cut, shape, strict=True)]
    core, factors = hosvd(tensor, ranks)
    assert core.shape == tuple(ranks)
    for f, n, r in zip(factors, shape, ranks, strict=True):
        assert f.shape == (n, r)
        torch.testing.assert_close(f.mT @ f, torch.eye(r, dtype=F64), rtol=0, atol=1e-12)
    error = (tensor - reconstruct(core, factors)).square().sum()
    cut_off = [s[r:].square().sum() for s, r in zip(spectra(tensor), ranks, strict=True)]
    assert error <= sum(cut_off) + 1e-12
    # nobody does better in one mode than its own spectrum allows
    assert error >= max(cut_off) - 1e-12


def test_spectra_show_the_rank_of_each_mode():
    rng = torch.Generator().manual_seed(0)
    core = torch.randn(2, 3, 1, generator=rng, dtype=F64)
    factors = [torch.randn(n, r, generator=rng, dtype=F64) for n, r in [(5, 2), (6, 3), (7, 1)]]
    assert [int((s > 1e-10 * s[0]).sum()) for s in spectra(reconstruct(core, factors))] == [2, 2, 1]


def test_unfolding_and_products_are_the_sums_they_stand_for():
    rng = torch.Generator().manual_seed(2)
    tensor = torch.randn(3, 4, 5, generator=rng, dtype=F64)
    matrices = [torch.randn(rows, n, generator=rng, dtype=F64) for rows, n in ((2, 3), (6, 4), (1, 5))]
    expected = torch.einsum("abc,ia,jb,kc->ijk", tensor, *matrices)
    torch.testing.assert_close(multiply(tensor, matrices), expected)
    assert torch.equal(unfold(tensor, 1)[2, 1 * 5 + 3], tensor[1, 2, 3])
