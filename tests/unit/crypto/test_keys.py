import pickle  # noqa: TID251  to see it fail

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from hypothesis import given
from hypothesis import strategies as st

from confide.core.errors import KeyStoreError
from confide.core.ports import Signer
from confide.crypto import signatures
from confide.crypto.keys import KeyKind, PrivateKey, spki_digest
from confide.crypto.public_keys import UnacceptablePublicKey, kind_of, load_public_key


def test_kinds(key, rsa_key):
    assert (key.kind, rsa_key.kind) == (KeyKind.P_384, KeyKind.RSA_4096)
    assert rsa_key.unwrap().key_size == 4096


@pytest.mark.parametrize("name", ["key", "rsa_key"])
def test_der_goes_round(name, request):
    original = request.getfixturevalue(name)
    again = PrivateKey.from_der(original.to_der())
    assert again.public_key == original.public_key
    assert again.to_der() == original.to_der()


def test_is_a_signer(key):
    signer: Signer = key
    signatures.verify(
        signer.public_key, "confide/test/1", b"message", signer.sign("confide/test/1", b"message")
    )


def test_repr_shows_only_the_kind_and_the_public_digest(key):
    assert repr(key) == f"PrivateKey(p-384, spki sha384:{spki_digest(key.public_key)})"
    assert str(key) == repr(key)


def test_does_not_pickle(key):
    with pytest.raises(TypeError):
        pickle.dumps(key)


def test_pem_is_what_a_tls_stack_reads(key):
    loaded = load_pem_private_key(key.to_pem_unencrypted(), password=None)
    assert loaded.public_key() == key.unwrap().public_key()


def unacceptable_private_keys():
    return [
        rsa.generate_private_key(public_exponent=65537, key_size=2048),
        ec.generate_private_key(ec.SECP256R1()),
        ed25519.Ed25519PrivateKey.generate(),
    ]


@pytest.mark.parametrize("bad", unacceptable_private_keys(), ids=["rsa-2048", "p-256", "ed25519"])
def test_other_kinds_are_refused(bad):
    with pytest.raises(KeyStoreError):
        PrivateKey.from_der(bad.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(UnacceptablePublicKey):
        kind_of(bad.public_key())
    with pytest.raises(UnacceptablePublicKey):
        load_public_key(bad.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


@given(st.binary(max_size=256))
def test_arbitrary_bytes_are_no_key(data):
    with pytest.raises(UnacceptablePublicKey):
        load_public_key(data)
    with pytest.raises(KeyStoreError):
        PrivateKey.from_der(data)


def test_a_public_key_has_one_spelling(key):
    assert load_public_key(key.public_key) == key.unwrap().public_key()
    with pytest.raises(UnacceptablePublicKey):
        load_public_key(key.public_key + b"\x00")
    with pytest.raises(UnacceptablePublicKey):
        load_public_key(key.public_key + bytes(2000))
