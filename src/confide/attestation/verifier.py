"""Verification of DCAP evidence, in the numbered steps of spec/protocol.md, "Attestation".

The same code judges Intel's and simulated evidence; only the trust root differs. No I/O, no clock.
"""

import hashlib
from collections.abc import Callable
from enum import IntEnum
from typing import Any, Final

import dcap_qvl
import msgspec

from confide.attestation import collateral as collateral_format
from confide.attestation import quote as quote_format
from confide.attestation.claims import Claims
from confide.attestation.diagnosis import diagnose
from confide.attestation.policy import AllOf, MinimumCollateralNumber, NotDebug, Policy
from confide.attestation.quote import Quote
from confide.attestation.roots import TrustRoots, is_simulated
from confide.core.errors import CollateralExpired, InvalidEvidence, UntrustedRoot


class Step(IntEnum):
    """The steps in their order. `observe` is called with each one that has passed."""

    FORM = 1
    ROOT = 2
    COLLATERAL = 3
    SIGNATURES = 4
    WINDOW = 5
    POLICY = 6
    BINDING = 7

    @property
    def title(self) -> str:
        return _TITLES[self]


_TITLES: Final = {
    Step.FORM: "the quote is in canonical form",
    Step.ROOT: "its certificate chain ends in a root that you trust",
    Step.COLLATERAL: "the collateral is well-formed",
    Step.SIGNATURES: "every signature, hash and revocation list verifies up to that root",
    Step.WINDOW: "the collateral is valid at the verifier's time",
    Step.POLICY: "the claims satisfy your policy",
    Step.BINDING: "the evidence is bound to this nonce, channel key, HPKE key and configuration",
}

Observer = Callable[[Step], None]


def verify_quote(
    quote: bytes,
    collateral: bytes,
    *,
    roots: TrustRoots,
    policy: Policy,
    now: int,
    minimum_collateral_number: int | None = None,
    observe: Observer | None = None,
) -> Claims:
    """Verify a DCAP quote (SGX v3, TDX v4) with its collateral, at `now` (your own clock, Unix seconds).

    Says who runs what where; what the evidence is *for* is binding.py. A debug enclave is refused under any
    policy.

    Raises:
        InvalidEvidence: quote or collateral are not of their format.
        UntrustedRoot: the chain ends in a root that `roots` does not hold.
        InvalidEvidenceSignature: a signature or hash does not verify.
        CollateralExpired: `now` is outside the collateral's window.
        PolicyViolation: genuine, but revoked, debuggable or not what `policy` accepts.
    """
    passed = observe or _nobody

    # 1. One spelling of the bytes that no signature covers.
    parsed = quote_format.parse(quote)
    passed(Step.FORM)

    # 2. The chain's root is byte for byte a trusted one.
    root = parsed.chain[-1]
    name = roots.name_of(root)
    if name is None:
        digest = hashlib.sha256(root).hexdigest()
        trusted = ", ".join(roots.names)
        raise UntrustedRoot(f"the evidence chains to root {digest[:16]}…; you trust {trusted}")
    passed(Step.ROOT)

    # 3. The collateral, as untrusted JSON.
    material = collateral_format.parse(collateral).for_library()
    passed(Step.COLLATERAL)

    # 4. Signatures, hashes, revocation, TCB level. Which levels are good enough is our policy, in step 6.
    verified = _verify_signatures(quote, material, root, now)
    claims = _claims(parsed, verified, name)
    passed(Step.SIGNATURES)

    # 5. One window over all pieces: the library is lax about a CRL's thisUpdate and about the last second.
    if not claims.valid_from <= now < claims.valid_until:
        raise CollateralExpired(
            f"the collateral is valid from {claims.valid_from} to before {claims.valid_until}, "
            f"your time is {now}"
        )
    passed(Step.WINDOW)

    # 6. Policy.
    NotDebug().check(claims)
    if minimum_collateral_number is not None:
        MinimumCollateralNumber(minimum_collateral_number).check(claims)
    AllOf(policy).check(claims)
    passed(Step.POLICY)
    return claims


def _nobody(_step: Step) -> None:
    """Nobody watches."""


def _verify_signatures(
    quote: bytes, collateral: dcap_qvl.QuoteCollateralV3, root: bytes, now: int
) -> dict[str, Any]:
    """The library's claims. Raises what diagnosis.py makes of its refusal."""
    policy = dcap_qvl.QuotePolicy.claims_only(now)
    try:
        claims = dcap_qvl.QuoteVerifier(root).verify_with_policy(quote, collateral, now, policy)
    except ValueError as failure:
        raise diagnose(_cause(quote, collateral, root, now) or failure) from None
    document: dict[str, Any] = msgspec.json.decode(claims.to_json())
    return document


def _cause(quote: bytes, collateral: dcap_qvl.QuoteCollateralV3, root: bytes, now: int) -> ValueError | None:
    """Why the library refused: this call says it in full, the one with a policy does not."""
    try:
        dcap_qvl.verify_with_root_ca(quote, collateral, root, now)
    except ValueError as failure:
        return failure
    return None


def _claims(parsed: Quote, verified: dict[str, Any], root_name: str) -> Claims:
    report = next(iter(verified["report"].values()))
    if bytes.fromhex(_body(report)["report_data"]) != parsed.report_data:
        raise InvalidEvidence("the quote reads differently to the verifier library")
    pck = verified["platform"]["pck"]
    return Claims(
        tee=parsed.tee,
        measurement=parsed.measurement.hex(),
        runtime_measurements=tuple(value.hex() for value in parsed.runtime_measurements),
        signer=parsed.signer.hex(),
        product_id=parsed.product_id,
        security_version=parsed.security_version,
        debug=parsed.debug,
        report_data=parsed.report_data,
        tcb_status=verified["tcb"]["status"],
        advisories=tuple(verified["tcb"]["advisory_ids"]),
        trust_root=root_name,
        trust_root_sha256=hashlib.sha256(parsed.chain[-1]).hexdigest(),
        collateral_number=verified["tcb"]["eval_data_number"],
        valid_from=verified["latest_issue_date"],
        valid_until=verified["earliest_expiration_date"],
        fmspc=bytes(pck["fmspc"]).hex(),
        platform_id=bytes(pck["platform_instance_id"] or pck["ppid"]).hex(),
        dynamic_platform=_flag(pck["dynamic_platform"]),
        cached_keys=_flag(pck["cached_keys"]),
        smt=_flag(pck["smt_enabled"]),
        simulated=is_simulated(root_name),
    )


def _body(report: dict[str, Any]) -> dict[str, Any]:
    """TDX 1.5 reports nest the 1.0 report as "base"."""
    base: dict[str, Any] = report.get("base", report)
    return base


def _flag(value: str) -> bool | None:
    return {"True": True, "False": False}.get(value)
