"""The fixed facts of the SIMULATED platform, and their form in its PCK certificate."""

from dataclasses import dataclass
from typing import Final

from asn1crypto import core, parser

FMSPC: Final = b"SIM\0\0\0"
"""Not one of Intel's: a PCCS of theirs knows nothing of it."""
PCE_ID: Final = bytes(2)
PCE_SVN: Final = 13
CPU_SVN: Final = bytes([2] * 8 + [0] * 8)
QE_SIGNER: Final = b"SIMULATED QUOTING ENCLAVE SIGNER"
QE_PRODUCT_ID: Final = 1
QE_SECURITY_VERSION: Final = 8

_ROOT: Final = "1.2.840.113741.1.13.1"
_SEQUENCE: Final = 16
_ENUMERATED: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformProperties:
    """The three flags of a Platform-CA certificate (policy.PlatformFlags)."""

    dynamic_platform: bool = False
    cached_keys: bool = False
    smt: bool = False


def pck_extension(properties: PlatformProperties, *, ppid: bytes, instance_id: bytes) -> bytes:
    """DER of the SGX extension of a PCK certificate.

    Source: Intel SGX PCK Certificate and CRL Profile Specification, 1.5, "SGX extensions".
    """
    components = [_entry(f"2.{number}", _integer(svn)) for number, svn in enumerate(CPU_SVN, start=1)]
    tcb = [*components, _entry("2.17", _integer(PCE_SVN)), _entry("2.18", _octets(CPU_SVN))]
    flags = (properties.dynamic_platform, properties.cached_keys, properties.smt)
    configuration = [_entry(f"7.{number}", core.Boolean(flag).dump()) for number, flag in enumerate(flags, 1)]
    return _sequence(
        _entry("1", _octets(ppid)),
        _entry("2", _sequence(*tcb)),
        _entry("3", _octets(PCE_ID)),
        _entry("4", _octets(FMSPC)),
        _entry("5", _tlv(_ENUMERATED, b"\x01")),
        _entry("6", _octets(instance_id)),
        _entry("7", _sequence(*configuration)),
    )


def _entry(suffix: str, value: bytes) -> bytes:
    return _sequence(core.ObjectIdentifier(f"{_ROOT}.{suffix}").dump(), value)


def _sequence(*items: bytes) -> bytes:
    return _tlv(_SEQUENCE, b"".join(items), constructed=1)


def _tlv(tag: int, contents: bytes, *, constructed: int = 0) -> bytes:
    return bytes(parser.emit(0, constructed, tag, contents))


def _octets(value: bytes) -> bytes:
    return bytes(core.OctetString(value).dump())


def _integer(value: int) -> bytes:
    return bytes(core.Integer(value).dump())
