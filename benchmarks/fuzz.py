"""Damaged, forged and hostile files, and saves that are killed: what does reading them do?

``python -m benchmarks.fuzz --json`` reads every damaged file in a worker process with a time limit and counts

* silent: the read succeeded with other data than was saved (or, for a hostile file, succeeded at all);
* hangs: it took longer than the limit;
* crashes: the process died, or something else than FileFormatError came out.

All three must be 0. ``same`` counts reads that gave exactly the saved data: possible only where a forger
made all checksums right again after changing a byte that means nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from benchmarks._common import machine, show
from benchmarks.hdf5_checksums import forged, structures
from benchmarks.hostile_files import FILES, expect
from sciml.errors import FileFormatError
from sciml.solvers.files import container
from sciml.solvers.files.seal import BLOCK, seal

LIMIT = 10.0  # seconds for one read; a good one takes milliseconds
OUTCOMES = ("refused", "same", "silent", "hangs", "crashes")


def save_example(path: Path, pack: bool = False) -> None:
    """A file like a solution's: some kB of configuration, a dozen arrays of four types."""
    rng = np.random.default_rng(0)
    config = {
        "problem": {
            "name": "poisson",
            "dim": 2,
            "parameters": {"wave": [1.0, 2.5], "note": "sin(pi x) sin(pi y)"},
        },
        "network": {"class": "KAN", "widths": [2, 8, 8, 1], "grid": 5, "degree": 3},
        "stats": {"outcome": "converged", "seconds": 1.25, "steps": 220, "loss": 3.1e-13},
        "history": [{"step": i, "loss": float(np.exp(-i))} for i in range(40)],
        "allow_nan": ["history.error"],
    }
    arrays: dict[str, np.ndarray] = {}
    for layer, (n, m) in enumerate([(2, 8), (8, 8), (8, 1)]):
        arrays[f"layers.{layer}.coef"] = rng.normal(size=(n, 8, m))
        arrays[f"layers.{layer}.base"] = rng.normal(size=(n, m)).astype(np.float32)
        arrays[f"layers.{layer}.on"] = rng.random((n, m)) > 0.1
    arrays["history.step"] = np.arange(40)
    arrays["history.error"] = np.where(np.arange(40) % 10 == 0, rng.random(40), np.nan)
    container.write(path, "solution", config, arrays, pack=pack)


def flips(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """``count`` copies of ``data`` with one bit wrong, each another bit (every bit, if there are fewer)."""
    bits = random.Random(seed)
    for bit in bits.sample(range(8 * len(data)), min(count, 8 * len(data))):
        yield flip(data, bit)


def flip(data: bytes, bit: int) -> bytes:
    copy = bytearray(data)
    copy[bit // 8] ^= 1 << bit % 8
    return bytes(copy)


def cuts(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """``count`` beginnings of ``data``, each of another length (every length, if there are fewer)."""
    for length in random.Random(seed).sample(range(len(data)), min(count, len(data))):
        yield data[:length]


def resealed(mutants: Iterable[bytes]) -> Iterator[bytes]:
    """The same damage with a right seal, so that HDF5 gets to see it."""
    for data in mutants:
        yield seal(data[BLOCK:]) + data[BLOCK:]


def forgeries(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """One bit of HDF5's own structures changed, all checksums and the seal made right again."""
    blocks = structures(data)
    bits = [bit for start, end in blocks for bit in range(8 * start, 8 * end)]
    for bit in random.Random(seed).sample(bits, min(count, len(bits))):
        yield forged(flip(data, bit), blocks)


def scribbles(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Two to eight bytes of HDF5's own structures changed, all checksums and the seal made right again."""
    blocks, pick = structures(data), random.Random(seed)
    for _ in range(count):
        copy = bytearray(data)
        for _ in range(pick.randint(2, 8)):
            copy[pick.randrange(*pick.choice(blocks))] = pick.choice([0, 1, 0x7F, 0xFF, pick.randrange(256)])
        yield forged(copy, blocks)


def worker(pipe: Connection, original: str) -> None:
    """Answer every path that comes through the pipe with the outcome of reading that file."""
    saved = container.read(original, "solution")
    while True:
        path, hostile = pipe.recv()
        pipe.send(outcome(path, None, expect) if hostile else outcome(path, saved))


def outcome(path: str, saved: tuple[dict, dict] | None, implied: Callable | None = None) -> str:
    try:
        got = container.read(path, "solution", implied)
    except FileFormatError:
        return "refused"
    except BaseException:
        return "crashes"
    return "same" if saved is not None and equal(got, saved) else "silent"


def equal(one: tuple[dict, dict], other: tuple[dict, dict]) -> bool:
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
    """Reads files in a process of its own, which is replaced when it hangs or dies."""

    def __init__(self, original: Path):
        self._original = original
        self._scratch = original.with_name("damaged.h5")
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=worker, args=(other, str(self._original)), daemon=True)
        self._process.start()
        other.close()

    def outcome(self, path: Path, hostile: bool = False) -> str:
        self._pipe.send((str(path), hostile))
        try:
            if self._pipe.poll(LIMIT):
                return self._pipe.recv()
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
        """How often each of OUTCOMES came out for the hand-made files of benchmarks/hostile_files.py."""
        found: Counter[str] = Counter()
        for number, (make, _) in enumerate(FILES.values()):
            place = folder / str(number)
            place.mkdir()
            make(place / "file.h5")
            found[self.outcome(place / "file.h5", hostile=True)] += 1
        return {name: found[name] for name in OUTCOMES}

    def close(self) -> None:
        self._process.kill()
        self._process.join()
        self._process.close()
        self._pipe.close()


def numbers(number: int) -> np.ndarray:
    return np.random.default_rng(number).random(100_000)


def save_forever(path: str, number: int, pipe: Connection) -> None:
    while True:
        number += 1
        container.write(path, "checkpoint", {"number": number}, {"values": numbers(number)})
        pipe.send(number)


def killed_saves(folder: Path, kills: int, seed: int) -> dict[str, int]:
    """Save in an endless loop in another process and kill it, again and again; read the file after each kill.

    ``lost`` counts reads that failed, gave a mixture, or gave an older file than the last save that returned;
    ``mid_save`` counts kills that hit a save and left a temporary file; ``left`` is how many of them are
    there at the very end, after one more save.
    """
    path, number, moments = folder / "run.h5", 0, random.Random(seed)
    context = multiprocessing.get_context("spawn")
    result = {"kills": kills, "lost": 0, "mid_save": 0}
    for _ in range(kills):
        receive, send = context.Pipe(duplex=False)
        process = context.Process(target=save_forever, args=(str(path), number, send))
        process.start()
        send.close()
        done = receive.recv()
        time.sleep(moments.uniform(0, 0.03))
        process.kill()
        with contextlib.suppress(EOFError, OSError):
            while True:
                done = receive.recv()
        process.join()
        result["mid_save"] += bool(temporaries(folder))
        try:
            config, arrays = container.read(path, "checkpoint")
        except FileFormatError:
            result["lost"] += 1
            continue
        number = config["number"]
        result["lost"] += number < done or not np.array_equal(arrays["values"], numbers(number))
    container.write(path, "checkpoint", {}, {})
    return {**result, "left": len(temporaries(folder))}


def temporaries(folder: Path) -> list[str]:
    return [path.name for path in folder.glob(".*.tmp")]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--flips", type=int, default=10_000, help="single bits to flip, and to forge")
    parser.add_argument("--cuts", type=int, default=3_000, help="lengths to cut the file to")
    parser.add_argument("--kills", type=int, default=50, help="saves to kill")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    def report(name: str, started: float, result: dict[str, int]) -> None:
        show({"record": name, **result, "seconds": round(time.perf_counter() - started, 1)}, args.json)

    import h5py

    show({**machine(), "h5py": h5py.version.version, "hdf5": h5py.version.hdf5_version}, args.json)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for pack in (False, True):
            original = folder / "saved.h5"
            save_example(original, pack)
            data = original.read_bytes()
            show({"record": "file", "packed": pack, "bytes": len(data)}, args.json)
            runs = {
                "flips": flips(data, args.flips, args.seed),
                "cuts": cuts(data, args.cuts, args.seed),
                "flips, resealed": resealed(flips(data, args.flips, args.seed)),
                "cuts, resealed": resealed(cuts(data, args.cuts, args.seed)),
                "flips, all checksums forged": forgeries(data, args.flips, args.seed),
                "scribbles, all checksums forged": scribbles(data, args.flips, args.seed),
            }
            reader = Reader(original)
            for label, mutants in runs.items():
                started = time.perf_counter()
                report(label, started, reader.count(mutants))
            if pack:
                started = time.perf_counter()
                report("hand-made hostile files", started, reader.count_hostile(folder))
            reader.close()
        started = time.perf_counter()
        report("kill -9 while saving", started, killed_saves(folder, args.kills, args.seed))


if __name__ == "__main__":
    main()
