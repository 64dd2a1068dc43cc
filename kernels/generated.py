"""Modules made of generated text, never of a file: what runs is what this process has written."""

from __future__ import annotations

import hashlib
import linecache
import sys
from types import ModuleType


def run_text(name: str, text: str) -> ModuleType:
    """Run a text as a module, named after ``name`` and the text's hash, and registered in ``sys.modules``."""
    name = f"{name}_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    file = f"<{name}>"
    module = ModuleType(name)
    module.__file__ = file
    # Triton, and tracebacks, read the text of a function through linecache
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    # compiled code that is loaded from disk finds its module by name
    sys.modules[name] = module
    exec(compile(text, file, "exec"), module.__dict__)
    return module
