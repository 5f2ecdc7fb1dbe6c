"""The canonical form of a quote: one spelling of the bytes that no signature covers.

About 700 positions of a quote (PEM framing, the redundant root copy, padding) can be changed without any
signature noticing. Accepting one form only makes them worthless. What stays possible is the second ECDSA
signature (r, n - s): a quote or its digest is therefore never a replay key, the verifier's nonce is.

Source: Intel SGX ECDSA QuoteLibReference DCAP API, appendix A.4 (quote v3); Intel TDX DCAP Quoting Library
API, appendix A.3 (quote v4). All integers are little-endian.
"""

import base64
import binascii
import re
import struct
from dataclasses import dataclass
from typing import Final

from confide.attestation.claims import Tee
from confide.core import limits
from confide.core.errors import InvalidEvidence

HEADER_BYTES: Final = 48
REPORT_DATA_BYTES: Final = 64
_ECDSA_P256: Final = 2
_TDX_TYPE: Final = 0x81
_QE_AUTH_BYTES: Final = 32
_PCK_CHAIN: Final = 5
_QE_REPORT_CERTIFICATION: Final = 6
_CHAIN_LENGTH: Final = 3
_PEM: Final = re.compile(
    rb"-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/=\n]{1,16384}?)-----END CERTIFICATE-----\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The fields of a quote in canonical form. Nothing in it has been verified yet."""

    tee: Tee
    measurement: bytes
    runtime_measurements: tuple[bytes, ...]
    signer: bytes
    product_id: int
    security_version: int
    debug: bool
    report_data: bytes
    chain: tuple[bytes, ...]
    """DER certificates: PCK leaf, PCK CA, root."""


def parse(data: bytes) -> Quote:
    """Read an SGX v3 or TDX v4 quote with an embedded certificate chain (certification type 5).

    Raises:
        InvalidEvidence: for everything else, and for any other spelling of the same quote.
    """
    if len(data) > limits.MAX_QUOTE_BYTES:
        raise InvalidEvidence(f"the quote is longer than {limits.MAX_QUOTE_BYTES} bytes")
    try:
        return _parse(data)
    except (struct.error, IndexError) as cause:
        raise InvalidEvidence("the quote is cut short") from cause


def _parse(data: bytes) -> Quote:
    version, key_type, tee_type = struct.unpack_from("<HHI", data, 0)
    if key_type != _ECDSA_P256:
        raise InvalidEvidence(f"the quote's attestation key is of type {key_type}, not ECDSA P-256")
    if (version, tee_type) == (3, 0):
        return _sgx(data)
    if (version, tee_type) == (4, _TDX_TYPE):
        return _tdx(data)
    raise InvalidEvidence(f"quote version {version} of TEE type {tee_type:#x} is not one that we read")


def _sgx(data: bytes) -> Quote:
    end = _signature_end(data, at=432)
    chain = _certification(data, at=1012, end=end)
    product_id, security_version = struct.unpack_from("<HH", data, 304)
    return Quote(
        tee=Tee.SGX,
        measurement=data[112:144],
        runtime_measurements=(),
        signer=data[176:208],
        product_id=product_id,
        security_version=security_version,
        debug=bool(data[96] & 0x02),
        report_data=data[368:432],
        chain=chain,
    )


def _tdx(data: bytes) -> Quote:
    end = _signature_end(data, at=632)
    kind, length = struct.unpack_from("<HI", data, 764)
    if kind != _QE_REPORT_CERTIFICATION or 770 + length != end:
        raise InvalidEvidence("the quote's outer certification data has another type or length")
    chain = _certification(data, at=1218, end=end)
    return Quote(
        tee=Tee.TDX,
        measurement=data[184:232],
        runtime_measurements=tuple(data[at : at + 48] for at in (376, 424, 472, 520)),
        signer=b"",
        product_id=0,
        security_version=0,
        debug=bool(data[168] & 0x01),
        report_data=data[568:632],
        chain=chain,
    )


def _signature_end(data: bytes, *, at: int) -> int:
    """Where the signature data ends; behind it only zero padding may follow."""
    (length,) = struct.unpack_from("<I", data, at)
    end = at + 4 + int(length)
    if end > len(data):
        raise InvalidEvidence("the quote is cut short")
    if any(data[end:]):
        raise InvalidEvidence("bytes other than zero padding follow the quote's signature data")
    return end


def _certification(data: bytes, *, at: int, end: int) -> tuple[bytes, ...]:
    """QE authentication data, then the certificate chain, which must reach exactly to `end`."""
    (auth_length,) = struct.unpack_from("<H", data, at)
    if auth_length != _QE_AUTH_BYTES:
        raise InvalidEvidence(f"the QE authentication data has {auth_length} bytes, not {_QE_AUTH_BYTES}")
    kind, length = struct.unpack_from("<HI", data, at + 2 + _QE_AUTH_BYTES)
    start = at + 8 + _QE_AUTH_BYTES
    if kind != _PCK_CHAIN:
        raise InvalidEvidence(
            f"certification data of type {kind}: only type 5 (PCK certificate chain) is read"
        )
    if start + length != end:
        raise InvalidEvidence("the lengths in the quote do not add up")
    return _chain(data[start:end])


def _chain(pem: bytes) -> tuple[bytes, ...]:
    """DER of leaf, CA and root; the PEM must be what we would write ourselves (one final NUL allowed)."""
    text = pem.removesuffix(b"\0")
    try:
        ders = tuple(base64.b64decode(match, validate=False) for match in _PEM.findall(text))
    except binascii.Error:
        raise InvalidEvidence("the quote's certificate chain is not valid base64") from None
    if len(ders) != _CHAIN_LENGTH or b"".join(map(_encode_pem, ders)) != text:
        raise InvalidEvidence("the quote's certificate chain is not three certificates in canonical PEM")
    return ders


def _encode_pem(der: bytes) -> bytes:
    lines = base64.b64encode(der)
    body = b"".join(lines[at : at + 64] + b"\n" for at in range(0, len(lines), 64))
    return b"-----BEGIN CERTIFICATE-----\n" + body + b"-----END CERTIFICATE-----\n"
