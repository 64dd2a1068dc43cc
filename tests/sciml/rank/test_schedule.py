"""The falling budget against the cubic in floating point."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sciml.errors import ArgumentError
from sciml.rank import CubicBudget


@given(
    end=st.integers(0, 20), more=st.integers(0, 30), warmup=st.integers(0, 9),
    span=st.integers(1, 60), settle=st.integers(0, 9),
)  # fmt: skip
def test_budget_falls_from_start_to_end_along_the_cubic(end, more, warmup, span, settle):
    total = warmup + span + settle
    budget = CubicBudget(end + more, end, total, warmup, settle)
    values = [budget(step) for step in range(total + 3)]
    assert values == sorted(values, reverse=True)
    assert values[: warmup + 1] == [end + more] * (warmup + 1)
    assert all(value == end for value in values[total - settle :])
    for step in range(warmup, total - settle):
        exact = end + more * (1 - (step - warmup) / span) ** 3
        assert (
            math.floor(exact + 1e-9)
            <= values[step]
            <= math.ceil(exact + 1e-9) + (1 if exact % 1 < 1e-9 else 0)
        )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3, 5, 10), "0 <= end <= start"),
        ((5, 3, 10, 6, 4), "leave steps in between"),
        ((5, 3, 10, -1), "leave steps in between"),
    ],
)
def test_unusable_schedules_are_refused(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        CubicBudget(*arguments)
