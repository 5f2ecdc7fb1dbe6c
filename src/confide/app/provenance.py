"""Offline verification of a model: which enclave trained it, under whose agreement, on which commitments.

1. the file is a model in its one form; 2. the envelope beside it is about these bytes; 3. the enclave that
the model's agreement names signed the envelope; 4. all participants, under the CA, and the enclave signed
that agreement; 5. the envelope names the same agreement; 6. with a receipt: everything in it (receipts.py),
that it lists this model, and that it is by the same enclave or by one that took the task up from it.
Without one, the parties' signatures vouch for the enclave: they had verified its evidence.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from confide.app.models import OpenedModel
from confide.app.receipts import Anchors, VerifiedReceipt, verify_receipt
from confide.core.digest import digest_of, same, sha384_hex
from confide.core.errors import ModelFileInvalid, PolicyViolation, ReceiptInvalid, SignatureInvalid
from confide.crypto import signatures
from confide.crypto.certificates import verify_role
from confide.crypto.identity import IdentityRole
from confide.protocol import blocks
from confide.protocol.blocks import EnclaveIdentity, same_software
from confide.protocol.provenance import signed_bytes
from confide.protocol.receipts import RESULT_CONTEXT, Receipt, ResultStatement


@dataclass(frozen=True, slots=True)
class VerifiedModel:
    """A model of which every step has passed."""

    model: OpenedModel
    statement: ResultStatement
    steps: tuple[str, ...]
    receipt: VerifiedReceipt | None

    def document(self) -> dict[str, Any]:
        """Plain JSON."""
        block = self.model.agreement.block
        return {
            "model": self.model.document(),
            "agreement": self.statement.block,
            "commitments": dict(block.commitments),
            "receipt": None if self.receipt is None else self.receipt.document(),
            "steps": list(self.steps),
        }


def verify_model(path: Path, anchors: Anchors, receipt: Path | None) -> VerifiedModel:
    """All steps, offline.

    Raises:
        ModelFileInvalid: the file, or the envelope beside it, is not what it should be.
        SignatureInvalid, CertificateInvalid, AgreementMismatch: somebody has not signed.
        PolicyViolation: trained by an enclave of another measurement than those accepted.
        ReceiptInvalid, AttestationError: see receipts.verify_receipt; or the receipt is of another task.
    """
    model = OpenedModel.read(path)
    steps = ["the file is a model in its one canonical form"]
    papers, block = model.papers(), model.agreement.block
    steps.append("the envelope beside it is about exactly these bytes")
    key, said = block.enclave.public_key, papers.statement
    try:
        signatures.verify(key, RESULT_CONTEXT, signed_bytes(said), papers.signature)
    except SignatureInvalid:
        raise SignatureInvalid("the envelope is not signed by the enclave of the model's agreement") from None
    steps.append("signed by the key of the enclave that the model's agreement names (DSSE, in-toto)")
    _check_agreement(model, anchors.ca_pem)
    steps.append(f"{', '.join(block.task.participants)} and the enclave signed that agreement")
    if not same(said.block, digest_of(block)):
        raise ModelFileInvalid("the envelope names another agreement than the model holds")
    steps.append("the envelope names the same agreement")
    if anchors.measurements and block.enclave.measurement not in anchors.measurements:
        raise PolicyViolation(f"the model was trained by an enclave of {block.enclave.measurement}")
    verified = None if receipt is None else _check_receipt(model, said, receipt, anchors)
    if verified is None:
        steps.append("the enclave's evidence was NOT looked at: there is no receipt beside the model")
    else:
        steps.append(f"the receipt lists it, and the evidence verifies under {verified.claims.trust_root}")
    return VerifiedModel(model, said, tuple(steps), verified)


def public_key_pem(model: OpenedModel) -> bytes:
    """Of the enclave that the model's agreement names: for other tools."""
    key = load_der_public_key(model.agreement.block.enclave.public_key)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _check_agreement(model: OpenedModel, ca_pem: bytes) -> None:
    signed = model.agreement
    found = {
        name: verify_role(pem.encode(), ca_pem, signed.block.agreed_at, IdentityRole.PARTY)
        for name, pem in signed.certificates.items()
    }
    for name, certified in found.items():
        if certified.name != name:
            raise ModelFileInvalid(f"the certificate beside {name} is of {certified.name}", blame=name)
    keys = {name: certified.public_key for name, certified in found.items()}
    certificates = {name: certified.fingerprint for name, certified in found.items()}
    blocks.check_signatures(signed, keys, certificates, signatures.verify)


def _check_receipt(
    model: OpenedModel, statement: ResultStatement, path: Path, anchors: Anchors
) -> VerifiedReceipt:
    verified = verify_receipt(path, anchors)
    receipt = verified.signed.receipt
    check_enclave(model.agreement.block.enclave, receipt)
    if statement not in [done.result for done in receipt.rounds]:
        raise ReceiptInvalid("the receipt does not list this model")
    return verified


def check_enclave(trained_in: EnclaveIdentity, receipt: Receipt) -> None:
    """An enclave that died after the training is named by the one, of the same software, that went on.

    Raises ReceiptInvalid.
    """
    died = sha384_hex(trained_in.public_key) in receipt.predecessors
    if receipt.enclave != trained_in and not (died and same_software(receipt.enclave, trained_in)):
        raise ReceiptInvalid("the receipt is of another enclave than the model's agreement names")
