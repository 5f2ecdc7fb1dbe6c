"""What the enclave checks before it passes a proposal on, and before it takes an acceptance as consent."""

from typing import Any

from confide.algorithms import registry
from confide.algorithms.evaluation.sampler import check_method, searched
from confide.core.digest import digest_of, same
from confide.core.errors import (
    AlgorithmNotListed,
    CertificateInvalid,
    ConfideError,
    ModelNotUsable,
    OfferDeclined,
    ParameterInvalid,
    SchemaMismatch,
)
from confide.core.platform_api import TaskKind
from confide.enclave.coordination.context import EnclaveContext
from confide.protocol.blocks import SignedBlock, TrainBlock, check_signatures
from confide.protocol.evaluation import Tuning
from confide.protocol.messages import Accept, BroughtModel, ModelReference, Proposal
from confide.protocol.provenance import signed_bytes
from confide.protocol.receipts import RESULT_CONTEXT
from confide.protocol.terms import Algorithm, Task, columns_of, drifting, evaluation_of, same_work


def judge(
    proposal: Proposal, context: EnclaveContext, trained_here: dict[str, SignedBlock], *, trained: bool
) -> None:
    """Check a proposal; `trained_here` maps the digests of models in this enclave to their agreements.

    `trained`: whether this task has had its training.

    1. the participants are those of the attested configuration; 2. the algorithm is in the measured list and
    its parameters are valid, those that are tuned too, and it can correct for rows left out; 3. the kind fits
    the enclave; 4. of a model to predict with or to start from: its agreement is genuine, is of these
    participants, and allows this use.

    Raises:
        SchemaMismatch: 1, 3.
        AlgorithmNotListed: 2.
        ModelNotUsable: 4.
    """
    task, config = proposal.task, context.config
    if (task.initiator, set(task.providers)) != (config.initiator, set(config.providers)):
        raise SchemaMismatch("the task names other participants than this enclave was started for")
    _check_algorithm(task, proposal.algorithm, context)
    if task.kind is TaskKind.TRAIN and (config.kind is not TaskKind.TRAIN or trained):
        raise SchemaMismatch("this enclave was not started for (another) training")
    if proposal.model is None:
        if task.kind is TaskKind.PREDICT:
            raise SchemaMismatch("a prediction task names a model")
        return
    check_model(task, proposal.algorithm, proposal.model, context, trained_here)


def check_model(
    task: Task,
    algorithm: Algorithm,
    model: ModelReference,
    context: EnclaveContext,
    trained_here: dict[str, SignedBlock],
) -> None:
    """Its agreement is genuine, is of these participants, and allows this use. Raises ModelNotUsable."""
    under = _agreement_of(model, context, trained_here)
    check = _check_use if task.kind is TaskKind.PREDICT else _check_start
    check(task, algorithm, model, under)


def _check_algorithm(task: Task, algorithm: Algorithm, context: EnclaveContext) -> None:
    listed = [entry for entry in context.listing if entry.name == algorithm.name]
    if not listed or (listed[0].version, listed[0].digest) != (algorithm.version, algorithm.digest):
        raise AlgorithmNotListed(
            f"'{algorithm.name}' {algorithm.version} is not in the enclave's list",
            blame=context.config.initiator,
        )
    try:
        context.check_parameters(algorithm.name, algorithm.parameters)
        _check_evaluation(task, algorithm, context)
    except ParameterInvalid as cause:
        raise AlgorithmNotListed(f"'{algorithm.name}': {cause.message}") from None


def _check_evaluation(task: Task, algorithm: Algorithm, context: EnclaveContext) -> None:
    """What the task asks for can be done with this algorithm here."""
    asked, kind = evaluation_of(task), registry.ALGORITHMS[algorithm.name]
    loss = registry.complete_parameters(algorithm.name, algorithm.parameters).get("loss", "logistic")
    if asked.keep_negatives < 1 and not (kind.shifts and loss == "logistic"):
        text = (
            f"'keep_negatives' needs a correction that '{algorithm.name}' with the loss '{loss}' can't make"
        )
        raise ParameterInvalid(text)
    if asked.positive_weight > 1 and not kind.weighs:
        raise ParameterInvalid(f"'{algorithm.name}' knows no 'positive_weight' of a task")
    if not isinstance(task.tuning, Tuning):
        return
    check_method(task.tuning)
    for name, values in searched(task.tuning):
        for value in values:
            context.check_parameters(algorithm.name, algorithm.parameters | {name: value})


def _agreement_of(
    model: ModelReference, context: EnclaveContext, trained_here: dict[str, SignedBlock]
) -> SignedBlock:
    if model.brought is None:
        if model.sha384 not in trained_here:
            raise ModelNotUsable("this enclave has not trained that model, and it was not brought")
        return trained_here[model.sha384]
    try:
        check_brought(model.sha384, model.brought, context)
    except ConfideError as cause:
        raise ModelNotUsable(cause.message, blame=context.config.initiator) from None
    return model.brought.trained_under


def check_brought(sha384: str, brought: BroughtModel, context: EnclaveContext) -> None:
    """The papers of a brought model: its parties vouch for its enclave, its enclave for its digest.

    Raises CertificateInvalid, SignatureInvalid, AgreementMismatch, ModelNotUsable.
    """
    check_genuine(brought.trained_under, context)
    block, statement = brought.trained_under.block, brought.statement
    context.verify(block.enclave.public_key, RESULT_CONTEXT, signed_bytes(statement), brought.signature)
    if statement.kind != "model" or not same(statement.sha384, sha384):
        raise ModelNotUsable("the signed statement is about something else than this model")
    if not same(statement.block, digest_of(block)):
        raise ModelNotUsable("the model was trained under another agreement than the one brought")


def check_genuine(under: SignedBlock, context: EnclaveContext) -> None:
    """All participants and the enclave have signed a block, under certificates valid when it was agreed.

    Raises CertificateInvalid, SignatureInvalid, AgreementMismatch.
    """
    # At the time of the agreement: all who signed it vouch for that time, and certificates are short-lived.
    members = {
        name: context.member_of_certificate(pem.encode(), under.block.agreed_at)
        for name, pem in under.certificates.items()
    }
    if any(name != member.name for name, member in members.items()):
        raise CertificateInvalid("a certificate in the agreement is of another party")
    if any(pem != members[name].certificate_pem for name, pem in under.certificates.items()):
        raise CertificateInvalid("a certificate in the agreement is spelled otherwise than it was signed")
    keys = {name: member.public_key for name, member in members.items()}
    certificates = {name: member.certificate for name, member in members.items()}
    check_signatures(under, keys, certificates, context.verify)


def _check_use(task: Task, algorithm: Algorithm, model: ModelReference, under: SignedBlock) -> None:
    block = under.block
    if not isinstance(block, TrainBlock) or not same(digest_of(block), model.train_block):
        raise ModelNotUsable("the proposal names another training agreement than the model's")
    if not same_work(task, block.task):
        raise ModelNotUsable("the model was trained with other participants, columns or encoding")
    if digest_of(algorithm) != digest_of(block.algorithm):
        raise ModelNotUsable("the model was trained with another algorithm or other parameters")
    unknown = [f"{party}.{name}" for party, name in sorted(drifting(task) - drifting(block.task))]
    if unknown:
        raise ModelNotUsable(f"the model's training has released no drift of {', '.join(unknown)}")


def _check_start(task: Task, algorithm: Algorithm, model: ModelReference, under: SignedBlock) -> None:
    """The new training may have other columns, encoding and rows; what the numbers mean must be the same."""
    block = under.block
    if not isinstance(block, TrainBlock) or not same(digest_of(block), model.train_block):
        raise ModelNotUsable("the proposal names another training agreement than the model's")
    if set(task.participants) != set(block.task.participants) or task.initiator != block.task.initiator:
        raise ModelNotUsable("the model to start from was trained with other participants")
    if not registry.ALGORITHMS[algorithm.name].starts_from_model:
        raise ModelNotUsable(
            f"{algorithm.name} starts from nothing: propose it without a model to start from"
        )
    if algorithm.name != block.algorithm.name:
        raise ModelNotUsable("the model to start from was trained with another algorithm")
    if _meaning(algorithm) != _meaning(block.algorithm):
        names = ", ".join(_MEANING)
        raise ModelNotUsable(f"the model to start from differs in one of: {names}")


_MEANING = ("attention_size", "embedding_size", "hidden_layers", "hidden_units", "loss", "precision")
"""Parameters by which a model's numbers are of use to another training, or not."""


def _meaning(algorithm: Algorithm) -> dict[str, Any]:
    complete = registry.complete_parameters(algorithm.name, algorithm.parameters)
    return {name: complete.get(name) for name in _MEANING}


def check_consent(party: str, accept: Accept, task: Task, context: EnclaveContext) -> None:
    """An acceptance counts only for the task that was offered, and within its own limits.

    Raises OfferDeclined, naming the party: an acceptance that does not cover the offer is a no.
    """
    consent = accept.consent
    wanted = set(columns_of(task, party))
    if not same(accept.task_digest, digest_of(task)):
        raise OfferDeclined(f"{party} accepted another task than the one offered", blame=party)
    if not wanted <= set(consent.columns):
        raise OfferDeclined(f"{party}'s consent does not cover all columns of the task", blame=party)
    if consent.purpose != task.purpose or consent.measurement != context.identity.measurement:
        raise OfferDeclined(f"{party}'s consent is for another purpose or measurement", blame=party)
    if consent.expires_at <= context.clock.now():
        raise OfferDeclined(f"{party}'s consent has expired", blame=party)
