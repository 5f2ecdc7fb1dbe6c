"""Byte-exact SGX quotes, version 3 (Intel SGX ECDSA QuoteLibReference DCAP API, A.4), little-endian."""

import hashlib
import struct
from dataclasses import dataclass
from typing import Final

from confide_sim import keys
from confide_sim.certificates import Tree, pem
from confide_sim.hardware import CPU_SVN, PCE_SVN, QE_PRODUCT_ID, QE_SECURITY_VERSION, QE_SIGNER

_QE_VENDOR_ID: Final = bytes.fromhex("939a7233f79c4ca9940a0db3957f0607")
_ATTRIBUTES: Final = 0x05
"""INIT and MODE64BIT."""
_DEBUG: Final = 0x02
_PROVISION_KEY: Final = 0x10
_XFRM: Final = 0xE7
_REPORT: Final = struct.Struct("<16sI28sQQ32s32s32s96sHH60s64s")
_HEADER: Final = struct.Struct("<HHIHH16s20s")
_PCK_CHAIN: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Enclave:
    """The identity that a report states."""

    measurement: bytes
    signer: bytes
    product_id: int
    security_version: int
    attributes: int

    def report(self, report_data: bytes) -> bytes:
        """SGX report body, 384 bytes."""
        return _REPORT.pack(
            CPU_SVN, 0, b"", self.attributes, _XFRM, self.measurement, b"", self.signer, b"",
            self.product_id, self.security_version, b"", report_data,
        )  # fmt: skip


def application(
    *, measurement: bytes, signer: bytes, product_id: int, security_version: int, debug: bool
) -> Enclave:
    """An application enclave, debuggable or not."""
    return Enclave(
        measurement=measurement,
        signer=signer,
        product_id=product_id,
        security_version=security_version,
        attributes=_ATTRIBUTES | (_DEBUG if debug else 0),
    )


def make_quote(tree: Tree, enclave: Enclave, report_data: bytes) -> bytes:
    """A quote over 64 bytes of report data, signed by the machine's attestation key."""
    attestation_key = tree.key("attestation key")
    user_data = keys.derive(tree.seed, "quoting enclave id", 16)
    header = _HEADER.pack(3, 2, 0, QE_SECURITY_VERSION, PCE_SVN, _QE_VENDOR_ID, user_data)
    signed = header + enclave.report(report_data)
    public = keys.raw_public_key(attestation_key)
    authentication = keys.derive(tree.seed, "quoting enclave authentication data", 32)
    qe_report = _quoting_enclave().report(hashlib.sha256(public + authentication).digest() + bytes(32))
    chain = pem(tree.pck(), tree.pck_ca(), tree.root()).encode() + b"\0"
    signature_data = b"".join(
        (
            keys.sign_raw(attestation_key, signed),
            public,
            qe_report,
            keys.sign_raw(tree.key("PCK Certificate"), qe_report),
            struct.pack("<H", len(authentication)) + authentication,
            struct.pack("<HI", _PCK_CHAIN, len(chain)) + chain,
        )
    )
    return signed + struct.pack("<I", len(signature_data)) + signature_data


def _quoting_enclave() -> Enclave:
    return Enclave(
        measurement=hashlib.sha256(b"SIMULATED quoting enclave").digest(),
        signer=QE_SIGNER,
        product_id=QE_PRODUCT_ID,
        security_version=QE_SECURITY_VERSION,
        attributes=_ATTRIBUTES | _PROVISION_KEY,
    )
