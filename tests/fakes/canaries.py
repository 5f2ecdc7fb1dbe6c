"""Texts that are looked for where they must not be: however spelt, in files and in a process's memory."""

import base64
from pathlib import Path

PIECE = 1 << 20
UNREADABLE = ("[vvar]", "[vvar_vclock]", "[vsyscall]")


def in_base64(value):
    """What of `value` stands in base64, wherever in a text it begins."""
    for shift in range(3):
        encoded = base64.b64encode(bytes(shift) + value)
        yield encoded[-(-shift * 8 // 6) : (shift + len(value)) * 8 // 6]


def spellings(value):
    """Every way in which bytes that say `value` are looked for."""
    raw = value.encode()
    yield raw
    yield value.encode("utf-16-le")
    yield value.encode("utf-16-be")
    yield from in_base64(raw)
    yield raw.hex().encode()
    yield raw.hex().upper().encode()


def contents(folder):
    """Path and bytes of every file below."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def memory_of(pid):
    """What a process's readable memory holds, in pieces that overlap; as a core dump of it would."""
    maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in maps:
            where, permissions, *rest = line.split()
            if not permissions.startswith("r") or rest[-1] in UNREADABLE:
                continue
            start, end = (int(address, 16) for address in where.split("-"))
            yield from _pieces(memory, start, end)


def _pieces(memory, start, end):
    """A region may shrink or go while it is read."""
    before = b""
    while start < end:
        try:
            memory.seek(start)
            piece = memory.read(min(PIECE, end - start))
        except (OSError, ValueError, OverflowError):
            return
        if not piece:
            return
        if piece.strip(b"\0"):
            yield before + piece
        before, start = piece[-256:], start + len(piece)
