"""A whole training in memory, and the same under a memory limit that sends it to disk: peaks, times, quality.

    python bench/spool.py [--rows 1000000] [--fields 39] [--epochs 2] [--limit 640MiB] [--folder DIR]

The rows are generated: two parties, one in another order than the other, labels that hang on pairs of columns
of both. Each round runs in a process of its own with all roles in it, sealed messages between them, and the
parties' datasets on disk. The held-out rows are the same in all rounds; another seed in memory tells how much
the held-out figures differ by chance.
"""

import argparse
import json
import multiprocessing
import shutil
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from fakes.ports import FakeClock, SeededRandomness
from fakes.world import Authority, World, train_task
from rows import Row, Scale, Skipped

from confide.app.enclave_memory import parse_size
from confide.core import limits
from confide.core.digest import sha384_hex
from confide.core.features import Feature, Kind
from confide.core.platform_api import TaskKind
from confide.data.arrow import give_memory_back
from confide.data.blocks import encode_block, schema_of
from confide.data.manifest import BlockEntry, Column, Manifest, SourceEntry
from confide.data.schema import IdColumn, IdType, LabelColumn
from confide.enclave.storage.spool import SpoolFolder
from confide.enclave.storage.vault import Vault
from confide.party.initiator import Job
from confide.protocol.kinds import Kind as MessageKind
from confide.protocol.terms import Encoding, Label
from confide.protocol.terms import IdColumn as TaskId
from confide.protocol.terms import IdType as TaskIdType

SPAWN = multiprocessing.get_context("spawn")
PARTIES = ("a", "b")
CATEGORIES = 2_000
PARAMETERS = {"embedding_size": 8, "attention_size": 8, "batch_size": 1024}
PROGRESS = MessageKind.PROGRESS


def peak():
    """MiB, of this process since it began."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def mixed(numbers):
    """SplitMix64's finaliser."""
    numbers = numbers.astype(np.uint64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        numbers = (numbers ^ (numbers >> np.uint64(shift))) * np.uint64(factor)
    return numbers ^ (numbers >> np.uint64(31))


def uniform(rows, salt):
    return mixed(rows.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(salt)) / 2.0**64


def categories(rows, column):
    """Few are frequent, many rare."""
    return (CATEGORIES * uniform(rows, column + 1) ** 4).astype(np.uint64)


def effect(of, column):
    return 2 * uniform(of, 10_000 + column) - 1


def labels(rows, fields):
    """Main effects of some columns, and products of columns of both parties."""
    half = fields // 2
    logits = np.full(len(rows), -1.0)
    for column in range(0, fields, 4):
        logits += 0.5 * effect(categories(rows, column), column)
    for pair in range(min(3, half)):
        left, right = categories(rows, pair), categories(rows, half + pair)
        logits += 1.5 * effect(left, 100 + pair) * effect(right, 200 + pair)
    return (uniform(rows, 999) < 1 / (1 + np.exp(-logits))).astype(np.float64)


def columns_of(party, fields):
    return range(fields // 2) if party == "a" else range(fields // 2, fields)


def write(folder, party, rows, fields):
    """A dataset of blocks; `a` has its rows in order, `b` shuffled."""
    names = [f"c{column}" for column in columns_of(party, fields)]
    draft = Manifest(
        id=IdColumn("id", IdType.STRING),
        label=LabelColumn("label") if party == "a" else None,
        columns=tuple(Column(name, Kind.CATEGORICAL) for name in names),
        rows=1,
        blocks=(BlockEntry(1, 1, "0" * 96),),
        source=SourceEntry("0" * 96, 1, 1),
        quarantined={},
    )
    order = np.arange(rows) if party == "a" else np.random.default_rng(1).permutation(rows)
    entries = []
    for start in range(0, rows, limits.BLOCK_ROWS):
        some = order[start : start + limits.BLOCK_ROWS]
        table = {"id": pa.array(np.char.mod("user-%010d", some))}
        table |= {"label": labels(some, fields)} if party == "a" else {}
        for name, column in zip(names, columns_of(party, fields), strict=True):
            table[name] = mixed(categories(some, column) + np.uint64(1)) | np.uint64(1)
        data = encode_block(pa.record_batch(table, schema=schema_of(draft)))
        (folder / f"{party}{len(entries)}").write_bytes(data)
        entries.append(BlockEntry(len(some), len(data), sha384_hex(data)))
    whole = {"rows": rows, "blocks": tuple(entries), "source": SourceEntry("0" * 96, 1, rows)}
    manifest = msgspec.structs.replace(draft, **whole)
    (folder / f"{party}.json").write_bytes(manifest.encode())


class OnDisk:
    """Implements party.ports.Dataset."""

    def __init__(self, folder, party):
        self._folder, self._party = folder, party
        self.manifest_bytes = (folder / f"{party}.json").read_bytes()
        self.manifest = Manifest.decode(self.manifest_bytes)

    def block(self, index):
        return (self._folder / f"{self._party}{index}").read_bytes()

    stored_block = block


def world_of(given):
    fields = {
        party: tuple(
            Feature(name=f"c{column}", kind=Kind.CATEGORICAL) for column in columns_of(party, given["fields"])
        )
        for party in PARTIES
    }
    task = train_task(
        "a",
        ("b",),
        id=TaskId(name="id", type=TaskIdType.STRING),
        label=Label(name="label", owner="a"),
        features=fields,
        encoding=Encoding(vocabulary="hashed", bits=12),
        baselines=(),
    )
    authority = Authority(FakeClock())
    folder = Path(given["folder"])
    parameters = {**PARAMETERS, "epochs": given["epochs"], "seed": given["seed"]}
    job = Job(task, "afm", parameters, OnDisk(folder, "a"))
    return World(authority, [job], {"b": {TaskKind.TRAIN: OnDisk(folder, "b")}})


class PeakOfWork:
    """Implements enclave.work.Work: from the join to the result. The fake wire, full of blocks, is before."""

    def __init__(self, work):
        self._work = work

    def run(self, *given):
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
        yield from self._work.run(*given)


def round_of(given):
    """One training; what it needed."""
    give_memory_back()
    world = world_of(given)
    if given["limit"] is not None:
        context = world.enclave._context  # noqa: SLF001
        context.memory = given["limit"]
        context.spools = SpoolFolder(Path(given["folder"]), SeededRandomness("spool"))
        world.enclave._course.vault = Vault(context.spools)  # noqa: SLF001
    rounds = world.enclave._rounds  # noqa: SLF001
    rounds._work = PeakOfWork(rounds._work)  # noqa: SLF001
    started = time.perf_counter()
    world.run()
    seconds = time.perf_counter() - started
    if world.errors:
        return {"error": str(world.errors["enclave"])}
    report = world.kept["a"].results[0][2].metrics["joint"]
    stages = [said.stage for said in world.kept["a"].seen if said.kind is PROGRESS]
    return {
        "seconds": seconds,
        "peak_mib": peak(),
        "spooled": any("spool" in stage for stage in stages),
        **{name: report[name] for name in ("logloss", "auc", "rows_held_out")},
    }


def apart(**given):
    """`round_of` in a process of its own; a process that dies is an error, not a wait."""
    with ProcessPoolExecutor(1, mp_context=SPAWN) as pool:
        return pool.submit(round_of, given).result()


def measured(rows, fields, epochs, limit, folder):
    """(way, what it needed and what it learned) of each way, as it is measured."""
    for party in PARTIES:
        write(folder, party, rows, fields)
    common = {"folder": str(folder), "fields": fields, "epochs": epochs}
    yield "in memory", apart(**common, limit=None, seed=0)
    yield f"limit {limit}", apart(**common, limit=parse_size(limit), seed=0)
    yield "in memory, another seed", apart(**common, limit=None, seed=1)


def rows(scale):
    """See rows.py. On disk against in memory."""
    count, limit = (1_000_000, "600MiB") if scale is Scale.FULL else (500_000, "555MiB")
    with tempfile.TemporaryDirectory(prefix="confide-spool-") as folder:
        ways = measured(count, 39, 1, limit, Path(folder))
        (_, memory), (_, disk) = next(ways), next(ways)
    if not disk.get("spooled"):
        raise Skipped(f"nothing went to disk: {disk}")
    for name, unit in (("seconds", "s"), ("peak_mib", "MiB"), ("logloss", "held-out logloss")):
        yield Row(
            f"training on disk under {limit}, against in memory: {name}", disk[name], memory[name], unit
        )


def main():
    parser = argparse.ArgumentParser(description="Training in memory and out of core.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--fields", type=int, default=39)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--limit", default="640MiB")
    parser.add_argument("--folder", type=Path, help="where datasets and spools go; default: a temporary one")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="confide-spool-"))
    try:
        found = dict(measured(given.rows, given.fields, given.epochs, given.limit, folder))
    finally:
        if given.folder is None:
            shutil.rmtree(folder)
    print(f"{'way':26} {'seconds':>8} {'peak MiB':>9} {'logloss':>9} {'AUC':>8}  on disk")
    for way, one in found.items():
        if "error" in one:
            print(f"{way:26} {one['error']}")
            continue
        figures = f"{one['seconds']:8.1f} {one['peak_mib']:9,.0f} {one['logloss']:9.5f} {one['auc']:8.5f}"
        print(f"{way:26} {figures}  {'yes' if one['spooled'] else 'no'}")
    if given.out is not None:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_bytes(msgspec.json.encode(found))
    print(json.dumps({"rows": given.rows, "fields": given.fields, **found}))


if __name__ == "__main__":
    main()
