"""The same work as whole_job.py, done plainly: one process that is given everybody's files, no protection.

Run by whole_job.py: python bench/whole_job_plain.py FOLDER OUT. The product's own readers, hashing, join,
encoding and engine, with as many threads; columns stay in memory, nothing is digested, compressed, sealed or
sent. Prints one JSON line: seconds of each stage, peak memory, rows, held-out AUC.
"""

import json
import sys
import time
from pathlib import Path

import memory
import numpy as np
import pyarrow as pa
import whole_job_files as job

from confide.algorithms import metrics, model_file, registry
from confide.algorithms.base import Batch
from confide.data import schema as schemas
from confide.data.alignment.join import join
from confide.data.columns import JoinedColumns, take_column
from confide.data.encoding import FeatureEncoder
from confide.data.predictions import encode_predictions
from confide.data.prepare.chunks import stored_schema
from confide.data.prepare.plain_text import parse_source
from confide.data.readers import open_source
from confide.data.split import holdout
from confide.data.vocabulary import Scheme, Vocabulary

INITIATOR = next(iter(job.PARTIES))


class Stages:
    """Seconds by name, in order."""

    def __init__(self):
        self.seconds, self._at = {}, time.perf_counter()

    def end(self, name):
        now = time.perf_counter()
        self.seconds[name] = self.seconds.get(name, 0) + now - self._at
        self._at = now


def read(folder, *, with_label):
    """Each party's text as columns in memory: parsed, hashed, checked like `confide data prepare` does."""
    tables = {}
    for party, file in job.PARTIES.items():
        schema = schemas.load(folder / f"{file}.schema.toml")
        schema = schema if with_label else schema.without_label()
        stored = stored_schema(schema)
        path = folder / f"{file}.tsv"
        parsed = parse_source(open_source(path, schema.reader), path, schema, stored)
        tables[party] = pa.Table.from_batches([chunk.batch for chunk in parsed], stored)
    return tables


def fields():
    return [(party, feature) for party in job.PARTIES for feature in job.features(party)]


def train(folder, stages):
    tables = read(folder, with_label=True)
    stages.end("prepare")
    rows = join(tables, dict.fromkeys(tables, "id")).rows
    learned, held = holdout(len(rows[INITIATOR]), job.HOLDOUT, job.SEED)
    rows = {party: found[np.concatenate((learned, held))] for party, found in rows.items()}
    stages.end("join")
    labels = take_column(tables[INITIATOR], "label", rows[INITIATOR]).astype(np.float32)
    vocabulary = Vocabulary(scheme=Scheme.HASHED, bits=job.HASH_BITS)
    columns = JoinedColumns(tables, rows, fields())
    encoder, encoded = FeatureEncoder.fit_encode(fields(), columns, len(learned), vocabulary)
    del tables, columns, rows
    every = Batch(encoded.indices, encoded.values, labels)
    first, last = every.rows(slice(len(learned))), every.rows(slice(len(learned), None))
    estimator = registry.build("afm", job.PARAMETERS)
    reports = estimator.fit(
        first.indices, first.values, first.labels, holdout=last, feature_count=encoded.features
    )
    next(reports)
    stages.end(job.FIRST_ROWS)
    for _ in reports:
        pass
    auc = metrics.auc(last.labels, estimator.predict(last.indices, last.values))
    stages.end("train")
    return estimator, encoder, {"rows": len(labels), "held_out_auc": auc}


def write_model(estimator, encoder, path):
    listed = next(entry for entry in registry.listing() if entry.name == "afm")
    parameters = registry.complete_parameters("afm", job.PARAMETERS)
    algorithm = model_file.AlgorithmOfModel(name="afm", version=listed.version, parameters=parameters)
    document = model_file.ModelFile(
        algorithm=algorithm,
        encoding=encoder.to_document(),
        task="plain",
        train_block="",
        metrics={},
        arrays=estimator.arrays(),
    )
    path.write_bytes(model_file.write(document))


def predict(folder, estimator, encoder, out, stages):
    tables = read(folder, with_label=False)
    stages.end("prepare")
    rows = join(tables, dict.fromkeys(tables, "id")).rows
    stages.end("join, test")
    encoded = encoder.encode(JoinedColumns(tables, rows, fields()))
    scores = estimator.predict(encoded.indices, encoded.values)
    stages.end("encode and predict")
    ids = tables[INITIATOR].column("id").take(rows[INITIATOR])
    out.write_bytes(encode_predictions("id", ids, scores))
    stages.end("deliver")


def main():
    folder, out = map(Path, sys.argv[1:])
    stages = Stages()
    estimator, encoder, found = train(folder / "train", stages)
    write_model(estimator, encoder, out / "model.confide")
    stages.end("deliver")
    predict(folder / "test", estimator, encoder, out / "predictions.csv", stages)
    told = {
        "seconds": stages.seconds,
        "peak_mib": memory.own_peak(),
        "processor_seconds": time.process_time(),
    }
    print(json.dumps({**told, **found}))


if __name__ == "__main__":
    main()
