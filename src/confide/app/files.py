"""Reading files that somebody else may have written: bounded, and with one error."""

from pathlib import Path

from confide.core.errors import ConfideError


def read_bounded(path: Path, limit: int, error: type[ConfideError]) -> bytes:
    """The whole file, at most `limit` bytes. Raises `error`, naming the file."""
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            if size > limit:
                raise error(f"{path}: {size} bytes; at most {limit} are read")
            # One byte more than the size: a pipe or a growing file must not get past the limit.
            data = file.read(min(size, limit) + 1)
    except OSError as cause:
        raise error(f"{path}: {cause.strerror}") from None
    if len(data) > limit:
        raise error(f"{path}: more than {limit} bytes")
    return data
