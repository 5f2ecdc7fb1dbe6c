import pytest
from hypothesis import given
from hypothesis import strategies as st

from confide.core.errors import SignatureInvalid
from confide.crypto.keys import KeyKind, PrivateKey
from confide.crypto.signatures import verify

CONTEXT = "confide/test/1"


@pytest.mark.parametrize("name", ["key", "rsa_key"])
def test_signs_and_verifies(name, request):
    signer = request.getfixturevalue(name)
    verify(signer.public_key, CONTEXT, b"message", signer.sign(CONTEXT, b"message"))


def test_rsa_signatures_are_randomised_and_ecdsa_ones_are_not(key, rsa_key):
    assert rsa_key.sign(CONTEXT, b"m") != rsa_key.sign(CONTEXT, b"m")
    assert key.sign(CONTEXT, b"m") == key.sign(CONTEXT, b"m")


@pytest.mark.parametrize("context", ["", "a\x00b", "é"])
def test_bad_contexts_are_refused_by_both_ends(key, context):
    with pytest.raises(ValueError, match=r"context|ascii"):
        key.sign(context, b"m")
    with pytest.raises(SignatureInvalid):
        verify(key.public_key, context, b"m", key.sign(CONTEXT, b"m"))


KEY = PrivateKey.generate(KeyKind.P_384)
SIGNATURE = KEY.sign(CONTEXT, b"message")


@given(st.integers(0, len(SIGNATURE) - 1), st.integers(1, 255))
def test_every_altered_byte_of_a_signature_is_found(position, change):
    altered = bytearray(SIGNATURE)
    altered[position] ^= change
    with pytest.raises(SignatureInvalid):
        verify(KEY.public_key, CONTEXT, b"message", bytes(altered))


@given(st.integers(0, len(KEY.public_key) - 1), st.integers(1, 255))
def test_every_altered_byte_of_a_key_is_found(position, change):
    altered = bytearray(KEY.public_key)
    altered[position] ^= change
    with pytest.raises(SignatureInvalid):
        verify(bytes(altered), CONTEXT, b"message", SIGNATURE)


@given(st.binary(max_size=200), st.text(max_size=20), st.binary(max_size=20), st.binary(max_size=200))
def test_arbitrary_input_raises_nothing_else(public_key, context, message, signature):
    with pytest.raises(SignatureInvalid):
        verify(public_key, context, message, signature)
    with pytest.raises(SignatureInvalid):
        verify(KEY.public_key, context, message, signature)
