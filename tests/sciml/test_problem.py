"""Problems with another source."""

from __future__ import annotations

import pytest
import torch

from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.pdes import Poisson


def test_with_source_copies_and_forgets_the_answer():
    base = Poisson(2)
    new = base.with_source(lambda x: torch.ones_like(x[:, :1]))
    x = base.domain.sample(5)
    assert base.has_exact and not new.has_exact
    assert torch.equal(new.source(x), torch.ones(5, 1, dtype=torch.float64))
    assert torch.equal(base.source(x), Poisson(2).source(x))
    known = base.with_source(lambda x: 0 * x[:, :1], exact=lambda x: 0 * x[:, :1])
    assert known.has_exact and new.is_custom and not base.is_custom
    with pytest.raises(ArgumentTypeError, match="source needs a function"):
        base.with_source(1.0)
    with pytest.raises(ArgumentError, match=r"source needs a function that returns shape \(5, 1\)"):
        base.with_source(lambda x: x).source(x)
