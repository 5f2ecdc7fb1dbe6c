"""Datasets and models: manifests, data blocks, quarantine files, encodings, model files."""

import functools
import json
import tempfile
from pathlib import Path

import pyarrow as pa
from fakes.shop import authority, datasets, train_job, world
from fakes.world import train_task
from fuzzing.harness import Target
from fuzzing.mutations import any_bytes, canonical_json, change_tree, framed, json_tree, lines

from confide.algorithms import model_file
from confide.app.models import OpenedModel
from confide.core.digest import sha384_hex
from confide.core.errors import (
    AlgorithmNotListed,
    DatasetCorrupt,
    ModelFileInvalid,
    ParameterInvalid,
    SchemaMismatch,
)
from confide.core.features import Cross, Kind
from confide.data import blocks, ipc_message
from confide.data.dataset import MANIFEST_NAME, QUARANTINE_NAME, PreparedDataset
from confide.data.encoding import FeatureEncoder
from confide.data.manifest import BlockEntry, Column, Manifest, SourceEntry
from confide.data.schema import IdColumn, IdType, LabelColumn
from confide.protocol.statistics import Figure, Statistics
from confide.protocol.terms import Release, Released

_DIGEST = "0a" * 48
_ROWS = 20


def _manifest(kind):
    return Manifest(
        id=IdColumn("id", kind),
        label=LabelColumn("click"),
        columns=(Column("page", Kind.CATEGORICAL), Column("price", Kind.NUMERIC)),
        rows=_ROWS,
        blocks=(BlockEntry(_ROWS, 1, _DIGEST),),
        source=SourceEntry(_DIGEST, 1, _ROWS),
        quarantined={},
    )


MANIFESTS = {kind: _manifest(kind) for kind in IdType}


def _block(kind, codec):
    ids = [str(i) for i in range(_ROWS)] if kind is IdType.STRING else list(range(_ROWS))
    columns = {"id": ids, "click": [0.0, 1.0] * (_ROWS // 2), "page": [7] * _ROWS, "price": [0.5] * _ROWS}
    batch = pa.RecordBatch.from_pydict(columns, schema=blocks.schema_of(MANIFESTS[kind]))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def _decoding(kind):
    manifest = MANIFESTS[kind]

    def decode(data):
        """What is accepted has the manifest's schema and rows, no nulls, and reads without another fault."""
        batch = blocks.decode_block(data, BlockEntry(_ROWS, max(1, len(data)), sha384_hex(data)), manifest)
        assert batch.num_rows == _ROWS
        assert batch.schema.equals(blocks.schema_of(manifest), check_metadata=True)
        batch.validate(full=True)
        assert all(column.null_count == 0 for column in batch.columns)

    return decode


def _ipc_examples():
    source = pa.BufferReader(_block(IdType.STRING, "zstd"))
    pa.ipc.read_message(source)
    message = pa.ipc.read_message(source)
    return message.metadata.to_pybytes(), message.body


@functools.cache
def _ipc():
    return _ipc_examples()


def _ipc_message(data):
    ipc_message.check_buffers(data, _ipc()[1], rows=_ROWS, limit=1 << 20)


def _decode_manifest(data):
    assert Manifest.decode(data).encode() == data


class _Folder:
    """A folder in which one file is the input, again and again."""

    def __init__(self):
        self._made = tempfile.TemporaryDirectory(prefix="confide-fuzz-", dir=_memory())
        self.path = Path(self._made.name)

    def put(self, name, data):
        path = self.path / name
        path.write_bytes(data)
        return path


def _memory():
    shared = Path("/dev/shm")  # noqa: S108 — files that live for one execution
    return shared if shared.is_dir() else None


@functools.cache
def folder():
    return _Folder()


def _quarantine_file(data):
    path = folder().put(QUARANTINE_NAME, data).parent
    PreparedDataset(path, MANIFESTS[IdType.INTEGER].encode()).quarantine()


def _open_dataset(data):
    path = folder().put(MANIFEST_NAME, data).parent
    PreparedDataset.open(path)


# --- models ----------------------------------------------------------------------------------------------


_WITH_MORE = {
    "crosses": (Cross(name="both", of=(("shop", "city"), ("media", "page"))),),
    "statistics": Statistics(columns={"media": {"page": (Figure.DRIFT,)}}, minimum_rows=20),
    "releases": (*train_task().releases, Release(what=Released.STATISTICS, to="shop")),
}
"""A cross, and a reference for drift."""


@functools.cache
def models():
    """Some that an enclave has trained: files as they are returned."""
    found = []
    for name, parameters in (
        ("afm", {"epochs": 1, "embedding_size": 2, "attention_size": 2}),
        ("linear", {"epochs": 1}),
        ("mlp", {"epochs": 1, "embedding_size": 2, "hidden_units": 3}),
        ("gbdt", {"trees": 2}),
    ):
        rows, asked = (400, _WITH_MORE) if name == "linear" else (96, {})
        job = train_job(datasets(rows)["shop"], **asked)
        offered = {"media": datasets(rows)["media"]}
        ran = world(type(job)(job.task, name, parameters, job.dataset), offered=offered)
        ran.run()
        assert not ran.errors, ran.errors
        found.append(ran.kept["shop"].results[0][3])
    authority()
    return found


def _in_metadata(rng, data, others):
    """A change inside one of the JSON texts of the header's metadata."""
    document = json.loads(data)
    meta = document.get("__metadata__")
    if isinstance(meta, dict):
        keys = ("algorithm", "encoding", "metrics", "reference", "train_block")
        key = rng.choice([key for key in keys if key in meta])
        meta[key] = json_tree(rng, meta[key].encode(), ()).decode("utf-8", "replace")
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    return text + b" " * (-len(text) % 8)


def _header_tree(rng, data, others):
    tree = change_tree(
        rng, json.loads(data), lambda r, v: json.loads(json_tree(r, canonical_json([v]), ()) or b"0")
    )
    text = json.dumps(tree, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
    return text + b" " * (-len(text) % 8)


_IN_MODEL = [framed(_in_metadata, 8, "little"), framed(_header_tree, 8, "little")]


def _read_model(data):
    assert model_file.write(model_file.read(data)) == data


def _open_model(data):
    """As `confide model show` does."""
    OpenedModel.read(folder().put("model.confide", data)).document()


def _encoders():
    return [canonical_json(dict(model_file.read(data).encoding)) for data in models()] + [
        canonical_json(_ALL_FIELDS)
    ]


_ALL_FIELDS = {
    "fields": [
        {"mapping": {"bits": 4, "scheme": "hashed", "seed": "00" * 8}, "name": "h", "party": "a"},
        {"mapping": {"boundaries": [0.5, 1.5], "scheme": "buckets"}, "name": "b", "party": "a"},
    ]
}


def _encoder(data):
    document = json.loads(data)
    encoder = FeatureEncoder.from_document(document)
    assert encoder.feature_count >= 0


def targets():
    corrupt, invalid = (DatasetCorrupt,), (ModelFileInvalid,)
    manifests = [manifest.encode() for manifest in MANIFESTS.values()]
    kept = b'{"row":3,"reason":"duplicate id","column":"id"}\n{"row":9,"reason":"not UTF-8","column":null}\n'
    made = [
        Target("manifest", manifests, _decode_manifest, corrupt, [json_tree], weight=12),
        Target("dataset-folder", manifests, _open_dataset, corrupt, [json_tree]),
        Target("quarantine-file", [kept], _quarantine_file, corrupt, [lines]),
        Target("ipc-message", [_ipc()[0]], _ipc_message, (ValueError,), weight=12),
        Target("model-file", models(), _read_model, invalid, _IN_MODEL),
        Target("model-opened", models(), _open_model, (ModelFileInvalid, *_OF_MODELS), _IN_MODEL),
        Target(
            "encoding",
            _encoders(),
            _encoder,
            (ModelFileInvalid, json.JSONDecodeError, UnicodeDecodeError),
            [json_tree],
        ),
    ]
    for kind in IdType:
        examples = [_block(kind, codec) for codec in ("zstd", "lz4", None)]
        made.append(
            Target(f"data-block-{kind.value}", examples, _decoding(kind), corrupt, [any_bytes], weight=6)
        )
    return made


_OF_MODELS = (AlgorithmNotListed, ParameterInvalid, SchemaMismatch)
