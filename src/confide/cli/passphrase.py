"""The passphrase of a stored key: from the environment, else from a hidden prompt."""

import ctypes
import os
import sys
import unicodedata

import typer

from confide.app.system import keep_no_core_dump
from confide.core.errors import KeyStoreError

VARIABLE = "CONFIDE_PASSPHRASE"


def ask_passphrase(what: str, *, confirm: bool) -> bytearray:
    """UTF-8 bytes of the passphrase of `what`; asked twice with `confirm`, as when a key is made.

    Normalised to NFC: the same text gives the same key whichever keyboard it came from. The caller wipes
    it (crypto.wiping). From the environment it is taken: a second call does not find it there. From here
    on the process leaves no core dump.

    Raises:
        KeyStoreError: it is empty, or the variable is not set and there is nobody to ask.
    """
    keep_no_core_dump()
    taken = _take_from_environment()
    if taken is None:
        if not sys.stdin.isatty():
            raise KeyStoreError(f"no passphrase for {what}: {VARIABLE} is not set, and there is no terminal")
        text = typer.prompt(f"Passphrase of {what}", hide_input=True, confirmation_prompt=confirm, err=True)
        taken = _normalised(bytearray(text.encode()))
    if not taken:
        raise KeyStoreError(f"the passphrase of {what} is empty")
    return taken


def _take_from_environment() -> bytearray | None:
    """What the variable holds; afterwards neither Python's environment nor the process's own block has it."""
    if VARIABLE not in os.environ:
        return None
    _overwrite_block(VARIABLE.encode())
    return _normalised(bytearray(os.environb.pop(VARIABLE.encode())))


def _overwrite_block(name: bytes) -> None:
    """A process's own block is what /proc/PID/environ and a core dump show; unsetenv leaves it as it was."""
    library = ctypes.CDLL(None)
    library.getenv.restype = ctypes.c_void_p
    address = library.getenv(name)
    if address:
        ctypes.memset(address, 0, len(ctypes.string_at(address)))


def _normalised(raw: bytearray) -> bytearray:
    """NFC. ASCII is so already; other text has to pass through a `str`, which nobody can wipe."""
    if raw.isascii():
        return raw
    try:
        return bytearray(unicodedata.normalize("NFC", raw.decode()).encode())
    except UnicodeDecodeError:
        raise KeyStoreError("the passphrase is not UTF-8") from None
