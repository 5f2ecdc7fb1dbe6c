"""A file of text as bytes that are UTF-8 throughout, with a mark wherever they were not.

Arrow's CSV reader gives up at a row of the wrong width that is not UTF-8, because it shows such rows to
our handler as text. Behind this stream it never meets one; `unmark` makes the marked cells again what
they were: not UTF-8.
"""

import codecs
import io
import threading
import time
from collections.abc import Callable
from typing import Final

import pyarrow as pa

from confide.core import limits
from confide.core.errors import UnreadableSource
from confide.data.arrow import compute as pc

_MARK: Final = "\ufdd0\ufdd1\ufdd2"
"""Noncharacters (Unicode, 23.7): no text that is meant to be exchanged holds them."""
_NOT_UTF8: Final = b"\xff"
_MARKING: Final = "confide-mark"
_QUIET_SECONDS: Final = 0.02
_OTHERS: Final = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


def _mark(error: UnicodeError) -> tuple[str, int]:
    if isinstance(error, UnicodeDecodeError):
        return _MARK, error.end
    raise error


codecs.register_error(_MARKING, _mark)


class Utf8Stream(io.RawIOBase):
    """Implements a readable file; compressed ones (.gz, .bz2, .zst) are expanded."""

    def __init__(self, path: str, *, pause: Callable[[float], None] = time.sleep) -> None:
        """`pause(seconds)`: waits, see `close`.

        Raises UnreadableSource for UTF-16 and UTF-32; OSError, pyarrow.ArrowException.
        """
        super().__init__()
        self._pause = pause
        self._source = pa.input_stream(path)
        self._rest = b""
        """Valid already, but more than was asked for."""
        self._begun = b""
        """A character of which the end has not been read."""
        self.marked = False
        """Whether anything so far was not UTF-8."""
        self._turn = threading.Lock()
        self._finished = self._ended = False
        self._reads = 0
        head = self._source.read(limits.READ_CHUNK_BYTES)
        for mark, name in _OTHERS.items():
            if head.startswith(mark):
                raise UnreadableSource(f"{path}: text in {name}; only UTF-8 is read: write it anew as UTF-8")
        self._rest = self._valid(head, final=False)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """`size` bytes (READ_CHUNK_BYTES where none is given), fewer only at the end.

        Arrow makes a block of what it gets, and a row may not lie across more than two of them.
        """
        most = size if size >= 0 else limits.READ_CHUNK_BYTES
        with self._turn:
            if self._finished:
                self._reads += 1
                return b""
            data = self._rest
            while len(data) < most and (more := self._next(most - len(data))):
                data += more
            self._rest = data[most:]
            self._reads += 1
            self._ended = not data
            return data[:most]

    def close(self) -> None:
        """Whoever still reads finds the end; returns when nobody has read for a while.

        Arrow reads ahead in a thread of its own, and goes on where its reader has failed or is not wanted any
        more. A thread that calls Python while the interpreter ends takes the process with it.
        """
        with self._turn:
            self._finished = True
            self._source.close()
        if self._ended:
            return
        seen = -1
        while seen != self._reads:
            seen = self._reads
            self._pause(_QUIET_SECONDS)

    def _next(self, size: int) -> bytes:
        while piece := self._source.read(size):
            if valid := self._valid(self._begun + piece, final=False):
                return valid
        return self._valid(self._begun, final=True)

    def _valid(self, data: bytes, *, final: bool) -> bytes:
        self._begun = b""
        if data.isascii():
            return data
        try:
            _, end = codecs.utf_8_decode(data, "strict", final)
            self._begun = data[end:]
            return data[:end]
        except UnicodeDecodeError:
            text, end = codecs.utf_8_decode(data, _MARKING, final)
            self.marked, self._begun = True, data[end:]
            return text.encode()


def unmark(batch: pa.RecordBatch) -> pa.RecordBatch:
    """`binary` columns as the file had them, as far as it matters: what was not UTF-8 is not UTF-8 again."""
    for place, column in enumerate(batch.columns):
        if pc.any(pc.match_substring(column, _MARK.encode())).as_py():
            cells = pc.replace_substring(column, _MARK.encode(), _NOT_UTF8)
            batch = batch.set_column(place, batch.schema.field(place), cells)
    return batch


def is_marked(text: str) -> bool:
    """Whether this was not UTF-8."""
    return _MARK in text
