"""Read files in a process of its own, with a limit on time, and say what came of it."""

from __future__ import annotations

import json
import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from benchmarks.file_kinds import REFUSALS, peak_memory, reader, same_numbers
from benchmarks.hostile_files import FILES, expect
from benchmarks.hostile_kinds import FORGED, build
from sciml.errors import FileFormatError
from sciml.solvers.files import container

LIMIT = 10.0  # seconds for one read; a good one takes milliseconds
START = 120.0  # seconds for the process to start
OUTCOMES = ("refused", "same", "silent", "hangs", "crashes")


def worker(pipe: Connection, original: str, kind: str | None) -> None:
    """Answer every path that comes through the pipe with outcome, seconds and megabytes of reading that file."""
    if kind is None:
        saved = container.read(original, "solution")
    else:
        read = reader(kind, Path(original).parent)
        numbers = read(original)
    pipe.send("ready")
    while True:
        path, hostile = pipe.recv()
        started = time.perf_counter()
        with peak_memory() as peak:
            if kind is not None:
                found = outcome_of_kind(read, path, None if hostile else numbers)
            else:
                found = outcome(path, None, expect) if hostile else outcome(path, saved)
        pipe.send((found, time.perf_counter() - started, peak[0]))


def outcome(path: str, saved: tuple[dict, dict] | None, implied: Callable | None = None) -> str:
    """Of reading the container alone."""
    try:
        got = container.read(path, "solution", implied)
    except FileFormatError:
        return "refused"
    except BaseException:
        return "crashes"
    return "same" if saved is not None and equal(got, saved) else "silent"


def outcome_of_kind(read: Callable, path: str, saved: dict | None) -> str:
    """Of reading a solution, an adapter or a checkpoint as a user does."""
    try:
        got = read(path)
    except REFUSALS as error:
        return "refused" if str(error).isprintable() else "crashes"
    except BaseException:
        return "crashes"
    return "same" if saved is not None and same_numbers(got, saved) else "silent"


def equal(one: tuple[dict, dict], other: tuple[dict, dict]) -> bool:
    """Whether two contents are the same bit by bit."""
    return (
        one[0] == other[0]
        and one[1].keys() == other[1].keys()
        and all(
            one[1][name].dtype == array.dtype
            and np.array_equal(one[1][name], array, equal_nan=array.dtype.kind == "f")
            for name, array in other[1].items()
        )
    )


class Reader:
    """Reads files in a process of its own, which is replaced when it hangs or dies.

    Args:
        original: A good file; damaged copies are compared with it.
        kind: ``"solution"``, ``"adapter"`` or ``"checkpoint"`` reads as a user does; None reads the container alone.

    Attributes:
        seconds, megabytes: The most that one read took.
    """

    def __init__(self, original: Path, kind: str | None = None):
        self.kind, self.seconds, self.megabytes = kind, 0.0, 0.0
        self._original = original
        self._scratch = original.with_name("damaged.h5")
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        arguments = (other, str(self._original), self.kind)
        self._process = context.Process(target=worker, args=arguments, daemon=True)
        self._process.start()
        other.close()
        if not self._pipe.poll(START):  # imports and kernels are no part of a read's time
            raise TimeoutError(f"the reading process was not ready after {START} s.")
        self._pipe.recv()

    def outcome(self, path: Path, hostile: bool = False) -> str:
        """One of OUTCOMES; a hostile file is silent once it is taken at all."""
        self._pipe.send((str(path), hostile))
        try:
            if self._pipe.poll(LIMIT):
                result, seconds, megabytes = self._pipe.recv()
                self.seconds, self.megabytes = max(self.seconds, seconds), max(self.megabytes, megabytes)
                return result
            result = "hangs"
        except (EOFError, OSError):
            result = "crashes"
        self.close()
        self._start()
        return result

    def count(self, mutants: Iterable[bytes]) -> dict[str, int]:
        """How often each of OUTCOMES came out for damaged copies of the original."""
        found: Counter[str] = Counter()
        for data in mutants:
            self._scratch.write_bytes(data)
            found[self.outcome(self._scratch)] += 1
        return {name: found[name] for name in OUTCOMES}

    def count_hostile(self, folder: Path) -> dict[str, int]:
        """How often each of OUTCOMES came out for the hand-made files of this reader's kind."""
        found: Counter[str] = Counter()
        if self.kind is None:
            makers = [make for make, _ in FILES.values()]
        else:
            good = container.read(self._original, self.kind)
            makers = [build(self.kind, good, change) for change, _ in FORGED[self.kind].values()]
        for number, make in enumerate(makers):
            place = folder / f"{self.kind}{number}"
            place.mkdir()
            make(place / "file.h5")
            found[self.outcome(place / "file.h5", hostile=True)] += 1
        return {name: found[name] for name in OUTCOMES}

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()
        self._process.close()
        self._pipe.close()


def edited_configs(kind: str, original: Path, count: int, pick: random.Random) -> Iterator[bytes]:
    """Copies with one value of the configuration replaced by another, all checksums right."""
    config, arrays = container.read(original, kind)
    places = list(_places(config))
    scratch = original.with_name("edited.h5")
    for _ in range(count):
        copy = json.loads(json.dumps(config))
        *way, last = pick.choice(places)
        inner = copy
        for key in way:
            inner = inner[key]
        inner[last] = pick.choice(ODD)
        try:
            container.write(scratch, kind, copy, arrays)
        except ValueError:  # no file can say that
            continue
        yield scratch.read_bytes()


ODD = (
    None,
    True,
    -1,
    0,
    1,
    2,
    3,
    7,
    2**53,
    2**63,
    -(2**63),
    0.5,
    -1e308,
    1e308,
    "",
    "a",
    "\x1b[31m",
    "nan",
    "../..",
    [],
    {},
)
ODD = (*ODD, [1], [[]], {"a": 1}, {"float": "nan"}, ["*"], "x" * 5000, [2, 1], [2, 3, 1, 1])


def _places(data, way=()):
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield (*way, key)
        yield from _places(value, (*way, key))
