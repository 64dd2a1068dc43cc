"""Names that a package lends from its modules and imports on first use.

They stand under ``TYPE_CHECKING``, where type checkers and editors find them, and are read from there:

```python
if TYPE_CHECKING:
    from sciml.solvers.solve import solve

__all__ = ["solve"]
_HOMES = lazy.homes(__file__, __all__)
__getattr__, __dir__ = lazy.attach(__name__, _HOMES)
```
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any


def homes(file: str, names: Iterable[str]) -> dict[str, str]:
    """Which module each of ``names`` is imported from in the ``TYPE_CHECKING`` block of a file."""
    tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    block = next(n for n in tree.body if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING")
    statements = [n for n in block.body if isinstance(n, ast.ImportFrom)]
    stated = {alias.name: statement.module or "" for statement in statements for alias in statement.names}
    return {name: stated[name] for name in names if name in stated}


def attach(package: str, homes: dict[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package; a name whose home is the package itself is a subpackage."""
    space = vars(sys.modules[package])

    def __getattr__(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        if homes[name] == package:
            return import_module(f"{package}.{name}")
        space[name] = getattr(import_module(homes[name]), name)  # the next look-up does not come here
        return space[name]

    return __getattr__, lambda: sorted({*space, *homes})
