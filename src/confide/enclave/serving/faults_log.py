"""What the enclave writes to standard error about a bug: where it is, never what it was working on.

The host keeps standard error. The text of an exception or of a log message may quote data, so only types
and places are written, whichever way they come: uncaught, in a thread, or through `logging`.
"""

import logging
import sys
import threading
import traceback
from types import TracebackType


def write(error: BaseException) -> None:
    """One line for the error's type, one for each place it came through."""
    lines = [f"internal failure: {type(error).__name__}"]
    lines += [
        f"  {frame.filename}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    sys.stderr.write("\n".join(lines) + "\n")


def replace_hooks() -> None:
    """Make `write` the only way that uncaught errors and log records reach standard error."""
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread
    logging.basicConfig(handlers=[_Places()], level=logging.WARNING, force=True)


class _Places(logging.Handler):
    """Of a log record: where it was made, and its error, without any text."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stderr.write(f"{record.levelname} at {record.pathname}:{record.lineno}\n")
        if record.exc_info and record.exc_info[1] is not None:
            write(record.exc_info[1])


def _uncaught(_: type[BaseException], error: BaseException, __: TracebackType | None) -> None:
    write(error)


def _uncaught_in_thread(arguments: threading.ExceptHookArgs) -> None:
    if arguments.exc_value is not None:
        write(arguments.exc_value)
