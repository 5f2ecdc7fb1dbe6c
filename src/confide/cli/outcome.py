"""Tables of a finished task: rows, quality, training curve, files."""

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from confide.cli.output import plain

BAR = 24
ROW_COLUMNS = {
    "source": "in file",
    "quarantined_while_preparing": "quarantined\nwhile preparing",
    "sent": "sent",
    "joined": "joined",
    "unmatched": "unmatched",
    "quarantined": "quarantined\nin the enclave",
}
NAMES = {"joint": "all parties' columns", "initiator": "the initiator's columns alone"}


def show_outcome(console: Console, document: dict[str, Any]) -> None:
    """Print what `app.initiate.Outcome.document` says."""
    for done in document["rounds"]:
        console.print(_rows(done))
    if document["curve"]:
        console.print(_curve(document["curve"]))
    if document["metrics"]:
        console.print(_quality(document["metrics"]))
    for name in ("model", "predictions", "receipt"):
        if document[name]:
            console.print(f"{name:<12} {document[name]}", highlight=False, soft_wrap=True)


def _rows(done: dict[str, Any]) -> Table:
    table = Table(
        "party", title=f"Rows: {done['kind']} '{plain(done['task'])}'", title_justify="left", box=SIMPLE_HEAD
    )
    for heading in ROW_COLUMNS.values():
        table.add_column(heading, justify="right")
    for party, rows in done["rows"].items():
        table.add_row(party, *(f"{rows[name]:,}" for name in ROW_COLUMNS))
    return table


def _quality(metrics: dict[str, Any]) -> Table:
    table = Table("model on", title="On the same held-out rows", title_justify="left", box=SIMPLE_HEAD)
    for column in ("logloss", "AUC", "rows trained", "rows held out"):
        table.add_column(column, justify="right")
    for name, found in metrics.items():
        auc = f"{found['auc']:.4f}" if "auc" in found else "one class"
        table.add_row(
            NAMES.get(name, name),
            f"{found['logloss']:.4f}",
            auc,
            f"{found['rows_trained']:,}",
            f"{found['rows_held_out']:,}",
        )
    return table


def _curve(curve: list[dict[str, float]]) -> Table:
    """One line per epoch; the bar is the held-out loss between its best and its worst."""
    loss = "holdout_logloss" if "holdout_logloss" in curve[0] else "holdout_rmse"
    values = [point[loss] for point in curve]
    low, high = min(values), max(values)
    table = Table(title="Training curve", title_justify="left", box=SIMPLE_HEAD)
    for column in ("epoch", "train", "held out", "AUC"):
        table.add_column(column, justify="right")
    table.add_column("held-out loss (best to worst)")
    for point in curve:
        share = (point[loss] - low) / (high - low) if high > low else 0.0
        bar = "█" * (1 + round(share * (BAR - 1)))
        train = point.get("train_logloss", point.get("train_rmse", float("nan")))
        auc = f"{point['holdout_auc']:.4f}" if "holdout_auc" in point else ""
        table.add_row(f"{point['epoch']:.0f}", f"{train:.4f}", f"{point[loss]:.4f}", auc, f"[cyan]{bar}[/]")
    return table
