"""Write vectors/signatures.json and vectors/sealed.json; with --check, fail if they would change.

Deterministic: keys and salts come from seeds, and PSS is encoded here, independently of the product
(RFC 8017, 9.1.1). The keys are for these files only.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

from confide.crypto.keys import PrivateKey
from confide.crypto.ratchet import Direction, Ratchet
from confide.crypto.sealed import OpeningKey, SealingKey, session_keys

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
EXPONENT = 65537
CONTEXT = "confide/example/1"
MESSAGE = b"the quick brown fox"

Document = dict[str, object]
Row = dict[str, object]


def stream(seed: str, count: int) -> bytes:
    blocks = (hashlib.sha384(f"{seed} {i}".encode()).digest() for i in range(count // 48 + 1))
    return b"".join(blocks)[:count]


def prime(seed: str, bits: int) -> int:
    small = [n for n in range(3, 2000, 2) if all(n % d for d in range(3, int(n**0.5) + 1, 2))]
    candidate = int.from_bytes(stream(seed, bits // 8), "big") | (3 << (bits - 2)) | 1
    while (
        candidate % EXPONENT == 1
        or any(candidate % n == 0 for n in small)
        or any(pow(base, candidate - 1, candidate) != 1 for base in (2, 3, 5, 7))
    ):
        candidate += 2
    return candidate


def rsa_key(seed: str, bits: int) -> rsa.RSAPrivateKey:
    p, q = prime(f"{seed} p", bits // 2), prime(f"{seed} q", bits // 2)
    d = pow(EXPONENT, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(EXPONENT, p * q)
    numbers = rsa.RSAPrivateNumbers(
        p, q, d, rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q), public
    )
    return numbers.private_key()


def ec_key(seed: str, curve: ec.EllipticCurve) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(stream(seed, curve.key_size // 8 - 1), "big"), curve)


def pss_sign(key: rsa.RSAPrivateKey, signed: bytes, *, name: str, salt_bytes: int) -> bytes:
    numbers = key.private_numbers()
    modulus = numbers.public_numbers.n
    size = (modulus.bit_length() + 7) // 8
    salt = stream(f"salt of {name}", salt_bytes)
    digest = hashlib.sha384(bytes(8) + hashlib.sha384(signed).digest() + salt).digest()
    block = bytes(size - salt_bytes - 48 - 2) + b"\x01" + salt
    masked = bytearray(a ^ b for a, b in zip(block, mgf1(digest, len(block)), strict=True))
    masked[0] &= 0x7F
    encoded = bytes(masked) + digest + b"\xbc"
    return pow(int.from_bytes(encoded, "big"), numbers.d, modulus).to_bytes(size, "big")


def mgf1(seed: bytes, count: int) -> bytes:
    parts = (hashlib.sha384(seed + i.to_bytes(4, "big")).digest() for i in range(count // 48 + 1))
    return b"".join(parts)[:count]


def spki(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def flip(data: bytes, position: int) -> bytes:
    changed = bytearray(data)
    changed[position] ^= 1
    return bytes(changed)


# --- signatures --------------------------------------------------------------------------------------


def signature_row(
    name: str, key: bytes, signature: bytes, *, valid: bool, context: str = CONTEXT, message: bytes = MESSAGE
) -> Row:
    return {
        "name": name,
        "public_key": key.hex(),
        "context": context,
        "message": message.hex(),
        "signature": signature.hex(),
        "valid": valid,
    }


def common_bad(kind: str, key: bytes, good: bytes, foreign: bytes) -> Iterator[Row]:
    yield signature_row(f"{kind}: message altered", key, good, valid=False, message=flip(MESSAGE, 0))
    yield signature_row(f"{kind}: message extended", key, good, valid=False, message=MESSAGE + b"\x00")
    yield signature_row(f"{kind}: other context", key, good, valid=False, context="confide/other/1")
    moved = signature_row(f"{kind}: context longer, message shorter", key, good, valid=False)
    yield moved | {"context": CONTEXT + "\x00t", "message": MESSAGE[1:].hex()}
    yield signature_row(f"{kind}: empty context", key, good, valid=False, context="")
    yield signature_row(f"{kind}: context not ASCII", key, good, valid=False, context="confide/é/1")
    yield signature_row(f"{kind}: signature altered", key, flip(good, len(good) // 2), valid=False)
    yield signature_row(f"{kind}: signature truncated", key, good[:-1], valid=False)
    yield signature_row(f"{kind}: signature extended", key, good + b"\x00", valid=False)
    yield signature_row(f"{kind}: signature empty", key, b"", valid=False)
    yield signature_row(f"{kind}: signature very long", key, good * 9, valid=False)
    yield signature_row(f"{kind}: signature by another key", foreign, good, valid=False)
    yield signature_row(f"{kind}: key truncated", key[:-1], good, valid=False)
    yield signature_row(f"{kind}: key with a trailing byte", key + b"\x00", good, valid=False)
    yield signature_row(f"{kind}: no key", b"", good, valid=False)


def rsa_rows(signed: bytes, foreign: bytes) -> Iterator[Row]:
    key = rsa_key("confide vectors rsa", 4096)
    public = spki(key.public_key())
    good = pss_sign(key, signed, name="good", salt_bytes=48)
    yield signature_row("rsa-4096: good", public, good, valid=True)
    empty = pss_sign(key, CONTEXT.encode() + b"\x00", name="empty", salt_bytes=48)
    yield signature_row("rsa-4096: good, empty message", public, empty, valid=True, message=b"")
    yield from common_bad("rsa-4096", public, good, foreign)
    short = pss_sign(key, signed, name="short salt", salt_bytes=32)
    yield signature_row("rsa-4096: PSS salt of 32 bytes", public, short, valid=False)
    old = key.sign(signed, padding.PKCS1v15(), hashes.SHA384())
    yield signature_row("rsa-4096: PKCS #1 v1.5", public, old, valid=False)
    zero = bytes(len(good))
    yield signature_row("rsa-4096: zero", public, zero, valid=False)
    small = rsa_key("confide vectors small rsa", 2048)
    weak = pss_sign(small, signed, name="weak", salt_bytes=48)
    yield signature_row("rsa-2048: too short a key", spki(small.public_key()), weak, valid=False)


def ecdsa_rows(signed: bytes, foreign: bytes) -> Iterator[Row]:
    key = ec_key("confide vectors p-384", ec.SECP384R1())
    public = spki(key.public_key())
    good = PrivateKey(key).sign(CONTEXT, MESSAGE)
    yield signature_row("p-384: good", public, good, valid=True)
    empty = PrivateKey(key).sign(CONTEXT, b"")
    yield signature_row("p-384: good, empty message", public, empty, valid=True, message=b"")
    yield from common_bad("p-384", public, good, foreign)
    r, s = utils.decode_dss_signature(good)
    raw = r.to_bytes(48, "big") + s.to_bytes(48, "big")
    yield signature_row("p-384: r and s without DER", public, raw, valid=False)
    for name, pair in (("r is zero", (0, s)), ("s is zero", (r, 0)), ("both are one", (1, 1))):
        yield signature_row(f"p-384: {name}", public, utils.encode_dss_signature(*pair), valid=False)
    sha256 = key.sign(signed, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    yield signature_row("p-384: SHA-256", public, sha256, valid=False)
    small = ec_key("confide vectors p-256", ec.SECP256R1())
    weak = small.sign(signed, ec.ECDSA(hashes.SHA384(), deterministic_signing=True))
    yield signature_row("p-256: another curve", spki(small.public_key()), weak, valid=False)
    edwards = ed25519.Ed25519PrivateKey.from_private_bytes(stream("confide vectors ed25519", 32))
    yield signature_row(
        "ed25519: another algorithm", spki(edwards.public_key()), edwards.sign(signed), valid=False
    )
    yield signature_row("p-384: compressed point", compressed(key), good, valid=False)


def compressed(key: ec.EllipticCurvePrivateKey) -> bytes:
    point = key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
    )
    return bytes.fromhex("3046301006072a8648ce3d020106052b81040022033200") + point


def signatures_document() -> Document:
    signed = CONTEXT.encode() + b"\x00" + MESSAGE
    # Nobody signs with it, so that any odd number of the right length is a modulus.
    modulus = int.from_bytes(stream("confide vectors foreign rsa", 512), "big") | (1 << 4095) | 1
    foreign_rsa = spki(rsa.RSAPublicNumbers(EXPONENT, modulus).public_key())
    foreign_ec = spki(ec_key("confide vectors foreign p-384", ec.SECP384R1()).public_key())
    return {
        "about": "Signed: context || 0x00 || message. RSA-PSS SHA-384 salt 48, or ECDSA P-384 SHA-384. Hex.",
        "format": "confide-vectors/signatures/1",
        "vectors": [*rsa_rows(signed, foreign_rsa), *ecdsa_rows(signed, foreign_ec)],
    }


# --- sealed messages ---------------------------------------------------------------------------------

SECRET = stream("confide vectors session secret", 32)
SESSION = b"task 1, party a, certificate 2"


def ends(key_bytes: int = 32) -> tuple[SealingKey, OpeningKey]:
    """The party's sealing key, and the enclave's opening key for it."""
    sealing, _ = session_keys(SECRET, SESSION, side="party", key_bytes=key_bytes)
    _, opening = session_keys(SECRET, SESSION, side="enclave", key_bytes=key_bytes)
    return sealing, opening


def ratchet_rows(key_bytes: int) -> Iterator[Row]:
    for direction in Direction:
        ratchet = Ratchet(SECRET, SESSION, direction, key_bytes=key_bytes)
        for messages in (2, 0, 1):
            yield {
                "direction": direction.value,
                "epoch": ratchet.epoch,
                "messages": messages,
                "key_bytes": key_bytes,
                "key": ratchet.key.hex(),
            }
            ratchet.advance(messages)


def good_rows(key_bytes: int) -> list[Row]:
    plan = [(0, b"first"), (0, b""), (1, b"next phase"), (4, bytes(range(64)))]
    sealing, _ = ends(key_bytes)
    return [
        {"epoch": epoch, "plaintext": text.hex(), "envelope": sealing.seal(text, epoch).hex()}
        for epoch, text in plan
    ]


def bad_rows() -> Iterator[Row]:
    """Runs of envelopes from party to enclave of which the last must be refused."""

    def run(name: str, *envelopes: bytes, max_epoch: int = 0) -> Row:
        return {"name": name, "max_epoch": max_epoch, "envelopes": [one.hex() for one in envelopes]}

    sealing, _ = ends()
    first, second, third = (sealing.seal(text, 0) for text in (b"first", b"second", b"third"))
    later = sealing.seal(b"later", 1)
    yield run("replayed", first, first)
    yield run("reordered", second)
    yield run("dropped between", first, third)
    yield run("dropped at the end of an epoch", first, second, later, max_epoch=1)
    yield run("epoch beyond what is allowed", first, second, third, later)
    yield run("epoch rolled back", first, second, third, later, first, max_epoch=1)
    yield run("header says a later epoch", first[:1] + (1).to_bytes(4, "big") + first[5:], max_epoch=1)
    yield run("header says another version", b"\x02" + first[1:])
    yield run("truncated", first[:-1])
    yield run("extended", first + b"\x00")
    yield run("header only", first[:13])
    yield run("empty", b"")
    for what, position in (("number", 12), ("ciphertext", 13), ("tag", -1)):
        yield run(f"{what} altered", flip(first, position))
    other, _ = session_keys(SECRET, b"task 2, party a, certificate 2", side="party")
    yield run("of another session context", other.seal(b"first", 0))
    foreign, _ = session_keys(flip(SECRET, 0), SESSION, side="party")
    yield run("of another secret", foreign.seal(b"first", 0))
    reflected, _ = session_keys(SECRET, SESSION, side="enclave")
    yield run("reflected", reflected.seal(b"first", 0))
    short, _ = ends(16)
    yield run("under an AES-128 key", short.seal(b"first", 0))


def sealed_document() -> Document:
    return {
        "about": "From party to enclave. Every bad run's last envelope is refused, the others open. Hex.",
        "format": "confide-vectors/sealed/1",
        "secret": SECRET.hex(),
        "context": SESSION.hex(),
        "ratchet": [row for size in (16, 32) for row in ratchet_rows(size)],
        "good": [{"key_bytes": size, "messages": good_rows(size)} for size in (16, 32)],
        "bad": list(bad_rows()),
    }


DOCUMENTS: dict[str, Callable[[], Document]] = {
    "signatures.json": signatures_document,
    "sealed.json": sealed_document,
}


def render(document: Document) -> str:
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def main() -> int:
    check = sys.argv[1:] == ["--check"]
    stale = 0
    for name, make in DOCUMENTS.items():
        text, path = render(make()), VECTORS / name
        if check:
            stale += not path.exists() or path.read_text() != text
        else:
            path.write_text(text)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
