"""Checkpoints: at most every so many seconds, never the end of a run."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from sciml.errors import ArgumentError, ArgumentTypeError, FileFormatError, FileWriteError
from sciml.solvers.files import checkpoint, container
from sciml.solvers.files.checkpoint import Checkpoint, load_checkpoint


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(checkpoint, "time", clock)
    return clock


def test_saves_when_due_and_asks_for_the_state_only_then(tmp_path: Path, clock: Clock):
    every = Checkpoint(tmp_path / "run.h5", every_seconds=10.0)
    asked = []

    def state():
        asked.append(clock.now)
        return {"now": clock.now}, {"theta": np.arange(3.0)}

    results = []
    for _ in range(40):
        clock.now += 1
        results.append(every(state))
    assert asked == [110, 120, 130, 140]
    assert [i for i, saved in enumerate(results) if saved] == [9, 19, 29, 39]
    config, arrays = load_checkpoint(tmp_path / "run.h5")
    assert config == {"now": 140.0}
    np.testing.assert_array_equal(arrays["theta"], np.arange(3.0))


def test_zero_saves_at_every_call(tmp_path: Path):
    every = Checkpoint(tmp_path / "run.h5", 0)
    assert all(every(lambda: ({}, {})) for _ in range(3))


def test_a_full_disk_warns_and_does_not_end_the_run(tmp_path: Path, clock: Clock):
    every = Checkpoint(tmp_path / "gone" / "run.h5", every_seconds=10.0)
    clock.now += 11
    with pytest.warns(RuntimeWarning, match=r"checkpoint was not saved: .*does not exist"):
        assert every(lambda: ({}, {})) is False
    clock.now += 9
    assert every(lambda: ({}, {})) is False
    with pytest.raises(FileWriteError, match="does not exist"):
        every.save({}, {})


def test_a_state_that_cannot_be_saved_is_an_error(tmp_path: Path):
    with pytest.raises(ArgumentTypeError, match="strings as keys"):
        Checkpoint(tmp_path / "run.h5", 0)(lambda: ({1: 2}, {}))  # pyright: ignore[reportArgumentType]


def test_expected_shapes_and_kind(tmp_path: Path):
    path = tmp_path / "run.h5"
    Checkpoint(path).save({"n": 3}, {"theta": np.zeros(3)})
    load_checkpoint(path, lambda config: {"theta": ((config["n"],), "float64")})
    with pytest.raises(FileFormatError, match="implied"):
        load_checkpoint(path, lambda config: {"theta": ((4,), "float64")})
    container.write(path, "solution", {}, {})
    with pytest.raises(FileFormatError, match="'checkpoint' is needed"):
        load_checkpoint(path)


@pytest.mark.parametrize("seconds", [-1, math.nan])
def test_seconds(seconds: float):
    with pytest.raises(ArgumentError, match="every_seconds needs a number >= 0"):
        Checkpoint("run.h5", seconds)
