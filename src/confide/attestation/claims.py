"""What verified evidence says: the only thing a policy ever looks at."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Tee(StrEnum):
    """The kinds of evidence that the verifier reads."""

    SGX = "sgx"
    TDX = "tdx"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """Claims of one verified DCAP quote. Digests are lower-case hexadecimal, times are Unix seconds.

    Made by `verifier.verify_quote` alone: holding one means that every signature has been checked.
    """

    tee: Tee
    measurement: str
    """MRENCLAVE (SGX, 32 bytes) or MRTD (TDX, 48 bytes)."""
    runtime_measurements: tuple[str, ...] = ()
    """RTMR0 to RTMR3 (TDX). MRTD covers the firmware only: kernel and software are measured here."""
    signer: str = ""
    """MRSIGNER; empty for TDX."""
    product_id: int = 0
    security_version: int = 0
    debug: bool
    report_data: bytes
    """64 bytes that the attested code chose."""
    tcb_status: str
    advisories: tuple[str, ...]
    trust_root: str
    """The name that the root's own content gives it (roots.py); it can't be chosen."""
    trust_root_sha256: str
    collateral_number: int
    """tcbEvaluationDataNumber: grows with each TCB recovery; a floor on it stops collateral rollback."""
    valid_from: int
    valid_until: int
    """The window in which every piece of the collateral is valid: from, to before."""
    fmspc: str
    """Family-model-stepping-platform-custom SKU, 6 bytes."""
    platform_id: str = ""
    """Platform instance id (16 bytes), or the PPID where the certificate has none."""
    dynamic_platform: bool | None = None
    cached_keys: bool | None = None
    smt: bool | None = None
    """The platform's three flags; None where its certificate does not state them (Processor CA)."""
    simulated: bool
    """The trust root's own certificate says SIMULATED: the evidence protects nothing."""

    def to_document(self) -> dict[str, Any]:
        """Plain JSON form for receipts and `--format json`."""
        return {
            "tee": str(self.tee),
            "measurement": self.measurement,
            "runtime_measurements": list(self.runtime_measurements),
            "signer": self.signer,
            "product_id": self.product_id,
            "security_version": self.security_version,
            "debug": self.debug,
            "report_data": self.report_data.hex(),
            "tcb_status": self.tcb_status,
            "advisories": list(self.advisories),
            "trust_root": self.trust_root,
            "trust_root_sha256": self.trust_root_sha256,
            "collateral_number": self.collateral_number,
            "valid_from": self.valid_from,
            "valid_until": self.valid_until,
            "fmspc": self.fmspc,
            "platform_id": self.platform_id,
            "dynamic_platform": self.dynamic_platform,
            "cached_keys": self.cached_keys,
            "smt": self.smt,
            "simulated": self.simulated,
        }
