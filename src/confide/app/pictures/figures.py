"""What is drawn of a report (report.json): each figure as (title, what it shows, SVG), or nothing."""

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from confide.app.pictures.chart import Chart, Form, Point, spanning

COLOURS: Final = {"joint": "#0072b2", "initiator": "#d55e00", "providers": "#009e73"}
"""Told apart by people with any kind of sight (Okabe and Ito 2008)."""
NAMES: Final = {
    "joint": "all parties' columns",
    "initiator": "the initiator's alone",
    "providers": "the providers' alone",
}
GREY: Final = "#8a8a8a"
PALE: Final = "#d0d0d0"
STEADY: Final = 0.1
"""A population stability index up to here is little by convention (Siddiqi 2006)."""
MOVED: Final = 0.25
"""From here on it is much."""
MOST_FIELDS: Final = 20
_ROW: Final = 22
_WIDE: Final = 176
_NAME: Final = 24
"""Characters that fit there."""
_RATES: Final = ("false positive rate", "true positive rate")
_DIAGONAL: Final = [(0.0, 0.0), (1.0, 1.0)]


class Figure(NamedTuple):
    """One picture."""

    title: str
    text: str
    svg: str


def figures(metrics: dict[str, Any], curve: list[dict[str, float]]) -> list[Figure]:
    """All that the report has the numbers for."""
    drawn = (_training(curve), *(draw(metrics) for draw in _DRAWN))
    return [figure for figure in drawn if figure is not None]


def _training(curve: list[dict[str, float]]) -> Figure | None:
    series = [
        (name, colour, words)
        for name, colour, words in _SERIES
        if curve and all(name in point for point in curve)
    ]
    if not series:
        return None
    lines = {name: [(point["epoch"], point[name]) for point in curve] for name, _, _ in series}
    values = [y for points in lines.values() for _, y in points]
    last = max(2.0, curve[-1]["epoch"])
    chart = Chart((1.0, last), spanning(values), ("epoch", "loss"), Form(whole=True))
    for name, colour, words in series:
        chart.line(lines[name], colour, words)
        chart.dots(lines[name], colour)
    text = "The mean loss per epoch: of rows trained on (each batch before it is learned), and of others."
    return Figure("Training curve", text, chart.svg())


_SERIES: Final = (
    ("train_logloss", COLOURS["joint"], "training rows"),
    ("train_rmse", COLOURS["joint"], "training rows"),
    ("holdout_logloss", COLOURS["initiator"], "held-out rows"),
    ("holdout_rmse", COLOURS["initiator"], "held-out rows"),
    ("validation_logloss", COLOURS["initiator"], "validation rows"),
    ("validation_rmse", COLOURS["initiator"], "validation rows"),
)


def _models(metrics: dict[str, Any], name: str) -> Iterator[tuple[str, Any]]:
    """(model, what it has of this name), where it has something."""
    for model in NAMES:
        found = metrics.get(model, {}).get(name)
        if found:
            yield model, found


def _roc(metrics: dict[str, Any]) -> Figure | None:
    chart, drawn = Chart((0, 1), (0, 1), _RATES), False
    chart.line(_DIAGONAL, GREY, dashed=True)
    for model, points in _models(metrics, "roc"):
        drawn = True
        words = f"{NAMES[model]}: AUC {metrics[model]['auc']:.4f}"
        chart.line([(x, y) for x, y in points], COLOURS[model], words)
    text = "How many rows with label 1 are found, against how many with label 0 are taken for them."
    return Figure("ROC", text, chart.svg()) if drawn else None


def _reliability(metrics: dict[str, Any]) -> Figure | None:
    lines = {model: _bins(found) for model, found in _models(metrics, "calibration")}
    if not lines:
        return None
    top = max(max(point) for points in lines.values() for point in points) * 1.05 or 1.0
    chart = Chart((0, top), (0, top), ("mean prediction", "share of label 1"))
    chart.line([(0, 0), (top, top)], GREY, dashed=True)
    for model, points in lines.items():
        chart.line(points, COLOURS[model], NAMES[model])
        chart.dots(points, COLOURS[model])
    text = (
        "Each dot is as many rows as the next. On the dashed line predictions are as often right as they say."
    )
    return Figure("Reliability", text, chart.svg())


def _bins(calibration: dict[str, Any]) -> list[Point]:
    return [(found["mean_prediction"], found["mean_label"]) for found in calibration["bins"]]


def _lift(metrics: dict[str, Any]) -> Figure | None:
    lines = {
        model: [(100 * at["share"], at["lift"]) for at in found if at["lift"] is not None]
        for model, found in _models(metrics, "lift")
        if model in metrics
    }
    lines = {model: points for model, points in lines.items() if points}
    if not lines:
        return None
    values = [y for points in lines.values() for _, y in points]
    names = ("share of rows, highest predictions first (%)", "lift")
    chart = Chart((0, 100), spanning([*values, 1.0], zero=True), names)
    chart.line([(0, 1), (100, 1)], GREY, dashed=True)
    for model, points in lines.items():
        chart.line([*points, (100.0, 1.0)], COLOURS[model], NAMES[model])
        chart.dots(points, COLOURS[model])
    text = (
        "How many times more often label 1 occurs among the rows with the highest predictions than among all."
    )
    return Figure("Lift", text, chart.svg())


def _worth(metrics: dict[str, Any]) -> Figure | None:
    report = metrics.get("lift")
    if not report:
        return None
    found = [entry for entry in report["differences"] if entry["auc"]["low"] is not None]
    if not found:
        return None
    ends = [entry["auc"][end] for entry in found for end in ("low", "high")]
    rows = (len(found) - 0.5, -0.5)
    form = Form(left=_WIDE, height=64 + 3 * _ROW * len(found), rows=True)
    chart = Chart(spanning(ends, room=0.15, zero=True), rows, ("difference in AUC", ""), form)
    chart.line([(0, -0.5), (0, len(found) - 0.5)], GREY, dashed=True)
    for row, entry in enumerate(found):
        colour, value = COLOURS[entry["second"]], entry["auc"]["value"]
        chart.row_name(row, f"against {NAMES[entry['second']]}")
        chart.whisker(row, (entry["auc"]["low"], entry["auc"]["high"]), colour)
        chart.dots([(value, row)], colour)
        chart.note((value, row), f"{value:+.4f}")
    text = (
        f"What the other side's columns add, with {report['confidence']:.0%} intervals from "
        f"{report['resamples']:,} resamples of the same held-out rows. Right of the dashed line they help."
    )
    return Figure("What the data is worth", text, chart.svg())


def _importance(metrics: dict[str, Any]) -> Figure | None:
    found = metrics.get("importance")
    if not found:
        return None
    fields = sorted(found["fields"], key=lambda field: -field["loss_added"])[:MOST_FIELDS]
    ends = [field["loss_added"] + side * field["deviation"] for field in fields for side in (-1, 1)]
    form = Form(left=_WIDE, height=64 + _ROW * len(fields), rows=True)
    rows = (len(fields) - 0.5, -0.5)
    chart = Chart(spanning(ends, zero=True), rows, ("loss added", ""), form)
    for row, field in enumerate(fields):
        value, deviation = field["loss_added"], field["deviation"]
        chart.bar(row, value, 0.6, COLOURS["joint"])
        chart.whisker(row, (value - deviation, value + deviation), "#333")
        chart.row_name(row, _end_of(f"{field['party']}.{field['column']}"))
    text = f"How much the loss grows when one column is shuffled among {found['rows']:,} held-out rows."
    return Figure("Importance of columns", text, chart.svg())


def _end_of(name: str) -> str:
    """What tells columns apart is at the end of their names."""
    return name if len(name) <= _NAME else f"…{name[1 - _NAME :]}"


def _trials(metrics: dict[str, Any]) -> Figure | None:
    tuning = metrics.get("tuning")
    points = [
        (number, trial["loss"])
        for number, trial in enumerate(tuning["trials"] if tuning else (), start=1)
        if trial["loss"] is not None
    ]
    if not points:
        return None
    best, reached = list[Point](), float("inf")
    for number, loss in points:
        reached = min(reached, loss)
        best.append((number, reached))
    across, up = (0.5, points[-1][0] + 0.5), spanning([loss for _, loss in points])
    chart = Chart(across, up, ("trial", "validation loss"), Form(whole=True))
    chart.dots(points, COLOURS["joint"])
    chart.line(best, COLOURS["initiator"], "best so far")
    return Figure("Tuning", "The validation loss of each trial.", chart.svg())


def _drift(metrics: dict[str, Any]) -> Figure | None:
    columns = metrics.get("statistics", {}).get("columns", ())
    found = [
        (f"{column['party']}.{column['column']}", column["figures"]["drift"])
        for column in columns
        if "index" in (column["figures"].get("drift") or {})
    ]
    if not found:
        return None
    found = sorted(found, key=lambda entry: -entry[1]["index"])[:MOST_FIELDS]
    rows = (len(found) - 0.5, -0.5)
    form = Form(left=_WIDE, height=64 + _ROW * len(found), rows=True)
    span = spanning([*(drift["index"] for _, drift in found), MOVED], zero=True)
    chart = Chart(span, rows, ("population stability index", ""), form)
    for at in (STEADY, MOVED):
        chart.line([(at, rows[0]), (at, rows[1])], GREY, dashed=True)
    for row, (name, drift) in enumerate(found):
        index, chance = drift["index"], drift["by_chance"]
        colour = COLOURS["initiator" if index >= MOVED else "joint"]
        chart.bar(row, index, 0.6, colour if index > chance else PALE)
        chart.bar(row, min(chance, index), 0.2, GREY)
        chart.row_name(row, name[:26])
    text = (
        f"How far the rows predicted are from those of the training: up to {STEADY:g} is little, from "
        f"{MOVED:g} on much. Grey: what blurring alone adds, on average at most; pale: no more than that."
    )
    return Figure("Drift", text, chart.svg())


_DRAWN: Final[tuple[Callable[[dict[str, Any]], Figure | None], ...]] = (
    _worth,
    _roc,
    _reliability,
    _lift,
    _importance,
    _trials,
    _drift,
)
