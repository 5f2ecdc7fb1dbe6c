import hashlib
import hmac

import pytest

from confide.crypto.ratchet import Direction, Ratchet

SECRET = bytes(range(32))
CONTEXT = b"task, party, certificate"


def make(**changes):
    arguments = {"secret": SECRET, "context": CONTEXT, "direction": Direction.TO_ENCLAVE} | changes
    return Ratchet(**arguments)


def expand(key, info, length):
    """HKDF-Expand of RFC 5869, 2.3, for up to 48 bytes: one block of HMAC."""
    return hmac.digest(key, info + b"\x01", hashlib.sha384)[:length]


def test_keys_are_those_of_the_written_derivation():
    salt = hashlib.sha384(CONTEXT).digest()
    chain = expand(
        hmac.digest(salt, SECRET, hashlib.sha384), b"confide/ratchet/1/root" + b"party-to-enclave", 48
    )
    ratchet = make()
    for epoch, messages in enumerate([3, 0, 7]):
        tail = b"party-to-enclave" + epoch.to_bytes(4, "big")
        assert ratchet.key == expand(chain, b"confide/ratchet/1/key" + tail + (32).to_bytes(8, "big"), 32)
        chain = expand(chain, b"confide/ratchet/1/chain" + tail + messages.to_bytes(8, "big"), 48)
        ratchet.advance(messages)


def test_every_input_makes_other_keys():
    ratchets = [
        make(),
        make(secret=bytes(32)),
        make(context=CONTEXT + b"x"),
        make(direction=Direction.TO_PARTY),
    ]
    keys = {ratchet.key for ratchet in ratchets}
    for ratchet in ratchets:
        ratchet.advance()
        keys.add(ratchet.key)
    assert len(keys) == 8
    assert make(key_bytes=16).key != make().key[:16]


def test_ends_that_count_differently_part_ways():
    one, other = make(), make()
    one.advance(3)
    other.advance(2)
    assert one.key != other.key


def test_ahead_leaves_the_original_where_it_is():
    ratchet, walked = make(), make()
    before = ratchet.key
    ahead = ratchet.ahead(3, messages=5)
    for messages in (5, 0, 0):
        walked.advance(messages)
    assert (ahead.key, ahead.epoch) == (walked.key, 3)
    assert (ratchet.key, ratchet.epoch) == (before, 0)
    ratchet.wipe()
    assert ahead.key == walked.key


def test_no_way_back():
    ratchet = make()
    ratchet.advance()
    with pytest.raises(ValueError, match="back"):
        ratchet.ahead(0, messages=0)


def test_advance_and_wipe_overwrite_the_chain_in_place():
    ratchet = make()
    chain = ratchet._chain
    assert any(chain)
    ratchet.advance()
    assert not any(chain)
    ratchet.wipe()
    assert not any(ratchet._chain)


@pytest.mark.parametrize("changes", [{"secret": b""}, {"secret": bytes(33)}, {"key_bytes": 24}], ids=str)
def test_sizes_are_fixed(changes):
    with pytest.raises(ValueError, match="bytes"):
        make(**changes)


def test_direction_names_stand_unframed_in_hashes_and_so_have_one_length():
    assert len({len(direction.value) for direction in Direction}) == 1


def test_repr_holds_no_key():
    ratchet = make()
    assert repr(ratchet) == "Ratchet(party-to-enclave, epoch 0)"
