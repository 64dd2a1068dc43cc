"""Families: killed runs go on, failures keep what is finished, workers give what one process gives."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import types
from pathlib import Path

import pytest
import torch

import sciml
from sciml import nn
from sciml.adapters import LoRA
from sciml.errors import ArgumentError
from sciml.pdes import Poisson
from sciml.solvers import family

QUICK = {"max_steps": 10, "points": 60}
KILLED = """
import os, signal, sys
import sciml
from sciml.pdes import Poisson

base = sciml.load(sys.argv[1])
members = Poisson(2).family(frequency=[1, 2, 3])

def killer(event):
    if event.step == 10 and len(os.listdir(sys.argv[2])) == 1:
        os.kill(os.getpid(), signal.SIGKILL)

base.finetune_family(members, "lora", folder=sys.argv[2], max_steps=12, points=60, callbacks=[killer])
"""


def shifted(k: float):
    """Poisson with ``u = sin sin + k sin(2 pi x) sin(pi y)``."""

    def wave(x):
        return torch.sin(2 * math.pi * x[:, :1]) * torch.sin(math.pi * x[:, 1:])

    return Poisson(2).with_source(
        lambda x: Poisson(2).source(x) + 5 * k * math.pi**2 * wave(x),
        exact=lambda x: Poisson(2).exact(x) + k * wave(x),
    )


MEMBERS = {f"k={k}": shifted(k) for k in (0.1, 0.2, 0.3)}
BAD = Poisson(2).with_source(lambda x: torch.log(x[:, :1] - 0.5))


@pytest.fixture(scope="module")
def base():
    return sciml.solve(Poisson(2), nn.MLP([2, 6, 12, 1], "sine"), tol=1e-4, progress=False)


def test_a_run_killed_in_the_middle_of_a_family_goes_on_where_it_was(base, tmp_path):
    """SIGKILL in the second of three members: the first is kept, nothing half-written is, the rest is trained."""
    folder = tmp_path / "adapters"
    folder.mkdir()
    base.save(tmp_path / "base.h5")
    run = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "base.h5"), str(folder)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "OMP_NUM_THREADS": "1"},
        cwd=Path(sciml.__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert run.returncode == -signal.SIGKILL, run.stderr
    assert [path.name for path in folder.iterdir()] == ["frequency=1.h5"]
    members = Poisson(2).family(frequency=[1, 2, 3])
    solution = sciml.load(tmp_path / "base.h5")
    again = solution.finetune_family(members, "lora", folder=folder, max_steps=12, points=60)
    assert again.resumed == ["frequency=1"] and list(again.solutions) == list(members)
    unbroken = solution.finetune_family(members, "lora", max_steps=12, points=60)
    for name in members:
        assert torch.equal(again.solutions[name].adapter.vector(), unbroken.solutions[name].adapter.vector())


def test_files_that_were_asked_for_otherwise_are_trained_anew(base, tmp_path):
    """Another rank, kind, option or seed is another adapter; a bar or a callback changes nothing that is kept."""
    first = base.finetune_family(MEMBERS, LoRA(r=4), folder=tmp_path, **QUICK)
    assert first.resumed == []
    assert base.finetune_family(MEMBERS, LoRA(r=4), folder=tmp_path, **QUICK).resumed == list(MEMBERS)
    cosmetic = {"progress": False, "callbacks": [lambda event: None]}
    assert base.finetune_family(MEMBERS, LoRA(r=4), folder=tmp_path, **cosmetic, **QUICK).resumed == list(
        MEMBERS
    )
    for config, options in (
        (LoRA(r=1), QUICK),
        ("head", QUICK),
        ("head", {**QUICK, "max_steps": 11}),
        ("head", {**QUICK, "points": 61}),
        ("head", {**QUICK, "points": 61, "seed": 1}),
        ("head", {**QUICK, "points": 61, "seed": 1, "tol": 1e-3}),
    ):
        found = base.finetune_family(MEMBERS, config, folder=tmp_path, **options)
        assert found.resumed == [] and list(found.solutions) == list(MEMBERS)
        for tuned in found.solutions.values():
            assert tuned.config.kind == ("head" if config == "head" else "lora")
            assert tuned.adapter.size < first.solutions[tuned.name].adapter.size
        again = base.finetune_family(MEMBERS, config, folder=tmp_path, **options)
        assert again.resumed == list(MEMBERS)
        for name, tuned in again.solutions.items():
            assert torch.equal(tuned.adapter.vector(), found.solutions[name].adapter.vector())


def test_a_file_under_another_member_s_name_is_trained_anew(base, tmp_path):
    """Two members with one equation: what tells their files apart is the name inside."""
    problem = MEMBERS["k=0.1"]
    base.finetune_family({"a": problem}, "head", folder=tmp_path, **QUICK)
    (tmp_path / "a.h5").rename(tmp_path / "b.h5")
    found = base.finetune_family({"b": problem}, "head", folder=tmp_path, **QUICK)
    assert found.resumed == [] and found.solutions["b"].name == "b"
    assert base.finetune_family({"b": problem}, "head", folder=tmp_path, **QUICK).resumed == ["b"]


def test_a_file_that_says_nothing_of_what_was_asked_is_trained_anew(base, tmp_path):
    tuned = base.finetune(MEMBERS["k=0.1"], "head", name="k=0.1", progress=False, **QUICK)
    base.delete_adapter("k=0.1")
    tuned.save_adapter(tmp_path / "k=0.1.h5")
    found = base.finetune_family(MEMBERS, "head", folder=tmp_path, **QUICK)
    assert found.resumed == []


class Task:
    """A remote function that is carried out at once; the result or the exception is the reference."""

    def __init__(self, function):
        self.function = function

    def remote(self, shared, *args):
        try:
            return [self.function(shared, *args)]
        except Exception as error:
            return [RemoteError(error)]


class RemoteError(Exception):
    def __init__(self, cause):
        super().__init__(f"\x1b[36mray::_remote()\x1b[39m (pid=1)\n  Traceback ...\n{cause}")
        self.cause = cause


class Reference(list):
    """Hashable, as ray's are."""

    __hash__ = object.__hash__


@pytest.fixture
def fake_ray(monkeypatch):
    """The part of ray that families use, in this process; ``ready`` says how many tasks finish together."""
    ray = types.SimpleNamespace(ready=1, cancelled=[], retries=None)

    def remote(max_retries):
        ray.retries = max_retries

        def decorate(function):
            task = Task(function)
            return types.SimpleNamespace(remote=lambda *args: Reference(task.remote(*args)))

        return decorate

    def wait(references, num_returns, timeout=None):
        count = ray.ready if timeout == 0 else num_returns
        return references[:count], references[count:]

    def get(reference):
        if isinstance(reference[0], RemoteError):
            raise reference[0]
        return reference[0]

    ray.remote, ray.wait, ray.get = remote, wait, get
    ray.put, ray.cancel, ray.is_initialized = lambda value: value, ray.cancelled.append, lambda: True
    ray.exceptions = types.SimpleNamespace(RayTaskError=RemoteError)
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setattr(family, "WORTH_WORKERS", 0.0)
    return ray


def test_workers_give_what_one_process_gives(base, fake_ray):
    serial = base.finetune_family(MEMBERS, "lora", **QUICK)
    apart = base.finetune_family(MEMBERS, "lora", backend="ray", **QUICK)
    assert list(apart.solutions) == list(MEMBERS) and fake_ray.retries == 1
    for name, tuned in apart.solutions.items():
        assert torch.equal(tuned.adapter.vector(), serial.solutions[name].adapter.vector())
        assert tuned.base is base.base and tuned.report["steps"] == serial.solutions[name].report["steps"]


def test_workers_know_the_base_s_units(fake_ray):
    """A base of size 1e6: its scale and its equations' weights go to the workers, too."""

    def large(k):
        return Poisson(2).with_source(lambda x: 1e6 * shifted(k).source(x))

    base = sciml.solve(large(0.0), nn.MLP([2, 6, 8, 1], "sine", seed=1), max_steps=20, progress=False)
    assert base.trial.scale is not None
    members = {"a": large(0.1), "b": large(0.2)}
    serial = base.finetune_family(members, "lora", **QUICK)
    apart = base.finetune_family(members, "lora", backend="ray", **QUICK)
    for name, tuned in apart.solutions.items():
        assert torch.equal(tuned.adapter.vector(), serial.solutions[name].adapter.vector())
        assert tuned.stats.weights == base.stats.weights


def test_a_failure_in_a_worker_is_named_by_its_cause(base, fake_ray, tmp_path):
    members = {"bad": BAD, **MEMBERS, "bad too": BAD}
    found = base.finetune_family(members, "lora", backend="ray", on_error="skip", folder=tmp_path, **QUICK)
    assert list(found.solutions) == list(MEMBERS) and len(list(tmp_path.iterdir())) == 3
    for name in ("bad", "bad too"):  # the first one here, the last one in a worker
        assert found.failures[name].startswith("ArgumentError: source of Poisson needs finite numbers")


@pytest.mark.parametrize("ready", [1, 3])
def test_a_failure_that_stops_the_family_keeps_what_is_finished(base, fake_ray, tmp_path, ready):
    fake_ray.ready = ready
    members = {"k=0.1": MEMBERS["k=0.1"], "bad": BAD, "k=0.2": MEMBERS["k=0.2"], "k=0.3": MEMBERS["k=0.3"]}
    with pytest.raises(ArgumentError, match=r"^source of Poisson needs finite numbers"):
        base.finetune_family(members, "lora", backend="ray", folder=tmp_path, **QUICK)
    finished = {1: ["k=0.1"], 3: ["k=0.1", "k=0.2", "k=0.3"]}[ready]
    assert sorted(path.stem for path in tmp_path.iterdir()) == finished
    assert len(fake_ray.cancelled) == 4 - 1 - len(finished)


def test_a_family_of_seconds_stays_in_one_process(base, fake_ray, monkeypatch):
    monkeypatch.setattr(family, "WORTH_WORKERS", 1e9)
    fake_ray.remote = lambda **options: pytest.fail("a worker was started")
    found = base.finetune_family(MEMBERS, "head", backend="ray")
    assert list(found.solutions) == list(MEMBERS) and "less than workers cost to start" in found.notes[0]


def test_without_ray_the_extra_is_named(base, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ArgumentError, match=r"needs the extra: pip install 'sciml-kan\[families\]'"):
        base.finetune_family(MEMBERS, "head", backend="ray")


@pytest.mark.slow
@pytest.mark.timeout(900)  # every worker imports torch, and one that was killed does so again
@pytest.mark.filterwarnings("ignore")
def test_ray_itself_and_a_worker_that_is_killed(base, tmp_path, monkeypatch):
    """One worker is killed once: its member is tried again. One that is killed always: the others are kept."""
    ray = pytest.importorskip("ray", reason="ray is an optional extra (sciml-kan[families])")
    monkeypatch.setattr(family, "WORTH_WORKERS", 0.0)
    here, marker = os.getpid(), tmp_path / "killed"

    def once(event):
        if os.getpid() != here and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)

    def always(event):
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)

    serial = base.finetune_family(MEMBERS, "lora", **QUICK)
    ray.init(num_cpus=2, log_to_driver=False, include_dashboard=False)
    try:
        found = base.finetune_family(MEMBERS, "lora", backend="ray", callbacks=[once], **QUICK)
        assert marker.exists() and list(found.solutions) == list(MEMBERS)
        for name, tuned in found.solutions.items():
            assert torch.equal(tuned.adapter.vector(), serial.solutions[name].adapter.vector())
        with pytest.raises(ArgumentError, match=r"^source of Poisson needs finite numbers"):
            base.finetune_family({**MEMBERS, "bad": BAD}, "lora", backend="ray", **QUICK)
        options = {"backend": "ray", "folder": tmp_path / "kept", "on_error": "skip", **QUICK}
        left = base.finetune_family(MEMBERS, "lora", callbacks=[always], **options)
        assert list(left.solutions) == ["k=0.1"] and set(left.failures) == {"k=0.2", "k=0.3"}
        assert all(why.startswith("WorkerCrashedError") for why in left.failures.values())
        resumed = base.finetune_family(MEMBERS, "lora", **options)
        assert resumed.resumed == ["k=0.1"] and list(resumed.solutions) == list(MEMBERS)
        # few are solved, by workers where several are wanted at a time; the others are spanned here
        many = {f"k={k}": shifted(k) for k in (0.1, 0.2, 0.3, 0.5, 2.0)}
        spanned = base.finetune_family(many, accuracy=1e-2, backend="ray", max_steps=30)
        assert list(spanned.solutions) == list(many) and 1 <= len(spanned.solved) < len(many)
        assert all(tuned.error() < 1e-2 for tuned in spanned.solutions.values())
    finally:
        ray.shutdown()
