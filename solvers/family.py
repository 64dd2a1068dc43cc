"""Fine-tune one base to a whole family of problems: resumable, one adapter file a member, one table at the end."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sciml.adapters import AdapterConfig, get_config
from sciml.errors import ArgumentError, FileFormatError
from sciml.problem import PDE
from sciml.solvers.adapted import AdaptedSolution

if TYPE_CHECKING:
    from sciml.solvers.hosting import AdapterHost

BACKENDS = ("serial", "ray")
ON_ERROR = ("raise", "skip")
WORTH_WORKERS = 10.0  # seconds of work left below which starting workers costs more than it saves
COLUMNS = ("member", "outcome", "seconds", "steps", "residual", "error", "trained")


@dataclass
class FamilyResult:
    """What became of every member.

    Attributes:
        solutions: Member -> adapted solution.
        failures: Member -> what went wrong (``on_error="skip"``).
        resumed: Members that were read from the folder instead of trained.
        notes: Decisions taken, such as serial instead of ray.
    """

    solutions: dict[str, AdaptedSolution] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    resumed: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def rows(self) -> list[dict[str, Any]]:
        """One row of plain data a member."""
        out = []
        for name, tuned in self.solutions.items():
            report = tuned.report
            out.append({"member": name, **{k: report[k] for k in COLUMNS[1:] if k in report}})
        return [*out, *({"member": name, "outcome": f"failed: {why}"} for name, why in self.failures.items())]

    def table(self) -> str:
        """The rows as aligned text."""
        cells = [list(COLUMNS)] + [[_cell(row.get(c, "")) for c in COLUMNS] for row in self.rows()]
        widths = [max(len(row[k]) for row in cells) for k in range(len(COLUMNS))]
        return "\n".join(
            "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells
        )

    def __repr__(self) -> str:
        return self.table()


def finetune_family(
    base: AdapterHost,
    members: Mapping[str, PDE],
    adapter: str | AdapterConfig = "lotra",
    *,
    folder: Any = None,
    backend: str = "serial",
    on_error: str = "raise",
    progress: bool = False,
    **options: Any,
) -> FamilyResult:
    """Fine-tune ``base`` to every member; what is finished is never done twice.

    Args:
        base: A solved problem.
        members: Name -> problem, for instance from :meth:`PDE.family`.
        adapter: Configuration or name of a kind.
        folder: Where to keep one adapter file a member. A second call with the same folder reads what is there and
            trains the rest; a file that does not belong to this base or member is trained anew.
        backend: ``"serial"``, or ``"ray"`` (an optional extra) for one task a member on one machine or a cluster. A
            family that the first member shows to be a matter of seconds stays serial, and ``notes`` says so.
        on_error: ``"raise"`` stops at the first failure (finished members are kept), ``"skip"`` notes it and goes on.
        progress: A tqdm bar over the members.
        options: For :func:`sciml.solvers.finetune.finetune`.

    Returns:
        A :class:`FamilyResult`; its ``table()`` is the overview.
    """
    _check(members, backend, on_error)
    config = get_config(adapter)
    result = FamilyResult()
    todo: dict[str, PDE] = {}
    place = Path(folder) if folder is not None else None
    if place is not None:
        place.mkdir(parents=True, exist_ok=True)
    for name, problem in members.items():
        known = _finished(base, problem, config, place, name)
        if known is None:
            todo[name] = problem
        else:
            result.solutions[name] = known
            result.resumed.append(name)
    bar = _bar(progress, len(todo))
    if backend == "ray" and todo:
        _parallel(base, todo, config, place, on_error, options, result, bar)
    else:
        _serial(base, todo, config, place, on_error, options, result, bar)
    bar.close()
    result.solutions = {name: result.solutions[name] for name in members if name in result.solutions}
    return result


def _serial(base, todo, config, place, on_error, options, result, bar) -> None:
    for name, problem in todo.items():
        try:
            _keep(base, place, name, _train(base, problem, config, name, options), result)
        except Exception as error:
            if on_error == "raise":
                raise
            result.failures[name] = _reason(error)
        bar.update()


def _parallel(base, todo, config, place, on_error, options, result, bar) -> None:
    """One ray task a member. The first that succeeds runs here, to learn whether workers pay."""
    ray = _ray()
    rest, took = list(todo), 0.0
    while rest and not took:
        first = rest.pop(0)
        start = time.perf_counter()
        _serial(base, {first: todo[first]}, config, place, on_error, options, result, bar)
        took = time.perf_counter() - start if first in result.solutions else 0.0
    left = took * len(rest)
    if left < WORTH_WORKERS:
        result.notes.append(f"serial: the rest takes about {left:.1f} s, less than workers cost to start.")
        _serial(base, {name: todo[name] for name in rest}, config, place, on_error, options, result, bar)
        return
    if not ray.is_initialized():
        ray.init(log_to_driver=False, include_dashboard=False)
    shared = ray.put((base.problem, base.network))
    task = ray.remote(max_retries=1)(_remote)  # a killed worker's member is tried once more
    waiting = {task.remote(shared, todo[name], config, name, options): name for name in rest}
    failed: Exception | None = None
    try:
        while waiting and failed is None:
            # everything that is ready, so that a failure beside a success does not lose it
            ready, _ = ray.wait(list(waiting), num_returns=1)
            more, _ = ray.wait(list(waiting), num_returns=len(waiting), timeout=0)
            for done in dict.fromkeys([*ready, *more]):
                name = waiting.pop(done)
                try:
                    tuned = AdaptedSolution(base, todo[name], *_of_worker(ray, done, name))
                    _keep(base, place, name, tuned, result)
                except Exception as error:
                    result.failures[name] = _reason(error)
                    failed = error if on_error == "raise" else None
                bar.update()
    finally:
        for other in waiting:
            ray.cancel(other)
    if failed is not None:
        raise failed


def _of_worker(ray: Any, done: Any, name: str) -> tuple[Any, str, Any, Any]:
    """Adapter, name, history and statistics of a finished task; its own exception where it raised one."""
    try:
        adapter, history, stats = ray.get(done)
    except ray.exceptions.RayTaskError as error:
        # the worker's exception as if it had been raised here; ray's own text is a traceback
        raise error.cause from None
    return adapter, name, history, stats


def _reason(error: Exception) -> str:
    """One line for the table."""
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _remote(shared: Any, problem: PDE, config: AdapterConfig, name: str, options: dict[str, Any]) -> Any:
    """Runs in a worker: only the base's problem and network travel, and only the adapter comes back."""
    import torch

    from sciml.ansatz import Trial
    from sciml.solvers.hosting import AdapterHost

    torch.set_num_threads(1)
    base_problem, network = shared
    tuned = _train(
        AdapterHost(base_problem, Trial(base_problem, network), [], {}), problem, config, name, options
    )
    return tuned.adapter, tuned.history, tuned.stats


def _train(
    base: AdapterHost, problem: PDE, config: AdapterConfig, name: str, options: dict[str, Any]
) -> AdaptedSolution:
    from sciml.solvers.finetune import finetune

    return finetune(base, problem, config, name=name, **{"progress": False, **options})


def _keep(
    base: AdapterHost, place: Path | None, name: str, tuned: AdaptedSolution, result: FamilyResult
) -> None:
    if place is not None:
        tuned.save_adapter(_file(place, name))
    result.solutions[name] = tuned


def _finished(
    base: AdapterHost, problem: PDE, config: AdapterConfig, place: Path | None, name: str
) -> AdaptedSolution | None:
    from sciml.solvers.files.adapter_file import load_adapter

    if place is None or not _file(place, name).exists():
        return None
    try:
        known = load_adapter(base, _file(place, name), problem)
    except FileFormatError:
        return None
    return known if known.name == name and known.config.kind == config.kind else None


def _file(place: Path, name: str) -> Path:
    return place / (re.sub(r"[^A-Za-z0-9_.=+-]", "_", name) + ".h5")


def _check(members: Any, backend: str, on_error: str) -> None:
    if (
        not isinstance(members, Mapping)
        or not members
        or not all(isinstance(p, PDE) for p in members.values())
    ):
        raise ArgumentError("members must map names to problems, and hold at least one.")
    files = [_file(Path(), name).name for name in members]
    if len(set(files)) != len(files):
        raise ArgumentError(f"members need names that differ as file names; got {', '.join(members)}.")
    for what, value, known in (("backend", backend, BACKENDS), ("on_error", on_error, ON_ERROR)):
        if value not in known:
            raise ArgumentError(f"{what} must be one of {', '.join(known)}; got {value!r}.")


def _ray() -> Any:
    try:
        import ray  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ArgumentError("backend='ray' needs the extra: pip install 'sciml-kan[families]'.") from error
    return ray


def _bar(progress: bool, total: int) -> Any:
    from tqdm.auto import tqdm

    return tqdm(total=total, disable=not progress, desc="family")


def _cell(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
