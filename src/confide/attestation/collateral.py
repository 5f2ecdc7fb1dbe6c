"""Collateral: what the PCCS adds so that a quote can be judged (CRLs, TCB info, QE identity). Untrusted."""

import binascii
from typing import Final

import dcap_qvl
import msgspec

from confide.core import limits
from confide.core.errors import InvalidEvidence

_SIGNATURE_BYTES: Final = 64


class Collateral(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Quote collateral, version 3 (`sgx_ql_qve_collateral_t`). Byte fields are hexadecimal."""

    pck_crl_issuer_chain: str
    root_ca_crl: str
    pck_crl: str
    tcb_info_issuer_chain: str
    tcb_info: str
    tcb_info_signature: str
    qe_identity_issuer_chain: str
    qe_identity: str
    qe_identity_signature: str
    pck_certificate_chain: str | None = None
    """Read, but never used: it would take precedence over the chain in the quote, whose form is checked."""

    def encode(self) -> bytes:
        """JSON, without the redundant certificate chain."""
        return msgspec.json.encode(
            {name: value for name, value in msgspec.structs.asdict(self).items() if name != _REDUNDANT}
        )

    def for_library(self) -> dcap_qvl.QuoteCollateralV3:
        """The verifier library's form. Raises InvalidEvidence for a byte field that is not hexadecimal."""
        return dcap_qvl.QuoteCollateralV3(
            self.pck_crl_issuer_chain,
            _bytes("root_ca_crl", self.root_ca_crl),
            _bytes("pck_crl", self.pck_crl),
            self.tcb_info_issuer_chain,
            self.tcb_info,
            _signature("tcb_info_signature", self.tcb_info_signature),
            self.qe_identity_issuer_chain,
            self.qe_identity,
            _signature("qe_identity_signature", self.qe_identity_signature),
        )


_REDUNDANT: Final = "pck_certificate_chain"


def parse(data: bytes) -> Collateral:
    """Read collateral JSON. Raises InvalidEvidence for anything else, unknown fields included."""
    if len(data) > limits.MAX_COLLATERAL_BYTES:
        raise InvalidEvidence(f"the collateral is longer than {limits.MAX_COLLATERAL_BYTES} bytes")
    try:
        return msgspec.json.decode(data, type=Collateral)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as cause:
        raise InvalidEvidence(f"the collateral is malformed: {cause}") from None


def _bytes(name: str, value: str) -> bytes:
    try:
        return binascii.unhexlify(value)
    except ValueError:
        raise InvalidEvidence(f"the collateral's {name} is not hexadecimal") from None


def _signature(name: str, value: str) -> bytes:
    raw = _bytes(name, value)
    if len(raw) != _SIGNATURE_BYTES:
        raise InvalidEvidence(f"the collateral's {name} has {len(raw)} bytes, not {_SIGNATURE_BYTES}")
    return raw
