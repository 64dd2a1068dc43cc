"""In a checkout ``kernels``, ``pdes`` and ``solvers`` lie beside this folder; installed, they lie inside it.

Python finds them in the second case by itself. For the first, three names and no others are looked up beside this
folder: with the whole root on ``sciml.__path__`` a typo such as ``from sciml import setup`` would run ``setup.py``.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from typing import Any

NAMES = ("kernels", "pdes", "solvers")


class Finder:
    """Finds the packages ``sciml.kernels``, ``sciml.pdes`` and ``sciml.solvers`` in the root of a checkout."""

    def __init__(self, root: Path):
        self.folders = {f"sciml.{name}": root / name for name in NAMES}

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """The package of that name, or None for every other name."""
        if (folder := self.folders.get(fullname)) is None:
            return None
        return spec_from_file_location(
            fullname, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )


def find_beside(here: Path) -> None:
    """Make the three packages importable if ``here``, the folder ``sciml``, lies in a checkout."""
    if (
        here / "solvers"
    ).exists():  # installed; asked of the unresolved path, for a strict editable install is links
        return
    root = here.resolve().parent
    if (root / "pyproject.toml").is_file() and all((root / n / "__init__.py").is_file() for n in NAMES):
        # first, so that another checkout's editable install does not lend this one its folders
        sys.meta_path.insert(0, Finder(root))
