"""Tables of what a task has told of single columns, and of drift."""

from typing import Any, Final

from rich.console import Console

from confide.app.pictures.figures import MOVED, STEADY
from confide.cli.output import plain
from confide.cli.quality import new_table

BAR: Final = 16
_SHOWN: Final = (0.05, 0.25, 0.5, 0.75, 0.95)


def show_statistics(console: Console, told: dict[str, Any]) -> None:
    """Print what is there of the `statistics` of a report."""
    described = [column for column in told["columns"] if set(column["figures"]) - {"drift"}]
    drifts = [column for column in told["columns"] if "index" in (column["figures"].get("drift") or {})]
    if described:
        table = new_table(
            f"Columns of {told['rows']:,} joined rows, blurred: a row hides among {told['minimum_rows']:,}",
            "column",
            "missing",
            "categories",
            "mean",
            f"quantiles {', '.join(f'{at:.0%}' for at in _SHOWN)}",
            "with label",
        )
        table.columns[0].overflow = "fold"
        for column in described:
            found = column["figures"]
            table.add_row(
                _name(column),
                _share(found.get("missing")),
                _told(found, "cardinality", f"{found.get('cardinality')}"),
                _blurred(found.get("mean")),
                _quantiles(found.get("quantiles")),
                _correlation(column),
            )
        console.print(table)
    if drifts:
        console.print(_drift(told, drifts))


def _name(column: dict[str, Any]) -> str:
    return plain(f"{column['party']}.{column['column']}")


def _told(found: dict[str, Any], name: str, text: str) -> str:
    return "–" if found.get(name) is None else text


def _share(found: dict[str, float] | None) -> str:
    if found is None:
        return "–"
    value, step = 100 * found["value"], 100 * found["step"]
    return f"< {step:.2g}%" if value == 0 else f"{value:.3g}% [dim]±{step:.2g}%[/]"


def _blurred(found: dict[str, float] | None, *, signed: bool = False) -> str:
    if found is None:
        return "–"
    value = f"{found['value']:+g}" if signed else f"{found['value']:g}"
    return f"{value} [dim]±{found['step']:g}[/]" if found["step"] else value


def _correlation(column: dict[str, Any]) -> str:
    """Of numbers r, of categories the squared correlation ratio."""
    found, numeric = column["figures"].get("label-correlation"), column["kind"] == "numeric"
    return "–" if found is None else f"{'r' if numeric else 'η²'} {_blurred(found, signed=numeric)}"


def _quantiles(found: list[dict[str, float | None]] | None) -> str:
    if found is None:
        return "–"
    values = {entry["at"]: entry["value"] for entry in found}
    return "  ".join("–" if values[at] is None else f"{values[at]:g}" for at in _SHOWN)


def _drift(told: dict[str, Any], columns: list[dict[str, Any]]) -> Any:
    title = f"Drift: the {told['rows']:,} rows predicted, against those of the training (stability index)"
    table = new_table(title, "column", "index", "of it by blurring", "", "")
    table.columns[0].overflow = "fold"
    table.columns[3].justify = table.columns[4].justify = "left"
    for column in sorted(columns, key=lambda column: -column["figures"]["drift"]["index"]):
        drift = column["figures"]["drift"]
        index, chance = drift["index"], drift["by_chance"]
        colour, words = _judged(index, chance)
        bar = "█" * min(BAR, max(1, round(BAR * index / (2 * MOVED))))
        table.add_row(
            _name(column), f"[{colour}]{index:.3f}[/]", f"{chance:.3f}", f"[{colour}]{bar}[/]", words
        )
    return table


def _judged(index: float, chance: float) -> tuple[str, str]:
    if index <= chance:
        return "dim", "none that can be told from blurring"
    if index < STEADY:
        return "green", "little"
    return ("yellow", "some") if index < MOVED else ("red", "the model sees other rows than it learned from")
