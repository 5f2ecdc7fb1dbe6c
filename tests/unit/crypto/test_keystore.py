import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confide.core import canonical, limits
from confide.core.errors import KeyStoreError
from confide.crypto.keystore import decrypt_key, encrypt_key, load_key, store_key, stored_public_key

PASSPHRASE = "correct horse, Überraschung".encode()


@pytest.fixture
def document(key, randomness):
    return encrypt_key(key, PASSPHRASE, randomness)


@pytest.mark.parametrize("name", ["key", "rsa_key"])
def test_goes_round_through_a_file(name, request, tmp_path, randomness):
    original = request.getfixturevalue(name)
    path = tmp_path / "identity.key.json"
    store_key(path, original, PASSPHRASE, randomness)
    assert load_key(path, PASSPHRASE).to_der() == original.to_der()
    assert stored_public_key(path) == original.public_key
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_the_document_is_canonical_and_holds_no_plain_key(key, document):
    parsed = canonical.decode_plain(document)
    assert parsed["format"] == "confide-key/1"
    assert parsed["kdf"]["n"] == limits.SCRYPT_N
    assert key.to_der()[-48:] not in document


def test_wrong_passphrase(document):
    with pytest.raises(KeyStoreError, match="wrong passphrase"):
        decrypt_key(document, PASSPHRASE + b" ")


def test_empty_passphrase(key, randomness):
    with pytest.raises(KeyStoreError, match="empty"):
        encrypt_key(key, b"", randomness)


def test_a_key_is_never_overwritten(key, other_key, tmp_path, randomness):
    path = tmp_path / "k"
    store_key(path, key, PASSPHRASE, randomness)
    with pytest.raises(KeyStoreError, match="exists"):
        store_key(path, other_key, PASSPHRASE, randomness)
    assert stored_public_key(path) == key.public_key


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610])
def test_a_file_open_to_others_is_refused(key, tmp_path, randomness, mode):
    path = tmp_path / "k"
    store_key(path, key, PASSPHRASE, randomness)
    path.chmod(mode)
    with pytest.raises(KeyStoreError, match="other users"):
        load_key(path, PASSPHRASE)


def test_missing_directory_and_long_files_are_refused(tmp_path, key, randomness):
    with pytest.raises(KeyStoreError):
        load_key(tmp_path / "absent", PASSPHRASE)
    with pytest.raises(KeyStoreError):
        load_key(tmp_path, PASSPHRASE)
    with pytest.raises(KeyStoreError):
        store_key(tmp_path / "absent" / "k", key, PASSPHRASE, randomness)
    long = tmp_path / "long"
    long.touch(mode=0o600)
    os.truncate(long, limits.MAX_KEY_FILE_BYTES + 1)
    with pytest.raises(KeyStoreError, match="longer"):
        load_key(long, PASSPHRASE)


def changed(document, **changes):
    parsed = json.loads(document)
    for path, value in changes.items():
        place, _, field = path.rpartition("__")
        (parsed[place] if place else parsed)[field] = value
    return canonical.encode(parsed)


@pytest.mark.parametrize(
    "changes",
    [
        {"kdf__n": limits.SCRYPT_MAX_N * 2},
        {"kdf__n": limits.SCRYPT_N // 2},
        {"kdf__n": limits.SCRYPT_N + 1},
        {"kdf__n": 0},
        {"kdf__n": -limits.SCRYPT_N},
        {"kdf__r": 1},
        {"kdf__p": 1024},
        {"kdf__salt": ""},
        {"kdf__name": "pbkdf2"},
        {"nonce": "AAAA"},
        {"nonce": ""},
        {"aead": "AES-128-GCM"},
        {"format": "confide-key/2"},
        {"unknown": 1},
    ],
    ids=str,
)
def test_other_parameters_are_refused_before_any_derivation(document, changes):
    with pytest.raises(KeyStoreError) as refusal:
        decrypt_key(changed(document, **changes), PASSPHRASE)
    assert "wrong passphrase" not in str(refusal.value)


def test_a_swapped_public_key_is_found(document, other_key):
    parsed = json.loads(document)
    original = decrypt_key(document, PASSPHRASE)
    parsed["public_key"] = canonical.decode_plain(canonical.encode({"k": other_key.public_key}))["k"]
    with pytest.raises(KeyStoreError):
        decrypt_key(canonical.encode(parsed), PASSPHRASE)
    assert original.public_key != other_key.public_key


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=300))
def test_arbitrary_bytes_raise_nothing_else(data):
    with pytest.raises(KeyStoreError):
        decrypt_key(data, PASSPHRASE)


def test_failures_do_not_tell_the_passphrase(document):
    with pytest.raises(KeyStoreError) as refusal:
        decrypt_key(document, b"hunter2hunter2")
    assert "hunter2" not in str(refusal.value)
