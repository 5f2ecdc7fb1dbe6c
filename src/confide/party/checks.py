"""What a party checks before it signs, and before it believes: nobody else does it for it."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from confide.core import canonical, limits
from confide.core.digest import digest_of, same
from confide.core.errors import AgreementMismatch, EnclaveReplaced, ReceiptInvalid
from confide.core.platform_api import TaskKind
from confide.protocol import blocks
from confide.protocol.blocks import Block, EnclaveIdentity, PredictBlock, SignedBlock, TrainBlock, Verify
from confide.protocol.messages import ModelReference, Past
from confide.protocol.receipts import Receipt, ResultStatement, evidence_nonce
from confide.protocol.receipts import Round as RoundDone
from confide.protocol.terms import Algorithm, Consent, Task


@dataclass(frozen=True, slots=True)
class Certified:
    """A certificate that was verified under the CA."""

    name: str
    certificate: str
    """Hexadecimal SHA-384 of the DER."""
    public_key: bytes


CertifiedBy = Callable[[str, int], Certified]
"""PEM to its facts, verified under the party's CA at a Unix time; raises CertificateInvalid."""


@dataclass(slots=True)
class Expected:
    """The agreement as this party holds it, filled as negotiation goes on."""

    task_id: str
    me: str
    my_certificate: str
    enclave: EnclaveIdentity
    task: Task
    algorithm: Algorithm
    model: ModelReference | None
    commitment: str
    id_set: str | None
    consents: dict[str, Consent]
    """All consents that this party knows: a provider knows its own, the initiator all."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A round that we saw finish: what its entry in the receipt must say."""

    block: Block
    rows: int
    """How many we sent."""
    result: ResultStatement | None
    """As the initiator received it; a provider sees none."""
    past: Past | None = None
    """An initiator's: what it shows to a fresh enclave."""


def check_block(block: Block, expected: Expected, now: int) -> None:
    """Compare a block with what we agreed to, before signing it.

    1. this task's id, our enclave as we attested it; 2. task and algorithm word for word; 3. our own
    certificate, role, commitment and consent; 4. the model to start from, or to predict with, and then the
    id set; 5. the time; and it takes no other block's place.

    Raises:
        AgreementMismatch: naming what differs. Nothing has been signed.
    """
    if block.task_id != expected.task_id or block.enclave != expected.enclave:
        raise AgreementMismatch("the block names another task or enclave than the one we attested")
    if canonical.encode(block.task) != canonical.encode(expected.task):
        raise AgreementMismatch("the block holds another task than the one we agreed to")
    if canonical.encode(block.algorithm) != canonical.encode(expected.algorithm):
        raise AgreementMismatch("the block holds another algorithm or other parameters")
    _check_own_part(block, expected)
    _check_model(block, expected)
    check_time(block, now)
    if block.succeeds:
        raise AgreementMismatch("the block takes the place of another that we know nothing of")


def check_renewed(block: Block, before: Block, signed: Collection[str], enclave: EnclaveIdentity) -> None:
    """A block with a fresh enclave, in the place of one that has died: nothing else may differ.

    `before`: what we signed last; `signed`: digests of all blocks of this agreement that we have signed.

    Raises AgreementMismatch; EnclaveReplaced for an enclave with other software.
    """
    if not blocks.same_agreement(block, before):
        raise AgreementMismatch("the fresh enclave shows another agreement than the one we signed")
    if block.enclave != enclave or not block.succeeds or block.succeeds[-1] not in signed:
        raise AgreementMismatch("the block is not in the place of one that we have signed")
    if not blocks.same_software(block.enclave, before.enclave):
        raise EnclaveReplaced("the enclave that takes up the task runs other software than was agreed")


def check_time(block: Block, now: int) -> None:
    """Later, when certificates have expired, the block is verified as of `agreed_at`: we vouch for it.

    Raises AgreementMismatch.
    """
    if abs(block.agreed_at - now) > limits.CLOCK_SKEW_SECONDS:
        raise AgreementMismatch("the block gives another time of agreement than our clock")


def _check_own_part(block: Block, expected: Expected) -> None:
    everyone = set(expected.task.participants)
    if set(block.identities) != everyone or set(block.commitments) != everyone:
        raise AgreementMismatch("the block is not about exactly the task's participants")
    if block.identities[expected.me].certificate != expected.my_certificate:
        raise AgreementMismatch("the block names another certificate as ours")
    if any(
        (block.identities[name].role == "initiator") != (name == expected.task.initiator) for name in everyone
    ):
        raise AgreementMismatch("the block gives a participant another role")
    if not same(block.commitments[expected.me], expected.commitment):
        raise AgreementMismatch("the block holds another commitment than ours")
    if set(block.consents) != set(expected.task.providers) or any(
        block.consents[name] != consent for name, consent in expected.consents.items()
    ):
        raise AgreementMismatch("the block holds other consents than were given")


def _check_model(block: Block, expected: Expected) -> None:
    if expected.task.kind is TaskKind.TRAIN:
        if not isinstance(block, TrainBlock):
            raise AgreementMismatch("we agreed to a training, the block is for a prediction")
        if block.warm_start != (expected.model.sha384 if expected.model else None):
            raise AgreementMismatch("the block names another model to start from than we agreed to")
        if block.id_set != expected.id_set:
            raise AgreementMismatch("the block names another id set than ours")
        return
    if not isinstance(block, PredictBlock) or expected.model is None:
        raise AgreementMismatch("we agreed to a prediction, the block is for a training")
    if (block.model, block.train_block) != (expected.model.sha384, expected.model.train_block):
        raise AgreementMismatch("the block names another model than we agreed to")
    if expected.id_set is None or not same(block.id_set, expected.id_set):
        raise AgreementMismatch("the block names another id set than ours")


def check_signed_block(signed: SignedBlock, certified_by: CertifiedBy, verify: Verify, at: int) -> None:
    """All signatures, under certificates of our CA that were valid at `at` (Unix time).

    Raises:
        AgreementMismatch, SignatureInvalid, CertificateInvalid.
    """
    found = {name: certified_by(pem, at) for name, pem in signed.certificates.items()}
    if any(name != certified.name for name, certified in found.items()):
        raise AgreementMismatch("a certificate beside the block is of another party")
    keys = {name: certified.public_key for name, certified in found.items()}
    certificates = {name: certified.certificate for name, certified in found.items()}
    blocks.check_signatures(signed, keys, certificates, verify)


def check_receipt(
    receipt: Receipt,
    *,
    task_id: str,
    enclave: EnclaveIdentity,
    own: dict[str, Finished],
    me: str,
    check_evidence: Callable[[bytes, bytes], None],
    not_before: int,
    now: int,
) -> None:
    """Before countersigning: it is about our task and enclave, and about the rounds that we saw finish.

    The times, too: offline, evidence and certificates are verified as of `closed_at`, so we vouch for it.

    `own`: the rounds that we saw finish, by the digests of the blocks we signed, in order.
    `not_before`: when we were last there to be asked, Unix seconds; it may have been drafted since.
    `check_evidence(evidence, nonce)` verifies the closing evidence under our attestation policy.

    Raises:
        ReceiptInvalid, AttestationError.
    """
    if receipt.task_id != task_id or receipt.enclave != enclave:
        raise ReceiptInvalid("the receipt is of another task or enclave")
    if [done.block for done in receipt.rounds] != list(own):
        raise ReceiptInvalid("the receipt lists other rounds than we took part in")
    skew = limits.CLOCK_SKEW_SECONDS
    in_time = not_before - skew <= receipt.closed_at <= now + skew
    if not in_time or receipt.started_at > receipt.closed_at:
        raise ReceiptInvalid("the receipt gives another time of closing than our clock")
    for done in receipt.rounds:
        _check_round(done, own[done.block], me)
    check_evidence(receipt.evidence, evidence_nonce(receipt.rounds))


def _check_round(done: RoundDone, own: Finished, me: str) -> None:
    block, task = own.block, own.block.task
    if set(done.rows) != set(task.participants) or done.rows[me].sent != own.rows:
        raise ReceiptInvalid("the receipt counts other rows than we sent")
    said = (done.kind, done.task, done.commitments, done.releases)
    if said != (task.kind, task.name, block.commitments, task.releases):
        raise ReceiptInvalid("the receipt tells of the round otherwise than it was agreed")
    if not same(done.result.block, done.block) or (own.result is not None and done.result != own.result):
        raise ReceiptInvalid("the receipt's result belongs to another agreement, or is not what we received")


def digest_pair(task: Task, algorithm: Algorithm) -> tuple[str, str]:
    """What a CONFIRM says."""
    return digest_of(task), digest_of(algorithm)
