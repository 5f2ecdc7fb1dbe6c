"""T-19: somebody gets every file that a task has left, and a dump of the host's memory.

Rows with canaries, passphrases and private keys: in no file but the rows' own and the results, and nowhere in
the memory of the host, which is read while the host lives, as gcore(1) would.
"""

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from fakes import fair
from fakes.canaries import contents, in_base64, memory_of
from fakes.site import CLOCK, Site

from confide.app.identity import load_identity

pytestmark = pytest.mark.e2e

OWNERS = ("shop", "media", "cloud")
CANARY = "canary-row-"
OWN_DATA = ("prepared", "later", "prepared.csv", "later.csv")
RESULTS = ("predictions.csv",)
"""Of files that a party has: its rows, and what was made of them for it. Everything else is searched."""


class Scene:
    """One training with a prediction, then everything is looked at while the host still runs."""

    def __init__(self, base):
        self.temporary = base / "tmp"
        self.temporary.mkdir()
        self.site = Site(base / "site")
        self.site.begin()

    def run(self):
        site = self.site
        for owner in ("shop", "media"):
            site.join(owner)
            folder = site.folder(owner)
            for name, seed in (("prepared", 1), ("later", 2)):
                rows = list(fair.rows_of(fair.identifiers(300, CANARY), seed))
                fair.prepare_for(folder, owner, rows, name=name, labelled=owner == "shop")
        site.write(
            "media", "consent.toml", {"allow": [fair.allow("media", kind) for kind in ("train", "predict")]}
        )
        site.write("shop", "train.toml", fair.task("media"))
        site.write("shop", "later.toml", fair.prediction())
        prepare = ("data", "prepare", "later.csv", "--schema", "later.schema.toml", "--out", "later")
        assert site.confide("media", *prepare).result
        media = site.provide("media", "--consent", "consent.toml")
        self.outcome = site.confide("shop", "task", "train", "train.toml", "--then", "later.toml").result
        media.wait_for("ended", self.outcome["task"])
        self.memory = site.host.process.pid
        media.end()
        return self

    def key(self, owner):
        """The secret number of an identity's P-384 key, 48 bytes."""
        folder = self.site.base / owner / "identity"
        me = load_identity(folder, self.site.passphrases[owner].encode(), CLOCK.now())
        return me.private_key.unwrap().private_numbers().private_value.to_bytes(48, "big")

    def files(self, owner):
        """All files of an owner but its rows and results."""
        base = self.site.base / owner
        return {
            path: data
            for path, data in contents(base).items()
            if path.relative_to(base).parts[0] not in OWN_DATA and path.name not in RESULTS
        }


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    base = tmp_path_factory.mktemp("secrets")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(base / "tmp"))
        scene = Scene(base)
        try:
            yield scene.run()
        finally:
            scene.site.end()


@pytest.fixture(scope="module")
def needles(scene):
    """What → every spelling that is looked for."""
    texts = {"row": CANARY.encode()}
    texts |= {f"passphrase of {owner}": scene.site.passphrases[owner].encode() for owner in OWNERS}
    texts |= {f"key of {owner}": scene.key(owner) for owner in OWNERS}
    return {
        what: (value, value.decode("latin-1").encode("utf-16-le"), value.hex().encode(), *in_base64(value))
        for what, value in texts.items()
    }


def found_in(data, needles):
    return {what for what, spellings in needles.items() if any(spelling in data for spelling in spellings)}


def test_the_search_finds_what_is_there(scene, needles):
    """Positive control: in the rows, in a plain key, and in the memory of a process that holds them."""
    assert found_in((scene.site.base / "shop" / "prepared.csv").read_bytes(), needles) == {"row"}
    assert found_in(b"x" + scene.key("media"), needles) == {"key of media"}
    program = "import sys; held = bytes.fromhex(sys.stdin.readline()); print(len(held), flush=True); input()"
    holder = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with holder:
        plain = b" ".join(spellings[0] for spellings in needles.values())
        holder.stdin.write(plain.hex().encode() + b"\n")
        holder.stdin.flush()
        assert int(holder.stdout.readline()) == len(plain)
        found = [found_in(piece, needles) for piece in memory_of(holder.pid)]
    assert set().union(*found) == set(needles)


@pytest.mark.parametrize("owner", OWNERS)
def test_no_secret_is_in_a_file(scene, needles, owner):
    files = scene.files(owner)
    names = {path.name for path in files}
    assert {"audit.jsonl", "identity.key.json"} <= names
    assert {str(path): found for path, data in files.items() if (found := found_in(data, needles))} == {}


def test_nothing_is_left_in_temporary_folders(scene):
    assert list(scene.temporary.rglob("*")) == []


def test_the_hosts_memory_holds_no_row_no_passphrase_and_no_key_of_others(scene, needles):
    everything, found = set(), set()
    # Its own key it needs, for as long as it serves.
    sought = {what: spellings[:3] for what, spellings in needles.items() if what != "key of cloud"}
    control = {"task": (scene.outcome["task"].encode(),)}
    for piece in memory_of(scene.memory):
        everything |= found_in(piece, control)
        found |= found_in(piece, sought)
    assert everything == {"task"}, "the host's memory was not read"
    assert found == set()


def test_the_hosts_own_passphrase_is_gone_from_its_environment(scene, needles):
    environment = Path(f"/proc/{scene.memory}/environ").read_bytes()
    assert b"PATH=" in environment
    assert found_in(environment, needles) == set()


def test_a_crash_leaves_no_core_dump(scene):
    limits = Path(f"/proc/{scene.memory}/limits").read_text().splitlines()
    (line,) = [line for line in limits if line.startswith("Max core file size")]
    assert line.split()[4] == "0"


PRIVATE = (
    "audit.jsonl",
    "identity.key.json",
    "receipt.json",
    "train-block.json",
    "events.jsonl",
    "platform.sqlite",
)


@pytest.mark.parametrize("owner", OWNERS)
def test_private_files_are_private(scene, owner):
    base = scene.site.base / owner
    private = [path for path in base.rglob("*") if path.name in PRIVATE]
    assert private
    assert [str(path) for path in private if stat.S_IMODE(path.stat().st_mode) != 0o600] == []
    folders = [path for path in base.rglob("*") if path.is_dir() and path.parent.name == "tasks"]
    folders += [path for path in base.iterdir() if path.name in ("logs", "prepared", "later")]
    assert folders
    assert [str(path) for path in folders if path.stat().st_mode & 0o077] == []
