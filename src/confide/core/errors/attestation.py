"""2xx: attestation."""

from confide.core.errors.base import ConfideError, Fault


class AttestationError(ConfideError):
    """Abstract. The evidence does not convince."""

    exit_code = 20
    fault = Fault.PLATFORM


class InvalidEvidence(AttestationError):
    """The evidence or its collateral is not what its format says (the one error of untrusted bytes)."""

    code = "CFD-201"
    remedy = "Ask the platform for fresh evidence. If it repeats, do not send data."


class InvalidEvidenceSignature(AttestationError):
    """A signature in the evidence or its collateral does not verify."""

    code = "CFD-202"
    remedy = "The evidence is forged or damaged. Do not send data."


class UntrustedRoot(AttestationError):
    """The evidence chains to a root that your configuration does not name."""

    code = "CFD-203"
    remedy = (
        "Do not send data. If this is a SIMULATED machine that you set up yourself for a trial, "
        "name its root under [attestation] roots."
    )


class PolicyViolation(AttestationError):
    """The evidence is genuine, but your attestation policy does not accept what it says."""

    code = "CFD-204"
    remedy = "Compare the value above with your policy; ask the platform which software and machine it runs."


class CollateralExpired(AttestationError):
    """The collateral is outside its validity window at the verifier's time."""

    code = "CFD-205"
    remedy = "Fetch fresh collateral from the PCCS; check your own clock."


class BindingMismatch(AttestationError):
    """The evidence is bound to another nonce, channel key, HPKE key or configuration."""

    code = "CFD-206"
    remedy = "Somebody may be relaying or replaying. Do not send data over this channel."


class EvidenceUnavailable(AttestationError):
    """No quote or collateral could be obtained."""

    code = "CFD-208"
    remedy = "See that the TEE device and the PCCS are reachable from where this ran."
