"""A family: one base, many members, one adapter each; what is finished is never done twice."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from sciml.adapters import Adapter, PlainConfig, get_config
from sciml.ansatz import Ansatz, Trial
from sciml.ansatz.march import Chain, chain_of
from sciml.arguments import one_of
from sciml.errors import ArgumentError, FileFormatError, SciMLError
from sciml.problem import PDE
from sciml.solvers.adapted import AdaptedAnswer
from sciml.solvers.answer import Answer
from sciml.solvers.files import adapter_file
from sciml.solvers.finetune import AUTO, finetune
from sciml.solvers.finetuning.greedy import SHARPER, Greedy
from sciml.solvers.finetuning.result import FamilyResult
from sciml.solvers.report import Report
from sciml.solvers.training.interrupt import Interruption
from sciml.solvers.training.settings import Settings

BACKENDS = ("serial", "ray")
ON_ERROR = ("raise", "skip")
WORTH_WORKERS = 10.0  # seconds of work left below which starting workers costs more than it saves
COSMETIC = ("progress", "callbacks")  # options that do not change what comes out


def finetune_family(
    base: Answer,
    members: Mapping[str, PDE],
    adapter: str | PlainConfig = AUTO,
    *,
    folder: Any = None,
    backend: str = "serial",
    on_error: str = "raise",
    progress: bool = False,
    **options: Any,
) -> FamilyResult[AdaptedAnswer]:
    """Fine-tune ``base`` to every member; what is finished is never done twice.

    With ``"auto"`` few members are solved, one after the other where the span of those before errs most, until the estimated
    error of every span is within ``accuracy`` (twice the base's own unless given); all others are spans of these. What the
    estimates rest on is ``sciml.solvers.finetuning.greedy``. Of a base in windows every member is fine-tuned by itself.

    Args:
        base: A solved problem.
        members: Name -> problem, for instance from ``PDE.family``.
        adapter: ``"auto"``, or a configuration or name of a kind that every member is trained with.
        folder: Where to keep one adapter file for each member that was trained. A second call with the same folder reads
            what is there and trains the rest; spans are made anew. A file of another base, member, configuration or other
            ``options`` is trained anew.
        backend: ``"serial"``, or ``"ray"`` (an optional extra) for one task a member on one machine or a cluster. A
            family that the first member shows to be a matter of seconds stays serial, and ``notes`` says so.
        on_error: ``"raise"`` stops at the first failure (finished members are kept), ``"skip"`` notes it and goes on.
        progress: A tqdm bar over the members.
        options: For ``sciml.solvers.finetune.finetune``.

    Returns:
        A ``FamilyResult``; its ``table()`` is the overview.
    """
    _check(members, backend, on_error)
    place = Path(folder) if folder is not None else None
    if place is not None:
        place.mkdir(parents=True, exist_ok=True)
    config = None if adapter == AUTO else get_config(adapter)
    run = FamilyRun(base, dict(members), config, options, place, on_error)
    todo = [name for name in members if not run.take_up(name)]
    with Interruption() as run.interruption, _bar(progress, len(todo)) as bar:
        if config is None and not isinstance(base.trial, Chain):
            run.greedily(backend == "ray", bar)
        elif backend == "ray" and todo:
            run.parallel(todo, bar)
        else:
            run.serial(todo, bar)
    result = run.result
    result.solutions = {name: result.solutions[name] for name in members if name in result.solutions}
    return result


@dataclass
class FamilyRun:
    """The fine-tuning of a family in progress.

    Attributes:
        base, members, options: As in ``finetune_family``.
        config: What every member is trained with; None where few are solved and the others are spans.
        place: Folder of the members' files, or None.
        on_error: ``"raise"`` or ``"skip"``.
        result: What is done so far.
        interruption: Tells when somebody asked to stop.
        starts: What training starts from, where that is another member.
        sharper: Options of training that differ from what was asked of the family.
    """

    base: Answer
    members: dict[str, PDE]
    config: PlainConfig | None
    options: dict[str, Any]
    place: Path | None
    on_error: str
    result: FamilyResult[AdaptedAnswer] = field(default_factory=FamilyResult[AdaptedAnswer])
    interruption: Interruption = field(default_factory=Interruption)
    starts: dict[str, Adapter | None] = field(default_factory=dict)
    sharper: dict[str, Any] = field(default_factory=dict)

    @property
    def request(self) -> dict[str, Any]:
        """What is asked of every member, as plain data: a file that was asked for otherwise is not taken up."""
        options = {name: repr(value) for name, value in sorted(self.options.items()) if name not in COSMETIC}
        return {"adapter": AUTO if self.config is None else self.config.to_dict(), "options": options}

    def take_up(self, name: str) -> bool:
        """Read a member that an earlier call finished; False where there is none that was asked for alike."""
        file = self._file(name)
        if file is None or not file.exists():
            return False
        try:
            if adapter_file.read_request(file) != self.request:
                return False
            known = adapter_file.load(self.base, file, self.members[name])
        except (FileFormatError, ArgumentError):
            return False
        if known.name != name:
            return False
        self.result.solutions[name] = known
        self.result.resumed.append(name)
        return True

    def adapter(self, name: str) -> str | PlainConfig | Adapter:
        """What a member is trained with."""
        return self.config or self.starts.get(name) or AUTO

    def greedily(self, apart: bool, bar: Any) -> None:
        """Solve members until the spans of the others are good; ``apart``: several at a time, by ray."""
        known = {
            k: v for k, v in self.options.items() if k in Settings.__dataclass_fields__ and k not in COSMETIC
        }
        settings = Settings(self.base.problem, **known, progress=False)
        greedy = Greedy(self.base, self.members, settings, self.result.solutions)
        self.sharper = {"accuracy": SHARPER * greedy.goal}
        most = _ray_cpus() if apart else 1
        while not self.interruption.asked:
            self.starts = greedy.round(most)
            for name, error in greedy.failures.items():
                if self.on_error == "raise":
                    raise error
                self.result.failures.setdefault(name, _reason(error))
            names = [name for name in self.starts if name not in self.result.failures]
            if not names:
                break
            (self.parallel if len(names) > 1 else self.serial)(names, bar)
            greedy.failures.update({n: SciMLError(why) for n, why in self.result.failures.items()})
        self.result.solved = list(self.result.solutions)
        self.result.greedy = greedy
        greedy.solved = dict(self.result.solutions)
        for name in self.members:
            if (
                name in greedy.spans
                and name not in self.result.solutions
                and name not in self.result.failures
            ):
                self.result.solutions[name] = greedy.answer(name)
                bar.update()
        self.result.solutions.update(greedy.instead())

    def serial(self, names: list[str], bar: Any) -> None:
        """Train members one after the other."""
        for name in names:
            if self.interruption.asked:
                self.result.notes.append(
                    f"interrupted before {name!r}; the members that are finished are kept."
                )
                return
            try:
                self._keep(
                    _train(
                        self.base,
                        self.members[name],
                        self.adapter(name),
                        name,
                        {**self.options, **self.sharper},
                    )
                )
            except Exception as error:
                if self.on_error == "raise":
                    raise
                self.result.failures[name] = _reason(error)
            bar.update()

    def parallel(self, names: list[str], bar: Any) -> None:
        """One ray task a member. The first that succeeds is trained here, to learn whether workers pay."""
        ray = _ray()
        rest, took = list(names), 0.0
        while rest and not took:
            first = rest.pop(0)
            start = time.perf_counter()
            self.serial([first], bar)
            took = time.perf_counter() - start if first in self.result.solutions else 0.0
        left = took * len(rest)
        if left < WORTH_WORKERS:
            self.result.notes.append(
                f"serial: the rest takes about {left:.1f} s, less than workers cost to start."
            )
            self.serial(rest, bar)
            return
        if not ray.is_initialized():
            ray.init(log_to_driver=False, include_dashboard=False)
        shared = ray.put(_shared(self.base))
        task = ray.remote(max_retries=1)(_remote)  # a killed worker's member is tried once more
        waiting = {
            task.remote(
                shared, self.members[name], self.adapter(name), name, {**self.options, **self.sharper}
            ): name
            for name in rest
        }
        try:
            self._collect(ray, waiting, bar)
        finally:
            for other in waiting:
                ray.cancel(other)

    def _collect(self, ray: Any, waiting: dict[Any, str], bar: Any) -> None:
        """Keep what the workers finish; raise the first failure unless failures are skipped."""
        failed: Exception | None = None
        while waiting and failed is None:
            # everything that is ready, so that a failure beside a success does not lose it
            ready, _ = ray.wait(list(waiting), num_returns=1)
            more, _ = ray.wait(list(waiting), num_returns=len(waiting), timeout=0)
            for done in dict.fromkeys([*ready, *more]):
                name = waiting.pop(done)
                try:
                    adapter, history, stats = _of_worker(ray, done)
                    self._keep(AdaptedAnswer(self.base, self.members[name], adapter, name, history, stats))
                except Exception as error:
                    self.result.failures[name] = _reason(error)
                    failed = error if self.on_error == "raise" else None
                bar.update()
        if failed is not None:
            raise failed

    def _keep(self, tuned: AdaptedAnswer) -> None:
        file = self._file(tuned.name)
        if (
            file is not None and not self.interruption.asked
        ):  # a member that was broken off is trained anew next time
            adapter_file.save(tuned, file, self.request)
        self.result.solutions[tuned.name] = tuned

    def _file(self, name: str) -> Path | None:
        return None if self.place is None else self.place / _file_name(name)


def _train(
    base: Answer, problem: PDE, adapter: str | PlainConfig | Adapter, name: str, options: dict[str, Any]
) -> AdaptedAnswer:
    return finetune(base, problem, adapter, name=name, **{"progress": False, **options})


def _remote(
    shared: Any, problem: PDE, adapter: str | PlainConfig | Adapter, name: str, options: dict[str, Any]
) -> Any:
    """Runs in a worker: only the base's problem and network travel, and only the adapter comes back."""
    torch.set_num_threads(1)
    base = _unpacked(shared)
    tuned = _train(base, problem, adapter, name, options)
    return tuned.adapter, tuned.history, tuned.stats


def _shared(base: Answer) -> tuple[Any, ...]:
    """What a worker needs of the base."""
    trial, ways = base.trial, (base.trial.ansatz.penalties, base.trial.ansatz.jumps)
    windows = None
    if isinstance(trial, Chain):
        windows = [(window.span, window.scale) for window in trial.windows]
    return base.problem, base.network, trial.scale, ways, windows, base.stats.weights


def _unpacked(shared: Any) -> Answer:
    """The base from what ``_shared`` packed."""
    problem, network, scale, ways, windows, weights = shared
    if windows is None:
        trial: Any = Trial(problem, network, Ansatz(problem, *ways), scale)
    else:
        spans, scales = zip(*windows, strict=True)
        trial = chain_of(problem, list(network), spans, scales, ways[1])
    return Answer(problem, trial, [], Report(weights=weights))


def _of_worker(ray: Any, done: Any) -> Any:
    """Adapter, history and report of a finished task; its own exception where it raised one."""
    try:
        return ray.get(done)
    except ray.exceptions.RayTaskError as error:
        # the worker's exception as if it had been raised here; ray's own text is a traceback
        raise error.cause from None


def _reason(error: Exception) -> str:
    """One line for the table."""
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _file_name(member: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.=+-]", "_", member) + ".h5"


def _check(members: Any, backend: str, on_error: str) -> None:
    if (
        not isinstance(members, Mapping)
        or not members
        or not all(isinstance(p, PDE) for p in members.values())
    ):
        raise ArgumentError(f"members needs at least one name with its problem, got {members!r:.200}.")
    if len({_file_name(name) for name in members}) != len(members):
        raise ArgumentError(f"members needs names that differ as file names, got {', '.join(members)}.")
    one_of("backend", backend, BACKENDS)
    one_of("on_error", on_error, ON_ERROR)


def _ray() -> Any:
    try:
        import ray  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ArgumentError("backend='ray' needs the extra: pip install 'sciml-kan[families]'.") from error
    return ray


def _ray_cpus() -> int:
    """How many members are solved at a time."""
    ray = _ray()
    if not ray.is_initialized():
        ray.init(log_to_driver=False, include_dashboard=False)
    return max(2, int(ray.available_resources().get("CPU", 2)))


def _bar(progress: bool, total: int) -> Any:
    from tqdm.auto import tqdm

    return tqdm(total=total, disable=not progress, desc="family")
