"""A problem, or a metric, in a Python file of the user: ``my_problem.py:Burgers``.

The file is run as a module, so what stands below ``if __name__ == "__main__":`` is not. Its folder is put on the path, so
that it finds the modules beside it. Whatever its code raises is told with its line.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import linecache
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from sciml.errors import ArgumentError, ArgumentTypeError, SciMLError, did_you_mean
from sciml.problem import PDE


class UserCodeError(SciMLError):
    """Code in the user's file raised; the message names the file and the line."""


def is_user_file(text: str) -> bool:
    """Whether a word names a problem in a file, not one of the catalogue."""
    file, _, _ = text.rpartition(":")
    return text.endswith(".py") or file.endswith(".py")


def find(text: str) -> type[PDE] | PDE:
    """The class (or a problem that is made already) that ``FILE.py:NAME`` names; of ``FILE.py`` the only one.

    Raises:
        ArgumentError: The file is not there, or has no problem of that name.
        ArgumentTypeError: What has that name is no problem.
        UserCodeError: The file's code raised.
    """
    if not is_user_file(text):
        raise ArgumentError(f"--problem needs FILE.py:CLASS, got {text!r}.")
    path, name = (text, "") if text.endswith(".py") else text.rsplit(":", 1)
    module = _loaded(path, "FILE.py:CLASS")
    own = {key: value for key, value in vars(module).items() if _is_own_problem(value, module.__name__)}
    if not name:
        if len(own) != 1:
            listed = ", ".join(own) or "none"
            raise ArgumentError(f"{path} needs a class by name, as in {path}:Burgers; it has {listed}.")
        name = next(iter(own))
    if name not in vars(module):
        hint = did_you_mean(name, own)
        raise ArgumentError(f"{path} needs a class {name}; it has {', '.join(own) or 'no problem'}.{hint}")
    found = vars(module)[name]
    if not isinstance(found, PDE) and not (isinstance(found, type) and issubclass(found, PDE)):
        raise ArgumentTypeError(f"{text} needs a subclass of sciml.PDE, got {found!r:.80}.")
    return found


def find_function(text: str) -> Callable[..., Any]:
    """The function that ``FILE.py:NAME`` names.

    Raises:
        ArgumentError: The file is not there, or has nothing of that name.
        ArgumentTypeError: What has that name cannot be called.
        UserCodeError: The file's code raised.
    """
    path, _, name = text.rpartition(":")
    if not path.endswith(".py"):
        raise ArgumentError(f"--metric needs FILE.py:FUNCTION, got {text!r}.")
    module = _loaded(path, "FILE.py:FUNCTION")
    if name not in vars(module):
        own = [
            key for key, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__
        ]
        raise ArgumentError(
            f"{path} needs a function {name}; it has {', '.join(own) or 'none'}.{did_you_mean(name, own)}"
        )
    found = vars(module)[name]
    if not callable(found):
        raise ArgumentTypeError(f"{text} needs a function of the solution, got {found!r:.80}.")
    return found


def build(text: str, parameters: dict[str, Any]) -> PDE:
    """The problem that ``FILE.py:NAME`` names, with some of its parameters.

    Raises:
        ArgumentError, ArgumentTypeError, UserCodeError: As ``find``, and a parameter that it does not have.
    """
    found = find(text)
    if isinstance(found, PDE):
        if parameters:
            raise ArgumentError(
                f"{text} needs no parameters: it is made already; name its class to give some."
            )
        return found
    known = [f.name for f in dataclasses.fields(found)] if dataclasses.is_dataclass(found) else []
    for name in parameters:
        if name not in known:
            has, hint = ", ".join(known) or "no parameter", did_you_mean(name, known)
            raise ArgumentError(f"{text} needs {has}, got {name!r}.{hint}")
    with lines_told(file_of(text)):
        return found(**parameters)


def file_of(text: str) -> str:
    """The file's part of ``FILE.py:NAME``."""
    return text if text.endswith(".py") else text.rsplit(":", 1)[0]


@contextmanager
def lines_told(file: str | None) -> Iterator[None]:
    """A block in which what a user's file raises is told with the file's line; None stands for no file.

    Raises:
        UserCodeError: Code of the file raised, at once or below an error of sciml.
    """
    try:
        yield
    except Exception as error:
        where = None if file is None else _line(error, file)
        if where is None:
            raise
        number, text = where
        kind = "" if isinstance(error, SciMLError) else f"{type(error).__name__}: "
        shown = f"`{text}`: " if text else ""
        message = error.msg if isinstance(error, SyntaxError) else str(error)
        raise UserCodeError(f"{file}:{number}: {shown}{kind}{message}") from error


def _loaded(path: str, what: str) -> ModuleType:
    if not os.path.isfile(path):
        raise ArgumentError(f"{what} needs a file that is there, got {path!r}.")
    with lines_told(path):
        return _module(path)


def _module(path: str) -> ModuleType:
    """The file's module; it is run once as long as it is not changed."""
    return _run(os.path.realpath(path), os.stat(path).st_mtime_ns)


@cache
def _run(path: str, changed: int) -> ModuleType:
    stem, folder = Path(path).stem, str(Path(path).parent)
    name = stem if stem not in sys.modules else f"{stem}_{changed}"  # never in the place of another module
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    if folder not in sys.path:
        sys.path.append(folder)  # last, so that nothing beside the file hides a library
    sys.modules[name] = module  # dataclasses look their module up there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _is_own_problem(value: Any, module: str) -> bool:
    if isinstance(value, PDE):
        return True
    return isinstance(value, type) and issubclass(value, PDE) and value.__module__ == module


def _line(error: BaseException, file: str) -> tuple[int, str] | None:
    """Number and text of the last line of ``file`` that took part in an error, the first cause first."""
    chain: list[BaseException] = [error]
    while (before := chain[-1].__cause__ or chain[-1].__context__) is not None and before not in chain:
        chain.append(before)
    for one in reversed(chain):
        if isinstance(one, SyntaxError) and one.filename and one.lineno and _same(one.filename, file):
            return one.lineno, (one.text or "").strip()
        for frame in reversed(traceback.extract_tb(one.__traceback__)):
            if _same(frame.filename, file) and frame.lineno:
                return frame.lineno, linecache.getline(frame.filename, frame.lineno).strip()
    return None


def _same(one: str, other: str) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
