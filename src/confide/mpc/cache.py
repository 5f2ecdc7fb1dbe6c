"""What an unbalanced intersection leaves for the next one with the same party, sealed.

    FOLDER/about.sealed, FOLDER/N.sealed …     mode 0600, in a folder of mode 0700

The provider's cache is of all its ids, evaluated under a key that only it knows: it holds for as long as
its ids stay the same. The initiator's is what it was sent of it. Neither is ever used in part: what does not
open, or is of other ids or another library, counts as not there, and is made anew.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from confide.core import limits
from confide.core.errors import SealError
from confide.core.ports import Randomness
from confide.crypto.cache_key import CacheKey
from confide.mpc.greeting import Handle
from confide.mpc.worker import VERSION

_ABOUT: Final = "about.sealed"


class _About(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    handle: Handle
    ids: str
    """What it was made of: a digest; empty at the initiator, who knows the handle only."""
    library: str
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cache:
    """Of one party, with one other, in one role."""

    folder: Path
    key: CacheKey
    randomness: Randomness

    def open(self, into: Path, ids: str) -> str:
        """The handle of the cache, whose files are in `into` now; empty if there is none for these `ids`.

        `into` is made, or not there afterwards.
        """
        into.mkdir(mode=0o700)
        try:
            about = self._about(into / _ABOUT)
            if about.ids == ids and about.library == VERSION:
                for number, name in enumerate(about.files):
                    self.key.open(self.folder / f"{number}.sealed", into / name)
                return about.handle
        except (SealError, msgspec.MsgspecError, ValueError):
            pass
        shutil.rmtree(into)
        return ""

    def keep(self, made: Path, handle: str, ids: str) -> None:
        """Seal the files of `made`, in the place of what was there. Raises OSError."""
        fresh = self.folder.with_name(self.folder.name + ".part")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700, parents=True)
        try:
            files = tuple(sorted(path.name for path in made.iterdir()))
            for number, name in enumerate(files):
                self.key.seal(made / name, fresh / f"{number}.sealed", self.randomness)
            about = _About(handle=handle, ids=ids, library=VERSION, files=files)
            (made / _ABOUT).write_bytes(msgspec.json.encode(about))
            self.key.seal(made / _ABOUT, fresh / _ABOUT, self.randomness)
            shutil.rmtree(self.folder, ignore_errors=True)
            fresh.rename(self.folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def _about(self, opened: Path) -> _About:
        self.key.open(self.folder / _ABOUT, opened)
        data = opened.read_bytes()
        opened.unlink()
        if len(data) > limits.KIB:
            raise ValueError("too long")
        about = msgspec.json.decode(data, type=_About)
        if any(Path(name).name != name for name in about.files):
            raise ValueError("not a name")
        return about
