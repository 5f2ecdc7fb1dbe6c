"""Building, signing and applying the agreement of a round (spec/protocol.md, "Blocks")."""

from typing import Any

import msgspec
from msgspec import UNSET

from confide.core import canonical
from confide.core.digest import digest_of, same, sha384_hex
from confide.core.errors import LocalProtocolError, ModelNotUsable, OfferExpired, SignatureInvalid
from confide.core.platform_api import TaskKind
from confide.enclave.coordination.context import EnclaveContext
from confide.enclave.coordination.round import Round
from confide.enclave.work import Outcome
from confide.protocol import receipts
from confide.protocol.blocks import Block, Identity, PredictBlock, SignedBlock, TrainBlock, context_of
from confide.protocol.receipts import HeldOutFile, ResultStatement


def build(current: Round, context: EnclaveContext) -> Block:
    """TrainBlock or PredictBlock of a round in which everybody has committed."""
    if current.renews is not None:
        return _renewed(current.renews.block, context)
    fields: dict[str, Any] = {
        "task_id": context.config.task,
        "identities": _identities(current, context),
        "algorithm": current.algorithm,
        "task": current.task,
        "consents": current.consents,
        "commitments": {party: commit.commitment for party, commit in current.commits.items()},
        "enclave": context.identity,
        "agreed_at": context.clock.now(),
    }
    fields["id_set"] = current.commits[current.task.initiator].id_set
    if current.kind is TaskKind.TRAIN:
        warm_start = current.model.sha384 if current.model else None
        return TrainBlock(**fields, warm_start=warm_start)
    if current.model is None or fields["id_set"] is None:
        raise LocalProtocolError("a prediction without a model or ids")
    return PredictBlock(**fields, model=current.model.sha384, train_block=current.model.train_block)


def _renewed(earlier: Block, context: EnclaveContext) -> Block:
    """The same agreement with this enclave, in the place of one that died."""
    return msgspec.structs.replace(
        earlier,
        enclave=context.identity,
        agreed_at=context.clock.now(),
        succeeds=(*earlier.succeeds, digest_of(earlier)),
    )


def _identities(current: Round, context: EnclaveContext) -> dict[str, Identity]:
    return {
        name: Identity(
            role="initiator" if name == current.task.initiator else "provider",
            certificate=context.members[name].certificate,
        )
        for name in current.task.participants
    }


def check_signature(party: str, signature: bytes, block: Block, context: EnclaveContext) -> None:
    """A party's signature over a block. Raises SignatureInvalid, naming the party."""
    key = context.members[party].public_key
    try:
        context.verify(key, context_of(block), canonical.encode(block), signature)
    except SignatureInvalid:
        raise SignatureInvalid(f"{party}'s signature over the block does not verify", blame=party) from None


def sign(current: Round, context: EnclaveContext) -> SignedBlock:
    """The block with all signatures, the enclave's last."""
    block = require_block(current.block)
    own = context.signer.sign(context_of(block), canonical.encode(block))
    certificates = {name: context.members[name].certificate_pem for name in current.task.participants}
    return SignedBlock(
        block=block, signatures=current.signatures, enclave_signature=own, certificates=certificates
    )


def check_expiry(block: Block, now: int) -> None:
    """No data is used after its provider's consent has expired. Raises OfferExpired, naming the provider.

    `now` is the enclave's clock, which belongs to the host: a provider that must not rely on it keeps its
    data back after the expiry (party/provider.py checks by its own clock too).
    """
    for party, consent in block.consents.items():
        if consent.expires_at <= now:
            raise OfferExpired(f"{party}'s consent has expired", blame=party)


def check_model_digest(model: bytes, expected: str, initiator: str) -> None:
    """Raises ModelNotUsable when the brought bytes are not the agreed model."""
    if not same(sha384_hex(model), expected):
        raise ModelNotUsable("the model that was uploaded is not the one agreed on", blame=initiator)


def state_result(current: Round) -> ResultStatement:
    """What the enclave will sign about the result of a round."""
    outcome = require_outcome(current)
    data, beside = outcome.data, outcome.held_out
    return ResultStatement(
        kind="model" if current.kind is TaskKind.TRAIN else "predictions",
        block=digest_of(require_block(current.block)),
        sha384=sha384_hex(data),
        bytes=len(data),
        held_out=HeldOutFile(sha384=sha384_hex(beside), bytes=len(beside)) if beside else UNSET,
    )


def require_signed(current: Round) -> SignedBlock:
    """The signed block; the table lets nobody come here without."""
    if current.signed is None:
        raise LocalProtocolError("no signed block yet")
    return current.signed


def require_outcome(current: Round) -> Outcome:
    """The outcome; only after the work."""
    if current.outcome is None:
        raise LocalProtocolError("no outcome yet")
    return current.outcome


def require_statement(current: Round) -> ResultStatement:
    """The result statement; only after the work."""
    if current.statement is None:
        raise LocalProtocolError("no result yet")
    return current.statement


def require_done(current: Round) -> receipts.Round:
    """What the receipt says about a round; only after the work."""
    if current.done is None:
        raise LocalProtocolError("the round is not done")
    return current.done


def require_block(block: Block | None) -> Block:
    """The block; the table lets nobody come here without."""
    if block is None:
        raise LocalProtocolError("no block yet")
    return block
