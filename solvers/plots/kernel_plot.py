"""The picture of a tangent kernel: its spectrum, what of the residual lies where, and the loss that it predicts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from sciml.jacobian.tangent import TangentKernel
from sciml.solvers.plots.panels import LINES, logarithmic
from sciml.solvers.plots.plotting import Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEPS = 1e6  # up to which the loss is predicted
LOWEST = 1e-14  # of the largest eigenvalue


def draw_kernel(kernel: TangentKernel, losses: Tensor | None = None) -> Figure:
    """Three panels as a Matplotlib figure.

    Args:
        kernel: What is drawn.
        losses: Of a measured descent, before the first step and after each, ``(steps + 1,)``.
    """
    figure = Picture(figsize=(12, 3.6), layout="constrained")
    spectrum, share, loss = figure.subplots(1, 3)
    values = kernel.eigenvalues.numpy()
    index = np.arange(1, len(values) + 1)
    seen = values > LOWEST * max(kernel.largest, 1e-300)
    spectrum.plot(index[seen], values[seen], color=LINES[0])
    spectrum.set(xscale="log", yscale="log", xlabel="index", ylabel="eigenvalue", title="spectrum")
    left = 1.0 - np.cumsum(kernel.shares.numpy())
    share.plot(index, np.maximum(left, 1e-16), color=LINES[1])
    share.set(
        xscale="log", yscale="log", xlabel="index", ylabel="share of the loss beyond", ylim=(1e-10, 2.0)
    )
    share.set_title("where the residual lies")
    steps = np.unique(np.round(np.logspace(0, np.log10(STEPS), 60)).astype(int))
    for name, colour in zip(kernel.parts, LINES * len(kernel.parts), strict=False):
        loss.plot(
            steps, [kernel.predict(int(t))[name] for t in steps], color=colour, label=f"{name}, predicted"
        )
    if losses is not None:
        run = losses.numpy()
        loss.plot(np.arange(1, len(run)), run[1:], color="#202020", ls="--", label="measured")
    logarithmic(loss)
    loss.set(xscale="log", xlabel="steps of gradient descent", ylabel="loss", title="descent")
    loss.legend(frameon=False, fontsize=9)
    for ax in (spectrum, share, loss):
        ax.grid(alpha=0.25, lw=0.6)
    return figure
