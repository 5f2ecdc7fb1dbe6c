"""Tables of how good a trained model is: figures, lift report, importance, trials, cross-validation."""

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from confide.cli.output import plain

NAMES = {"joint": "all columns", "initiator": "initiator's alone", "providers": "providers' alone"}
MOST_SHOWN = 10


def show_quality(console: Console, metrics: dict[str, Any]) -> None:
    """Print what is there of a report's metrics."""
    if "joint" in metrics:
        console.print(_models(metrics))
    for name, table in (
        ("lift", _lift),
        ("importance", _importance),
        ("cross_validation", _cross_validation),
        ("tuning", _tuning),
    ):
        if name in metrics:
            console.print(table(metrics[name]))


def new_table(title: str, *columns: str) -> Table:
    """With all columns but the first to the right."""
    table = Table(columns[0], title=title, title_justify="left", box=SIMPLE_HEAD)
    for column in columns[1:]:
        table.add_column(column, justify="right")
    return table


def _models(metrics: dict[str, Any]) -> Table:
    more = "ks" in metrics["joint"]
    head = (
        "logloss",
        "AUC",
        *(("KS", "calibration\nerror") if more else ()),
        "rows\ntrained",
        "rows\nheld out",
    )
    table = new_table("On the same held-out rows", "model on", *head)
    for name in filter(metrics.__contains__, NAMES):
        found = metrics[name]
        cells = [f"{found['logloss']:.4f}", _number(found.get("auc"), "one class")]
        if more:
            cells += [_number(found["ks"]), _number(found["calibration"]["expected_error"])]
        cells += [f"{found['rows_trained']:,}", f"{found['rows_held_out']:,}"]
        table.add_row(NAMES[name], *cells)
    return table


def _number(value: float | None, instead: str = "–") -> str:
    return instead if value is None else f"{value:.4f}"


def _lift(report: dict[str, Any]) -> Table:
    title = (
        f"What the providers' columns are worth ({report['confidence']:.0%} intervals, "
        f"{report['resamples']:,} resamples of the held-out rows)"
    )
    table = new_table(title, "", "AUC", "", "logloss", "")
    for name in filter(report["models"].__contains__, NAMES):
        found = report["models"][name]
        table.add_row(NAMES[name], *_interval(found["auc"]), *_interval(found["logloss"]))
    for found in report["differences"]:
        text = f"[bold]gain over {NAMES[found['second']]}[/]"
        auc, loss = found["auc"], found["logloss"]
        table.add_row(text, *_interval(auc, better=1), *_interval(loss, better=-1))
    return table


def _interval(found: dict[str, float | None], better: int = 0) -> tuple[str, str]:
    """Of a difference, `better` is the wished-for sign: green or red, yellow where it may be none."""
    value, low, high = found["value"], found["low"], found["high"]
    if value is None or low is None or high is None:
        return "–", "–"
    if not better:
        return f"{value:.4f}", f"{low:.4f}…{high:.4f}"
    sure = low > 0 or high < 0
    colour = "yellow" if not sure else "green" if value * better > 0 else "red"
    return f"[{colour}]{value:+.4f}[/]", f"[{colour}]{low:+.4f}…{high:+.4f}[/]"


def _importance(found: dict[str, Any]) -> Table:
    title = f"Importance: loss added when a field is shuffled among {found['rows']:,} held-out rows"
    table = new_table(title, "column", "party", "loss added", "±")
    fields = sorted(found["fields"], key=lambda field: -field["loss_added"])
    for field in fields[:MOST_SHOWN]:
        table.add_row(
            plain(field["column"]), field["party"], f"{field['loss_added']:+.5f}", f"{field['deviation']:.5f}"
        )
    if len(fields) > MOST_SHOWN:
        table.add_row(f"… and {len(fields) - MOST_SHOWN} more in report.json", "", "", "")
    return table


def _cross_validation(found: dict[str, Any]) -> Table:
    table = new_table(f"Cross-validation, {len(found['folds'])} folds", "figure", "mean", "deviation")
    for name, mean in found["mean"].items():
        table.add_row(name, f"{mean:.4f}", f"{found['deviation'][name]:.4f}")
    return table


def _tuning(found: dict[str, Any]) -> Table:
    trials = found["trials"]
    table = new_table(
        f"Tuning by {found['method']}: {len(trials)} trials, best first", "trial", "loss", "parameters"
    )
    order = sorted(range(len(trials)), key=lambda at: (trials[at]["loss"] is None, trials[at]["loss"] or 0.0))
    for at in order[:MOST_SHOWN]:
        trial = trials[at]
        words = ", ".join(f"{name} {_value(value)}" for name, value in trial["parameters"].items())
        mark = "[green]✓[/] " if at == found["best"] else ""
        table.add_row(f"{mark}{at + 1}", _number(trial["loss"], "failed"), plain(words))
    return table


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
