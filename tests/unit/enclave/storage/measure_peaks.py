"""Run in a process of its own by test_forecast_measured.py: joins and encodes, prints forecast and peaks.

With "out of core" as its argument it does all of that with the rows on disk, within LIMIT; with "early" a
whole training that begins before the last block has come.
"""

import json
import sys
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
from fakes.agreed import unsigned
from fakes.ports import FakeClock, SeededRandomness
from fakes.world import train_task

from confide.algorithms import registry
from confide.algorithms.base import Batch
from confide.core.digest import sha384_hex
from confide.core.features import Feature, Kind
from confide.data.alignment.agreed_order import order_of
from confide.data.arrow import give_memory_back
from confide.data.blocks import encode_block, schema_of
from confide.data.encoding import FeatureEncoder
from confide.data.ids import id_set_digest
from confide.data.manifest import BlockEntry, Column, Manifest, SourceEntry
from confide.data.schema import IdColumn, IdType, LabelColumn
from confide.data.split import holdout
from confide.data.vocabulary import Scheme, Vocabulary
from confide.enclave.learning import training
from confide.enclave.rows.encoded_rows import Split
from confide.enclave.rows.opened import fields_of, open_shelves
from confide.enclave.rows.out_of_core import OutOfCore
from confide.enclave.storage.forecast import forecast
from confide.enclave.storage.kept_blocks import KeptBlocks
from confide.enclave.storage.plan import choose
from confide.enclave.storage.spool import SpoolFolder
from confide.enclave.storage.vault import Shelf, Shelves
from confide.protocol.terms import Algorithm, Encoding, Intersection
from confide.protocol.terms import IdColumn as TaskId
from confide.protocol.terms import IdType as TaskIdType

WIDE = sys.argv[-1] == "out of core"
ROWS, BLOCK_ROWS, COLUMNS = 1 << 20, 1 << 16, 24 if WIDE else 8
BITS = 14
PARAMETERS = {"epochs": 1, "embedding_size": 4 if WIDE else 64}
LIMIT = 600 << 20


def peak():
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024


def texts(rows):
    return np.char.mod("%016d", rows)


def shelf(party, order):
    names = [f"{party}{at}" for at in range(COLUMNS)]
    draft = Manifest(
        id=IdColumn("id", IdType.STRING),
        label=LabelColumn("click") if party == "shop" else None,
        columns=tuple(Column(name, Kind.CATEGORICAL) for name in names),
        rows=1,
        blocks=(BlockEntry(1, 1, "0" * 96),),
        source=SourceEntry("0" * 96, 1, 1),
        quarantined={},
    )
    blocks, entries = {}, []
    for index in range(ROWS // BLOCK_ROWS):
        rows = order[index * BLOCK_ROWS : (index + 1) * BLOCK_ROWS]
        columns = {"id": pa.array(texts(rows))}
        if party == "shop":
            columns["click"] = (rows % 2).astype(np.float64)
        for at, name in enumerate(names):
            columns[name] = (rows.astype(np.uint64) % np.uint64(999 + at)) * np.uint64(0x9E3779B97F4A7C15)
        data = encode_block(pa.record_batch(columns, schema=schema_of(draft)))
        blocks[index] = data
        entries.append(BlockEntry(len(rows), len(data), sha384_hex(data)))
    fields = {name: getattr(draft, name) for name in draft.__struct_fields__}
    whole = {"rows": ROWS, "blocks": tuple(entries), "source": SourceEntry("0" * 96, 1, ROWS)}
    return Shelf(Manifest(**(fields | whole)), blocks)


def train(algorithm, learn, held, features):
    estimator = registry.build(algorithm.name, algorithm.parameters)
    for _ in estimator.fit(learn.indices, learn.values, learn.labels, holdout=held, feature_count=features):
        pass
    estimator.predict(held.indices, held.values)


def out_of_core(task, algorithm, shelves):
    manifests = {party: found.manifest for party, found in shelves.items()}
    plan = choose(task, algorithm, manifests, limit=LIMIT, can_spool=True)
    spools, vault = SpoolFolder(None, SeededRandomness()), {}
    for party, found in shelves.items():
        kept = KeptBlocks()
        kept.spill(spools.spool())
        while found.blocks:
            kept.__setitem__(*found.blocks.popitem())
        vault[party] = Shelf(found.manifest, kept)
    opened = open_shelves(task, vault)
    rows, held = holdout(opened.alignment.size, 0.2, 1, mixed=True)
    opened.reorder(np.concatenate((rows, held)))
    split = Split(len(rows), (np.arange(ROWS) % 2).astype(np.float32))
    vocabulary = Vocabulary(scheme=Scheme.HASHED, bits=BITS)
    encode = OutOfCore(opened, split, spools, plan.shard_rows)(
        fields_of(task, task.participants), (), vocabulary, last=True
    )
    while True:
        try:
            next(encode)
        except StopIteration as end:
            encoded = end.value
            break
    estimator = registry.build(algorithm.name, algorithm.parameters)
    features = encoded.encoder.feature_count
    list(estimator.fit_shards(encoded.learn, holdout=encoded.held, feature_count=features))
    spools.close()
    return {"forecast": plan.forecast.stages, "peak": peak(), "shards": len(encoded.learn.sizes)}


def early(task, algorithm, shelves):
    manifests = {party: found.manifest for party, found in shelves.items()}
    plan = choose(task, algorithm, manifests, limit=None, can_spool=False)
    vault = {}
    for party, found in shelves.items():
        vault[party] = Shelf(found.manifest)
        vault[party].blocks.update(found.blocks)
    ids = pa.chunked_array([pa.array(texts(np.arange(ROWS)))])
    signed = unsigned(task, algorithm, id_set_digest(ids))
    del ids
    coming = Shelves(vault, arrived=lambda _: plan.starts_early)
    for _ in training.run(signed, b"", coming, SeededRandomness(), clock=FakeClock()):
        pass
    return {"forecast": plan.forecast.stages, "peak": peak()}


def main():
    give_memory_back()
    order = np.random.default_rng(1).permutation(ROWS)
    orders = {"shop": np.arange(ROWS), "media": order}
    if sys.argv[1] == "early":
        orders = dict.fromkeys(orders, order_of(pa.array(texts(np.arange(ROWS)))))
    shelves = {party: shelf(party, rows) for party, rows in orders.items()}
    task = train_task(
        id=TaskId(name="id", type=TaskIdType.STRING),
        features={
            party: tuple(Feature(name=f"{party}{at}", kind=Kind.CATEGORICAL) for at in range(COLUMNS))
            for party in shelves
        },
        encoding=Encoding(vocabulary="hashed", bits=BITS),
        baselines=(),
    )
    algorithm = Algorithm(name="fm", version="1", digest="0" * 96, parameters=PARAMETERS)
    expected = forecast(task, algorithm, {party: found.manifest for party, found in shelves.items()})
    if sys.argv[1] == "early":
        task = msgspec.structs.replace(task, alignment=Intersection(block_rows=BLOCK_ROWS))
        return early(task, algorithm, shelves)
    if WIDE:
        return out_of_core(task, algorithm, shelves) | {"in memory": expected.peak}
    if sys.argv[1] == "nothing":
        return {"forecast": expected.stages, "peak": peak()}
    return {"forecast": expected.stages, "peaks": dict(peaks_of_stages(task, algorithm, shelves))}


def peaks_of_stages(task, algorithm, shelves):
    """Of everything up to the end of each stage: a process's peak never falls."""
    opened = open_shelves(task, shelves)
    yield "join", peak()
    rows, held = holdout(opened.alignment.size, 0.2, 1)
    fields, vocabulary = fields_of(task, task.participants), Vocabulary(scheme=Scheme.HASHED, bits=BITS)
    opened.reorder(np.concatenate((rows, held)))
    columns = opened.columns(fields)
    _, encoded = FeatureEncoder.fit_encode(fields, columns, len(rows), vocabulary)
    opened.release()
    yield "encode", peak()
    labels = (np.arange(ROWS) % 2).astype(np.float32)
    batch = Batch(encoded.indices, encoded.values, labels)
    train(algorithm, batch.rows(slice(len(rows))), batch.rows(slice(len(rows), None)), encoded.features)
    yield "train", peak()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main()))
