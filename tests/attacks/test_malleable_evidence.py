"""Threat: evidence changed where no signature looks, to pass as another piece of evidence.

The canonical form leaves nothing to change. What stays possible, and why it is harmless, is the last test.
"""

import struct

import pytest

from confide.attestation.evidence import decode, encode
from confide.core.errors import AttestationError, InvalidEvidence

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
QUOTE_AT = 432
"""Header and report before it are signed."""


@pytest.fixture(scope="module")
def parts(scene):
    return decode(scene.evidence())


def test_every_byte_behind_the_signed_report(scene, parts):
    """Lengths, keys, certificates, PEM framing, the redundant root, the final NUL: each byte, one bit."""
    quote, claims = parts
    accepted = []
    for position in range(QUOTE_AT, len(quote)):
        altered = bytearray(quote)
        altered[position] ^= 0x01
        try:
            scene.verify(encode(bytes(altered), claims))
        except AttestationError:
            continue
        accepted.append(position)
    assert accepted == []


def test_letter_case_of_the_chain(scene, parts):
    """Base64 and PEM labels, one place in seven: a decoder may not take one case for the other."""
    quote, claims = parts
    for position in range(1052, len(quote), 7):
        if chr(quote[position]).isalpha():
            altered = bytearray(quote)
            altered[position] ^= 0x20
            with pytest.raises(AttestationError):
                scene.verify(encode(bytes(altered), claims))


def test_bytes_appended(scene, parts):
    quote, claims = parts
    for tail in (b"\x01", b"-----BEGIN CERTIFICATE-----\n"):
        with pytest.raises(InvalidEvidence):
            scene.verify(encode(quote + tail, claims))
        with pytest.raises(InvalidEvidence):
            scene.verify(scene.evidence() + tail)


def test_bytes_inserted_with_lengths_that_add_up(scene, parts):
    quote, claims = parts
    for at in (1052, len(quote) - 1, len(quote)):
        longer = bytearray(quote[:at] + b"\n" + quote[at:])
        for field in (432, 1048):
            (length,) = struct.unpack_from("<I", longer, field)
            struct.pack_into("<I", longer, field, length + 1)
        with pytest.raises(InvalidEvidence):
            scene.verify(encode(bytes(longer), claims))


def test_the_other_root_copy(scene, parts):
    """Another certificate in the root's place, even one that the library would not read."""
    quote, claims = parts
    start = quote.rindex(b"-----BEGIN")
    other = scene.another_machine().quote(bytes(64))
    swapped = quote[:start] + other[other.rindex(b"-----BEGIN") :]
    with pytest.raises(AttestationError):
        scene.verify(encode(swapped, claims))


def test_the_second_signature_is_no_second_attestation(scene, parts):
    """(r, n - s) verifies as (r, s) does: so a quote's digest is no replay key. The nonce is one."""
    quote, claims = parts
    s = int.from_bytes(quote[468:500])
    twin = quote[:468] + (_ORDER - s).to_bytes(32) + quote[500:]
    assert twin != quote
    assert scene.verify(encode(twin, claims)) == scene.verify(scene.evidence())
