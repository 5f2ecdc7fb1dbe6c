"""Tables of a finished task: rows, quality, training curve, files."""

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from confide.cli.output import plain
from confide.cli.quality import show_quality
from confide.cli.statistics import show_statistics

BAR = 24
ROW_COLUMNS = {
    "source": "in file",
    "quarantined_while_preparing": "quarantined\nwhile preparing",
    "sent": "sent",
    "joined": "joined",
    "unmatched": "unmatched",
    "quarantined": "quarantined\nin the enclave",
}
NAMES = {"held_out": "held out", "prediction_pictures": "its pictures"}
LOSSES = ("validation_logloss", "validation_rmse", "holdout_logloss", "holdout_rmse")


def show_outcome(console: Console, document: dict[str, Any]) -> None:
    """Print what `app.initiate.Outcome.document` says."""
    for done in document["rounds"]:
        console.print(_rows(done))
        if done.get("gate"):
            console.print(_gate(done["gate"]), highlight=False)
    if document["curve"]:
        console.print(_curve(document["curve"]))
    show_quality(console, document["metrics"])
    for told in (document["metrics"], document.get("prediction", {})):
        if "statistics" in told:
            show_statistics(console, told["statistics"])
    for name in ("model", "predictions", "held_out", "pictures", "prediction_pictures", "receipt"):
        if document.get(name):
            console.print(f"{NAMES.get(name, name):<12} {document[name]}", highlight=False, soft_wrap=True)


def _gate(found: dict[str, Any]) -> str:
    return (
        f"[green]✓[/] gate passed: membership advantage {found['membership_advantage']:.3f}; no column alone "
        f"predicts the label better than {plain(found['leakage_field'])}: AUC {found['leakage_auc']:.3f}"
    )


def _rows(done: dict[str, Any]) -> Table:
    table = Table(
        "party", title=f"Rows: {done['kind']} '{plain(done['task'])}'", title_justify="left", box=SIMPLE_HEAD
    )
    for heading in ROW_COLUMNS.values():
        table.add_column(heading, justify="right")
    for party, rows in done["rows"].items():
        table.add_row(party, *(f"{rows[name]:,}" for name in ROW_COLUMNS))
    return table


def _curve(curve: list[dict[str, float]]) -> Table:
    """One line per epoch; the bar is the loss on rows not trained on, between its best and its worst."""
    loss = next(name for name in LOSSES if name in curve[0])
    part = "validation" if loss.startswith("validation") else "held out"
    values = [point[loss] for point in curve]
    low, high = min(values), max(values)
    table = Table(title="Training curve", title_justify="left", box=SIMPLE_HEAD)
    for column in ("epoch", "train", part, "AUC"):
        table.add_column(column, justify="right")
    table.add_column(f"{part} loss (best to worst)")
    for point in curve:
        share = (point[loss] - low) / (high - low) if high > low else 0.0
        bar = "█" * (1 + round(share * (BAR - 1)))
        train = point.get("train_logloss", point.get("train_rmse", float("nan")))
        area = point.get("holdout_auc", point.get("validation_auc"))
        auc = "" if area is None else f"{area:.4f}"
        table.add_row(f"{point['epoch']:.0f}", f"{train:.4f}", f"{point[loss]:.4f}", auc, f"[cyan]{bar}[/]")
    return table
