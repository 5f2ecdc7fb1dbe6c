"""`confide model`: look into a model file, and score with it, without any platform."""

from datetime import UTC, datetime
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from confide.app.files import CONFIG_FILE
from confide.cli.output import SIMULATED_WARNING, Format, OutputFormat, plain, show
from confide.cli.receipt import (
    CaOption,
    ConfigOption,
    MeasurementOption,
    RootOption,
    anchors_of,
    print_steps,
)

if TYPE_CHECKING:
    from confide.app.plain_prediction import PlainPredictions

app = typer.Typer(no_args_is_help=True)

ModelPath = Annotated[Path, typer.Argument(metavar="FILE", help="A model file.")]
SHOWN = 5
MOST_NUMBERS = 16


@app.command("show")
def show_command(*, model: ModelPath, output: OutputFormat = Format.TEXT) -> None:
    """Show what a model is, what it was trained on, and how good it was."""
    from confide.app.models import OpenedModel

    document = OpenedModel.read(model).document()
    if output is Format.JSON:
        show(output, "", document)
        return
    table = Table("", "", show_header=False, box=SIMPLE_HEAD)
    table.columns[1].overflow = "fold"
    for name, value in document.items():
        shown = datetime.fromtimestamp(value, UTC).isoformat() if name == "agreed_at" else _words(value)
        table.add_row(name.replace("_", " "), shown)
    Console(highlight=False).print(table)


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return "\n".join(_entry(plain(name), inner) for name, inner in value.items())
    if isinstance(value, list) and (
        len(value) > MOST_NUMBERS or any(isinstance(x, dict | list) for x in value)
    ):
        return f"[dim]{len(value)} entries, shown by --format json[/]"
    if isinstance(value, list):
        return ", ".join(map(_words, value))
    return f"{value:.4f}" if isinstance(value, float) else plain(str(value))


def _entry(name: str, value: Any) -> str:
    words = _words(value)
    return f"{name}:\n{indent(words, '  ')}" if isinstance(value, dict) else f"{name}: {words}"


@app.command()
def predict(
    *,
    model: ModelPath,
    data: Annotated[
        list[Path], typer.Option(help="A prepared dataset; several are joined by id. Repeatable.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Write id and probability here: CSV, or Parquet by the suffix .parquet."),
    ] = None,
    output: OutputFormat = Format.TEXT,
) -> None:
    """Score rows here, without any platform.

    Columns that no dataset holds are scored as missing values.
    """
    from confide.app.models import OpenedModel
    from confide.app.plain_prediction import predict as predict_plainly
    from confide.data.dataset import PreparedDataset

    datasets = [PreparedDataset.open(path) for path in data]
    predictions = predict_plainly(OpenedModel.read(model), datasets)
    if out is not None:
        predictions.write(out)
    result = _result(predictions, out)
    if output is Format.JSON:
        show(output, "", result)
        return
    _print(Console(highlight=False), predictions, out)


@app.command()
def verify(
    *,
    model: ModelPath,
    receipt: Annotated[
        Path | None, typer.Option(help="The task's receipt.json. Default: the one beside the model.")
    ] = None,
    ca: CaOption = None,
    root: RootOption = None,
    mrenclave: MeasurementOption = None,
    config: ConfigOption = Path(CONFIG_FILE),
    public_key: Annotated[
        Path | None, typer.Option(help="Write the enclave's public key here (PEM): for tools of others.")
    ] = None,
    output: OutputFormat = Format.TEXT,
) -> None:
    """Verify which enclave trained a model, for whom, and on which data.

    Needs no network.
    """
    from confide.app.provenance import public_key_pem, verify_model
    from confide.app.records import RECEIPT

    beside = model.parent / RECEIPT
    found = receipt or (beside if beside.is_file() else None)
    verified = verify_model(model, anchors_of(ca, root, mrenclave, config), found)
    if public_key is not None:
        public_key.write_bytes(public_key_pem(verified.model))
    if output is Format.JSON:
        show(output, "", verified.document())
        return
    console = Console(highlight=False)
    print_steps(console, verified.steps)
    if verified.receipt is not None and verified.receipt.claims.simulated:
        console.print(f"[bold yellow]{SIMULATED_WARNING}[/]")
    console.print(f"measurement {verified.model.agreement.block.enclave.measurement}")
    console.print("[bold green]The model's provenance is valid.[/]")


@app.command()
def export(
    *,
    model: ModelPath,
    onnx: Annotated[Path, typer.Option(help="Write an ONNX model here.")],
    output: OutputFormat = Format.TEXT,
) -> None:
    """Write a model as ONNX, for other runtimes.

    Its inputs are the columns: category codes, and numbers.
    """
    from confide.app.model_export import export_onnx
    from confide.app.models import OpenedModel

    written = export_onnx(OpenedModel.read(model), onnx)
    if output is Format.JSON:
        show(output, "", written)
        return
    console = Console(highlight=False)
    table = Table("input", "type", "what", box=SIMPLE_HEAD)
    for name, entry in written["inputs"].items():
        table.add_row(plain(name), entry["type"], entry["meaning"])
    console.print(table)
    console.print(f"Output: prediction, float32. {written['bytes']:,} bytes written to {onnx}")


def _result(predictions: "PlainPredictions", out: Path | None) -> dict[str, Any]:
    return {
        "rows": len(predictions.scores),
        "mean": float(predictions.scores.mean()) if len(predictions.scores) else None,
        "absent_columns": [{"party": party, "column": name} for party, name in predictions.absent],
        "out": str(out) if out else None,
    }


def _print(console: Console, predictions: "PlainPredictions", out: Path | None) -> None:
    table = Table(predictions.id_name, "probability", box=SIMPLE_HEAD)
    shown = predictions.ids.slice(0, SHOWN).to_pylist()
    for identifier, score in zip(shown, predictions.scores[:SHOWN], strict=True):
        table.add_row(plain(str(identifier)), f"{score:.4f}")
    console.print(table)
    console.print(f"{len(predictions.scores):,} rows scored, mean {predictions.scores.mean():.4f}")
    if predictions.absent:
        names = plain(", ".join(f"{party}.{name}" for party, name in predictions.absent))
        console.print(f"[bold yellow]Scored as missing, for no dataset holds them: {names}[/]")
    console.print(f"Written to {out}" if out else "Give --out FILE to keep them.")
