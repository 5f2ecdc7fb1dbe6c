"""T-16: the host keeps everything it can see, and looks for what the parties sent through it.

Canaries stand in ids, categories, numbers, names of columns and of the label, and in the purpose. A tap
between the parties and the host, and one between the parties and the enclave, keep every byte; the enclave's
words to the host are kept as well. Then all of it, and all that the host stores, is searched.
"""

import base64
import struct
from pathlib import Path

import pytest
from fakes.canaries import contents, spellings
from fakes.site import RANDOMNESS, Site, until
from fakes.tap import Tap

from confide.data import schema as schemas
from confide.data.dataset import PreparedDataset
from confide.data.prepare import prepare

pytestmark = pytest.mark.e2e

ROWS = 400
NUMBER = 27182.818284590451
CANARIES = {
    "id": "canary-row-",
    "category of A": "canary-of-shop-",
    "category of B": "canary-of-media-",
    "column of A": "canary_of_shops_column",
    "column of B": "canary_of_medias_column",
    "label": "canary_label",
    "purpose": "canary purpose",
}
PURPOSE = CANARIES["purpose"]
ID = {"name": "row", "type": "string"}
COLUMNS = {
    "shop": {CANARIES["column of A"]: "categorical", "amount": "numeric"},
    "media": {CANARIES["column of B"]: "categorical"},
}


def numbers():
    """The number as text, and as tables hold it."""
    yield b"27182.81828"
    for form in ("<d", ">d", "<f", ">f"):
        packed = struct.pack(form, NUMBER)
        yield packed
        yield packed.hex().encode()


NEEDLES = {
    **{what: tuple(spellings(value)) for what, value in CANARIES.items()},
    "number": tuple(numbers()),
}


def found_in(data):
    """Which canaries `data` holds, however spelt."""
    data = bytes(data)
    return {what for what, needles in NEEDLES.items() if any(needle in data for needle in needles)}


def write_source(folder, owner, name):
    label = CANARIES["label"] if owner == "shop" else None
    columns = COLUMNS[owner]
    lines = [",".join(["row", *([label] if label else []), *columns])]
    for row in range(ROWS):
        cells = [f"{CANARIES['id']}{row:05}"]
        cells += [str(row % 3 % 2)] if label else []
        cells += [f"canary-of-{owner}-{row % 7}"]
        cells += [repr(NUMBER)] if owner == "shop" else []
        lines.append(",".join(cells))
    source = folder / f"{name}.csv"
    source.write_text("\n".join(lines) + "\n")
    schema = {"id": ID, "columns": columns, **({"label": {"name": label}} if label else {})}
    return source, schema


def prepare_for(site, owner):
    folder = site.folder(owner)
    source, schema = write_source(folder, owner, "source")
    path = site.write(owner, "schema.toml", schema)
    prepare(source, schemas.load(path), folder / "prepared")
    prepare(source, schemas.load(path).without_label(), folder / "later")


def task(**changes):
    return {
        "name": "clicks",
        "purpose": PURPOSE,
        "dataset": "prepared",
        "providers": ["media"],
        "id": ID,
        "label": {"name": CANARIES["label"]},
        "features": COLUMNS,
        "algorithm": {"name": "afm", "parameters": {"epochs": 1}},
        **changes,
    }


def rule(kind):
    columns = list(COLUMNS["media"])
    return {"initiator": "shop", "kind": kind, "columns": columns, "predictions": int(kind == "train")}


class Scene:
    """What the parties did, and what the host has of it."""

    def __init__(self, base):
        self.enclave_tap = Tap(host="127.0.0.2")
        self.status_lines = base / "status.jsonl"
        self.site = Site(base / "site")
        spool = base / "spool"
        spool.mkdir()
        listen = ["--", "--listen", f"127.0.0.1:{self.enclave_tap.port}", "--spool", str(spool)]
        tee = ["sh", "-c", f'"$@" | tee -a {self.status_lines}', "sh"]
        self.site.begin(command=[*tee, *self.site.loader, *listen], public_host="127.0.0.2")
        self.host_tap = Tap(self.site.address)

    def run(self):
        site = self.site
        for owner in COLUMNS:
            site.join(owner, address=self.host_tap.address)
            prepare_for(site, owner)
        site.write("media", "consent.toml", {"allow": [rule("train"), rule("predict")]})
        site.write("shop", "train.toml", task())
        site.write("shop", "later.toml", {"name": "later", "purpose": PURPOSE, "dataset": "later"})
        media = site.provide("media", "--consent", "consent.toml")
        self.outcome = site.confide("shop", "task", "train", "train.toml", "--then", "later.toml").result
        media.wait_for("ended", self.outcome["task"])
        self._fail()
        media.end()
        return self

    def _fail(self):
        """A task that ends with an error which names a column: the host must not be told that name."""
        another_kind = {"media": dict.fromkeys(COLUMNS["media"], "numeric")}
        self.site.write("shop", "failing.toml", task(features=COLUMNS | another_kind))
        self.failure = self.site.confide("shop", "task", "train", "failing.toml").error
        # The enclave tells its end when its channels are closed: after the parties have heard of it.
        until(lambda: b'"CFD-401"' in self.status_lines.read_bytes(), "end of the enclave")

    def end(self):
        self.site.end()
        self.host_tap.close()
        self.enclave_tap.close()


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    scene = Scene(tmp_path_factory.mktemp("sealed"))
    try:
        yield scene.run()
    finally:
        scene.end()


def test_the_search_finds_what_is_there(scene):
    """Positive control: the same search, where canaries are."""
    shop = scene.site.base / "shop"
    everything = set(NEEDLES)
    assert found_in((shop / "source.csv").read_bytes()) == everything - {
        "category of B",
        "column of B",
        "purpose",
    }
    prepared = b"".join(contents(shop / "prepared").values())
    # Categories are hashed when a dataset is prepared, and ids compressed.
    assert found_in(prepared) == {"number", "column of A", "label"}
    ids = PreparedDataset.open(shop / "prepared").table().column("row").to_pylist()
    assert found_in(" ".join(ids).encode()) == {"id"}
    assert found_in((shop / "train.toml").read_bytes()) >= {"column of A", "column of B", "label", "purpose"}
    events = (scene.site.base / "media" / "tasks" / scene.outcome["task"] / "train-block.json").read_bytes()
    assert found_in(events) >= {"column of A", "column of B", "label", "purpose"}


@pytest.mark.parametrize("what", CANARIES)
def test_every_spelling_is_found(what):
    value = CANARIES[what]
    noise = RANDOMNESS.bytes(7)
    for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
        assert found_in(noise + f"a {value}7".encode(encoding) + noise) == {what}
    for before in (b"", b"x", b"xy"):
        text = noise[:3] + before + value.encode() + b"7"
        assert found_in(base64.b64encode(text)) == {what}
        assert found_in(text.hex().encode()) == found_in(text.hex().upper().encode()) == {what}


def test_what_was_done_went_through_the_taps(scene):
    assert len(scene.outcome["rounds"]) == 2
    assert scene.failure["code"] == "CFD-401"
    assert CANARIES["column of B"] in scene.failure["message"]
    sent = sum(
        block.bytes
        for owner in COLUMNS
        for name in ("prepared", "later")
        for block in PreparedDataset.open(scene.site.base / owner / name).manifest.blocks
    )
    assert len(scene.enclave_tap.seen) > sent
    assert scene.host_tap.connections >= 4
    assert len(scene.host_tap.seen) > 10_000


@pytest.mark.parametrize("tap", ["host_tap", "enclave_tap"])
def test_nothing_is_seen_on_the_wire(scene, tap):
    assert found_in(getattr(scene, tap).seen) == set()


def windows(data):
    """Pieces of a file that no other file holds by chance."""
    return [data[len(data) * quarter // 4 :][:32] for quarter in (1, 2, 3)]


def test_no_piece_of_what_was_sent_is_seen(scene):
    """Blocks, model and predictions as the files that they are, compressed or not."""
    sent = [path for owner in COLUMNS for path in (scene.site.base / owner).rglob("block-*")]
    sent += [Path(scene.outcome[name]) for name in ("model", "predictions")]
    assert len(sent) == 6
    seen = [scene.host_tap.seen, scene.enclave_tap.seen, scene.status_lines.read_bytes()]
    seen += contents(scene.site.base / "cloud").values()
    for path in sent:
        pieces = windows(path.read_bytes())
        assert all(piece in path.read_bytes() for piece in pieces)
        assert not any(piece in data for piece in pieces for data in seen)


def test_nothing_is_told_to_the_host(scene):
    told = scene.status_lines.read_bytes()
    assert told.count(b'"ready"') == 2
    assert b'"working"' in told
    assert b'"CFD-401"' in told
    assert found_in(told) == set()


def test_nothing_is_kept_by_the_host(scene):
    kept = contents(scene.site.base / "cloud")
    suffixes = {path.suffix for path in kept}
    assert {".sqlite", ".log", ".toml"} <= suffixes
    assert any(scene.outcome["task"].encode() in data for data in kept.values())
    assert any(path.parent.name == "logs" for path in kept)
    assert {str(path): found for path, data in kept.items() if (found := found_in(data))} == {}
    assert found_in("".join(scene.site.host.lines).encode()) == set()
