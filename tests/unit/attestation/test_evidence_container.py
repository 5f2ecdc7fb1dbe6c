"""The interoperable RA-TLS form, byte by byte."""

import hashlib

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from confide.attestation.evidence import decode, decode_claims, encode, encode_claims, report_data
from confide.core import limits
from confide.core.errors import InvalidEvidence

NAMES = frozenset({"nonce"})
CLAIMS = encode_claims(b"k" * 32, {"nonce": b"n"})


def test_form():
    """By hand: tag 60000, array of two byte strings; hash-entry [1, digest] wrapped in a byte string."""
    assert encode(b"Q", b"C") == bytes.fromhex("d9ea60 82 4151 4143")
    entry = bytes.fromhex("82 01 5820") + b"k" * 32
    expected = b"\xa2" + b"\x65nonce" + b"\x41n" + b"\x6bpubkey-hash" + b"\x58\x24" + entry
    assert expected == CLAIMS


def test_round_trip():
    assert decode(encode(b"Q", CLAIMS)) == (b"Q", CLAIMS)
    assert decode_claims(CLAIMS, NAMES) == (b"k" * 32, {"nonce": b"n"})


def test_report_data():
    assert report_data(CLAIMS) == hashlib.sha256(CLAIMS).digest() + bytes(32)


@pytest.mark.parametrize(
    "data",
    [
        cbor2.dumps([b"Q", b"C"]),
        cbor2.dumps(cbor2.CBORTag(60001, [b"Q", b"C"])),
        cbor2.dumps(cbor2.CBORTag(60000, [b"Q", b"C", b""])),
        cbor2.dumps(cbor2.CBORTag(60000, [b"Q", "C"])),
        cbor2.dumps(cbor2.CBORTag(60000, {"a": b"Q"})),
        encode(b"Q", b"C") + b"\0",
        bytes.fromhex("d9ea60 82 580151 4143"),
        bytes.fromhex("da0000ea60 82 4151 4143"),
        bytes.fromhex("d9ea60 9f 4151 4143 ff"),
        b"",
        b"\x82" * 1000,
        bytes(limits.MAX_EVIDENCE_BYTES + 1),
    ],
)
def test_other_containers(data):
    with pytest.raises(InvalidEvidence):
        decode(data)


@pytest.mark.parametrize(
    "claims",
    [
        cbor2.dumps({"nonce": b"n"}),
        cbor2.dumps({"nonce": b"n", "pubkey-hash": b"", "more": b""}),
        cbor2.dumps({"nonce": "n", "pubkey-hash": b""}),
        cbor2.dumps({"nonce": b"n", "pubkey-hash": cbor2.dumps([1, b"short"])}),
        cbor2.dumps({"nonce": b"n", "pubkey-hash": cbor2.dumps([7, b"k" * 48])}),
        cbor2.dumps({"pubkey-hash": cbor2.dumps([1, b"k" * 32]), "nonce": b"n"}),
        CLAIMS + b"\0",
        cbor2.dumps({1: b"n", "pubkey-hash": b""}),
        b"\xa2\x65nonce\x41n\x65nonce\x41m",
    ],
)
def test_other_claims(claims):
    with pytest.raises(InvalidEvidence):
        decode_claims(claims, NAMES)


@given(st.binary(max_size=300))
def test_any_bytes_raise_one_error(data):
    with pytest.raises(InvalidEvidence):
        decode(data)
    with pytest.raises(InvalidEvidence):
        decode_claims(data, NAMES)


@given(position=st.integers(0, len(CLAIMS) - 1), change=st.integers(1, 255))
def test_changed_claims_are_refused_or_differ(position, change):
    altered = bytearray(CLAIMS)
    altered[position] ^= change
    try:
        found = decode_claims(bytes(altered), NAMES)
    except InvalidEvidence:
        return
    assert found != (b"k" * 32, {"nonce": b"n"})
