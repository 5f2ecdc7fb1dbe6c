"""Step 0: a session secret, HPKE-sealed to the attested key, signed by the party's identity key.

What comes out is a SealedChannel: keys that nobody has vouched for never become one.
"""

from dataclasses import dataclass

from confide.core import canonical, limits
from confide.core.digest import same, sha384, sha384_hex
from confide.core.envelope import Envelope
from confide.core.errors import RemoteProtocolError
from confide.core.ports import Randomness, Signer
from confide.crypto import signatures
from confide.crypto.sealed import session_keys
from confide.crypto.session_secret import HpkeKey, open_secret, seal_secret
from confide.protocol import framing, messages
from confide.protocol.framing import Spoken
from confide.protocol.machine import Session
from confide.protocol.messages import Join, JoinStatement
from confide.protocol.roles import Role
from confide.session.channel import SealedChannel

JOIN_CONTEXT = "confide/join/1"


@dataclass(frozen=True, slots=True)
class Attested:
    """The enclave's end of a pinned channel, after its evidence was verified."""

    task: str
    public_key: bytes
    """DER SubjectPublicKeyInfo, attested."""
    hpke_key: bytes
    """Raw X25519 public key, attested."""
    config: bytes
    """The configuration bytes, attested by their SHA-384."""


@dataclass(frozen=True, slots=True)
class LastSigned:
    """Where a party goes on: the last state that both ends have signed."""

    finished: int
    """How many rounds it has seen finish."""
    agreed: str | None
    """Hexadecimal SHA-384 of the last agreed block that it holds."""


NOTHING = LastSigned(0, None)


def join(
    enclave: Attested,
    *,
    party: str,
    role: Role,
    certificate: bytes,
    signer: Signer,
    randomness: Randomness,
    last: LastSigned = NOTHING,
) -> tuple[bytes, SealedChannel]:
    """The party's side. Returns the envelope to send first, and the channel that it opens.

    `certificate` is the party's own, DER, as used for mutual TLS.
    """
    secret = randomness.bytes(limits.SESSION_SECRET_BYTES)
    context = _context(enclave, party, certificate)
    sealed_secret = seal_secret(secret, enclave.hpke_key, context)
    statement = JoinStatement(
        version=messages.VERSION,
        task=enclave.task,
        party=party,
        certificate=sha384_hex(certificate),
        enclave_key=sha384_hex(enclave.public_key),
        config=sha384_hex(enclave.config),
        sealed_secret=sha384_hex(sealed_secret),
        finished=last.finished,
        agreed=last.agreed,
    )
    signature = signer.sign(JOIN_CONTEXT, canonical.encode(statement))
    message = Join(statement=statement, sealed_secret=sealed_secret, signature=signature)
    session = Session(role).say(role, message)
    sealing, opening = session_keys(secret, context, side="party")
    envelope = framing.encode(Spoken(message))
    return envelope, SealedChannel(us=role, session=session, sealing=sealing, opening=opening)


def accept(
    envelope: Envelope,
    enclave: Attested,
    *,
    party: str,
    role: Role,
    certificate: bytes,
    party_key: bytes,
    hpke_key: HpkeKey,
) -> tuple[JoinStatement, SealedChannel]:
    """The enclave's side. `party`, `certificate` and `party_key` come from the verified TLS peer.

    1. the first message is a JOIN of this version; 2. it names this task, this enclave and configuration, the
    TLS peer and the secret that came with it; 3. the peer's identity key signed it; 4. the secret opens;
    5. it has 32 bytes.

    Raises:
        RemoteProtocolError: 1, 2, 5.
        SignatureInvalid: 3.
        SealError: 4.
    """
    if len(envelope) > limits.MAX_CERTIFICATE_BYTES:
        raise RemoteProtocolError("the first message is too long for a JOIN")
    message = framing.decode(bytes(envelope)).message
    session = Session(role).hear(role, message)
    if not isinstance(message, Join) or message.statement.version != messages.VERSION:
        raise RemoteProtocolError(f"this enclave speaks {messages.VERSION}")
    _check_statement(message, enclave, party, certificate)
    signed = canonical.encode(message.statement)
    signatures.verify(party_key, JOIN_CONTEXT, signed, message.signature)
    context = _context(enclave, party, certificate)
    secret = open_secret(hpke_key, message.sealed_secret, context)
    if len(secret) != limits.SESSION_SECRET_BYTES:
        raise RemoteProtocolError(f"the session secret has not {limits.SESSION_SECRET_BYTES} bytes")
    sealing, opening = session_keys(secret, context, side="enclave")
    return message.statement, SealedChannel(us=Role.C, session=session, sealing=sealing, opening=opening)


def _check_statement(message: Join, enclave: Attested, party: str, certificate: bytes) -> None:
    statement = message.statement
    if statement.task != enclave.task or statement.party != party:
        raise RemoteProtocolError("the JOIN is for another task or from another party than the TLS peer")
    bound = (
        (statement.certificate, certificate),
        (statement.enclave_key, enclave.public_key),
        (statement.config, enclave.config),
        (statement.sealed_secret, message.sealed_secret),
    )
    if not all(same(digest, sha384_hex(value)) for digest, value in bound):
        raise RemoteProtocolError(
            "the JOIN is bound to another certificate, enclave, configuration or secret"
        )


def _context(enclave: Attested, party: str, certificate: bytes) -> bytes:
    """What the session keys are bound to, as 48 bytes."""
    return sha384(
        canonical.encode(
            {
                "context": JOIN_CONTEXT,
                "task": enclave.task,
                "party": party,
                "certificate": sha384_hex(certificate),
                "enclave_key": sha384_hex(enclave.public_key),
                "hpke_key": enclave.hpke_key.hex(),
                "config": sha384_hex(enclave.config),
            }
        )
    )
