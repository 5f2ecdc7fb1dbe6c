"""One of everything that the protocol says or signs, made from fixed seeds: for vectors and tests.

`EXAMPLES` holds one message of each kind. The keys, the certificates (placeholders: only their digests
matter here) and the evidence are for these purposes only.
"""

import hashlib
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from msgspec.structs import replace

from confide.core import canonical
from confide.core.digest import digest_of, sha384_hex
from confide.core.features import Feature
from confide.core.features import Kind as ColumnKind
from confide.core.platform_api import TaskKind
from confide.crypto.keys import PrivateKey
from confide.protocol import blocks, messages, provenance, receipts, terms
from confide.protocol import messages as m
from confide.protocol.framing import Spoken
from confide.protocol.kinds import Kind


def stream(seed: str, count: int) -> bytes:
    parts = (hashlib.sha384(f"{seed} {i}".encode()).digest() for i in range(count // 48 + 1))
    return b"".join(parts)[:count]


def key_of(name: str) -> PrivateKey:
    secret = int.from_bytes(stream(f"confide protocol vectors {name}", 47), "big")
    return PrivateKey(ec.derive_private_key(secret, ec.SECP384R1()))


def digest(name: str) -> str:
    return sha384_hex(name.encode())


KEYS = {name: key_of(name) for name in ("shop", "media", "enclave", "stranger")}
PUBLIC = {name: KEYS[name].public_key for name in ("shop", "media")}
CERTIFICATES = {name: digest(f"certificate of {name}") for name in PUBLIC}
PEMS = {name: f"certificate of {name}" for name in PUBLIC}
SALT = stream("salt", 32)
TASK = terms.Task(
    name="clicks",
    kind=TaskKind.TRAIN,
    purpose="click prediction",
    initiator="shop",
    providers=("media",),
    id=terms.IdColumn(name="id", type=terms.IdType.INTEGER),
    label=terms.Label(name="click", owner="shop"),
    features={
        "shop": (Feature(name="city", kind=ColumnKind.CATEGORICAL),),
        "media": (Feature(name="time of day", kind=ColumnKind.NUMERIC),),
    },
    encoding=terms.Encoding(),
    split=terms.Split(holdout=0.25, seed=7),
    baselines=("initiator",),
    maximum_quarantined_share=0.05,
    releases=(terms.Release(what=terms.Released.MODEL, to="shop"),),
)
PREDICT_TASK = replace(
    TASK,
    name="score",
    kind=TaskKind.PREDICT,
    label=None,
    split=None,
    baselines=(),
    releases=(terms.Release(what=terms.Released.PREDICTIONS, to="shop"),),
)
ALGORITHM = terms.Algorithm(name="afm", version="1", digest=digest("afm"), parameters={"epochs": 3, "x": 0.5})
LISTED = terms.Listed(
    name="afm", version="1", digest=digest("afm"), parameters={"type": "object", "title": "é"}
)
CONSENT = terms.Consent(
    columns=("time of day",),
    purpose="click prediction",
    measurement="ab" * 32,
    expires_at=1_800_003_600,
    predictions=3,
)
ENCLAVE = blocks.EnclaveIdentity(
    public_key=KEYS["enclave"].public_key,
    tee="sgx",
    measurement="ab" * 32,
    trust_root="cd" * 32,
    config=digest("config"),
)
_BLOCK: dict[str, Any] = {
    "task_id": "0123456789abcdef" * 2,
    "identities": {
        "shop": blocks.Identity(role="initiator", certificate=CERTIFICATES["shop"]),
        "media": blocks.Identity(role="provider", certificate=CERTIFICATES["media"]),
    },
    "algorithm": ALGORITHM,
    "consents": {"media": CONSENT},
    "commitments": {"shop": digest("data of shop"), "media": digest("data of media")},
    "enclave": ENCLAVE,
    "agreed_at": 1_800_000_000,
}
TRAIN_BLOCK = blocks.TrainBlock(task=TASK, **_BLOCK)
PREDICT_BLOCK = blocks.PredictBlock(
    task=PREDICT_TASK,
    model=digest("model"),
    train_block=digest_of(TRAIN_BLOCK),
    id_set=digest("ids"),
    **_BLOCK,
)


def signed_block(block: blocks.Block) -> blocks.SignedBlock:
    context, message = blocks.context_of(block), canonical.encode(block)
    return blocks.SignedBlock(
        block=block,
        signatures={name: KEYS[name].sign(context, message) for name in PUBLIC},
        enclave_signature=KEYS["enclave"].sign(context, message),
        certificates=PEMS,
    )


SIGNED = signed_block(TRAIN_BLOCK)
STATEMENT = receipts.ResultStatement(
    kind="model", block=digest_of(TRAIN_BLOCK), sha384=digest("model"), bytes=5
)
STATEMENT_SIGNATURE = KEYS["enclave"].sign(receipts.RESULT_CONTEXT, provenance.signed_bytes(STATEMENT))
REPORT = receipts.PrivatePart(
    salt=SALT, metrics={"joint": {"auc": 0.75}}, curve=({"epoch": 1.0, "holdout_auc": 0.75},)
)
COUNTS = receipts.RowCounts(
    source=12, quarantined_while_preparing=2, sent=10, joined=7, unmatched=2, quarantined=1
)
ROUND = receipts.Round(
    kind=TaskKind.TRAIN,
    task="clicks",
    block=digest_of(TRAIN_BLOCK),
    commitments=_BLOCK["commitments"],
    rows={"shop": COUNTS, "media": COUNTS},
    result=STATEMENT,
    releases=TASK.releases,
    private=digest_of(REPORT),
)
RECEIPT = receipts.Receipt(
    task_id=_BLOCK["task_id"],
    enclave=ENCLAVE,
    evidence=b"evidence",
    rounds=(ROUND,),
    started_at=1_799_999_000,
    closed_at=1_800_000_100,
)


def signed_receipt(receipt: receipts.Receipt, *, private: bool) -> receipts.SignedReceipt:
    message = canonical.encode(receipt)
    return receipts.SignedReceipt(
        receipt=receipt,
        participants=("media", "shop"),
        enclave_signature=KEYS["enclave"].sign(receipts.RECEIPT_CONTEXT, message),
        signatures={name: KEYS[name].sign(receipts.RECEIPT_CONTEXT, message) for name in PUBLIC},
        certificates=PEMS,
        collateral="{}",
        private=(REPORT,) if private else (),
    )


# --- messages ----------------------------------------------------------------------------------------

BROUGHT = m.BroughtModel(trained_under=SIGNED, statement=STATEMENT, signature=STATEMENT_SIGNATURE)
MODEL = m.ModelReference(sha384=digest("model"), train_block=digest_of(TRAIN_BLOCK), brought=BROUGHT)
JOIN = m.JoinStatement(
    version=messages.VERSION,
    task=_BLOCK["task_id"],
    party="shop",
    certificate=CERTIFICATES["shop"],
    enclave_key=sha384_hex(ENCLAVE.public_key),
    config=ENCLAVE.config,
    sealed_secret=sha384_hex(b"sealed"),
)
ALL_SIGNATURES = {name: KEYS[name].sign("example", b"") for name in PUBLIC}
KEPT = receipts.KeptReceipt(
    receipt=RECEIPT, signature=b"signature", signatures=ALL_SIGNATURES, certificates=PEMS
)
_SPOKEN: tuple[Spoken, ...] = (
    Spoken(m.Join(statement=JOIN, sealed_secret=b"sealed", signature=b"signature")),
    Spoken(m.Recall()),
    Spoken(m.Past(signed=SIGNED, done=RECEIPT.rounds[0], signature=b"signature")),
    Spoken(m.Recalled(signed=digest_of(TRAIN_BLOCK), kept=KEPT)),
    Spoken(m.Listing(algorithms=(LISTED,))),
    Spoken(m.Proposal(task=PREDICT_TASK, algorithm=ALGORITHM, model=MODEL)),
    Spoken(m.Refusal(code="CFD-110", reason="not in the list", algorithms=(LISTED,))),
    Spoken(m.Admission(task_digest=digest_of(TASK))),
    Spoken(m.Offer(task=TASK, algorithm=ALGORITHM)),
    Spoken(m.Accept(task_digest=digest_of(TASK), consent=CONSENT)),
    Spoken(m.Decline(reason="not now")),
    Spoken(m.Acceptance(consents={"media": CONSENT})),
    Spoken(m.Notice(party="shop", commitment=digest("data of shop"))),
    Spoken(m.Commit(commitment=digest("data of shop"), id_set=digest("ids"), ids=10)),
    Spoken(m.IdsDiffer(counts={"shop": 10, "media": 9}, attempts_left=2)),
    Spoken(m.BlockToSign(block=TRAIN_BLOCK)),
    Spoken(m.Signature(signature=b"signature")),
    Spoken(m.Agreed(signed=SIGNED)),
    Spoken(m.Start(block_digest=digest_of(TRAIN_BLOCK))),
    Spoken(m.Confirm(task_digest=digest_of(TASK), algorithm_digest=digest_of(ALGORITHM))),
    Spoken(m.Reconfirm(differing=("media",), attempts_left=2)),
    Spoken(m.Pass()),
    Spoken(m.Opening(salt=SALT, storage_key=stream("storage key", 32)), b"manifest"),
    Spoken(m.Wanted(blocks=((1, 3), (7, 7)), model_from=0, attempts_left=3)),
    Spoken(m.DataBlock(index=3), b"block"),
    Spoken(m.ModelPart(offset=0), b"part"),
    Spoken(m.Uploaded()),
    Spoken(m.Received(rows=10)),
    Spoken(m.Progress(stage="train", done=1, total=4, metrics={"train_logloss": 0.5})),
    Spoken(
        m.Result(
            statement=STATEMENT,
            signature=STATEMENT_SIGNATURE,
            report=REPORT,
            done=RECEIPT.rounds[0],
            done_signature=b"signature",
        )
    ),
    Spoken(m.Fetch(offset=0)),
    Spoken(m.ResultPart(offset=0), b"model"),
    Spoken(m.ResultEnd()),
    Spoken(m.Acknowledge(sha384=digest("model"))),
    Spoken(m.Finished(block_digest=digest_of(TRAIN_BLOCK))),
    Spoken(m.Close()),
    Spoken(m.ReceiptToSign(receipt=RECEIPT, signature=b"signature")),
    Spoken(m.Countersignature(signature=b"signature")),
    Spoken(m.FinalReceipt(signatures={"shop": b"signature"})),
    Spoken(m.Abort(code="CFD-118", reason="cancelled by shop", blame="shop")),
)
EXAMPLES: dict[Kind, Spoken] = {spoken.message.kind: spoken for spoken in _SPOKEN}
