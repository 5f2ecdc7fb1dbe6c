"""What every part of the enclave's script needs, given once by the composition root."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from confide.core import limits
from confide.core.enclave_config import EnclaveConfig
from confide.core.errors import RemoteProtocolError
from confide.core.ports import Clock, Randomness, Signer
from confide.enclave.storage.spool import SpoolFolder
from confide.enclave.storage.store import BlockStore
from confide.protocol.blocks import EnclaveIdentity, Verify
from confide.protocol.framing import Payload
from confide.protocol.messages import Message
from confide.protocol.terms import Listed

T = TypeVar("T", bound=Message)


class Say(NamedTuple):
    """A message to one participant."""

    to: str
    message: Message
    payload: Payload = b""


@dataclass(frozen=True, slots=True)
class Member:
    """A participant who has joined, from the certificate that the TLS peer proved."""

    name: str
    certificate_pem: str
    certificate: str
    """Hexadecimal SHA-384 of the DER."""
    public_key: bytes


@dataclass(slots=True)
class EnclaveContext:
    """Ports and facts."""

    config: EnclaveConfig
    identity: EnclaveIdentity
    signer: Signer
    verify: Verify
    clock: Clock
    randomness: Randomness
    listing: tuple[Listed, ...]
    check_parameters: Callable[[str, Mapping[str, Any]], object]
    """(algorithm, parameters); raises ParameterInvalid."""
    member_of_certificate: Callable[[bytes, int], Member]
    """DER or PEM to member, verified under the task's CA at a Unix time; raises CertificateInvalid."""
    evidence: Callable[[bytes], bytes]
    """Fresh evidence over a 32-byte nonce."""
    memory: int | None = None
    """Bytes that the process may use; None: not known, and so not checked."""
    spools: SpoolFolder | None = None
    """Where what does not fit into memory may go, sealed; None: nowhere."""
    store: BlockStore | None = None
    """Where blocks are kept, sealed, for an enclave that may take this one's place; None: nowhere."""
    checkpoint_seconds: float = limits.CHECKPOINT_SECONDS
    """Between two states of a training that are kept there, at least."""
    members: dict[str, Member] = field(default_factory=dict)


def expect(message: Message, kind: type[T]) -> T:
    """The table has already judged the kind; this tells the type checker, and holds the two together."""
    if not isinstance(message, kind):
        raise RemoteProtocolError(f"expected {kind.__name__}, got '{message.kind}'")
    return message
