"""A run's numbers in Weights & Biases."""

from __future__ import annotations

from typing import Any

from sciml.callbacks.look import Look, named, package


class WandB:
    """Begins a run with ``wandb.init`` and logs every look to it.

    The step is a number of its own: another attempt begins at 0 again, and Weights & Biases would drop steps that fall.

    Args:
        options: For ``wandb.init``: ``project="pde"``, ``mode="offline"``, ``config=problem.parameters()``.

    Raises:
        MissingPackageError: wandb is not installed.
    """

    def __init__(self, **options: Any):
        self.run = package("wandb", "wandb").init(**options)

    def __call__(self, event: Look) -> None:
        """Log one look."""
        self.run.log({"step": event.step, **named(event)})
