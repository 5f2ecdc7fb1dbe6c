"""TrainBlock and PredictBlock: what all later checks compare against (spec/protocol.md, "Blocks").

TrainBlock = identities || Algorithm || Task || H(D_A) || H(D_B)..., as one canonical document. Every party
and the enclave sign its canonical bytes. Keys are read out of certificates elsewhere: this package knows no
cryptography, so checks take a `verify` function that raises.
"""

from collections.abc import Callable
from typing import Annotated, Literal

from msgspec import Meta

from confide.core import canonical
from confide.core.errors import AgreementMismatch, SignatureInvalid
from confide.protocol.document import Document, Name, Title
from confide.protocol.terms import Algorithm, Consent, Digest, Seconds, Task

TRAIN_CONTEXT = "confide/train-block/1"
PREDICT_CONTEXT = "confide/predict-block/1"

Verify = Callable[[bytes, str, bytes, bytes], None]
"""(public key DER, context, message, signature); raises SignatureInvalid."""

Hexadecimal = Annotated[str, Meta(pattern=r"^[0-9a-f]*\Z", max_length=128)]


class EnclaveIdentity(Document, frozen=True, kw_only=True):
    """The one enclave that serves this task, as every party attested it."""

    public_key: Annotated[bytes, Meta(max_length=1024)]
    """DER SubjectPublicKeyInfo of its TLS and signing key."""
    tee: Title
    measurement: Hexadecimal
    runtime_measurements: tuple[Hexadecimal, ...] = ()
    """RTMR0 to RTMR3 of a TDX machine, whose measurement covers its firmware only."""
    trust_root: Hexadecimal
    """SHA-256 of the root certificate that the evidence chains to."""
    config: Digest


class Identity(Document, frozen=True, kw_only=True):
    """A participant by its certificate."""

    role: Literal["initiator", "provider"]
    certificate: Digest
    """SHA-384 of the DER certificate."""


class _BlockFields(Document, frozen=True, kw_only=True):
    task_id: Title
    identities: dict[Name, Identity]
    algorithm: Algorithm
    task: Task
    consents: dict[Name, Consent]
    commitments: dict[Name, Digest]
    enclave: EnclaveIdentity
    agreed_at: Seconds
    succeeds: tuple[Digest, ...] = ()
    """Digests of the blocks that this one takes the place of, oldest first: the same agreement, with enclaves
    that have died."""


class TrainBlock(_BlockFields, frozen=True, kw_only=True, tag_field="format", tag="confide-train-block/1"):
    """The agreement under which a model is trained."""

    warm_start: Digest | None = None
    """SHA-384 of the model file that the training starts from."""
    id_set: Digest | None = None
    """The id-set digest that all have in common, where rows are uploaded in an agreed order."""


class PredictBlock(
    _BlockFields, frozen=True, kw_only=True, tag_field="format", tag="confide-predict-block/1"
):
    """The agreement under which a model is used: also names the model and the common id set."""

    model: Digest
    train_block: Digest
    id_set: Digest


Block = TrainBlock | PredictBlock


def context_of(block: Block) -> str:
    """Domain separation of signatures over this kind of block."""
    return TRAIN_CONTEXT if isinstance(block, TrainBlock) else PREDICT_CONTEXT


class SignedBlock(Document, frozen=True, kw_only=True):
    """A block with the signatures of all participants and of the enclave."""

    block: Block
    signatures: dict[Name, Annotated[bytes, Meta(max_length=1024)]]
    enclave_signature: Annotated[bytes, Meta(max_length=1024)]
    certificates: dict[Name, Annotated[str, Meta(max_length=16384)]]
    """PEM, so that the block can be verified offline under the common CA."""


def same_agreement(one: Block, other: Block) -> bool:
    """Whether two blocks agree on the same, in whichever enclave and whenever they were signed."""
    return _without_enclave(one) == _without_enclave(other)


def _without_enclave(block: Block) -> bytes:
    fields = {name: getattr(block, name) for name in block.__struct_fields__}
    for name in ("enclave", "agreed_at", "succeeds"):
        del fields[name]
    return canonical.encode({"format": context_of(block), **fields})


def same_software(one: EnclaveIdentity, other: EnclaveIdentity) -> bool:
    """Whether two enclaves run the same measured software under the same trust root."""
    facts = ("tee", "measurement", "runtime_measurements", "trust_root")
    return all(getattr(one, fact) == getattr(other, fact) for fact in facts)


def check_signatures(
    signed: SignedBlock, keys: dict[str, bytes], certificates: dict[str, str], verify: Verify
) -> None:
    """Verify a signed block. `keys`, `certificates` (SHA-384): of certificates verified under the CA.

    1. exactly the task's participants have signed; 2. each identity is the certificate that was verified;
    3. each party's signature; 4. the enclave's signature.

    Raises:
        AgreementMismatch: 1, 2.
        SignatureInvalid: 3, 4.
    """
    block = signed.block
    everyone = set(block.task.participants)
    if not (set(signed.signatures) == set(block.identities) == set(keys) == everyone):
        raise AgreementMismatch("the block is not signed by exactly the task's participants")
    for party in block.task.participants:
        if block.identities[party].certificate != certificates[party]:
            raise AgreementMismatch(f"the block names another certificate of {party}", blame=party)
    signers = {party: (keys[party], signed.signatures[party]) for party in block.task.participants}
    signers["the enclave"] = (block.enclave.public_key, signed.enclave_signature)
    message = canonical.encode(block)
    for who, (key, signature) in signers.items():
        try:
            verify(key, context_of(block), message, signature)
        except SignatureInvalid:
            problem = f"the signature of {who} over the block does not verify"
            raise SignatureInvalid(problem, blame=who) from None


def decode_signed_block(data: bytes) -> SignedBlock:
    """Read the canonical bytes of a signed block, as kept by a party. Raises AgreementMismatch."""
    try:
        return canonical.decode(data, SignedBlock)
    except canonical.NotCanonical as cause:
        raise AgreementMismatch(f"not a signed block in canonical form: {cause}") from None
