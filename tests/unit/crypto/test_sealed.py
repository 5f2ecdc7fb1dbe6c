import sys
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confide.core import limits
from confide.core.envelope import Pieces
from confide.core.errors import LimitExceeded, LocalProtocolError, SealError
from confide.crypto.sealed import OVERHEAD_BYTES, session_keys

SECRET = bytes(range(32))
CONTEXT = b"task, party, certificate"


def pair(**options):
    party = session_keys(SECRET, CONTEXT, side="party", **options)
    enclave = session_keys(SECRET, CONTEXT, side="enclave", **options)
    return party, enclave


@pytest.mark.parametrize("key_bytes", [16, 32])
def test_both_directions(key_bytes):
    (party_seal, party_open), (enclave_seal, enclave_open) = pair(key_bytes=key_bytes)
    assert enclave_open.open(party_seal.seal(b"up", 0), max_epoch=0) == (0, b"up")
    assert party_open.open(enclave_seal.seal(b"down", 2), max_epoch=5) == (2, b"down")
    assert enclave_open.open(party_seal.seal(b"", 1), max_epoch=1) == (1, b"")


@given(st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=40)), max_size=12))
def test_any_run_of_messages_and_phases_arrives_as_sent(steps):
    (sealing, _), (_, opening) = pair()
    epoch = 0
    for step, text in steps:
        epoch += step
        envelope = sealing.seal(text, epoch)
        assert len(envelope) == len(text) + OVERHEAD_BYTES
        assert opening.open(envelope, max_epoch=epoch) == (epoch, text)


def test_the_same_text_never_looks_the_same():
    (sealing, _), _ = pair()
    assert len({bytes(sealing.seal(b"same", epoch)[13:]) for epoch in (0, 0, 1, 1, 2)}) == 5


def test_sender_does_not_go_back():
    (sealing, _), _ = pair()
    sealing.seal(b"", 2)
    with pytest.raises(LocalProtocolError):
        sealing.seal(b"", 1)
    with pytest.raises(LocalProtocolError):
        sealing.seal(b"", limits.MAX_EPOCH + 1)
    with pytest.raises(LocalProtocolError):
        sealing.seal(b"", -1)


def test_numbers_run_out(monkeypatch):
    (sealing, _), (_, opening) = pair()
    monkeypatch.setattr(limits, "MAX_MESSAGES_PER_EPOCH", 2)
    envelopes = [sealing.seal(b"", 0), sealing.seal(b"", 0)]
    with pytest.raises(LocalProtocolError):
        sealing.seal(b"", 0)
    for envelope in (*envelopes, sealing.seal(b"next", 1)):
        opening.open(envelope, max_epoch=1)


def test_length_limit(monkeypatch):
    (sealing, _), (_, opening) = pair()
    monkeypatch.setattr(limits, "MAX_MESSAGE_BYTES", 10)
    opening.open(sealing.seal(bytes(10), 0), max_epoch=0)
    with pytest.raises(LimitExceeded):
        sealing.seal(bytes(11), 0)
    longest = sealing.seal(bytes(10), 0)
    monkeypatch.setattr(limits, "MAX_MESSAGE_BYTES", 9)
    with pytest.raises(SealError):
        opening.open(longest, max_epoch=0)


def test_one_refusal_ends_the_key():
    (sealing, _), (_, opening) = pair()
    good = sealing.seal(b"good", 0)
    with pytest.raises(SealError):
        opening.open(good[:-1], max_epoch=0)
    with pytest.raises(SealError):
        opening.open(good, max_epoch=0)


def test_destroyed_keys_refuse():
    (sealing, _), (_, opening) = pair()
    envelope = sealing.seal(b"", 0)
    for key in (sealing, opening):
        key.destroy()
        key.destroy()
    with pytest.raises(SealError):
        sealing.seal(b"", 0)
    with pytest.raises(SealError):
        opening.open(envelope, max_epoch=0)


@given(st.binary(max_size=80), st.integers(0, 2**32))
def test_arbitrary_bytes_raise_nothing_else(data, max_epoch):
    _, (_, opening) = pair()
    with pytest.raises(SealError):
        opening.open(data, max_epoch=max_epoch)


def test_a_header_can_not_ask_for_endless_derivations():
    _, (_, opening) = pair()
    with pytest.raises(SealError):
        opening.open(b"\x01\xff\xff\xff\xff" + bytes(40), max_epoch=2**32)


@pytest.fixture
def eager_threads():
    """Threads take turns after every few instructions."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_threads_never_share_a_number(eager_threads):
    (sealing, _), _ = pair()
    envelopes = []
    threads = [
        threading.Thread(target=lambda: envelopes.extend(sealing.seal(b"x", 0) for _ in range(200)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(envelope[5:13] for envelope in envelopes) == [n.to_bytes(8, "big") for n in range(800)]


def test_refusals_carry_no_reason():
    _, (_, opening) = pair()
    with pytest.raises(SealError) as refusal:
        opening.open(b"", max_epoch=0)
    assert str(refusal.value) == "a sealed message was refused"
    assert refusal.value.__cause__ is None


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_a_payload_stands_behind_the_text_as_if_it_were_one(text, payload):
    (one, _), _ = pair()
    (other, _), (_, opening) = pair()
    envelope = one.seal(text, 0, payload)
    assert envelope == other.seal(text + payload, 0)
    assert opening.open(memoryview(envelope), max_epoch=0) == (0, text + payload)


@settings(deadline=None)
@given(st.integers(0, 3), st.integers(-OVERHEAD_BYTES, 1), st.booleans())
def test_a_long_message_is_sealed_and_opened_in_pieces(pieces, over, put_together):
    """The tag may stand across two of them."""
    text = bytes(max(0, pieces * limits.ENVELOPE_PIECE_BYTES + over))
    (sealing, _), (_, opening) = pair()
    envelope = sealing.seal(text[:5], 0, text[5:])
    assert isinstance(envelope, Pieces) == (len(envelope) > limits.ENVELOPE_PIECE_BYTES)
    assert opening.open(bytes(envelope) if put_together else envelope, max_epoch=0) == (0, text)


@pytest.mark.parametrize("place", [13, limits.ENVELOPE_PIECE_BYTES, -1])
def test_a_long_message_that_was_altered_in_any_piece_is_refused(place):
    (sealing, _), (_, opening) = pair()
    sealed = bytearray(bytes(sealing.seal(b"", 0, bytes(2 * limits.ENVELOPE_PIECE_BYTES))))
    sealed[place] ^= 1
    size = limits.ENVELOPE_PIECE_BYTES
    pieces = Pieces(tuple(bytes(sealed[at : at + size]) for at in range(0, len(sealed), size)))
    with pytest.raises(SealError):
        opening.open(pieces, max_epoch=0)


def test_the_length_limit_counts_text_and_payload(monkeypatch):
    (sealing, _), (_, opening) = pair()
    monkeypatch.setattr(limits, "MAX_MESSAGE_BYTES", 10)
    with pytest.raises(LimitExceeded):
        sealing.seal(bytes(6), 0, bytes(5))
    assert opening.open(sealing.seal(bytes(6), 0, bytes(4)), max_epoch=0) == (0, bytes(10))


def test_a_number_whose_sealing_failed_is_never_used_again():
    (sealing, _), _ = pair()
    first = sealing.seal(b"", 0)
    with pytest.raises(TypeError):
        sealing.seal(b"", 0, ["no", "bytes"])
    second = sealing.seal(b"", 0)
    assert [int.from_bytes(envelope[5:13]) for envelope in (first, second)] == [0, 2]
