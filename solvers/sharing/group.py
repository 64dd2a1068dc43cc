"""A group of processes: what the first one tells, hands out and collects."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from sciml.errors import ArgumentError
from sciml.solvers.training.run_state import BrokenRun

Answer = TypeVar("Answer")


class ProcessLost(BrokenRun):
    """Another process of the group no longer answers; what this one has reached is kept."""


class ProcessFailed(RuntimeError):
    """Another process of the group raised; the message tells which one, and what."""


def _heard(call: Callable[..., Answer]) -> Callable[..., Answer]:
    """A method whose messages are sent by torch.distributed, which raises where a process is gone."""

    @functools.wraps(call)
    def guarded(self: Group, *args: Any) -> Answer:
        if self.lost:
            raise ProcessLost(self.lost)
        try:
            return call(self, *args)
        except RuntimeError as error:
            reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            self.lost = f"another process of the group no longer answers: {reason}"
            raise ProcessLost(self.lost) from error

    return guarded


class Group:
    """Processes of ``torch.distributed``, of which the first one decides and the others follow.

    Every method but ``tell`` and ``hear`` is called by all of them at the same time.

    Args:
        group: The process group; ``torch.distributed.group.WORLD`` for all processes.

    Attributes:
        rank: Of this process within the group; 0 decides.
        size: How many there are.
        lost: Why the group cannot be used any more; empty while it can.
        sent: Bytes of numbers that went between this process and others so far; in the first one, all of them.

    Raises:
        ArgumentError: Not a process group, or one that this process is no member of.
    """

    def __init__(self, group: Any):
        needs = "process_group needs a process group of torch.distributed that this process belongs to"
        if not (dist.is_available() and dist.is_initialized()):
            raise ArgumentError(f"{needs}, got {group!r} before torch.distributed.init_process_group().")
        if group is dist.group.WORLD or isinstance(group, dist.ProcessGroup):
            self._group = group
        else:
            raise ArgumentError(f"{needs}, got {group!r}.")
        self.rank, self.size = dist.get_rank(group), dist.get_world_size(group)
        if self.rank < 0:
            raise ArgumentError(f"{needs}, got one without it.")
        self.lost, self.sent = "", 0
        self._first = dist.get_global_rank(self._group, 0) if group is not dist.group.WORLD else 0

    @property
    def leads(self) -> bool:
        """Whether this is the process that decides."""
        return self.rank == 0

    @_heard
    def tell(self, message: Any) -> None:
        """Send a message, of anything that can be pickled, to all others; by the first process."""
        dist.broadcast_object_list([message], src=self._first, group=self._group)

    @_heard
    def hear(self) -> Any:
        """Wait for the next message; by the others."""
        box = [None]
        dist.broadcast_object_list(box, src=self._first, group=self._group)
        return box[0]

    def agree(self, work: Callable[[], Answer]) -> Answer:
        """Do this process's part of something, and go on only where no process failed.

        Raises:
            ProcessFailed: In the processes whose own part went well.
            BaseException: What the part raised, where it did.
        """
        answer, error = None, None
        try:
            answer = work()
        except BaseException as raised:  # a Ctrl-C, too, has to be told, or the others would wait
            error = raised
        told = self._gathered(None if error is None else f"{type(error).__name__}: {error}")
        if error is not None:
            raise error
        failed = [f"process {rank} raised {text}" for rank, text in enumerate(told) if text is not None]
        if failed:
            raise ProcessFailed("; ".join(failed))
        return answer  # type: ignore[return-value]

    @_heard
    def _gathered(self, text: str | None) -> Sequence[str | None]:
        """What every process has to say; the usual nothing costs one number."""
        flag = torch.tensor([0 if text is None else 1])
        dist.all_reduce(flag, op=dist.ReduceOp.MAX, group=self._group)
        if not flag.item():
            return [None]
        told: list[str | None] = [None] * self.size
        dist.all_gather_object(told, text, group=self._group)
        return told

    @_heard
    def collect(self, part: Tensor, rows: Sequence[int]) -> list[Tensor]:
        """Every process's ``part``, ``rows[rank]`` long, at the first one; nothing elsewhere."""
        padded = part.new_zeros(max(rows), *part.shape[1:])
        padded[: len(part)] = part
        into = [torch.empty_like(padded) for _ in rows] if self.leads else None
        self._count(padded)
        dist.gather(padded, into, dst=self._first, group=self._group)
        return [] if into is None else [whole[:n] for whole, n in zip(into, rows, strict=True)]

    @_heard
    def hand_out(self, parts: Sequence[Tensor] | None, rows: Sequence[int], like: Tensor) -> Tensor:
        """The part for this process, of those that the first one holds; ``like`` has its trailing shape and its dtype."""
        shape = (max(rows), *like.shape[1:])
        padded = None
        if self.leads:
            assert parts is not None
            padded = [like.new_zeros(shape) for _ in rows]
            for whole, part in zip(padded, parts, strict=True):
                whole[: len(part)] = part
        mine = like.new_zeros(shape)
        self._count(mine)
        dist.scatter(mine, padded, src=self._first, group=self._group)
        return mine[: rows[self.rank]]

    @_heard
    def total(self, part: Tensor) -> Tensor:
        """The sum over all processes at the first one; ``part`` is used up."""
        self._count(part)
        dist.reduce(part, dst=self._first, group=self._group)
        return part

    def _count(self, part: Tensor) -> None:
        others = self.size - 1 if self.leads else 1
        self.sent += others * part.numel() * part.element_size()
