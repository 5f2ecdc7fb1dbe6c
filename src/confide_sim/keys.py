"""Every key of the SIMULATED machine comes from one seed, so that a machine is one small secret file."""

from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SEED_BYTES: Final = 32
_P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_SERIAL_BYTES: Final = 16


def derive(seed: bytes, label: str, count: int) -> bytes:
    """`count` bytes for one purpose (HKDF-SHA-256, RFC 5869)."""
    kdf = HKDF(algorithm=hashes.SHA256(), length=count, salt=b"confide_sim/1", info=label.encode())
    return kdf.derive(seed)


def signing_key(seed: bytes, label: str) -> ec.EllipticCurvePrivateKey:
    """P-256, as everywhere in DCAP. 48 bytes are reduced, so the bias is below 2^-128."""
    number = int.from_bytes(derive(seed, f"key {label}", 48)) % (_P256_ORDER - 1) + 1
    return ec.derive_private_key(number, ec.SECP256R1())


def serial_number(seed: bytes, label: str) -> int:
    """A positive certificate serial number."""
    return int.from_bytes(derive(seed, f"serial {label}", _SERIAL_BYTES)) >> 1 | 1


def sign_raw(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    """ECDSA r || s, 64 bytes, SHA-256, deterministic (RFC 6979)."""
    der = key.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    r, s = decode_dss_signature(der)
    return r.to_bytes(32) + s.to_bytes(32)


def raw_public_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    """X || Y, 64 bytes."""
    numbers = key.public_key().public_numbers()
    return numbers.x.to_bytes(32) + numbers.y.to_bytes(32)
