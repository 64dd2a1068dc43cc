"""The libraries, how they are called and what brings them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module, metadata
from importlib.util import find_spec
from typing import Protocol

from benchmarks.peers.watch import Watch


@dataclass(frozen=True)
class Settings:
    """How a library solves one problem.

    Attributes:
        words: Network, points, optimisers and precision.
        source: Where its documentation says so.
    """

    words: str
    source: str


class Solver(Protocol):
    """A module that solves with one library."""

    SETTINGS: Mapping[str, Settings]

    def solve(self, problem: str, seed: int, watch: Watch) -> None:
        """Solve and look now and then; the watch ends it."""
        ...


@dataclass(frozen=True)
class Library:
    """What is imported, the distribution that brings it, and the module here that solves with it."""

    imported: str
    distribution: str
    module: str

    def installed(self) -> bool:
        """Whether it can be imported."""
        return find_spec(self.imported) is not None

    def version(self) -> str:
        """Of what is imported, or of its distribution."""
        version = getattr(import_module(self.imported), "__version__", None)
        return str(version or metadata.version(self.distribution))

    def solver(self) -> Solver:
        """The module; imports the library."""
        return import_module(f"benchmarks.peers.{self.module}")  # type: ignore[return-value]


LIBRARIES = {
    "sciml": Library("sciml", "sciml-kan", "with_sciml"),
    "DeepXDE": Library("deepxde", "deepxde", "with_deepxde"),
    "PINA": Library("pina", "pina-mathlab", "with_pina"),
    "jaxKAN": Library("jaxkan", "jaxkan", "with_jaxkan"),
    "pykan": Library("kan", "pykan", "with_pykan"),
}


def check_installed(names: Iterable[str]) -> None:
    """Refuse what cannot be measured, before anything is.

    Raises:
        ValueError: A name is unknown, or its library is not installed.
    """
    names = list(names)
    if strange := [name for name in names if name not in LIBRARIES]:
        raise ValueError(f"libraries needs names among {', '.join(LIBRARIES)}, got {', '.join(strange)}.")
    if missing := [name for name in names if not LIBRARIES[name].installed()]:
        brings = " ".join(LIBRARIES[name].distribution for name in missing)
        raise ValueError(
            f"libraries needs installed ones, got {', '.join(missing)}. "
            f"`pip install {brings}` or the extra bench brings them."
        )
