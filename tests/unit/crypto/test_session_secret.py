import pytest
from hypothesis import given
from hypothesis import strategies as st

from confide.core.errors import SealError
from confide.core.limits import MAX_SEALED_SECRET_BYTES
from confide.crypto.session_secret import HpkeKey, open_secret, seal_secret

KEY = HpkeKey.generate()
SECRET = bytes(range(32))
INFO = b"task, party, certificate"
SEALED = seal_secret(SECRET, KEY.public_key, INFO)


def test_goes_round():
    assert open_secret(KEY, SEALED, INFO) == SECRET
    assert len(KEY.public_key) == 32
    assert len(SEALED) == 32 + 32 + 16


def test_is_fresh_each_time():
    assert seal_secret(SECRET, KEY.public_key, INFO) != SEALED


def test_other_info_or_other_key():
    with pytest.raises(SealError):
        open_secret(KEY, SEALED, INFO + b"x")
    with pytest.raises(SealError):
        open_secret(HpkeKey.generate(), SEALED, INFO)


@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
def test_every_altered_byte_is_found(position, change):
    altered = bytearray(SEALED)
    altered[position] ^= change
    # X25519 ignores the top bit of a public key (RFC 7748, 5), but HPKE hashes the encapsulated bytes.
    with pytest.raises(SealError):
        open_secret(KEY, bytes(altered), INFO)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_nothing_else(data):
    with pytest.raises(SealError):
        open_secret(KEY, data, INFO)


def test_too_long():
    with pytest.raises(SealError):
        open_secret(KEY, bytes(MAX_SEALED_SECRET_BYTES + 1), INFO)


@pytest.mark.parametrize("public", [b"", bytes(31), bytes(33), bytes(32), b"\x01" + bytes(31)], ids=len)
def test_unusable_public_keys_are_refused(public):
    """Among them two points of small order, under which every secret would be public (RFC 7748, 6.1)."""
    with pytest.raises(SealError):
        seal_secret(SECRET, public, INFO)


def test_repr_shows_the_public_digest_only():
    assert repr(KEY).startswith("HpkeKey(x25519, public sha384:")
    assert not hasattr(KEY, "__dict__")
