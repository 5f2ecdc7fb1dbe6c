"""A private key at rest: PKCS #8 under AES-256-GCM, the key by scrypt (RFC 7914) from a passphrase.

The whole document but the ciphertext is associated data: its parameters can't be swapped.
"""

from pathlib import Path
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from confide.core import canonical, limits
from confide.core.errors import KeyStoreError
from confide.core.ports import Randomness
from confide.crypto.keys import PrivateKey
from confide.crypto.private_files import read_private, write_private
from confide.crypto.wiping import Secret, wiped

_SALT_BYTES = 32
_NONCE_BYTES = 12
_KEY_BYTES = 32
_TAG_BYTES = 16


class _Kdf(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: Literal["scrypt"] = "scrypt"
    n: int
    r: int
    p: int
    salt: bytes


class _KeyDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    format: Literal["confide-key/1"] = "confide-key/1"
    kdf: _Kdf
    aead: Literal["AES-256-GCM"] = "AES-256-GCM"
    nonce: bytes
    public_key: bytes
    ciphertext: bytes


def store_key(path: Path, key: PrivateKey, passphrase: Secret, randomness: Randomness) -> None:
    """Write `key`, encrypted, as a new file with mode 0600.

    Raises:
        KeyStoreError: the passphrase is empty, the file exists, or it can't be written.
    """
    document = encrypt_key(key, passphrase, randomness)
    write_private(path, document, suffix=randomness.bytes(8).hex())


def load_key(path: Path, passphrase: Secret) -> PrivateKey:
    """Read a key that `store_key` wrote.

    Raises:
        KeyStoreError: the file is missing, open to others or damaged, or the passphrase is wrong.
    """
    return decrypt_key(read_private(path, limit=limits.MAX_KEY_FILE_BYTES), passphrase)


def stored_public_key(path: Path) -> bytes:
    """DER SPKI that the file names, not authenticated: no passphrase is asked. Raises KeyStoreError."""
    return _decode(read_private(path, limit=limits.MAX_KEY_FILE_BYTES)).public_key


def encrypt_key(key: PrivateKey, passphrase: Secret, randomness: Randomness) -> bytes:
    """The canonical JSON document, format "confide-key/1". Raises KeyStoreError for an empty passphrase."""
    if not passphrase:
        raise KeyStoreError("the passphrase is empty")
    draft = _KeyDocument(
        kdf=_Kdf(n=limits.SCRYPT_N, r=limits.SCRYPT_R, p=limits.SCRYPT_P, salt=randomness.bytes(_SALT_BYTES)),
        nonce=randomness.bytes(_NONCE_BYTES),
        public_key=key.public_key,
        ciphertext=b"",
    )
    with wiped(_derive(draft.kdf, passphrase)) as derived:
        ciphertext = AESGCM(derived).encrypt(draft.nonce, key.to_der(), canonical.encode(draft))
    return canonical.encode(msgspec.structs.replace(draft, ciphertext=ciphertext))


def decrypt_key(document: bytes, passphrase: Secret) -> PrivateKey:
    """Open a document that `encrypt_key` made. Raises KeyStoreError."""
    parsed = _decode(document)
    associated = canonical.encode(msgspec.structs.replace(parsed, ciphertext=b""))
    der = bytearray(max(0, len(parsed.ciphertext) - _TAG_BYTES))
    with wiped(_derive(parsed.kdf, passphrase)) as derived, wiped(der):
        try:
            AESGCM(derived).decrypt_into(parsed.nonce, parsed.ciphertext, associated, der)
        except (InvalidTag, ValueError):
            raise KeyStoreError("wrong passphrase, or the key file is damaged") from None
        key = PrivateKey.from_der(der)
    if key.public_key != parsed.public_key:
        raise KeyStoreError("the key file names another public key than it holds")
    return key


def _decode(document: bytes) -> _KeyDocument:
    try:
        parsed = canonical.decode(document, _KeyDocument, limit=limits.MAX_KEY_FILE_BYTES)
    except canonical.NotCanonical:
        raise KeyStoreError("not a key file of format confide-key/1") from None
    if len(parsed.nonce) != _NONCE_BYTES or len(parsed.kdf.salt) != _SALT_BYTES:
        raise KeyStoreError("the key file's nonce or salt has the wrong length")
    _check_cost(parsed.kdf)
    return parsed


def _check_cost(kdf: _Kdf) -> None:
    """A file must neither weaken the derivation nor make us spend more than 1 GiB of memory on it."""
    power_of_two = kdf.n > 0 and kdf.n & (kdf.n - 1) == 0
    if not (power_of_two and limits.SCRYPT_N <= kdf.n <= limits.SCRYPT_MAX_N):
        raise KeyStoreError(
            f"scrypt n must be a power of two from {limits.SCRYPT_N} to {limits.SCRYPT_MAX_N}"
        )
    if (kdf.r, kdf.p) != (limits.SCRYPT_R, limits.SCRYPT_P):
        raise KeyStoreError(f"scrypt r and p must be {limits.SCRYPT_R} and {limits.SCRYPT_P}")


def _derive(kdf: _Kdf, passphrase: Secret) -> bytearray:
    derived = bytearray(_KEY_BYTES)
    Scrypt(salt=kdf.salt, length=_KEY_BYTES, n=kdf.n, r=kdf.r, p=kdf.p).derive_into(passphrase, derived)
    return derived
