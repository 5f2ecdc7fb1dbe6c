"""`confide data`: from a source file to a prepared dataset."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from confide.app.files import CONFIG_FILE
from confide.app.system import SystemClock
from confide.audit.entry import Object, Operation
from confide.audit.recorder import Recorder
from confide.cli.output import Format, OutputFormat, plain, show
from confide.core.digest import digest_of
from confide.core.errors import ConfigurationError, SchemaInvalid
from confide.core.ports import Progress as Report
from confide.data import schema as schemas
from confide.data.manifest import Manifest

if TYPE_CHECKING:
    from confide.data.dataset import PreparedDataset, QuarantinedRow
    from confide.data.inspect import ColumnSummary, Inspection

app = typer.Typer(no_args_is_help=True)

WIDE = 160
NO_ID = "no column has a different value in nearly every row: none can be the id."
SOURCE_SUFFIXES = (".csv", ".tsv", ".tab", ".txt", ".parquet", ".pq", ".gz", ".bz2", ".zst")
"""Not part of a schema's file name."""
SHOWN_ROWS = 10
"""Quarantined rows that `show` lists; the rest is in the file."""

Source = Annotated[Path, typer.Argument(metavar="FILE", help="CSV, TSV, .txt (may be compressed), Parquet.")]


@app.command()
def inspect(
    *,
    source: Source,
    out: Annotated[
        Path | None,
        typer.Option(help="Where the suggested schema goes; default: FILE's name with .schema.toml, here."),
    ] = None,
    source_format: Annotated[
        schemas.Format, typer.Option(help="If the suffix does not tell.")
    ] = schemas.Format.AUTO,
    delimiter: Annotated[str | None, typer.Option(help="One character; default: by the format.")] = None,
    header: Annotated[bool, typer.Option(help="Whether the first line names the columns.")] = True,
    output: OutputFormat = Format.TEXT,
) -> None:
    """Show what the columns of a file hold, and write a schema to edit.

    Overwrites nothing.
    """
    from confide.data.inspect import inspect as inspect_source

    try:
        options = schemas.ReaderOptions(format=source_format, delimiter=delimiter, header=header)
    except ValueError as cause:
        raise ConfigurationError(str(cause)) from None
    inspection = inspect_source(source, options)
    written = _write_schema(inspection.schema, out, _default_schema(source))
    result = msgspec.to_builtins(inspection) | {"schema_file": str(written) if written else None}
    show(output, _inspection_text(inspection, written, _default_schema(source)), result)


@app.command()
def prepare(
    *,
    source: Source,
    schema: Annotated[Path, typer.Option(help="The schema file (`confide data inspect` writes one).")],
    out: Annotated[Path, typer.Option(help="Directory of the prepared dataset.")],
    without_label: Annotated[
        bool, typer.Option("--without-label", help="For rows to predict: the source has no label.")
    ] = False,
    config: Annotated[
        Path, typer.Option(help="Your configuration, if there is one: it names your audit log.")
    ] = Path(CONFIG_FILE),
    output: OutputFormat = Format.TEXT,
) -> None:
    """Prepare a dataset: once, for any number of tasks.

    Logged beside your configuration.
    """
    from confide.app.audit import log_beside
    from confide.data.dataset import PreparedDataset
    from confide.data.prepare import prepare as prepare_source

    chosen = schemas.load(schema)
    if without_label:
        chosen = chosen.without_label()
    recorder = Recorder(log_beside(config, SystemClock()))
    with recorder.doing(Operation.PREPARE, _source_object(source)) as result:
        with _progress(visible=output is Format.TEXT) as report:
            manifest = prepare_source(source, chosen, out, report)
        result.append(_dataset_object(manifest))
    dataset = PreparedDataset.open(out)
    show(output, _dataset_text(dataset), _dataset_result(dataset, manifest))


def _source_object(source: Path) -> Object:
    return Object(kind="source", bytes=source.stat().st_size if source.is_file() else None)


def _dataset_object(manifest: Manifest) -> Object:
    size = sum(block.bytes for block in manifest.blocks)
    return Object(kind="manifest", digest=digest_of(manifest), rows=manifest.rows, bytes=size)


@app.command(name="show")
def show_dataset(
    *,
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A prepared dataset.")],
    output: OutputFormat = Format.TEXT,
) -> None:
    """Check a prepared dataset, and show what it holds.

    Checks every block. Never shows a row's values.
    """
    from confide.data.dataset import PreparedDataset

    dataset = PreparedDataset.open(directory)
    dataset.check()
    examples = dataset.quarantine()[:SHOWN_ROWS]
    result = _dataset_result(dataset, dataset.manifest)
    result["quarantine_examples"] = msgspec.to_builtins(examples)
    show(output, _dataset_text(dataset) + _examples_text(examples), result)


def _default_schema(source: Path) -> Path:
    """In the current folder, where the reader of the message is: the source may lie in a folder of others."""
    stem = source.name
    while Path(stem).suffix.lower() in SOURCE_SUFFIXES:
        stem = Path(stem).stem
    return Path(f"{stem}.schema.toml")


def _write_schema(schema: schemas.Schema | None, out: Path | None, default: Path) -> Path | None:
    """Where the schema was written: nowhere if there is none, or if the default's place is taken."""
    if out is not None and schema is None:
        raise SchemaInvalid(NO_ID)
    if schema is None or (out is None and default.exists()):
        return None
    path = default if out is None else out
    _write_new(path, schema.to_toml())
    return path


def _write_new(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as cause:
        raise ConfigurationError(f"{path}: {cause.strerror}") from None


@contextmanager
def _progress(*, visible: bool) -> Iterator[Report]:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[done]}"))
    console = Console(stderr=True)
    shown = visible and console.is_terminal
    with Progress(*columns, TimeElapsedColumn(), console=console, disable=not shown, transient=True) as bars:
        tasks = {}

        def report(stage: str, done: int, total: int | None) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total, done="")
            bars.update(tasks[stage], completed=done, total=total, done=f"{done:,}")

        yield report


def _inspection_text(inspection: "Inspection", written: Path | None, default: Path) -> str:
    table = Table(
        "column", "suggested", "different", "missing", "unreadable", "smallest", "largest", box=SIMPLE_HEAD
    )
    for column in inspection.columns:
        table.add_row(plain(column.name), _suggestion(column, inspection.schema), *_column_cells(column))
    scope = "all" if inspection.whole else "the first"
    heading = f"{scope} {inspection.sampled_rows:,} rows\n".capitalize()
    return heading + _rendered(table) + "\n" + _ending(inspection.schema, written, default)


def _ending(schema: schemas.Schema | None, written: Path | None, default: Path) -> str:
    if schema is None:
        return f"No schema to suggest: {NO_ID}"
    if written is None:
        return f"{schema.to_toml()}\nNot written: {default} is there already. `--out` names another place."
    return f"Schema written to {written}: look it over before `prepare`."


def _suggestion(column: "ColumnSummary", schema: schemas.Schema | None) -> str:
    if schema is None:
        return column.kind.value
    if column.name == schema.id.name:
        return f"id, {schema.id.type.value}"
    if schema.label is not None and column.name == schema.label.name:
        return f"label, {schema.label.type.value}"
    if column.name in schema.dates:
        return "date: " + ", ".join(part.value for part in schema.dates[column.name].parts)
    return schema.columns[column.name].value if column.name in schema.columns else "(left out)"


def _column_cells(column: "ColumnSummary") -> tuple[str, ...]:
    bounds = ("" if bound is None else plain(_bound(bound)) for bound in (column.minimum, column.maximum))
    counts = (f"{count:,}" for count in (column.distinct, column.missing, column.unreadable))
    return (*counts, *bounds)


def _bound(value: float | str) -> str:
    return f"{value:.17g}" if isinstance(value, float) and value.is_integer() else str(value)


def _dataset_text(dataset: "PreparedDataset") -> str:
    manifest = dataset.manifest
    table = Table("column", "role", "type", box=SIMPLE_HEAD)
    table.add_row(plain(manifest.id.name), "id", ", ".join(manifest.id.rules) or manifest.id.type.value)
    if manifest.label is not None:
        table.add_row(plain(manifest.label.name), "label", manifest.label.type.value)
    for column in manifest.columns:
        table.add_row(plain(column.name), "feature", column.kind.value)
    put_aside = manifest.quarantined_rows
    size = sum(block.bytes for block in manifest.blocks)
    lines = [
        f"Prepared dataset {dataset.path}",
        f"{manifest.rows:,} rows in {_count(len(manifest.blocks), 'block')}, {size:,} bytes",
        _rendered(table).rstrip("\n"),
        f"Source rows {manifest.source.rows:,} = {manifest.rows:,} prepared, {put_aside:,} quarantined",
        *(f"  {count:,} × {reason.value}" for reason, count in sorted(manifest.quarantined.items())),
        f"Manifest SHA-384 {dataset.manifest_sha384}",
    ]
    return "\n".join(lines)


def _examples_text(examples: "list[QuarantinedRow]") -> str:
    lines = (
        f"  row {row.row:,}: {row.reason.value}" + (f" (column {row.column})" if row.column else "")
        for row in examples
    )
    return (
        "\nAll blocks are as the manifest says."
        + ("\nQuarantined, first:\n" if examples else "")
        + "\n".join(lines)
    )


def _dataset_result(dataset: "PreparedDataset", manifest: Manifest) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(manifest)
    return {
        "path": str(dataset.path),
        "manifest_sha384": dataset.manifest_sha384,
        "quarantined_rows": manifest.quarantined_rows,
        "manifest": document,
    }


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _rendered(*parts: RenderableType) -> str:
    # Where nobody watches the width (a file, a pipe), nothing is cut.
    terminal = Console()
    width = terminal.width if terminal.is_terminal else WIDE
    console = Console(file=io.StringIO(), width=width, color_system=None)
    with console.capture() as captured:
        console.print(*parts)
    return captured.get()
