"""What becomes of a sample: tried by the tests, told by docs/reference/bad-input.md."""

from dataclasses import dataclass
from pathlib import Path

from bad_input.samples import Sample

from confide.core.errors import ConfideError
from confide.data.inspect import inspect
from confide.data.manifest import Manifest
from confide.data.prepare import prepare
from confide.data.schema import loads


@dataclass(frozen=True)
class Outcome:
    """A manifest, or the error that was raised instead."""

    manifest: Manifest | None
    error: ConfideError | None
    folder: Path

    def told(self, hide: Path) -> str:
        """One cell of the table."""
        if self.manifest is None:
            text = self.error.message.replace(f"{hide}/", "").replace("|", "\\|")
            return f"refused, {self.error.code}: {text}"
        kept, rows = self.manifest.rows, self.manifest.source.rows
        if not self.manifest.quarantined:
            return f"all {rows:,} rows kept"
        aside = ", ".join(
            f"{count:,} {reason.value}" for reason, count in sorted(self.manifest.quarantined.items())
        )
        return f"{kept:,} of {rows:,} rows kept; quarantined: {aside}"


def prepared(sample: Sample, folder: Path) -> Outcome:
    """`prepare` with the sample's schema."""
    out = folder / f"{sample.name}-prepared"
    try:
        return Outcome(prepare(sample.make(folder), loads(sample.schema), out), None, out)
    except ConfideError as error:
        return Outcome(None, error, out)


def inspected(path: Path, hide: Path) -> str:
    """One cell: what `inspect` makes of it."""
    try:
        found = inspect(path)
    except ConfideError as error:
        return f"refused, {error.code}"
    return "suggests a schema" if found.schema is not None else "no column can be the id"
