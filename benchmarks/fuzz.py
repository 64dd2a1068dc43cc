"""Damaged, forged and hostile files, and saves that are killed or find a full disk: what does reading them do?

``python -m benchmarks.fuzz --json`` reads every damaged file in a worker process with a time limit and counts

* silent: the read succeeded with other data than was saved (or, for a hostile file, succeeded at all);
* hangs: it took longer than the limit;
* crashes: the process died, or something else than sciml's own error for it came out, or a message that steers a terminal.

All three must be 0. ``same`` counts reads that gave exactly the saved data: possible only where a forger
made all checksums right again after changing a byte that means nothing. Solutions, adapters and checkpoints are read as
a user reads them; ``container`` is the file below all three. ``most_seconds`` and ``most_MB`` are of the worst single read.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from benchmarks._common import machine, show
from benchmarks.file_kinds import KINDS, save_all
from benchmarks.file_reader import OUTCOMES, Reader, edited_configs, equal
from benchmarks.hdf5_checksums import forged, structures
from benchmarks.interrupted_saves import full_disk, killed_saves
from sciml.solvers.files import container
from sciml.solvers.files.seal import BLOCK, seal

__all__ = ["OUTCOMES", "Reader", "edited_configs", "equal", "full_disk", "killed_saves"]


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


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--flips", type=int, default=10_000, help="single bits to flip")
    parser.add_argument("--forged", type=int, default=10_000, help="the same with checksums made right again")
    parser.add_argument("--cuts", type=int, default=3_000, help="lengths to cut the file to")
    parser.add_argument("--edits", type=int, default=2_000, help="values of a configuration to replace")
    parser.add_argument("--kills", type=int, default=50, help="saves to kill")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    import h5py

    show({**machine(), "h5py": h5py.version.version, "hdf5": h5py.version.hdf5_version}, args.json)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for pack in (False, True):
            original = folder / f"container{int(pack)}.h5"
            save_example(original, pack)
            damage(original, None, args)
        save_all(folder)
        for kind in KINDS:
            damage(folder / f"{kind}.h5", kind, args)
        for kind in (None, *KINDS):
            started = time.perf_counter()
            found = killed_saves(folder, args.kills, args.seed, kind)
            report("kill -9 while saving", kind, started, found, args.json)
        for kind in KINDS:
            started = time.perf_counter()
            report("full disk while saving", kind, started, full_disk(folder, kind), args.json)


def damage(original: Path, kind: str | None, args: argparse.Namespace) -> None:
    """Report every kind of damage to one good file, read as ``kind``."""
    data, reader = original.read_bytes(), Reader(original, kind)
    show(
        {"record": "file", "kind": kind or "container", "file": original.stem, "bytes": len(data)}, args.json
    )
    runs = {
        "flips": flips(data, args.flips, args.seed),
        "cuts": cuts(data, args.cuts, args.seed),
        "flips, resealed": resealed(flips(data, args.forged, args.seed)),
        "cuts, resealed": resealed(cuts(data, args.cuts, args.seed)),
        "flips, all checksums forged": forgeries(data, args.forged, args.seed),
        "scribbles, all checksums forged": scribbles(data, args.forged, args.seed),
    }
    if kind is not None:
        pick = random.Random(args.seed)
        runs["configuration edited, all checksums right"] = edited_configs(kind, original, args.edits, pick)
    for label, mutants in runs.items():
        started = time.perf_counter()
        report(label, kind, started, reader.count(mutants), args.json)
    if not original.stem.endswith("0"):  # once for the container
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as name:
            found = reader.count_hostile(Path(name))
        report("hand-made hostile files", kind, started, found, args.json)
    worst = {"most_seconds": round(reader.seconds, 2), "most_MB": round(reader.megabytes)}
    show({"record": "worst read", "kind": kind or "container", **worst}, args.json)
    reader.close()


def report(name: str, kind: str | None, started: float, result: dict[str, int], as_json: bool) -> None:
    """Print one record."""
    seconds = round(time.perf_counter() - started, 1)
    show({"record": name, "kind": kind or "container", **result, "seconds": seconds}, as_json)


if __name__ == "__main__":
    main()
