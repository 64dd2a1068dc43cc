"""AdaLoRA's score against its recurrence in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sciml import rank
from sciml.errors import ArgumentError


def test_smoothed_sensitivity_follows_its_recurrence():
    tracker = rank.SmoothedSensitivity(0.5, 0.25)
    mean, spread = np.zeros(3), np.zeros(3)
    rng = np.random.default_rng(0)
    for _ in range(5):
        value, gradient = rng.normal(size=(2, 3))
        now = np.abs(value * gradient)
        mean = 0.5 * mean + 0.5 * now
        spread = 0.25 * spread + 0.75 * np.abs(now - mean)
        score = tracker.update(torch.as_tensor(value), torch.as_tensor(gradient))
        np.testing.assert_allclose(score.numpy(), mean * spread, rtol=1e-13)
    with pytest.raises(ArgumentError, match=r"beta1 needs a value in \[0, 1\)"):
        rank.SmoothedSensitivity(1.0)
    with pytest.raises(ArgumentError, match="gradient needs the shape"):
        tracker.update(torch.ones(3), torch.ones(2))
