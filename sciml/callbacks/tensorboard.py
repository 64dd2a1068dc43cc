"""A run's numbers as TensorBoard's scalars."""

from __future__ import annotations

import os

from sciml.callbacks.look import Look, named, package


class TensorBoard:
    """Writes an event file that ``tensorboard --logdir FOLDER`` shows, while the run goes on.

    Args:
        folder: Where the file is made; one folder a run.

    Raises:
        MissingPackageError: tensorboard is not installed.
    """

    def __init__(self, folder: str | os.PathLike):
        self.writer = package("torch.utils.tensorboard", "tensorboard").SummaryWriter(os.fspath(folder))

    def __call__(self, event: Look) -> None:
        """Write one look; what was written is on disk at once."""
        for name, value in named(event).items():
            self.writer.add_scalar(name, value, event.step)
        self.writer.flush()
