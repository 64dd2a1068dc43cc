"""Callbacks of ``sciml.solve(callbacks=[...])`` that write a run's numbers to TensorBoard, MLflow or Weights & Biases.

Each writes ``event.numbers`` at every look: the losses, the points, the error where it is known, and your own ``metrics``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sciml import lazy

if TYPE_CHECKING:
    from sciml.callbacks.mlflow_run import MLflow
    from sciml.callbacks.tensorboard import TensorBoard
    from sciml.callbacks.wandb_run import WandB

__all__ = ["MLflow", "TensorBoard", "WandB"]

_HOMES = lazy.homes(__file__, __all__)
__getattr__, __dir__ = lazy.attach(__name__, _HOMES)
