"""What the callbacks write is what the history holds: read back by each library itself, where it is installed."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

import sciml
from sciml import callbacks, nn, pdes
from sciml.callbacks.look import named
from sciml.errors import MissingPackageError

OPTIONS = {"points": 25, "max_steps": 20, "progress": False, "metrics": {"middle": lambda u: middle(u)}}


def middle(u) -> float:
    x = next(u.network.parameters()).new_full((1, 2), 0.5)
    return float(u(x).detach())


def solve(*use) -> sciml.Solution:
    return sciml.solve(pdes.Poisson(2), nn.MLP([2, 4, 1]), callbacks=use, **OPTIONS)


def curves(history: list[dict[str, float]]) -> dict[str, list[tuple[int, float]]]:
    """The numbers of a history by name, with their steps."""
    names = {name for row in history for name in row} - {"step", "seconds"}
    return {name: [(int(row["step"]), row[name]) for row in history if name in row] for name in names}


def test_tensorboard_reads_it_back(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    history = solve(callbacks.TensorBoard(tmp_path)).history
    found = EventAccumulator(str(tmp_path))
    found.Reload()
    expected = curves(history)
    assert set(found.Tags()["scalars"]) == set(expected) >= {"loss", "held_out", "error", "points", "middle"}
    for name, curve in expected.items():
        read = {event.step: event.value for event in found.Scalars(name)}  # float32; the last look counts
        assert sorted(read) == [step for step, _ in curve]
        assert [read[step] for step, _ in curve] == pytest.approx([v for _, v in curve], rel=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_mlflow_reads_it_back(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # of MLflow 3; older ones do not ask
    mlflow.set_tracking_uri((tmp_path / "store").as_uri())
    with mlflow.start_run() as run:
        history = solve(callbacks.MLflow({"dim": 2})).history
    client = mlflow.tracking.MlflowClient()
    assert client.get_run(run.info.run_id).data.params == {"dim": "2"}
    for name, curve in curves(history).items():
        read = {one.step: one.value for one in client.get_metric_history(run.info.run_id, name)}
        assert read == dict(curve)


@pytest.mark.filterwarnings("ignore")
def test_wandb_keeps_a_run_without_a_network(tmp_path):
    pytest.importorskip("wandb")
    use = callbacks.WandB(project="sciml", mode="offline", dir=str(tmp_path))
    history = solve(use).history
    summary = dict(use.run.summary)
    use.run.finish()
    assert summary["step"] == history[-1]["step"]
    assert summary["middle"] == pytest.approx(history[-1]["middle"])
    assert list((tmp_path / "wandb").glob("offline-run-*/*.wandb"))


class Recorder(SimpleNamespace):
    """In the place of mlflow and of wandb: keeps what it is given."""

    def __init__(self):
        super().__init__(logged=[], parameters=None, options=None)

    def log_metrics(self, numbers, step):
        self.logged.append({"step": step, **numbers})

    def log_params(self, parameters):
        self.parameters = parameters

    def init(self, **options):
        self.options = options
        return self

    def log(self, numbers):
        self.logged.append(numbers)


@pytest.mark.parametrize("name", ["mlflow", "wandb"])
def test_every_look_is_logged(name, monkeypatch):
    """Also where neither is installed: their two calls, recorded."""
    recorder = Recorder()
    monkeypatch.setitem(sys.modules, name, recorder)
    use = callbacks.MLflow({"dim": 2}) if name == "mlflow" else callbacks.WandB(project="pde")
    history = solve(use).history
    assert (recorder.parameters, recorder.options) == (
        ({"dim": 2}, None) if name == "mlflow" else (None, {"project": "pde"})
    )
    looks = {row["step"]: row for row in recorder.logged}
    assert list(looks.values()) == [{k: v for k, v in row.items() if k != "seconds"} for row in history]


def test_another_attempt_has_curves_of_its_own():
    look = SimpleNamespace(step=3, numbers={"loss": 1.0}, attempt="even points")
    assert named(look) == {"even points/loss": 1.0}
    assert named(SimpleNamespace(step=3, numbers={"loss": 1.0}, attempt="")) == {"loss": 1.0}


@pytest.mark.parametrize(
    ("kind", "module", "extra"),
    [
        ("TensorBoard", "torch.utils.tensorboard", "tensorboard"),
        ("MLflow", "mlflow", "mlflow"),
        ("WandB", "wandb", "wandb"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(kind, module, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingPackageError, match=rf'pip install "sciml-kan\[{extra}\]"'):
        getattr(callbacks, kind)(*(["folder"] if kind == "TensorBoard" else []))
