"""Ctrl-C: the first one ends our part in words, that the others hear; a second one ends the process."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTED = 130
"""128 + SIGINT, as shells count."""


class Interrupted(Exception):
    """Ctrl-C at the keyboard, after everything that it ends has been told. Shown as TaskCancelled."""


class Leaving(threading.Event):
    """Set by the first signal; `number` is that signal's."""

    number: int = 0


@contextmanager
def interruptible(*more: signal.Signals) -> Iterator[Leaving]:
    """An event that the first Ctrl-C sets (or a signal of `more`); a second one raises KeyboardInterrupt.

    Main thread only.
    """
    leaving = Leaving()

    def leave(number: int, _: object) -> None:
        leaving.number = leaving.number or number
        leaving.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {number: signal.signal(number, leave) for number in (signal.SIGINT, *more)}
    try:
        yield leaving
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
