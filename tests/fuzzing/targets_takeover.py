"""What is taken up after a death: shown blocks, the party's journal, stored blocks and checkpoints."""

from fakes.coming_back import run_to
from fakes.ports import SeededRandomness
from fakes.shop import world
from fuzzing.harness import Target
from fuzzing.mutations import any_bytes, framed, json_tree

from confide.core import canonical
from confide.core.errors import JournalInvalid, LimitExceeded, RemoteProtocolError, TakeoverRefused
from confide.crypto.checkpoint_key import CheckpointKey
from confide.crypto.journal_key import JournalKey
from confide.crypto.keys import KeyKind, PrivateKey
from confide.crypto.storage_key import StorageKey
from confide.party import written
from confide.protocol import framing
from confide.protocol.framing import Spoken
from confide.protocol.messages import Past, Recall, Recalled
from confide.protocol.table import State

_BLOCK = b"a block"


def _shown():
    """A fresh enclave to which media has come; and what media would show it."""
    ran = run_to(world(), "media", State.UPLOADING)
    signed, journal = ran.party("media").standing.agreed, _journal(ran)
    ran.kill_enclave()
    ran.join("media")
    return ran, signed, journal


def _journal(ran):
    return written.write(ran.party("media").standing, ran.identity, ran.generation)


def _hear(ran, signed):
    """What is not exactly what all have signed is refused; a true one is held."""
    takeover, place = ran.enclave._takeover, ran.enclave._course.places["media"]

    def hear(data):
        takeover.forget("media")
        message = framing.decode(data).message
        if isinstance(message, Past):
            takeover.past(place, message, b"")
            assert message.signed == signed
        elif isinstance(message, Recalled):
            takeover.recalled(place, message, b"")

    return hear


def _over():
    """A fresh enclave, after one that died with its last words; shop holds the receipt."""
    ran = world()
    ran.run()
    ran.kill_enclave()
    return ran


def _hear_kept(ran):
    """What is not exactly what all have signed is refused."""
    true = ran.party("shop").standing.receipt

    def hear(data):
        message = framing.decode(data).message
        if isinstance(message, Recalled) and message.kept is not None:
            ran.enclave._takeover._check_kept(message.kept, "shop")
            assert (message.kept.receipt, message.kept.signatures) == (true.receipt, true.signatures)

    return hear


def _read(data):
    found = written.read(data)
    written.standing_of(found, None, b"")
    if found.expected is not None and not found.finished:
        written.check_jobs_fit(found, [canonical.encode(found.expected.task)])


def _opened(key):
    def opened(data):
        assert key.open(0, data) in {None, _BLOCK}

    return opened


def targets():
    ran, signed, journal = _shown()
    past = framing.encode(Spoken(Past(signed=signed)))
    recalled = framing.encode(Spoken(Recalled(signed="0" * 96)))
    over = _over()
    kept = framing.encode(next(over.party("shop")._tell(Recall(), b"")))
    key = JournalKey(PrivateKey.generate(KeyKind.P_384), "task")
    random = SeededRandomness("fuzz")
    stored = StorageKey(bytes(32), task="t", party="p", commitment="c")
    checkpoint = CheckpointKey([bytes(32)], task="t", agreement="a")
    refused = (TakeoverRefused, RemoteProtocolError, LimitExceeded)
    return [
        Target("shown-block", [past, recalled], _hear(ran, signed), refused, [framed(json_tree)], weight=1),
        Target("shown-receipt", [kept], _hear_kept(over), refused, [framed(json_tree)], weight=1),
        Target("journal", [journal], _read, (JournalInvalid,), [json_tree]),
        Target(
            "sealed-journal", [key.seal(b"{}", random)], key.open, (JournalInvalid,), [any_bytes], "shallow"
        ),
        Target("stored-block", [stored.seal(0, _BLOCK)], _opened(stored), (), [any_bytes], "shallow"),
        Target(
            "checkpoint",
            [checkpoint.seal(0, _BLOCK, random)],
            _opened(checkpoint),
            (),
            [any_bytes],
            "shallow",
        ),
    ]
