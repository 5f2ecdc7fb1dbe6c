"""What people hand in: schemas, task and configuration files, parameters, and the sources of `prepare`."""

import shutil
from typing import Any
from unittest import mock

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from fuzzing.harness import Target
from fuzzing.mutations import any_bytes, json_tree, lines
from fuzzing.targets_data import folder

from confide.algorithms import registry
from confide.app import consent, enclave_memory, party_config, platform, task_file
from confide.core.errors import (
    AlgorithmNotListed,
    ConfigurationError,
    LimitExceeded,
    ParameterInvalid,
    SchemaInvalid,
    SchemaMismatch,
    UnreadableSource,
)
from confide.data import schema as schemas
from confide.data.dataset import PreparedDataset
from confide.data.inspect import inspect
from confide.data.prepare import plain_text, prepare

SCHEMA = b"""[id]
name = "id"
type = "string"
[label]
name = "click"
[columns]
page = "categorical"
price = "numeric"
[reader]
nulls = ["", "NA"]
"""
TRAIN = b"""name = "clicks"
purpose = "click prediction"
dataset = "prepared"
providers = ["media"]
[id]
name = "id"
type = "integer"
[label]
name = "click"
[features.shop]
city = "categorical"
[features.media]
page = "categorical"
price = { kind = "numeric", transform = "buckets", boundaries = [0.5, 1.5] }
[algorithm]
name = "afm"
[algorithm.parameters]
epochs = 2
"""
PREDICT = b"""name = "score"
purpose = "click prediction"
dataset = "later"
model = "model.confide"
predictions_format = "parquet"
"""
PLATFORM = b"""address = "127.0.0.1:7443"
database = "p.sqlite"
[launcher]
command = ["confide-enclave"]
"""
PARTY = b"""[platform]
address = "cloud.example:7443"
[attestation]
roots = ["intel"]
mrenclave = ["abababababababababababababababababababababababababababababababab"]
pccs = "https://pccs.example"
[attestation.rtmr]
0 = "00"
"""
CONSENT = b'[[allow]]\ninitiator = "shop"\nkind = "train"\ncolumns = ["page"]\ndays = 3\npredictions = 2\n'


def _schema(data):
    """What is accepted can be written and read again."""
    read = schemas.loads(data.decode("utf-8", "surrogateescape"))
    assert schemas.loads(read.to_toml()) == read


def _schema_file(data):
    schemas.load(folder().put("schema.toml", data))


def _train_file(data):
    file, _ = task_file.read_train(folder().put("task.toml", data), "shop")
    task_file.parameters_of(file)


def _predict_file(data):
    task_file.read_predict(folder().put("task.toml", data))


def _platform_file(data):
    platform.read_config(folder().put("platform.toml", data))


def _party_file(data):
    loaded = party_config.load_config(folder().put("confide.toml", data))
    loaded.policy()


def _consent_file(data):
    party_config.read_toml(folder().put("consent.toml", data), consent.Policy)


def _parameters(data):
    """As they come in a message: JSON first. Names that an algorithm lacks are left out, if one has them."""
    document = msgspec.json.decode(data, type=dict[str, Any])
    known = {name: registry.complete_parameters(name, {}) for name in registry.ALGORITHMS}
    of_any = {field for fields in known.values() for field in fields}
    for name, fields in known.items():
        given = {key: value for key, value in document.items() if key in fields or key not in of_any}
        registry.complete_parameters(name, given)
        registry.build(name, given)


def _size(data):
    assert enclave_memory.parse_size(data.decode("latin-1")) > 0


# --- sources ---------------------------------------------------------------------------------------------

CSV = (
    b"id,click,page,price\n1,0,home,0.5\n2,1,search,NA\n3,0,,1e3\n3,1,home,-2\n,0,x,1\n5,2,y,2\n6,1,z,many\n",
    (
        b'id,click,page,price\r\n"a ""b"", c",1,"two\nlines",+.5\r\n'
        b"b,0,\xc3\xa9,inf\r\nc,0,\xff,3\r\nd,1\r\ne,0,x,4,5\r\n"
    ),
    b"\xef\xbb\xbfid,click,page,price\rx,0,p,0x10\ry,1,q,1_000\r",
)
REFUSED_SOURCES = (UnreadableSource, SchemaMismatch, LimitExceeded)


def _accounted(path, schema):
    """Each row of the source is either in the dataset or quarantined for one reason; no column is lost."""
    out = folder().path / "prepared"
    try:
        manifest = prepare(path, schema, out)
        assert manifest.source.rows == manifest.rows + manifest.quarantined_rows
        assert manifest.rows == sum(block.rows for block in manifest.blocks) > 0
        # What the enclave would do: a dataset that it refuses may not come out of here.
        assert PreparedDataset.open(out).table().num_rows == manifest.rows
        return manifest
    finally:
        shutil.rmtree(out, ignore_errors=True)


def _csv(data):
    path = folder().put("source.csv", data)
    _accounted(path, schemas.loads(SCHEMA.decode()))


def _csv_looked_at(data):
    """`inspect`, and then `prepare` with the schema that it suggests."""
    path = folder().put("source.txt", data)
    found = inspect(path)
    if found.schema is not None:
        assert schemas.loads(found.schema.to_toml()) == found.schema
        _accounted(path, found.schema)


PLAIN = (
    b"id,click,page,price\n1,0,home,0.5\n2,1,search,NA\n3,0,,-3\n3,1,home,12345678901\n,0,x,1\n5,2,y,2\n6,1,z,many\n",
    b"\xef\xbb\xbfid,click,page,price\r\na,1,\xc3\xa9,0.125\r\nb,0,\xff,+7\r\nc,0\r\nd,1,x,4,5\r\ne,0,y,1e3",
)


def _plain(data):
    """The compiled parser and the reader for everything make the same of it, to the byte."""
    path, schema = folder().put("source.csv", data), schemas.loads(SCHEMA.decode())
    with mock.patch.object(plain_text.PlainText, "of", return_value=None):
        slowly = _made(path, schema)
    assert _made(path, schema) == slowly


def _made(path, schema):
    """The manifest, which holds the digests of all blocks; or the error."""
    try:
        return _accounted(path, schema).encode()
    except REFUSED_SOURCES as error:
        return str(error)


def parquet_bytes(compression="zstd", **columns):
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink, compression=compression)
    return sink.getvalue().to_pybytes()


def _parquets():
    plain = {
        "id": ["a", "b", "c"],
        "click": [0, 1, None],
        "page": ["x", None, "y"],
        "price": [0.5, 1.0, float("nan")],
    }
    coded = plain | {"page": pa.array(["x", None, "y"]).dictionary_encode(), "id": [1, 2, 3]}
    return [parquet_bytes(**plain), parquet_bytes("none", **coded), parquet_bytes("snappy", **plain)]


def _parquet(data):
    path = folder().put("source.parquet", data)
    _accounted(path, schemas.loads(SCHEMA.decode()))


def _parquet_looked_at(data):
    found = inspect(folder().put("source.parquet", data))
    if found.schema is not None:
        _accounted(folder().path / "source.parquet", found.schema)


def targets():
    settings = (ConfigurationError,)
    task = (ConfigurationError, ParameterInvalid, AlgorithmNotListed)
    good = b'{"epochs": 2, "learning_rate": 0.5, "batch_size": 64, "trees": 3, "hidden_units": 8}'
    json_errors = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ParameterInvalid)
    return [
        Target("schema-text", [SCHEMA], _schema, (SchemaInvalid,), [lines], weight=6),
        Target("schema-file", [SCHEMA], _schema_file, (SchemaInvalid,), [lines]),
        Target("train-file", [TRAIN], _train_file, task, [lines]),
        Target("predict-file", [PREDICT], _predict_file, settings, [lines], weight=6),
        Target("platform-file", [PLATFORM], _platform_file, settings, [lines], weight=6),
        Target("party-file", [PARTY], _party_file, settings, [lines]),
        Target("consent-file", [CONSENT], _consent_file, settings, [lines], weight=6),
        Target("parameters", [good], _parameters, json_errors, [json_tree]),
        Target("memory-size", [b"512MiB", b"4096"], _size, settings, [any_bytes], weight=12),
        Target("csv-prepared", CSV[:2], _csv, REFUSED_SOURCES, [lines], weight=1),
        Target("plain-text", PLAIN, _plain, REFUSED_SOURCES, [lines], weight=1),
        Target("csv-inspected", CSV, _csv_looked_at, REFUSED_SOURCES, [lines], weight=1),
        Target("parquet-prepared", _parquets(), _parquet, REFUSED_SOURCES, weight=2),
        Target("parquet-inspected", _parquets(), _parquet_looked_at, REFUSED_SOURCES, weight=2),
    ]
