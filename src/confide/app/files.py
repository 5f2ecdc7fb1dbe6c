"""Reading files that somebody else may have written: bounded, and with one error. Private folders."""

from pathlib import Path

from confide.core import limits
from confide.core.errors import ConfideError, ConfigurationError
from confide.crypto.private_files import exposed_folder

CONFIG_FILE = "confide.toml"
"""A party's configuration, in the folder where it works."""


def make_private_folder(path: Path) -> None:
    """Make a folder that only its owner may look into, or see that it is one.

    Raises ConfigurationError: it can't be made, or others may read or write it.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        problem = exposed_folder(path.stat().st_mode)
    except OSError as cause:
        raise ConfigurationError(f"{path}: {cause.strerror}") from None
    if problem:
        raise ConfigurationError(f"{path} {problem}")


def read_bounded(path: Path, limit: int, too_long: type[ConfideError]) -> bytes:
    """The whole file, at most `limit` bytes.

    Raises:
        ConfigurationError: it can't be read.
        too_long: what the caller's parser would raise for a file longer than `limit`.
    """
    data = bytearray()
    try:
        with path.open("rb") as file:
            # In pieces: read(limit) would reserve the limit, and a pipe does not tell its size.
            while piece := file.read(min(limits.READ_CHUNK_BYTES, limit + 1 - len(data))):
                data += piece
    except OSError as cause:
        raise ConfigurationError(f"{path}: {cause.strerror}") from None
    if len(data) > limit:
        raise too_long(f"{path}: more than {limit} bytes")
    return bytes(data)
