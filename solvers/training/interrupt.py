"""Ctrl-C during a solve: the first one is noted and ends the run after its step, so nothing that was reached is lost."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class Interruption:
    """A ``with`` block in which the first Ctrl-C only sets ``asked``; a second one raises ``KeyboardInterrupt`` as usual.

    Blocks may be nested: the outermost one receives the signal, and all of them know. Only Python's own handler in the
    main thread is replaced; a program with a handler of its own keeps it.
    """

    def __init__(self) -> None:
        self._asked = False
        self._before: Any = None
        self._outer: Interruption | None = None

    @property
    def asked(self) -> bool:
        """Whether somebody pressed Ctrl-C."""
        return self._asked if self._outer is None else self._outer.asked

    def __enter__(self) -> Interruption:
        if threading.current_thread() is not threading.main_thread():
            return self
        now = signal.getsignal(signal.SIGINT)
        owner = getattr(now, "__self__", None)
        if isinstance(owner, Interruption):
            self._outer = owner
        elif now is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *exception: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            signal.default_int_handler(number, frame)
        self._asked = True
