"""A column of which no two rows have the same category, through prepare, upload, training and prediction.

`python tests/bad_input/many_categories.py ROWS` tries it with as many rows as one likes, and prints what
became of it.
"""

import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fakes.shop import authority
from fakes.world import World, predict_task, train_task

from confide.core.features import Kind
from confide.core.platform_api import TaskKind
from confide.data.dataset import PreparedDataset
from confide.data.prepare import prepare
from confide.data.schema import IdColumn, IdType, LabelColumn, Schema
from confide.party.initiator import Job
from confide.protocol.terms import Encoding


def prepared(folder, name, rows, *, labelled):
    """Ids 0 to rows - 1; the one column has the value of its id."""
    column = "city" if labelled else "page"
    source = folder / f"{name}.csv"
    with source.open("w") as file:
        file.write(f"id,click,{column}\n")
        file.writelines(f"{row},{row % 2},{name}-{row}\n" for row in range(rows))
    schema = Schema(
        id=IdColumn("id", IdType.INTEGER),
        label=LabelColumn("click") if labelled else None,
        columns={column: Kind.CATEGORICAL},
    )
    prepare(source, schema, folder / name)
    source.unlink()
    return PreparedDataset.open(folder / name)


def train(shop, media, vocabulary):
    """A World that has trained on such data, and predicted, or been refused."""
    task = train_task(encoding=Encoding(vocabulary=vocabulary, bits=20), baselines=())
    jobs = [Job(each, "fm", {"epochs": 1, "embedding_size": 2}, shop) for each in (task, predict_task(task))]
    world = World(authority(), jobs, {"media": dict.fromkeys(TaskKind, media)})
    world.run()
    return world


def main(rows):
    with tempfile.TemporaryDirectory() as base:
        folder, begin = Path(base), time.monotonic()
        shop = prepared(folder, "shop", rows, labelled=True)
        media = prepared(folder, "media", rows, labelled=False)
        print(f"prepared 2 x {rows:,} rows in {time.monotonic() - begin:.0f} s", flush=True)
        for vocabulary in ("exact", "hashed"):
            begin = time.monotonic()
            world = train(shop, media, vocabulary)
            told = {str(error.code): str(error) for error in world.errors.values()} or "trained and predicted"
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            print(
                f"{vocabulary}: {told} in {time.monotonic() - begin:.0f} s; peak {peak:.1f} GiB", flush=True
            )
            for kept in world.kept["shop"].receipts:
                print([{n: c.joined for n, c in done.rows.items()} for done in kept.receipt.rounds])


if __name__ == "__main__":
    main(int(sys.argv[1]))
