"""Small prepared datasets, made by the product's own `prepare`."""

from pathlib import Path

from confide.core.features import Kind
from confide.data.dataset import PreparedDataset
from confide.data.prepare import prepare
from confide.data.schema import IdColumn, IdType, LabelColumn, Schema


def toy_datasets(folder: Path, parties: dict[str, list[str]], rows: int = 256) -> dict[str, PreparedDataset]:
    """Small prepared datasets: `parties` maps a name to its columns, e.g. {"shop": ["city"], ...}.

    The first party also has the label. Clicks depend on the interaction of the first two parties' columns.
    """
    made: dict[str, PreparedDataset] = {}
    for number, (name, columns) in enumerate(parties.items()):
        source = folder / f"{name}.csv"
        order = range(rows) if number == 0 else reversed(range(rows))
        head = ["id", *(["click"] if number == 0 else []), *columns]
        lines = [",".join(head)]
        for row in order:
            values = [f"v{(row * (3 + 2 * number + at)) % 7}" for at in range(len(columns))]
            label = [str(int((row * 3 % 7 + row * 5 % 7) % 2))] if number == 0 else []
            lines.append(",".join([str(row), *label, *values]))
        source.write_text("\n".join(lines) + "\n")
        made[name] = _prepare(source, folder / f"{name}-prepared", columns, labelled=number == 0)
    return made


def _prepare(source: Path, out: Path, columns: list[str], *, labelled: bool) -> PreparedDataset:
    schema = Schema(
        id=IdColumn("id", IdType.INTEGER),
        label=LabelColumn("click") if labelled else None,
        columns=dict.fromkeys(columns, Kind.CATEGORICAL),
    )
    prepare(source, schema, out)
    return PreparedDataset.open(out)
