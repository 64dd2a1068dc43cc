"""Masks as lists of kept indices."""

from __future__ import annotations

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sciml.errors import ArgumentError
from sciml.rank import rank_pattern, ranks


@given(st.dictionaries(st.text(min_size=1, max_size=4), st.integers(0, 6), max_size=4), st.integers(0, 10**6))
def test_the_pattern_names_the_kept_components_and_survives_json(sizes, seed):
    keep = torch.rand(sum(sizes.values()), generator=torch.Generator().manual_seed(seed)) < 0.5
    pattern = rank_pattern(keep, sizes)
    assert list(pattern) == list(sizes)
    labels = [(name, i) for name, size in sizes.items() for i in range(size)]
    kept = {label for label, on in zip(labels, keep.tolist(), strict=True) if on}
    assert {(name, i) for name, indices in json.loads(json.dumps(pattern)).items() for i in indices} == kept
    assert all(indices == sorted(indices) for indices in pattern.values())
    assert sum(ranks(pattern).values()) == int(keep.sum())


def test_unusable_masks_are_refused():
    for keep in (torch.ones(2, dtype=torch.bool), torch.ones(3)):
        with pytest.raises(ArgumentError, match=r"mask of shape \(3,\)"):
            rank_pattern(keep, {"a": 3})
