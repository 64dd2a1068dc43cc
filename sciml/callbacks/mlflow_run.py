"""A run's numbers as MLflow's metrics."""

from __future__ import annotations

from typing import Any

from sciml.callbacks.look import Look, named, package


class MLflow:
    """Logs to the run that is active, as ``mlflow.start_run()`` makes it; without one, MLflow begins a run by itself.

    Args:
        parameters: To log with it, such as ``problem.parameters()``.

    Raises:
        MissingPackageError: mlflow is not installed.
    """

    def __init__(self, parameters: dict[str, Any] | None = None):
        self.mlflow = package("mlflow", "mlflow")
        if parameters:
            self.mlflow.log_params(parameters)

    def __call__(self, event: Look) -> None:
        """Log one look."""
        self.mlflow.log_metrics(named(event), step=event.step)
