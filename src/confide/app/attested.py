"""Reaching an enclave in the one safe order: fetch, pin, attest over the pinned channel, then talk.

Steps (spec/protocol.md, "Step 0"): 1. fetch the certificate, untrusted; 2. pin it; 3. ask for evidence with a
fresh nonce over the pinned channel; 4. fetch collateral; 5. verify evidence, binding and policy; 6. compare
the attested configuration with what we expect.
"""

from dataclasses import dataclass

from confide.app.identity import LoadedIdentity
from confide.app.party_config import LoadedConfig
from confide.attestation import binding, pccs
from confide.attestation.binding import Binding
from confide.attestation.claims import Claims
from confide.attestation.verifier import Step
from confide.core import digest, enclave_config, limits
from confide.core.enclave_config import EnclaveConfig
from confide.core.errors import BindingMismatch, Unreachable
from confide.core.platform_api import TaskStatus
from confide.core.ports import Clock, Randomness
from confide.crypto.certificates import public_key_of_certificate
from confide.protocol.blocks import EnclaveIdentity
from confide.session.join import Attested
from confide.transport.enclave_client import PinnedEnclave
from confide.transport.pinned import fetch_certificate


@dataclass(frozen=True, slots=True)
class VerifiedEnclave:
    """An enclave that our policy accepts, and the channel on which it was verified."""

    pinned: PinnedEnclave
    attested: Attested
    identity: EnclaveIdentity
    claims: Claims
    collateral: bytes
    steps: tuple[str, ...]
    """The verification steps that passed, in words."""
    config: LoadedConfig

    @property
    def generation(self) -> int:
        """How many enclaves of its task have died before this one."""
        return enclave_config.decode(self.attested.config).generation

    def check_evidence(self, evidence: bytes, nonce: bytes, now: int) -> None:
        """Verify later evidence of the same enclave, under the same policy and collateral.

        Raises AttestationError.
        """
        binding.verify_evidence(
            evidence,
            self.collateral,
            expected=expected_binding(self.attested, nonce),
            roots=self.config.roots(),
            policy=self.config.policy(),
            now=now,
            minimum_collateral_number=self.config.config.attestation.minimum_collateral_number,
        )


def expected_binding(attested: Attested, nonce: bytes) -> Binding:
    """What evidence of this enclave must be bound to."""
    return Binding.to(
        public_key=attested.public_key,
        nonce=nonce,
        hpke_key=attested.hpke_key,
        config=attested.config,
    )


def verify_enclave(
    status: TaskStatus, config: LoadedConfig, me: LoadedIdentity, *, clock: Clock, randomness: Randomness
) -> VerifiedEnclave:
    """Connect to a task's enclave and verify it. The caller closes `pinned`.

    Raises:
        AttestationError: it does not convince, and why.
        Unreachable: nobody answers.
    """
    if status.enclave_address is None:
        raise Unreachable("the platform has no enclave for this task at the moment")
    address = status.enclave_address
    certificate = fetch_certificate(address).encode()
    pinned = PinnedEnclave(
        address,
        certificate,
        key_pem=me.private_key.to_pem_unencrypted(),
        certificate_pem=me.certificate_pem,
    )
    try:
        return _verify(pinned, status, config, me, clock=clock, randomness=randomness)
    except BaseException:
        pinned.close()
        raise


def _verify(
    pinned: PinnedEnclave,
    status: TaskStatus,
    config: LoadedConfig,
    me: LoadedIdentity,
    *,
    clock: Clock,
    randomness: Randomness,
) -> VerifiedEnclave:
    nonce, asked_at = randomness.bytes(limits.NONCE_BYTES), clock.monotonic()
    reply = pinned.attest(nonce)
    if clock.monotonic() - asked_at > limits.NONCE_LIFETIME:
        raise BindingMismatch(f"the evidence took longer than {limits.NONCE_LIFETIME} s to come")
    quote, bound = binding.open_evidence(reply.evidence)
    attested = Attested(
        status.id, public_key_of_certificate(pinned.certificate_pem), bound.hpke_key, reply.config
    )
    collateral = pccs.fetch_collateral(config.config.attestation.pccs, quote)
    passed: list[Step] = []
    claims = binding.verify_evidence(
        reply.evidence,
        collateral,
        expected=expected_binding(attested, nonce),
        roots=config.roots(),
        policy=config.policy(),
        now=clock.now(),
        minimum_collateral_number=config.config.attestation.minimum_collateral_number,
        observe=passed.append,
    )
    check_config(enclave_config.decode(reply.config), status, me)
    identity = EnclaveIdentity(
        public_key=attested.public_key,
        tee=str(claims.tee),
        measurement=claims.measurement,
        runtime_measurements=claims.runtime_measurements,
        trust_root=claims.trust_root_sha256,
        config=digest.sha384_hex(reply.config),
    )
    steps = (*(step.title for step in passed), "the configuration is what we expect")
    return VerifiedEnclave(pinned, attested, identity, claims, collateral, steps, config)


def check_config(found: EnclaveConfig, status: TaskStatus, me: LoadedIdentity) -> None:
    """What the host has set must be what it told us, and the CA must be ours.

    Raises BindingMismatch, naming what differs.
    """
    ours = digest.sha384_hex(enclave_config.der_of_pem(me.ca_pem.decode()))
    pairs = {
        "task": (found.task, status.id),
        "kind of task": (found.kind, status.kind),
        "initiator": (found.initiator, status.initiator),
        "set of providers": (found.providers, status.providers),
        "CA": (found.ca_sha384, ours),
    }
    for what, (attested, expected) in pairs.items():
        if attested != expected:
            raise BindingMismatch(f"the enclave was started for another {what} than we expect")
    if me.identity.name not in found.participants:
        raise BindingMismatch("the enclave was started for other participants")
