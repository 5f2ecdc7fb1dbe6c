"""The passphrase of a stored key: from the environment, else from a hidden prompt."""

import os
import sys
import unicodedata

import typer

from confide.core.errors import KeyStoreError

VARIABLE = "CONFIDE_PASSPHRASE"


def ask_passphrase(what: str, *, confirm: bool) -> bytes:
    """UTF-8 bytes of the passphrase of `what`; asked twice with `confirm`, as when a key is made.

    Normalised to NFC: the same text gives the same key whichever keyboard it came from.

    Raises:
        KeyStoreError: it is empty, or the variable is not set and there is nobody to ask.
    """
    text = os.environ.get(VARIABLE)
    if text is None:
        if not sys.stdin.isatty():
            raise KeyStoreError(f"no passphrase for {what}: {VARIABLE} is not set, and there is no terminal")
        text = typer.prompt(f"Passphrase of {what}", hide_input=True, confirmation_prompt=confirm, err=True)
    if not text:
        raise KeyStoreError(f"the passphrase of {what} is empty")
    return unicodedata.normalize("NFC", text).encode()
