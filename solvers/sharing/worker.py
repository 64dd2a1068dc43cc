"""What the first process of a group starts and ends, and the loop of the others."""

from __future__ import annotations

import pickle
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from sciml.ansatz import Trial
from sciml.errors import ArgumentError
from sciml.optim.threads import few_threads
from sciml.solvers.report import Report
from sciml.solvers.sharing.group import Group, ProcessFailed, ProcessLost
from sciml.solvers.sharing.share import Share
from sciml.solvers.sharing.system import SharedSystem
from sciml.solvers.training.residual_system import ResidualSystem

PROBE = 16  # points of each term on which the processes compare their problems
SAME = 1e-6  # relative difference of residuals from which they are different problems

Build = Callable[[nn.Module, bool], Trial]


def share(system: ResidualSystem, group: Group) -> SharedSystem:
    """The system computed by all processes; in the first of them.

    Raises:
        ArgumentError: The residual does not allow it, the network cannot be sent, or the processes hold different problems.
    """
    trial = system.trial
    try:
        pickle.dumps(trial.network)
    except Exception as error:
        raise ArgumentError(
            f"model needs to be one that can be pickled, since other processes need it, got: {error}"
        ) from error
    if not system.pointwise:
        raise ArgumentError(
            "process_group needs a residual whose rows depend on their own point alone, and a model with jets, got "
            f"{type(system.problem).__name__} with derivatives by nested autograd."
        )
    group.tell(("system", (trial.network, trial.ansatz.penalties, trial.scale, _probe(system))))
    group.agree(lambda: None)  # of the others: build the same, and compare
    return SharedSystem(system, group)


@dataclass
class Result:
    """What the other processes need to hold the same solution.

    Attributes:
        network, penalties, scale: Of its trial function.
        values: Of unknown coefficients.
        history, stats: Of the run.
    """

    network: nn.Module = field(default_factory=nn.Module)
    penalties: bool = False
    scale: Tensor | None = None
    values: dict[str, float] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    stats: Report = field(default_factory=Report)

    def take(self, trial: Trial, run: Any, stats: Report, values: dict[str, float]) -> None:
        """Fill it in."""
        self.network, self.penalties, self.scale = trial.network, trial.ansatz.penalties, trial.scale
        self.values, self.history, self.stats = values, run.history, stats


@contextmanager
def leading(group: Group | None) -> Iterator[Result]:
    """A ``with`` block of the first process, at whose end the others are sent the result that it filled in.

    Where the block raises, they raise, too. Nothing happens in those others, or without a group.
    """
    result = Result()
    told = group if group is not None and group.leads else None
    try:
        yield result
    except BaseException as error:
        if told is not None and not told.lost:
            with suppress(ProcessLost):  # the reason is the first error
                told.tell(("failed", (f"{type(error).__name__}: {error}",)))
        raise
    if told is not None and not told.lost:
        told.tell(("end", (result,)))


def follow(group: Group, build: Build) -> Result:
    """Do what the first process asks, until it ends; what it sent then.

    Args:
        group: This process is not the first.
        build: ``(network, penalties)`` to the trial function of the problem of this process.

    Raises:
        ProcessFailed: The first process raised.
        ProcessLost: It is gone.
    """
    member: Share | None = None
    with _deaf(), few_threads(0, torch_too=True):
        while True:
            name, args = group.hear()
            if name == "end":
                return args[0]
            if name == "failed":
                raise ProcessFailed(f"process 0 raised {args[0]}")
            try:
                if name == "system":
                    member = _joined(group, build, *args)
                else:
                    getattr(member, name)(*args)
            except ProcessLost:
                raise
            except Exception:  # it was told to all processes, and the first one decides what comes of it
                continue


def _joined(
    group: Group,
    build: Build,
    network: nn.Module,
    penalties: bool,
    scale: Tensor | None,
    expected: Tensor,
) -> Share:
    """This process's share of a new system, after a look at whether it is the same as the first one's."""

    def join() -> Share:
        trial = build(network, penalties)
        trial.set_scale(scale)
        coefficients = vars(trial.problem).get("_coefficients") or []
        system = ResidualSystem(trial.problem, trial, PROBE, PROBE, check=False, coefficients=coefficients)
        got = _probe(system)
        if got.shape != expected.shape or not float((got - expected).norm()) <= SAME * float(expected.norm()):
            raise ArgumentError(
                f"problem needs to be the same in every process, got another {type(trial.problem).__name__} in process "
                f"{group.rank}."
            )
        return Share(group, system)

    return group.agree(join)


def _probe(system: ResidualSystem) -> Tensor:
    """Rows at a few points of each term, which tell one problem from another; weights do not count."""
    few = system.elsewhere(PROBE, PROBE, 0)
    few.points.weights = dict.fromkeys(few.points.weights, 1.0)
    return few.residual(few.theta)


@contextmanager
def _deaf() -> Iterator[None]:
    """A Ctrl-C reaches every process of a terminal; the first one decides what comes of it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
